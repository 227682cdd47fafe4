"""From where on a value is coloured: the numbers that the alerts are written from, so that both tell the same."""

from scripts.alert_rules import read_thresholds, seconds

_NUMBERS = read_thresholds()

OBJECTIVE = float(_NUMBERS["budget"]["objective"])
CERTIFICATE_WARNING_DAYS = float(_NUMBERS["availability"]["certificate_warning_days"])
CERTIFICATE_CRITICAL_DAYS = float(_NUMBERS["availability"]["certificate_critical_days"])
QUEUE_WARNING_SECONDS = float(seconds(_NUMBERS["queues"]["warning"]))
QUEUE_CRITICAL_SECONDS = float(seconds(_NUMBERS["queues"]["critical"]))
INBOX_WARNING_SHARE = float(_NUMBERS["inbox"]["warning_share"])
INBOX_CRITICAL_SHARE = float(_NUMBERS["inbox"]["critical_share"])
LOG_BEHIND_BYTES = float(_NUMBERS["exporter"]["log_behind_bytes"])

"""The section `subscriptions`: how `resubscribe` asks, and how long it waits."""

from functools import partial

from exporter.config.fields import Section
from exporter.config.model import SubscriptionSettings
from exporter.config.values import duration_between, switch, whole_number

SUBSCRIPTION_KEYS = ("confirm_timeout", "retries", "retry_wait", "host_delay", "sign")
LONGEST_WAIT_SECONDS = 3600.0
MOST_RETRIES = 100

_ADVICE = "write `subscriptions: {confirm_timeout: 60s}`"


def read_subscriptions(top: Section) -> SubscriptionSettings:
    """Return how subscriptions are asked for; what is not said is the default."""
    section = top.section("subscriptions", _ADVICE)
    default = SubscriptionSettings()
    if section is None:
        return default
    section.refuse_unknown(SUBSCRIPTION_KEYS)
    wait = partial(duration_between, 0.0, LONGEST_WAIT_SECONDS)
    return SubscriptionSettings(
        confirm_timeout_seconds=section.optional("confirm_timeout", wait, default.confirm_timeout_seconds),
        retries=section.optional("retries", partial(whole_number, 0, MOST_RETRIES), default.retries),
        retry_wait_seconds=section.optional("retry_wait", wait, default.retry_wait_seconds),
        host_delay_seconds=section.optional("host_delay", wait, default.host_delay_seconds),
        sign=section.optional("sign", switch, default.sign),
    )

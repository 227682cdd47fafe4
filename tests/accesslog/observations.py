"""What a scanner sees, made up."""

from exporter.accesslog.scan import Observation, Scan
from exporter.accesslog.tally import Tally, TallySettings

TIME = b"20/Apr/2017:23:11:08 +0900"
TIMESTAMP_SECONDS = 1492697468.0


def delivery(code: str, domain: str = "a.example") -> Observation:
    return (code.encode(), f"Mastodon/4.3.1 (http.rb/5.2.0; +https://{domain}/)".encode(), b"", b"", b"", b"", b"", b"")


def callback(code: str, account_id: int | str = 107, method: str = "POST", agent: str = "") -> Observation:
    return (b"", b"", TIME, method.encode(), str(account_id).encode(), code.encode(), agent.encode(), b"")


def scan(*observations: Observation) -> Scan:
    return Scan(len(observations), {}, observations, TIME)


def tally_settings(domain_cap: int = 500, *, judged: bool = True) -> TallySettings:
    return TallySettings(bytes.decode, domain_cap, judged)


def new_tally(domain_cap: int = 500, *, judged: bool = True) -> Tally:
    return Tally(tally_settings(domain_cap, judged=judged))

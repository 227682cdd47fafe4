"""What a probe found. The metrics, the table, the JSON, the debug page all show these values."""

from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why a check failed: a closed list, because it is a label."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    HTTP_STATUS = "http_status"
    KEYWORD = "keyword"
    BODY_TOO_LARGE = "body_too_large"
    JSON = "json"
    XML = "xml"
    TEMPLATE = "template"
    SUBJECT = "subject"
    SELF_LINK = "self_link"
    CACHED_STALE = "cached_stale"
    DISCOVERY = "discovery"
    ADDRESS = "address"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Failure:
    """Why a request, or a whole check, failed: the reason for the label, the detail for people."""

    reason: Reason
    detail: str


PHASES = ("resolve", "connect", "tls", "processing", "transfer")
"""The parts of a request, in the order in which they happen."""


@dataclass(frozen=True)
class Phases:
    """Where the time of a check went, in seconds, summed over its requests."""

    resolve: float = 0.0
    connect: float = 0.0
    tls: float = 0.0
    processing: float = 0.0
    transfer: float = 0.0

    def __add__(self, other: "Phases") -> "Phases":
        return Phases(*(getattr(self, name) + getattr(other, name) for name in PHASES))


@dataclass(frozen=True)
class Hop:
    """One request of a check as the debug page shows it. Texts are already bounded, not yet escaped."""

    asked: str
    answered: str
    address: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    excerpt: str = ""
    duration_seconds: float = 0.0


@dataclass(frozen=True)
class FamilyResult:
    """How a check went over one address family (`ip: both`). `family` is "4" or "6"."""

    family: str
    success: bool


@dataclass(frozen=True)
class ProbeResult:
    """What one check of one instance found. `reason` is None on success; `detail` is in words."""

    check: str
    success: bool
    reason: Reason | None = None
    detail: str = ""
    http_status: int | None = None
    duration_seconds: float = 0.0
    phases: Phases = field(default_factory=Phases)
    cached: bool = False
    restricted: bool = False
    certificate_expiry_timestamp_seconds: float | None = None
    bucket_listing_open: bool | None = None
    families: tuple[FamilyResult, ...] = ()
    trace: tuple[Hop, ...] = ()


@dataclass(frozen=True)
class AbsentCheck:
    """A check that the server cannot have, and why: it gives no series."""

    check: str
    why: str


@dataclass(frozen=True)
class InstanceDetails:
    """What the server told of itself on the way; None where it did not tell."""

    version: str | None = None
    domain: str | None = None
    users: int | None = None
    statuses: int | None = None
    peers: int | None = None
    status_page_same_host: bool | None = None


@dataclass(frozen=True)
class InstanceReport:
    """All checks of one instance, in the order of CHECK_NAMES, and what the server told of itself."""

    instance: str
    url: str
    started_timestamp_seconds: float
    duration_seconds: float
    timeout_seconds: float
    results: tuple[ProbeResult, ...]
    absent: tuple[AbsentCheck, ...] = ()
    details: InstanceDetails = InstanceDetails()

    @property
    def success(self) -> bool:
        """Whether every check that ran passed."""
        return all(result.success for result in self.results)

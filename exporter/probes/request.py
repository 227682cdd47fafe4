"""One HTTP request, and what came back."""

from dataclasses import dataclass
from typing import Literal

from exporter.addresses import AddressRule
from exporter.probes.result import Failure, Phases

Headers = tuple[tuple[str, str], ...]
Method = Literal["GET", "POST"]


@dataclass(frozen=True)
class Request:
    """What to ask. `addresses` are those of the URL's host; `rule` None means: given by the administrator.

    A POST has no body.
    """

    url: str
    addresses: tuple[str, ...]
    ca_file: str
    headers: tuple[str, ...] = ()
    rule: AddressRule | None = None
    headers_only: bool = False
    method: Method = "GET"

    def is_permitted_everywhere(self) -> bool:
        """Tell whether the rule permits every address of the host, so that any connection to it will do."""
        return self.rule is None or all(self.rule.permits(address) for address in self.addresses)


@dataclass(frozen=True)
class Answer:
    """What came back. With a failure, the rest holds what had come until then."""

    failure: Failure | None = None
    status: int | None = None
    headers: Headers = ()
    body: bytes = b""
    truncated: bool = False
    address: str = ""
    phases: Phases = Phases()
    certificate_expiry_timestamp_seconds: float | None = None

"""What a log comes to: the figures that every side of the comparison must arrive at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.accesslog.counts import Counted, Series

OTHER = "other"


@dataclass(frozen=True)
class Figures:
    """Counters of one log. Callbacks by method and code, deliveries by code, failed ones by sending domain."""

    lines: int = 0
    unparsed: int = 0
    callbacks: Mapping[tuple[str, str], int] = field(default_factory=dict)
    broken: int = 0
    deliveries: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    def must_equal(self, true: "Figures", side: str) -> None:
        """End the program, naming what differs, unless these are the true figures."""
        for name, value in vars(true).items():
            if getattr(self, name) != value:
                raise SystemExit(f"{side} counts {name} {getattr(self, name)}, and there are {value}")

    def fold(self, known_domains: frozenset[str]) -> "Figures":
        """Return these figures with the failures of domains that are not known under one name."""
        failures: Counter[str] = Counter()
        for domain, count in self.failures.items():
            failures[domain if domain in known_domains else OTHER] += count
        return Figures(self.lines, self.unparsed, self.callbacks, self.broken, self.deliveries, failures)


def exporter_figures(counts: Mapping[Series, int]) -> Figures:
    """Return the exporter's counters as figures; those that the other sides do not have are left out."""
    parts: dict[Counted, dict[tuple[str, ...], int]] = {counted: {} for counted in Counted}
    for series, value in counts.items():
        parts[series.counted][series.labels] = value
    return Figures(
        lines=sum(parts[Counted.LINES].values()),
        unparsed=sum(parts[Counted.UNPARSED].values()),
        callbacks={(method, code): count for (method, code), count in parts[Counted.CALLBACKS].items()},
        broken=sum(parts[Counted.CALLBACKS_BROKEN].values()),
        deliveries={code: count for (code,), count in parts[Counted.DELIVERIES].items()},
        failures={domain: count for (domain,), count in parts[Counted.FAILURES].items()},
    )

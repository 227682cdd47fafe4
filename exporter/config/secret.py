"""A text that is never shown."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Secret:
    """A text that is never shown."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        return "(secret)"

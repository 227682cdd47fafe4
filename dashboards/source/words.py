"""What a panel says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """A panel's title, a question or a plain noun, and what its reader has to know."""

    title: str
    description: str

"""Everything that is wrong with a configuration, collected until all of it has been read."""

from dataclasses import dataclass

from exporter.errors import ConfigError, Problem

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a file: line and column from 1, 0 where there is none."""

    line: int = 0
    column: int = 0
    key_path: str = ""


class Problems:
    """Collects problems of one file. Not thread-safe."""

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._found: list[tuple[Place, Problem]] = []

    def add(self, place: Place, message: str) -> None:
        """Keep one problem."""
        self._found.append((place, Problem(message, place.key_path, self._file, place.line)))

    def fatal(self, place: Place, message: str) -> ConfigError:
        """Return the exception for a problem after which nothing more can be found."""
        self.add(place, message)
        return self.error()

    def error(self) -> ConfigError:
        """Return the exception that carries every problem so far, in the order of the file, each once."""
        in_order = sorted(self._found, key=lambda found: (found[0].line, found[0].column))
        return ConfigError(tuple(dict.fromkeys(problem for _, problem in in_order)))

    def __bool__(self) -> bool:
        return bool(self._found)


def shown(text: str) -> str:
    """Return a text of the file as a message shows it: one line, nothing unprintable, not long."""
    printable = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return printable if len(printable) <= _SHOWN_CHARACTERS else f"{printable[:_SHOWN_CHARACTERS]}…"

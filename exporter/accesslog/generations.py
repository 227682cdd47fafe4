"""A live log and its rotated siblings: which files they are by name, and in which order they were written.

logrotate's forms are known: `access.log.1`, `access.log-20261123`, `access.log.2026-11-23`, with
`extension` also `access.1.log` and `access-20261123.log`, each perhaps with `.gz`. Copies with other
endings (`.save`, `.bak`) are none of them.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

COMPRESSED = ".gz"
TRIES = 5

_NUMBER, _DATE = r"\.(\d{1,5})", r"[-.](\d{4}(?:[-_T:]?\d){2,})"


@dataclass(frozen=True)
class Generation:
    """One file of a log as it was found. `live` is the one at the configured path."""

    path: str
    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    compressed: bool = False
    live: bool = False


@dataclass(frozen=True)
class _Place:
    """Where a name stands among its siblings: the larger the number, or the earlier the date, the older."""

    name: str
    number: int | None = None
    date: str = ""


def is_rotated_name(name: str, live_name: str) -> bool:
    """Tell whether a file's name is that of a rotated, perhaps compressed, generation of another."""
    return _place(name, live_name) is not None


def live_names(name: str) -> Iterator[str]:
    """Yield the names of live logs that a name may be a rotated one of."""
    stem = name.removesuffix(COMPRESSED)
    cuts = [place for place, character in enumerate(stem) if character in "-."]
    for start, end in combinations([*cuts, len(stem)], 2):
        live = stem[:start] + stem[end:]
        if stem[start + 1 : start + 2].isdigit() and is_rotated_name(name, live):
            yield live


def find_generations(live_path: str) -> tuple[Generation, ...] | None:
    """Return what is there of a log, oldest first, the live file last; None while a rotation is under way.

    Raises OSError where the folder cannot be read.
    """
    seen = _snapshot(live_path)
    for _ in range(TRIES):
        again = _snapshot(live_path)
        if are_same_files(seen, again):
            return again
        seen = again
    return None


def are_same_files(some: Iterable[Generation], others: Iterable[Generation]) -> bool:
    """Tell whether the same names lead to the same files, whatever was written to them."""
    return _identities(some) == _identities(others)


def _identities(generations: Iterable[Generation]) -> list[tuple[str, int, int]]:
    return [(one.path, one.device, one.inode) for one in generations]


def _snapshot(live_path: str) -> tuple[Generation, ...]:
    # First, so that a copy of it that is not among the siblings yet is no older than this.
    live = look_at(live_path, live=True)
    found = _rotated_siblings(live_path)
    if os.path.islink(live_path):  # noqa: PTH114  # as given
        # Where the log itself is rotated, not the link to it, its siblings lie beside it.
        found += _rotated_siblings(os.path.realpath(live_path))
    # Two names may lead to one file: the live path may be a link to the newest dated one.
    files = {(one.device, one.inode): (place, one) for place, one in reversed(found) if not is_same_file(one, live)}
    return (*_oldest_first(files.values()), *([live] if live else []))


def _rotated_siblings(live_path: str) -> list[tuple[_Place, Generation]]:
    folder, live_name = os.path.split(live_path)
    names = os.listdir(folder)  # noqa: PTH208  # names are matched, a path each would be made in vain
    places = [place for place in (_place(name, live_name) for name in names) if place is not None]
    # While a file is being compressed both are there, and the plain one is whole.
    plain = {place.name for place in places}
    places = [place for place in places if place.name.removesuffix(COMPRESSED) not in plain - {place.name}]
    found = [(place, look_at(os.path.join(folder, place.name))) for place in places]  # noqa: PTH118  # as given
    return [(place, one) for place, one in found if one is not None]


def is_same_file(one: Generation, other: Generation | None) -> bool:
    """Tell whether two names lead to the same file."""
    return other is not None and (one.device, one.inode) == (other.device, other.inode)


def look_at(path: str, *, live: bool = False) -> Generation | None:
    """Return the file at a path as it is now; None where there is none, or something else than a file."""
    try:
        status = os.stat(path)  # noqa: PTH116  # four times a second, for each log
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    compressed = not live and path.endswith(COMPRESSED)
    return Generation(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, compressed, live)


def _oldest_first(rotated: Iterable[tuple[_Place, Generation]]) -> list[Generation]:
    files = list(rotated)
    if all(place.number is not None for place, _ in files):
        files.sort(key=lambda file: file[0].number or 0, reverse=True)
    elif all(place.date for place, _ in files):
        files.sort(key=lambda file: file[0].date)
    else:
        # Two schemes side by side: somebody has changed logrotate's configuration.
        files.sort(key=lambda file: file[1].modified_ns)
    return [one for _, one in files]


def _place(name: str, live_name: str) -> _Place | None:
    match = _rotated_names(live_name).fullmatch(name)
    if match is None:
        return None
    number, date = match[1] or match[3], match[2] or match[4]
    return _Place(name, int(number) if number else None, re.sub(r"\D", "", date or ""))


@lru_cache(maxsize=1024)
def _rotated_names(live_name: str) -> re.Pattern[str]:
    stem, extension = os.path.splitext(live_name)  # noqa: PTH122  # a name, not a path
    suffix = f"(?:{_NUMBER}|{_DATE})"
    names = f"{re.escape(live_name)}{suffix}|{re.escape(stem)}{suffix}{re.escape(extension)}"
    return re.compile(f"(?:{names})(?:{re.escape(COMPRESSED)})?", re.ASCII)

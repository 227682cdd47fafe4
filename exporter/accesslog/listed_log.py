"""Which of the configured logs is a file of? Its name may be a live log's, a rotated one's, or match a glob."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import PurePath

from exporter.accesslog.generations import is_rotated_name, live_names
from exporter.config import AccessLog


def listed_logs(path: str, logs: Sequence[AccessLog]) -> list[AccessLog]:
    """Return the logs that a file, by its absolute path, is the live or a rotated file of.

    Where one names it as it stands, those whose globs match as well are left out.
    """
    by_name = [log for log in logs if _is_of(path, log.path)]
    return by_name or [log for log in logs if has_magic(log.path) and _matches_a_generation(path, log.path)]


def _is_of(path: str, live_path: str) -> bool:
    file, live = PurePath(path), PurePath(live_path)
    return file.parent == live.parent and (file.name == live.name or is_rotated_name(file.name, live.name))


def _matches_a_generation(path: str, pattern: str) -> bool:
    file = PurePath(path)
    return any(_matches(str(file.parent / name), pattern) for name in (file.name, *live_names(file.name)))


def _matches(path: str, pattern: str) -> bool:
    """Tell whether `glob` would find a path: no star stands for a slash, or for the dot of a hidden name."""
    names, patterns = PurePath(path).parts, PurePath(pattern).parts
    return len(names) == len(patterns) and all(map(_matches_name, names, patterns))


def _matches_name(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))

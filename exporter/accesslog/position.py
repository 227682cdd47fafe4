"""How far a log has been read: small values that are written down, and found again after a restart."""

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """What keeps a log from being read: a closed list, the values of a label. Each is retried for ever."""

    MISSING = "missing"
    PERMISSION = "permission"
    IO = "io"
    KNOWN_DOMAINS = "known_domains"
    CHECKPOINT = "checkpoint"
    LOCKED = "locked"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Mark:
    """What tells one file from any other: its inode, and digests of its first bytes and of those before the offset.

    `modified_ns` is the file's modification time when it was last looked at.
    """

    inode: int
    modified_ns: int
    offset: int = 0
    head_bytes: int = 0
    head: bytes = b""
    tail_bytes: int = 0
    tail: bytes = b""


@dataclass(frozen=True)
class Position:
    """One file and the end of the last line counted of it (`mark.offset`; of a compressed file, uncompressed).

    `skipping` = the offset lies inside a line too long to be read. `finished` = read to its end,
    and kept only to be recognised.
    """

    mark: Mark
    skipping: bool = False
    finished: bool = False


@dataclass(frozen=True)
class Following:
    """One live path and its files, oldest first. Files modified before `since_ns` are none of ours."""

    path: str
    since_ns: int
    positions: tuple[Position, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far one log has been read. `pattern` is the configured path it was begun with."""

    pattern: str
    followings: tuple[Following, ...] = ()
    lag_bytes: int = 0
    troubles: frozenset[Trouble] = frozenset()

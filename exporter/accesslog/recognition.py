"""Which of the files that are there now is the one that was being read?

Everything here raises LogChanged where files are renamed meanwhile: then one has to look again.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing, suppress

from exporter.accesslog.generations import Generation
from exporter.accesslog.logfile import SAMPLE_BYTES, LogFile, holds, open_logfile
from exporter.accesslog.position import Mark, Position
from exporter.accesslog.source import open_source
from exporter.errors import LogDamaged

_NANOSECONDS = 1_000_000_000


def find_marked(mark: Mark, generations: Sequence[Generation]) -> Generation | None:
    """Return the file that holds what the mark says was read, wherever it is now; None where it is gone.

    The same inode is looked at first, then files of another inode (compressed, copied, restored), those
    of the same modification time before the others: compressing keeps that time. Raises OSError where a
    file of that inode cannot be read: it may well be the one.
    """
    same_inode = [one for one in generations if one.inode == mark.inode and not one.compressed]
    if mark.offset == 0:
        return same_inode[0] if same_inode else None
    others = [one for one in generations if one not in same_inode]
    others.sort(key=lambda one: one.modified_ns // _NANOSECONDS != mark.modified_ns // _NANOSECONDS)
    found = next((one for one in same_inode if _opened_holds(one, mark)), None)
    return found or next((one for one in others if _holds(one, mark)), None)


def find_copy(file: LogFile, generations: Sequence[Generation]) -> Generation | None:
    """Return the copy that was made last of a file before it was emptied; None where there is none.

    It may be older than what was last seen of the file, which is written to until it is emptied, and
    shorter than what was read of it.
    """
    mark = file.position().mark
    return next((one for one in reversed(generations) if _holds(one, mark) or _is_shorter_copy(one, file)), None)


def begins_like(generation: Generation, file: LogFile) -> bool:
    """Tell whether a file may be a copy of a pinned one, made or being made of what that one holds now."""
    sample = _beginning(generation)
    return sample is None or file.began_with(sample)


def find_copy_under_way(generations: Sequence[Generation]) -> Generation | None:
    """Return the newest rotated file where it may be a copy, made or being made, of what the live one holds now."""
    *_, newest, live = (None, None, *generations)
    if newest is None or live is None or newest.compressed or not live.live:
        return None
    sample = _beginning(newest)  # first, because the live file holds at least what was copied of it
    beginning = _beginning(live)
    return newest if sample is not None and beginning and beginning.startswith(sample) else None


def end_in_copy(copy: Generation, file: LogFile) -> Position:
    """Return the end, in a copy of a file, of what was read of the file; that of the copy where it is shorter."""
    position = file.position()
    if copy.compressed or copy.size_bytes >= position.mark.offset:
        return position
    shorter = open_logfile(copy)
    shorter.skip_to_end()
    end = shorter.position()
    shorter.close()
    return end


def place_of(file: LogFile, generations: Sequence[Generation]) -> int | None:
    """Return where a file stands among those that are there, under its own name or compressed; None if it is gone."""
    place = place_of_name(file, generations)
    if place >= 0:
        return place
    rotated = [one for one in generations if not one.live]
    found = [find_marked(mark, rotated) for mark in file.marks() if mark.offset > 0]
    return next((generations.index(one) for one in found if one is not None), None)


def place_of_name(file: LogFile, generations: Sequence[Generation]) -> int:
    """Return where a file stands by its own name, -1 where it has none any more."""
    return next((place for place, one in enumerate(generations) if file.is_at(one)), -1)


def is_known(generation: Generation, marks: Iterable[Mark]) -> bool:
    """Tell whether a file is one of those that marks tell of: the same one, or compressed with its time kept."""
    return any(mark.offset > 0 and _may_be(generation, mark) and _holds(generation, mark) for mark in marks)


def _may_be(generation: Generation, mark: Mark) -> bool:
    if generation.compressed:
        return generation.modified_ns // _NANOSECONDS == mark.modified_ns // _NANOSECONDS
    return generation.inode == mark.inode and generation.size_bytes >= mark.offset


def _is_shorter_copy(generation: Generation, file: LogFile) -> bool:
    if generation.compressed or not 0 < generation.size_bytes < file.known_bytes:
        return False
    with suppress(OSError), closing(open_source(generation)) as source:
        return file.began_with(source.read(0, SAMPLE_BYTES))
    return False


def _beginning(generation: Generation) -> bytes | None:
    with suppress(OSError, LogDamaged), closing(open_source(generation)) as source:
        return source.read(0, SAMPLE_BYTES)
    return None


def _holds(generation: Generation, mark: Mark) -> bool:
    with suppress(OSError):
        return _opened_holds(generation, mark)
    return False


def _opened_holds(generation: Generation, mark: Mark) -> bool:
    with suppress(LogDamaged), closing(open_source(generation)) as source:
        return holds(source, mark)
    return False

"""Following the log at one path through rotations, truncations and restarts, each line once."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, takewhile
from pathlib import Path

from exporter.accesslog.clocks import Clocks
from exporter.accesslog.counts import Counted
from exporter.accesslog.generations import Generation, are_same_files, find_generations, is_same_file, look_at
from exporter.accesslog.logfile import Lines, LogFile, Truncated, open_all, open_logfile
from exporter.accesslog.position import Following, Mark, Position, Trouble
from exporter.accesslog.recognition import (
    begins_like,
    end_in_copy,
    find_copy,
    find_copy_under_way,
    find_marked,
    is_known,
    place_of,
    place_of_name,
)
from exporter.config import StartAt
from exporter.errors import LogChanged, LogDamaged

IDLE_SECONDS = 5.0
REMEMBERED_FILES = 16
MOST_FILES = 256
_log = logging.getLogger(__name__)
CLOCK_TICK_NS = 20_000_000
"""File times come from a coarser clock than the one a program reads; they may lie this much behind it."""


class PathFollower:
    """Reads the files of one log, oldest first. Not thread-safe.

    `look` finds out what has become of the files, `read` gives their lines. A renamed file is read on
    until its successor has been written to and it has itself been idle for 5 seconds, because nginx
    writes to it until it is told to reopen its logs. `happened` is told of rotations, truncations and
    lost files.
    """

    def __init__(self, path: str, clocks: Clocks, happened: Callable[[Counted], None]) -> None:
        self.path = path
        self.troubles: set[Trouble] = set()
        self._clocks = clocks
        self._happened = happened
        self._files: list[LogFile] = []
        self._refused: list[Generation] = []
        self._finished: deque[Position] = deque(maxlen=REMEMBERED_FILES)
        self._quiet_since: dict[LogFile, float] = {}
        self._since_ns = 0
        self._folder_modified_ns = 0
        self._is_settled = True

    def begin(self, start_at: StartAt, since_ns: int) -> None:
        """Start on a log that was never followed; OSError where its file is there but cannot be read.

        Rotated files modified before `since_ns` are left alone.
        """
        self._since_ns = since_ns - CLOCK_TICK_NS
        live = look_at(self.path, live=True)
        if live is None:
            return
        file = open_logfile(live)
        if start_at is StartAt.END:
            file.skip_to_end()
        self._files.append(file)

    def restore(self, following: Following) -> None:
        """Find the files of an earlier run again; OSError and LogChanged where that must be tried once more."""
        generations = _settled(self.path)
        self._since_ns = following.since_ns
        self._finished.extend(one for one in following.positions if one.finished)
        unfinished = [one for one in following.positions if not one.finished]
        # Those told by their contents first: the inode of an empty file may be that of another one by now.
        for position in sorted(unfinished, key=lambda one: one.mark.offset == 0):
            self._restore_file(position, generations)
        self._put_in_order(generations)
        self._take_in(self._unread_after_restart(following, generations), generations)
        for newest in self._files[-1:]:
            newest.was_unread_since(self._since_ns)  # it may have been copied, and written to since

    def following(self) -> Following:
        """Return what `restore` needs."""
        refused = [Position(Mark(one.inode, one.modified_ns)) for one in self._refused]
        positions = (*self._finished, *(file.position() for file in self._files), *refused)
        # What nothing was read of can be found again only by its time.
        times_ns = [file.unread_since_ns for file in self._files if file.offset == 0 or file is self._files[-1]]
        times_ns += [one.modified_ns for one in self._refused]
        since_ns = max(self._since_ns, min(times_ns, default=self._since_ns))
        return Following(self.path, since_ns, positions)

    @property
    def lag_bytes(self) -> int:
        """How much of the files has not been read."""
        return sum(file.lag_bytes for file in self._files) + sum(one.size_bytes for one in self._refused)

    @property
    def is_deleted(self) -> bool:
        """Whether nothing is left of the log: each file was read to its end, and no name leads to it."""
        return not self._refused and all(file.at_end and file.is_deleted for file in self._files)

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()
        self._files.clear()

    def look(self) -> None:
        """Notice growth, rotation and truncation; what stands in the way becomes a trouble."""
        self.troubles.clear()
        self._is_settled = True
        try:
            self._look()
        except LogChanged:
            # A rotation is under way; the next look sees more.
            self._is_settled = False
            self._folder_modified_ns = 0
        except OSError as error:
            self.troubles.add(trouble_of(error))
        if self._refused:
            self.troubles.add(Trouble.PERMISSION)

    def read(self, budget_bytes: int) -> Iterator[Lines]:
        """Yield whole lines until there are no more, or about so many bytes have been read."""
        # Once something was read of a file, nobody asks any more what was emptied out of it before.
        files = [file for file in self._files if file.offset or (self._is_settled and self._is_held(file))]
        for file in files:
            while budget_bytes > 0 and not file.at_end:
                lines = self._read(file)
                if lines is None:
                    break
                budget_bytes -= len(lines.block)
                yield lines

    def _is_held(self, file: LogFile) -> bool:
        """Tell whether it would be noticed that a file was emptied before anything is read of it."""
        return file is not self._files[-1] or file.compressed or file.known_bytes > 0

    def _look(self) -> None:
        live = look_at(self.path, live=True)
        if live is None:
            self.troubles.add(Trouble.MISSING)
        if self._files and self._files[-1].is_truncated():
            self._follow_truncation(self._files[-1])
        self._pin_newest()
        for file in self._files:
            if file.refresh():
                self._quiet_since.pop(file, None)
        if self._may_have_successors(live) and self._take_in_successors():
            # What was opened just now may have been emptied after it was found; from here on that is noticed.
            self._pin_newest()
            self._take_in_successors()
        self._finish_idle()

    def _pin_newest(self) -> None:
        if self._files:
            self._files[-1].pin()

    def _take_in_successors(self) -> bool:
        """Take in what is newer; tell whether there is another newest file now."""
        newest = self._files[-1:]
        generations = _settled(self.path)
        self._forget_vanished(generations)
        self._take_in(self._unread(generations), generations)
        return self._files[-1:] != newest

    def _read(self, file: LogFile) -> Lines | None:
        try:
            return file.read()
        except Truncated:
            if file is not self._files[-1]:
                self._finish(file)
        except LogDamaged as error:
            self._lose(file.inode, str(error))
            self._finish(file)
        except OSError as error:
            self.troubles.add(trouble_of(error))
        return None

    def _may_have_successors(self, live: Generation | None) -> bool:
        if live is None or self._refused or not self._files:
            return True
        newest = self._files[-1]
        if not newest.is_at(live):
            return True
        # Filled, copied and emptied since the last look: only the folder tells of it.
        return newest.offset == 0 and self._folder_changed()

    def _folder_changed(self) -> bool:
        before, self._folder_modified_ns = self._folder_modified_ns, Path(self.path).parent.stat().st_mtime_ns
        return before != self._folder_modified_ns

    def _unread(self, generations: Sequence[Generation]) -> list[Generation]:
        """Return the files newer than the newest we have, and those that could not be opened before."""
        later = self._later(generations)
        return [one for one in generations if not self._has(one) and (one in later or self._is_refused(one))]

    def _later(self, generations: Sequence[Generation]) -> Sequence[Generation]:
        if not self._files:
            under_way = find_copy_under_way(generations)
            return [one for one in self._later_than(generations, self._since_ns) if one is not under_way]
        newest = self._files[-1]
        place = place_of(newest, generations)
        if place is None:
            return self._later_than(generations, newest.unread_since_ns)
        if newest.offset:
            return generations[place + 1 :]
        older = self._later_than(generations[:place], max(newest.unread_since_ns, self._since_ns))
        emptied = [one for one in older if not begins_like(one, newest)]
        if len(emptied) < len(older):
            self._folder_modified_ns = 0  # what may be a copy under way is looked at again
        if older and not newest.is_as_pinned:
            raise LogChanged(self.path)
        return [*emptied, *generations[place + 1 :]]

    def _later_than(self, generations: Sequence[Generation], horizon_ns: int) -> list[Generation]:
        known = self._known()
        return [one for one in generations if one.live or (one.modified_ns >= horizon_ns and not is_known(one, known))]

    def _known(self) -> list[Mark]:
        finished = [position.mark for position in self._finished]
        return finished + [mark for file in self._files for mark in file.marks()]

    def _unread_after_restart(self, following: Following, generations: Sequence[Generation]) -> list[Generation]:
        # What became of a file that nothing was read of is told by times alone: its inode may be another file's by now.
        was_read = all(one.finished or one.mark.offset > 0 for one in following.positions)
        place = place_of(self._files[0], generations) if was_read and self._files else None
        later = generations if place is None else generations[place + 1 :]
        under_way = find_copy_under_way(generations)
        new = [one for one in later if not self._has(one) and one is not under_way]
        if place is None:
            return self._later_than(new, self._since_ns)
        # A copy that was finished has a newer name than the file it was made of.
        finished = [position.mark for position in self._finished]
        return [one for one in new if one.live or not is_known(one, finished)]

    def _restore_file(self, position: Position, generations: Sequence[Generation]) -> None:
        found = find_marked(position.mark, [one for one in generations if not self._has(one)])
        if found is None:
            # Of a file that nothing was read of, the other rules find what became of it.
            if position.mark.offset:
                if not are_same_files(generations, _settled(self.path)):
                    raise LogChanged(self.path)
                self._lose(position.mark.inode, "it is gone, or was changed")
            return
        try:
            self._files.append(open_logfile(found, position))
        except PermissionError:
            if position.mark.offset:
                raise
            self._refused.append(found)

    def _follow_truncation(self, file: LogFile) -> None:
        """Read the rest of what was emptied from the copies that were made of it, then the file from its beginning."""
        rotated = [one for one in _settled(self.path) if not one.live and not self._has(one)]
        # Where there is none, the file was read on after it had been copied, and the copy holds nothing new.
        copy = find_copy(file, rotated)
        opened = open_all([(copy, end_in_copy(copy, file))] if copy else [])
        self._files[-1:] = [*opened.files, file]
        self._refused += opened.refused
        self._happened(Counted.TRUNCATIONS)
        file.start_over()

    def _take_in(self, unread: Sequence[Generation], generations: Sequence[Generation]) -> None:
        """Open files and put all into the order in which they were written: everything, or nothing."""
        order = self._order(generations)
        opened = open_all((one, None) for one in unread)
        order.update({file: place_of_name(file, generations) for file in opened.files})
        new = [one for one in unread if not self._is_refused(one)]
        for _ in new if self._files else new[1:]:
            self._happened(Counted.ROTATIONS)
        self._files = sorted([*self._files, *opened.files], key=lambda file: order[file])
        self._refused = [one for one in self._refused if not self._has(one)]
        self._refused += [one for one in opened.refused if not self._is_refused(one)]

    def _put_in_order(self, generations: Sequence[Generation]) -> None:
        order = self._order(generations)
        self._files.sort(key=lambda file: order[file])

    def _order(self, generations: Sequence[Generation]) -> dict[LogFile, int]:
        order: dict[LogFile, int] = {}
        before = -1
        for file in self._files:
            # One that has no name any more stands where its compressed form does, else behind the one it came after.
            place = place_of(file, generations)
            before = order[file] = before if place is None else place
        return order

    def _forget_vanished(self, generations: Sequence[Generation]) -> None:
        for refused in list(self._refused):
            if not any(is_same_file(refused, one) for one in generations):
                self._refused.remove(refused)
                self._lose(refused.inode, "it could never be opened, and is gone")

    def _is_refused(self, generation: Generation) -> bool:
        return any(is_same_file(one, generation) for one in self._refused)

    def _finish_idle(self) -> None:
        # From the oldest on: what was finished must be older than all that is still being read, because only the
        # last few finished files are remembered.
        now = self._clocks.monotonic()
        written_to = max((place for place, file in enumerate(self._files) if file.size_bytes), default=0)
        idle = [self._is_idle(file, now) or self._is_superseded(file) for file in self._files[:written_to]]
        for file in list(compress(self._files, takewhile(bool, idle))):
            self._finish(file)

    def _is_superseded(self, file: LogFile) -> bool:
        """Tell whether a file has more than one successor and an old time: a restart need not wait for it once more."""
        age_ns = self._clocks.file_time_ns() - file.modified_ns
        return file.at_end and file not in self._files[-2:] and age_ns >= IDLE_SECONDS * 1e9

    def _is_idle(self, file: LogFile, now: float) -> bool:
        if not file.at_end:
            return False
        quiet_since = self._quiet_since.setdefault(file, now)
        return file.compressed or now - quiet_since >= IDLE_SECONDS or len(self._files) > MOST_FILES

    def _finish(self, file: LogFile) -> None:
        self._files.remove(file)
        self._quiet_since.pop(file, None)
        if file.offset:  # nobody can read an empty file twice
            self._finished.append(file.position(finished=True))
        file.close()

    def _lose(self, inode: int, why: str) -> None:
        self._happened(Counted.LOST_FILES)
        fields = {"log": self.path, "inode": inode, "why": why}
        _log.warning("a file of the log was not read to its end", extra=fields)

    def _has(self, generation: Generation) -> bool:
        return any(file.is_at(generation) for file in self._files)


def trouble_of(error: OSError) -> Trouble:
    """Return what an error of the system means for a log."""
    if isinstance(error, PermissionError):
        return Trouble.PERMISSION
    if isinstance(error, FileNotFoundError):
        return Trouble.MISSING
    return Trouble.IO


def _settled(path: str) -> tuple[Generation, ...]:
    generations = find_generations(path)
    if generations is None:
        raise LogChanged(path)
    return generations

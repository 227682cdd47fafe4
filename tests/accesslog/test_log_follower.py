"""One configured log: which files its path or glob means, when each is begun, and what is told of it."""

import gzip
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from exporter.accesslog.clocks import Clocks
from exporter.accesslog.counts import Counted, Series
from exporter.accesslog.log_follower import (
    DELETED_SECONDS,
    DISCOVERY_SECONDS,
    KNOWN_DOMAINS_SECONDS,
    Counting,
    LogFollower,
)
from exporter.accesslog.position import Progress, Trouble
from exporter.accesslog.scanner import scanner
from exporter.accesslog.tally import Tally, TallySettings
from exporter.config import COMBINED, AccessLog, StartAt
from tests.unprivileged import unprivileged

LINE = '192.0.2.1 - - [23/Nov/2026:02:44:02 +0000] "POST /inbox HTTP/1.1" 500 0 "-" "Mastodon/4 (+https://{domain}/)"\n'


@dataclass
class Followed:
    """A folder, and a follower of one log in it that can be restarted."""

    folder: Path
    log: AccessLog = field(init=False)
    seconds: float = 100.0
    follower: LogFollower = field(init=False)

    def follow(self, pattern: str, progress: Progress | None = None, **settings: object) -> None:
        """Follow a pattern as a new process does; counters begin at 0."""
        self.log = replace(AccessLog("qdon", str(self.folder / pattern)), **settings)  # type: ignore[arg-type]  # any
        reader = scanner(COMBINED)
        counting = Counting(reader, Tally(TallySettings(reader.agent_text)))
        self.follower = LogFollower(self.log, counting, progress, Clocks(lambda: self.seconds, time.time_ns))

    def restart(self, pattern: str | None = None) -> None:
        progress = self.follower.progress()
        self.follower.close()
        self.follow(pattern or Path(self.log.path).name, progress, start_at=self.log.start_at)

    def write(self, name: str, lines: int, domain: str = "a.example") -> None:
        with (self.folder / name).open("a") as log:
            log.write(LINE.format(domain=domain) * lines)

    def look(self) -> None:
        """Look at everything, new files too."""
        self.seconds += DISCOVERY_SECONDS
        self.follower.step()

    @property
    def lines(self) -> int:
        return self.follower.tally.counts().get(Series(Counted.LINES), 0)

    @property
    def troubles(self) -> set[Trouble]:
        return set(self.follower.progress().troubles)


@pytest.fixture
def followed() -> Iterator[Followed]:
    """A log in a folder that every user may enter."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        Path(name).chmod(0o755)
        followed = Followed(Path(name))
        yield followed
        stack.callback(followed.follower.close)


def test_a_log_that_exists_at_the_first_start_ever_is_begun_at_its_end(followed: Followed) -> None:
    followed.write("access.log", 3)
    followed.follow("access.log")
    followed.look()
    followed.write("access.log", 2)
    followed.look()
    assert (followed.lines, followed.follower.is_ready) == (2, True)


def test_it_is_begun_at_its_beginning_if_told_so(followed: Followed) -> None:
    followed.write("access.log", 3)
    followed.follow("access.log", start_at=StartAt.BEGINNING)
    followed.look()
    assert followed.lines == 3


def test_a_log_that_appears_later_is_read_from_its_beginning(followed: Followed) -> None:
    followed.follow("access.log")
    followed.look()
    assert (followed.troubles, followed.follower.is_ready) == ({Trouble.MISSING}, True)
    followed.write("access.log", 3)
    followed.look()
    assert (followed.lines, followed.troubles) == (3, set())


def test_a_log_that_appears_while_the_exporter_is_down_is_read_from_its_beginning(followed: Followed) -> None:
    followed.follow("access.log")
    followed.look()
    followed.write("access.log", 3)
    followed.restart()
    followed.look()
    assert followed.lines == 3


def test_what_is_written_while_the_exporter_is_down_is_counted(followed: Followed) -> None:
    followed.write("access.log", 3)
    followed.follow("access.log")
    followed.look()
    followed.write("access.log", 4)
    followed.restart()
    followed.look()
    assert followed.lines == 4


def test_a_glob_follows_each_of_its_files(followed: Followed) -> None:
    followed.follow("*.log")
    followed.write("a.log", 1)
    followed.write("b.log", 2)
    followed.look()
    followed.write("a.log", 10)
    followed.look()
    assert followed.lines == 10


def test_a_new_file_of_a_glob_is_read_from_its_beginning(followed: Followed) -> None:
    followed.write("a.log", 1)
    followed.follow("*.log")
    followed.look()
    followed.write("b.log", 2)
    followed.look()
    assert followed.lines == 2


def test_a_new_file_of_a_glob_is_read_from_its_beginning_while_another_may_not_be_read(followed: Followed) -> None:
    followed.write("a.log", 1)
    (followed.folder / "a.log").chmod(0)
    followed.follow("*.log")
    with unprivileged():
        followed.look()
        assert not followed.follower.is_ready
    followed.write("b.log", 2)
    with unprivileged():
        followed.look()
    assert followed.lines == 2


def test_rotated_files_that_a_glob_names_are_not_read_twice(followed: Followed) -> None:
    followed.write("access.log", 3)
    (followed.folder / "old.log.gz").write_bytes(gzip.compress(LINE.encode()))
    followed.follow("*log*", start_at=StartAt.BEGINNING)
    followed.look()
    (followed.folder / "access.log").rename(followed.folder / "access.log.1")
    followed.write("access.log", 2)
    followed.look()
    (followed.folder / "access.log.1.gz").write_bytes(gzip.compress((followed.folder / "access.log.1").read_bytes()))
    followed.look()
    assert followed.lines == 5


@pytest.mark.parametrize("restarted", [False, True])
def test_a_renamed_file_of_a_glob_is_not_read_twice_before_nginx_makes_the_new_one(
    followed: Followed, restarted: bool
) -> None:
    followed.write("access.log", 3)
    followed.follow("access*", start_at=StartAt.BEGINNING)
    followed.look()
    (followed.folder / "access.log").rename(followed.folder / "access.log.1")
    if restarted:
        followed.restart()
    followed.look()
    followed.write("access.log", 2)
    followed.look()
    assert followed.lines == (2 if restarted else 5)


def test_a_glob_that_names_nothing_is_told_as_long_as_it_is_so(followed: Followed) -> None:
    followed.follow("*.log")
    for _ in range(3):
        followed.follower.step()
        assert (followed.troubles, followed.follower.is_ready) == ({Trouble.MISSING}, True)
    followed.write("a.log", 1)
    followed.look()
    assert (followed.lines, followed.troubles) == (1, set())


def test_a_glob_with_some_file_misses_none(followed: Followed) -> None:
    followed.write("a.log", 1)
    followed.write("b.log", 1)
    followed.follow("*.log")
    followed.look()
    (followed.folder / "b.log").unlink()
    followed.look()
    assert followed.troubles == set()


def test_a_deleted_file_of_a_glob_is_let_go_of_after_a_while(followed: Followed) -> None:
    followed.write("a.log", 1)
    followed.write("b.log", 1)
    followed.follow("*.log", start_at=StartAt.BEGINNING)
    followed.look()
    (followed.folder / "a.log").unlink()
    followed.look()
    assert len(followed.follower.progress().followings) == 2, "whoever has it open may still write to it"
    followed.seconds += DELETED_SECONDS
    followed.look()
    assert [Path(one.path).name for one in followed.follower.progress().followings] == ["b.log"]
    followed.write("a.log", 2)
    followed.look()
    assert followed.lines == 4


def test_a_name_with_brackets_that_exists_is_no_glob(followed: Followed) -> None:
    followed.write("access[1].log", 1)
    followed.follow("access[1].log", start_at=StartAt.BEGINNING)
    followed.look()
    assert followed.lines == 1


def test_a_log_that_may_not_be_read_is_not_ready_and_is_begun_once_it_may(followed: Followed) -> None:
    followed.write("access.log", 3)
    (followed.folder / "access.log").chmod(0)
    followed.follow("access.log", start_at=StartAt.BEGINNING)
    with unprivileged():
        followed.look()
        assert (followed.troubles, followed.follower.is_ready) == ({Trouble.PERMISSION}, False)
        followed.restart()
        followed.look()
        assert (followed.troubles, followed.follower.is_ready) == ({Trouble.PERMISSION}, False)
    (followed.folder / "access.log").chmod(0o644)
    with unprivileged():
        followed.look()
    assert (followed.lines, followed.troubles, followed.follower.is_ready) == (3, set(), True)


def test_a_log_whose_folder_is_not_mounted_yet_is_waited_for_and_gone_on_with(followed: Followed) -> None:
    (followed.folder / "mount").mkdir()
    followed.write("mount/access.log", 3)
    followed.follow("mount/access.log", start_at=StartAt.BEGINNING)
    followed.look()
    (followed.folder / "mount").rename(followed.folder / "elsewhere")
    progress = followed.follower.progress()
    followed.follower.close()
    followed.follow("mount/access.log", progress)
    followed.look()
    assert (followed.troubles, followed.follower.is_ready) == ({Trouble.MISSING}, True)
    (followed.folder / "elsewhere").rename(followed.folder / "mount")
    followed.write("mount/access.log", 2)
    followed.look()
    assert (followed.lines, followed.troubles) == (2, set())
    assert Series(Counted.LOST_FILES) not in followed.follower.tally.counts()


def test_another_path_in_the_configuration_is_a_new_log(followed: Followed) -> None:
    followed.write("old.log", 3)
    followed.follow("old.log")
    followed.look()
    followed.write("new.log", 5)
    followed.restart("new.log")
    followed.look()
    followed.write("new.log", 1)
    followed.look()
    assert followed.lines == 1


def test_a_glob_that_takes_in_the_log_followed_so_far_goes_on_with_it(followed: Followed) -> None:
    followed.write("access.log", 3)
    followed.follow("access.log")
    followed.look()
    followed.write("access.log", 2)
    followed.write("other.log", 7)
    followed.restart("*.log")
    followed.look()
    assert followed.lines == 2
    followed.write("other.log", 1)
    followed.look()
    assert followed.lines == 3


def test_rotations_truncations_and_lost_files_are_counted(followed: Followed) -> None:
    followed.follow("access.log")
    followed.look()
    followed.write("access.log", 1)
    followed.look()
    (followed.folder / "access.log").rename(followed.folder / "access.log.1")
    followed.write("access.log", 1)
    followed.look()
    os.truncate(followed.folder / "access.log", 0)
    followed.look()
    counts = followed.follower.tally.counts()
    assert (counts[Series(Counted.ROTATIONS)], counts[Series(Counted.TRUNCATIONS)]) == (1, 1)


def test_a_line_too_long_is_one_unparsed_line(followed: Followed) -> None:
    followed.follow("access.log")
    followed.look()
    (followed.folder / "access.log").write_text("x" * 5_000_000 + "\n" + LINE)
    followed.look()
    counts = followed.follower.tally.counts()
    assert (counts[Series(Counted.LINES)], counts[Series(Counted.UNPARSED, ("too_long",))]) == (2, 1)


def test_what_is_left_to_be_read_is_told(followed: Followed) -> None:
    followed.follow("access.log")
    followed.look()
    (followed.folder / "access.log").write_text(LINE + "partial")
    followed.look()
    assert followed.follower.progress().lag_bytes == len("partial")


def failures(followed: Followed) -> set[str]:
    return {place.domain for place in followed.follower.tally.failing}


def test_known_domains_are_read_again_when_their_file_changes(followed: Followed) -> None:
    domains = followed.folder / "domains"
    domains.write_text("a.example\n")
    followed.follow("access.log", known_domains=domains)
    followed.write("access.log", 1, "a.example")
    followed.write("access.log", 1, "b.example")
    followed.look()
    assert failures(followed) == set()  # begun at its end
    followed.write("access.log", 1, "a.example")
    followed.write("access.log", 1, "b.example")
    followed.look()
    assert failures(followed) == {"a.example"}
    domains.write_text("a.example\nb.example\n")
    os.utime(domains, (5000, 5000))
    followed.seconds += KNOWN_DOMAINS_SECONDS
    followed.look()
    followed.write("access.log", 1, "b.example")
    followed.look()
    assert failures(followed) == {"a.example", "b.example"}


def test_domains_that_the_database_knows_stand_beside_those_of_the_logs_own_file(followed: Followed) -> None:
    domains = followed.folder / "domains"
    domains.write_text("a.example\n")
    followed.follow("access.log", known_domains=domains, start_at=StartAt.BEGINNING)
    followed.follower.know(frozenset({"b.example"}))
    for name in ("a.example", "b.example", "c.example"):
        followed.write("access.log", 1, name)
    followed.look()
    assert failures(followed) == {"a.example", "b.example"}
    followed.follower.know(frozenset())
    followed.look()
    assert failures(followed) == {"a.example"}


def test_known_domains_that_cannot_be_read_are_told_as_long_as_it_is_so(followed: Followed) -> None:
    domains = followed.folder / "domains"
    followed.follow("access.log", known_domains=domains)
    followed.write("access.log", 1)
    for _ in range(3):
        followed.follower.step()
        assert followed.troubles == {Trouble.KNOWN_DOMAINS}
    domains.write_text("a.example\n")
    followed.seconds += KNOWN_DOMAINS_SECONDS
    followed.look()
    assert followed.troubles == set()


@pytest.mark.parametrize("spoil", [Path.mkdir, lambda path: path.symlink_to("/dev/null")], ids=["directory", "device"])
def test_something_else_than_a_file_at_the_path_is_waited_for(
    followed: Followed, spoil: Callable[[Path], None]
) -> None:
    spoil(followed.folder / "access.log")
    followed.follow("access.log")
    followed.look()
    assert (followed.troubles, followed.follower.is_ready) == ({Trouble.MISSING}, True)

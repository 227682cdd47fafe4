import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.errors import DatabaseError, StoreError, StoreRefused, StoreShut, StoreUnavailable
from exporter.ledger import REOPENED, Asked, JobState, MediaRecord, RangeResult, Trouble
from exporter.media.copying import Outcome
from exporter.media.failure_streak import PATIENCE_OBJECTS
from exporter.media.mover import Mover
from exporter.media.placing import Placing
from exporter.media.skipping import Open, SkipBy
from exporter.media.store import Acl, Put
from exporter.media.sync import PAGES_AHEAD, CutShort, Watcher
from tests.media.sync_world import DESTINATION, SCOPE, Broken, SyncWorld


@pytest.fixture
def world(tmp_path: Path) -> SyncWorld:
    return SyncWorld(tmp_path)


def test_everything_is_moved_and_recorded(world: SyncWorld) -> None:
    world.run()
    assert world.is_complete()
    assert world.counts() == {"copied": 200}
    progress = world.job().progress["media_attachments"]
    assert (progress.done, progress.total) == (100, 100)
    [known] = MediaRecord(world.folder).finished(SCOPE)
    assert (known.after, known.last) == (0, 100)


@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_a_second_run_reads_and_writes_no_data(world: SyncWorld, skip_by: SkipBy | None) -> None:
    world.run()
    world.source.asked.clear()
    world.destination.asked.clear()
    world.run(skip_by=skip_by)
    assert world.counts() == {"present": 200}
    assert world.source.asked == []
    assert world.destination.verbs("PUT", "PARTS", "COPY") == []


def test_a_second_run_by_the_ledger_asks_for_nothing(world: SyncWorld) -> None:
    world.run()
    world.destination.asked.clear()
    world.run(skip_by=SkipBy.LEDGER)
    assert world.destination.asked == [("LIST", "")]


def test_a_row_that_changed_since_is_moved_by_the_next_run(world: SyncWorld) -> None:
    world.run()
    world.now += 3600
    world.change(17, "new.png")
    for one in world.objects():
        world.source.keep(one.key, one.key.encode())
    world.run()
    assert world.counts() == {"present": 198, "copied": 2}
    assert world.is_complete()


def test_a_row_that_was_committed_long_after_its_file_was_written_is_moved_by_the_next_run(world: SyncWorld) -> None:
    world.run()
    world.now += 600
    world.change(17, "transcoded.mp4", changed_at=world.now - 5 * 3600)
    world.keep_all()
    world.run()
    assert world.counts() == {"present": 198, "copied": 2}
    assert world.is_complete()


@pytest.mark.parametrize("skip_by", [None, SkipBy.LEDGER])
def test_a_ledger_that_tells_of_an_emptied_destination_is_not_believed(
    world: SyncWorld, skip_by: SkipBy | None, caplog: pytest.LogCaptureFixture
) -> None:
    world.run()
    assert not caplog.messages
    world.destination.kept.clear()
    world.run(skip_by=skip_by)
    assert world.counts() == {"copied": 200}
    assert world.is_complete()
    assert [message for message in caplog.messages if "holds nothing under its prefix" in message]


@pytest.mark.parametrize("changes_acl", [True, False])
@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_who_is_suspended_is_hidden_and_seen_again_once_that_is_over(
    world: SyncWorld, skip_by: SkipBy | None, changes_acl: bool
) -> None:
    world.destination.changes_acl = changes_acl
    world.run(skip_by=skip_by)
    for is_private, acl in ((True, Acl.PRIVATE), (False, Acl.PUBLIC_READ), (True, Acl.PRIVATE)):
        world.now += 100_000
        world.rows[:5] = [replace(row, is_private=is_private) for row in world.rows[:5]]
        world.run(skip_by=skip_by)
        assert world.counts() == ({"present": 200} if changes_acl else {"present": 190, "copied": 10})
        assert {world.destination.kept[one.key].put.acl for one in world.objects()[:10]} == {acl}
        world.run(skip_by=skip_by)
        assert world.counts() == {"present": 200}


@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_what_loses_its_bytes_with_a_change_of_its_acl_is_copied_again_or_missing(
    world: SyncWorld, skip_by: SkipBy | None
) -> None:
    world.run()
    world.destination.damages_on_acl = True
    world.rows[0] = replace(world.rows[0], is_private=True)
    lost, *_ = world.objects()
    del world.source.kept[lost.key]
    world.run(skip_by=skip_by)
    assert world.counts() == {"present": 198, "copied": 1, "missing": 1}
    for again in (None, *SkipBy):
        world.run(skip_by=again)
        assert world.counts() == {"present": 199, "missing": 1}


@pytest.mark.parametrize("skip_by", [None, SkipBy.LEDGER])
def test_a_row_that_got_another_file_while_it_was_hidden_gets_both(world: SyncWorld, skip_by: SkipBy | None) -> None:
    world.run()
    world.now += 100_000
    world.rows[0] = replace(world.rows[0], is_private=True, updated_timestamp_seconds=world.now)
    changed, *_ = world.objects()
    world.source.keep(changed.key, b"other")
    world.run(skip_by=skip_by)
    assert {world.destination.kept[one.key].put.acl for one in world.objects()[:2]} == {Acl.PRIVATE}
    assert world.is_complete()


NO_ACLS = Placing("", None, None)


@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_what_was_written_without_acls_gets_them_once_they_are_sent(world: SyncWorld, skip_by: SkipBy | None) -> None:
    world.rows[0] = replace(world.rows[0], is_private=True)
    world.placing = NO_ACLS
    world.run()
    world.placing = Placing()
    world.run(skip_by=skip_by)
    assert world.counts() == {"present": 200}
    acls = [world.destination.kept[one.key].put.acl for one in world.objects()]
    assert acls == [Acl.PRIVATE] * 2 + [Acl.PUBLIC_READ] * 198
    world.destination.asked.clear()
    world.run()
    assert world.destination.verbs("ACL", "SET ACL", "HEAD") == []


def test_a_run_under_other_acls_that_is_cut_short_leaves_the_rest_in_doubt(world: SyncWorld) -> None:
    world.count = 600  # so that it is not over before anybody has looked whether it is to end
    world.__post_init__()
    world.placing = NO_ACLS
    world.run()
    world.placing = Placing()

    def check() -> None:
        if world.destination.verbs("SET ACL"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.run(Watcher(check))
    world.run()
    assert {one.put.acl for one in world.destination.kept.values()} == {Acl.PUBLIC_READ}
    world.destination.asked.clear()
    world.run()
    assert world.destination.verbs("ACL", "SET ACL", "HEAD") == []


def test_a_run_that_is_carried_on_under_other_acls_looks_again_at_what_it_has_done(world: SyncWorld) -> None:
    world.count = 600
    world.__post_init__()
    world.placing = NO_ACLS
    cut_short(world)
    world.placing = Placing()
    world.run()
    assert {one.put.acl for one in world.destination.kept.values()} == {Acl.PUBLIC_READ}
    assert sum(world.counts().values()) == 1200
    world.destination.asked.clear()
    world.run()
    assert world.destination.verbs("ACL", "SET ACL", "HEAD") == []


@pytest.mark.parametrize("skip_by", [SkipBy.LIST, SkipBy.HEAD])
def test_what_others_have_made_public_since_is_hidden_again(world: SyncWorld, skip_by: SkipBy) -> None:
    world.rows[0] = replace(world.rows[0], is_private=True)
    world.run()
    hidden, *_ = world.objects()
    world.destination.set_acl(hidden.key, Acl.PUBLIC_READ)
    world.run(skip_by=skip_by)
    assert world.destination.kept[hidden.key].put.acl is Acl.PRIVATE


@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_what_a_failure_has_left_is_written_again(world: SyncWorld, skip_by: SkipBy | None) -> None:
    failing, *_ = world.objects()
    real = world.destination.put

    def put(put: Put, body: bytes, md5: bytes | None = None) -> None:
        real(put, bytes(len(body)) if put.key == failing.key else body, md5)
        if put.key == failing.key:
            raise StoreUnavailable("it holds other bytes")

    world.destination.put = put  # type: ignore[method-assign] # one that keeps wrong bytes
    world.run()
    assert world.counts() == {"copied": 199, "failed": 1}
    world.destination.put = real  # type: ignore[method-assign] # the right one
    world.run(skip_by=skip_by)
    assert world.counts() == {"present": 199, "copied": 1}
    assert world.is_complete()


def test_what_should_be_seen_and_is_gone_at_the_source_is_told_until_it_is_back(world: SyncWorld) -> None:
    world.destination.changes_acl = False
    hidden = world.objects()[0]
    world.rows[0] = replace(world.rows[0], is_private=True)
    world.run()
    world.rows[0] = replace(world.rows[0], is_private=False)
    lost = world.source.kept.pop(hidden.key)
    for _ in range(2):
        world.run()
        assert world.counts() == {"present": 198, "copied": 1, "missing": 1} or world.counts()["missing"] == 1
    world.source.kept[hidden.key] = lost
    world.run()
    assert world.counts() == {"present": 199, "copied": 1}
    assert world.destination.kept[hidden.key].put.acl is Acl.PUBLIC_READ


@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_what_is_wrong_and_gone_at_the_source_stays_in_trouble(world: SyncWorld, skip_by: SkipBy | None) -> None:
    world.run()
    wrong = world.objects()[0]
    world.destination.keep(wrong.key, b"x" * len(wrong.key))
    lost = world.source.kept.pop(wrong.key)
    found = Trouble("media_attachments", 1, wrong.key, REOPENED, None, "its md5 differed", is_wrong=True)
    MediaRecord(world.folder).reopen(DESTINATION, [found])
    for _ in range(2):
        world.run(skip_by=skip_by)
        assert world.counts() == {"present": 199, "missing": 1}
        [trouble] = MediaRecord(world.folder).troubles(Asked(DESTINATION))
        assert (trouble.result, trouble.is_wrong) == ("missing", True)
        assert "not right" in trouble.detail
    world.source.kept[wrong.key] = lost
    world.run(skip_by=skip_by)
    assert world.counts() == {"present": 199, "copied": 1}
    assert not list(MediaRecord(world.folder).troubles(Asked(DESTINATION)))


def test_what_verify_did_not_find_and_the_server_has_written_since_is_there(world: SyncWorld) -> None:
    world.run()
    one = world.objects()[0]
    del world.source.kept[one.key]
    MediaRecord(world.folder).reopen(DESTINATION, [Trouble("media_attachments", 1, one.key, REOPENED)])
    world.run()
    assert world.counts() == {"present": 200}


def cut_short(world: SyncWorld, skip_by: SkipBy | None = None) -> None:
    """Begin a run of 600 rows, and end it once 400 objects were moved."""

    def check() -> None:
        if len(world.destination.kept) >= 400:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.run(Watcher(check), skip_by)
    assert 0 < world.job().progress["media_attachments"].done < 600


@pytest.mark.parametrize("changes_acl", [True, False])
@pytest.mark.parametrize("skip_by", [None, *SkipBy])
def test_a_row_that_changed_while_a_run_was_interrupted_is_seen_to_by_the_same_run(
    tmp_path: Path, skip_by: SkipBy | None, changes_acl: bool
) -> None:
    world = SyncWorld(tmp_path, count=600)
    world.destination.changes_acl = changes_acl
    cut_short(world, skip_by)
    world.now += 7 * 86400
    world.change(1, "new.png")
    world.rows[1] = replace(world.rows[1], is_private=True)
    world.keep_all()
    world.run(skip_by=skip_by)
    assert world.job().progress["media_attachments"].done == 600
    counts = world.counts()
    assert counts.pop("present", 0) < 400  # what was in flight
    assert sum(world.counts().values()) == 1200 + (2 if changes_acl else 4)
    assert set(counts) == {"copied"}
    assert {one.key for one in world.objects()} <= set(world.destination.kept)
    assert world.destination.kept[world.objects()[2].key].put.acl is Acl.PRIVATE


@pytest.mark.parametrize("skip_by", [SkipBy.LIST, SkipBy.HEAD])
def test_a_run_that_looks_at_the_destination_looks_at_all_of_it_when_it_is_carried_on(
    tmp_path: Path, skip_by: SkipBy
) -> None:
    world = SyncWorld(tmp_path, count=600)
    cut_short(world, skip_by)
    del world.destination.kept[world.objects()[0].key]
    world.run(skip_by=skip_by)
    assert world.is_complete()
    assert world.job().progress["media_attachments"].done == 600


def test_a_store_that_is_shut_ends_the_run_at_once_and_no_object_has_failed(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=5000)
    for one in world.objects()[400:]:
        world.destination.broken[one.key] = StoreShut("403 InvalidAccessKeyId; check `access_key`")
    with pytest.raises(StoreRefused, match="InvalidAccessKeyId"):
        world.run()
    assert world.job().state is JobState.FAILED
    assert set(world.counts()) == {"copied"}
    assert not list(MediaRecord(world.folder).troubles(Asked(DESTINATION)))
    assert len(world.destination.verbs("PUT")) < 450


def test_refusals_of_every_object_end_the_run_and_no_object_has_failed(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=5000)
    for one in world.objects():
        world.destination.broken[one.key] = StoreRefused("403")
    with pytest.raises(StoreUnavailable, match="in a row"):
        world.run()
    assert world.counts() == {}
    assert not list(MediaRecord(world.folder).troubles(Asked(DESTINATION)))
    assert len(world.destination.verbs("PUT")) < 2 * PATIENCE_OBJECTS


def test_few_failures_among_many_pages_hold_up_nothing(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=2000, workers=2)
    for one in world.objects()[::40]:
        world.source.broken[one.key] = StoreUnavailable("500")
    for one in world.objects():
        if one.key not in world.source.broken:
            world.destination.keep(one.key, one.key.encode())
    world.run(skip_by=SkipBy.LIST)  # of which there is one to do in every other page, and nothing goes well
    assert world.counts() == {"present": 3900, "failed": 100}


def test_many_that_fail_again_do_not_keep_what_is_new_from_being_moved(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=500)
    for one in world.objects()[:800:2]:
        world.source.broken[one.key] = StoreRefused("403, archived")
    world.run()
    world.count = 510
    world.now += 100_000
    broken = world.source.broken
    world.__post_init__()
    world.source.broken = broken
    world.run(skip_by=SkipBy.LEDGER)
    assert world.counts() == {"present": 600, "failed": 400, "copied": 20}


def test_what_others_have_copied_is_found_by_a_listing(world: SyncWorld) -> None:
    for one in world.objects()[:150]:
        world.destination.keep(one.key, one.key.encode())
    world.run()
    assert world.counts() == {"present": 150, "copied": 50}
    assert world.is_complete()


def test_missing_objects_are_told_of_again_and_healed_once_they_are_back(world: SyncWorld) -> None:
    lost = [world.objects()[number] for number in (3, 77)]
    kept = [world.source.kept.pop(one.key) for one in lost]
    for _ in range(2):
        world.run()
        assert world.counts()["missing"] == 2
        assert set(MediaRecord(world.folder).troubles_of("d1", [one.key for one in lost])) == {one.key for one in lost}
    for one, body in zip(lost, kept, strict=True):
        world.source.kept[one.key] = body
    world.run()
    assert world.counts() == {"present": 198, "copied": 2}
    assert world.is_complete()
    assert not MediaRecord(world.folder).troubles_of("d1", [one.key for one in lost])


class Interrupting:
    """Asks a run to stop once some objects have been seen to."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.watcher = Watcher(self.check, self.told)

    def told(self, _media_class: object, objects: int, _size_bytes: int) -> None:
        self.after -= objects

    def check(self) -> None:
        if self.after <= 0:
            raise KeyboardInterrupt


def test_an_interrupted_run_is_carried_on_and_counts_nothing_twice(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=1000)
    chance = random.Random(5)
    started, runs = set(), 0
    while True:
        runs += 1
        try:
            world.run(Interrupting(chance.randrange(50, 400)).watcher, SkipBy.LEDGER)
        except KeyboardInterrupt:
            assert world.job().state is JobState.INTERRUPTED
            started.add(world.job().started_timestamp_seconds)
        else:
            break
    assert runs > 3
    assert {world.job().started_timestamp_seconds} == started
    assert world.counts() == {"copied": 2000}
    assert world.job().progress["media_attachments"].done == 1000
    assert world.is_complete()


def test_what_failed_before_an_interruption_is_tried_again_and_counted_once(world: SyncWorld) -> None:
    broken = world.objects()[0].key
    world.source.broken[broken] = StoreUnavailable("slow down")

    def stop_when_recorded(results: Sequence[RangeResult]) -> None:
        if any(result.objects.get("failed") for result in results):
            recorded.set()

    def check() -> None:
        if recorded.is_set():
            raise KeyboardInterrupt

    recorded = threading.Event()
    world.see_to = slowed(lambda _one: time.sleep(0.02))
    with pytest.raises(KeyboardInterrupt):
        world.run(Watcher(check, recorded=stop_when_recorded), SkipBy.LEDGER)
    assert world.counts()["failed"] == 1
    world.see_to = Mover.see_to
    world.source.broken.clear()
    world.run(skip_by=SkipBy.LEDGER)
    assert world.counts() == {"copied": 200}
    assert world.is_complete()


def slowed(wait: Callable[[Open], None]) -> Callable[[Mover, Open], Outcome]:
    def see_to(mover: Mover, one: Open) -> Outcome:
        wait(one)
        return mover.see_to(one)

    return see_to


def test_objects_in_flight_are_finished_before_an_interrupted_run_ends(world: SyncWorld) -> None:
    world.workers = 1
    begun, ended = [], []

    def see_to(mover: Mover, one: Open) -> Outcome:
        begun.append(one)
        time.sleep(0.05)
        outcome = mover.see_to(one)
        ended.append(one)
        return outcome

    world.see_to = see_to
    with pytest.raises(KeyboardInterrupt):
        world.run(Interrupting(3).watcher)
    assert 3 <= len(begun) < 200
    assert begun == ended
    assert len(world.destination.kept) == len(ended)


def test_a_second_interruption_waits_for_nothing(world: SyncWorld) -> None:
    world.workers = 1
    is_over = threading.Event()
    stuck, asked_to_stop = threading.Event(), threading.Event()

    def hang(_one: Open) -> None:
        stuck.set()
        is_over.wait(30)

    def interrupt_again() -> None:
        asked_to_stop.wait(30)
        time.sleep(0.2)
        os.kill(os.getpid(), signal.SIGINT)

    def check() -> None:
        if stuck.is_set():
            asked_to_stop.set()
            raise KeyboardInterrupt

    world.see_to = slowed(hang)
    again = threading.Thread(target=interrupt_again)
    again.start()
    started = time.monotonic()
    try:
        with pytest.raises(CutShort):
            world.run(Watcher(check))
        assert time.monotonic() - started < 10
    finally:
        is_over.set()
        again.join()


def test_a_database_that_fails_ends_the_run_with_what_was_done_recorded(world: SyncWorld) -> None:
    last = world.objects()[-1]

    def fail(one: Open) -> None:
        if one.media_object == last:
            while world.job().progress["media_attachments"].done < 90:
                time.sleep(0.01)
            raise DatabaseError("the database is away")

    world.see_to = slowed(fail)
    with pytest.raises(DatabaseError, match="away"):
        world.run()
    assert world.job().state is JobState.FAILED
    assert world.counts() == {"copied": 180}


def test_pages_that_cannot_be_read_end_the_run(world: SyncWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    def some() -> object:
        yield next(pages)
        raise DatabaseError("the database is away")

    pages = world.pages()
    monkeypatch.setattr(world, "pages", some)
    with pytest.raises(DatabaseError, match="away"):
        world.run()
    assert world.job().state is JobState.FAILED


def test_a_full_disk_ends_the_run_and_loses_nothing(world: SyncWorld) -> None:
    world.count = 1000
    world.__post_init__()
    full = StoreError("no space is left for the ledger")
    with pytest.raises(StoreError, match="no space"):
        world.run(recorded_by=lambda media_run: Broken(media_run, 2, full))
    recorded = world.counts()["copied"]
    assert 0 < recorded < 2000
    world.run(skip_by=SkipBy.LEDGER)
    assert world.counts() == {"present": recorded, "copied": 2000 - recorded}
    assert world.is_complete()


def test_a_store_that_is_away_for_long_ends_the_run(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=1000)
    for one in world.objects()[400:]:
        world.source.broken[one.key] = StoreUnavailable("connection refused")
    with pytest.raises(StoreUnavailable, match="connection refused"):
        world.run()
    assert world.job().state is JobState.FAILED
    assert len(world.source.verbs("GET")) < 400 + 2 * PATIENCE_OBJECTS


def test_single_failures_end_nothing(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=500)
    for one in world.objects()[::2]:
        world.source.broken[one.key] = StoreUnavailable("500")
    world.run()
    assert world.counts() == {"failed": 500, "copied": 500}


def test_pages_are_read_only_so_far_ahead(tmp_path: Path) -> None:
    world = SyncWorld(tmp_path, count=2000, workers=1)
    read: list[int] = []

    def look(_one: Open) -> None:
        if not read:
            time.sleep(1)
        read.append(world.pages_read)

    world.see_to = slowed(look)
    with pytest.raises(KeyboardInterrupt):
        world.run(Interrupting(1).watcher)
    assert read[0] <= PAGES_AHEAD + 1

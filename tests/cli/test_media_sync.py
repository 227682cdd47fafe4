"""`mastodon-remedy media sync` as somebody types it: what is moved, what is left, what is said."""

import json
import os
import pty
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.mastodon_rows import now
from tests.media.bucket import side_by_side
from tests.media.fault_proxy import Asked, Fault
from tests.media.made_rows import DELETED_STATUS, OWNER, SUSPENDED_OWNER, Expected, RowMaker
from tests.media.world import World, media_world
from tests.postgres import Postgres
from tests.seaweedfs import S3Servers

OBJECTS = 120
PATIENCE_SECONDS = 60.0


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as world:
        world.add(list(RowMaker("4.6", Random(7)).rows(OBJECTS)))
        yield world


def put(world: World, one: Expected) -> None:
    world.destination.put(world.destination_key(one), one.body(), one.headers)


def moved(world: World, asked_before: int = 0) -> list[Asked]:
    """The requests by which objects were written to the destination, the one that tries it left out."""
    written = [one for one in world.before_destination.asked[asked_before:] if one.moves_data and one.method == "PUT"]
    return [one for one in written if not one.key.rpartition("/")[2].startswith("mastodon-remedy-")]


def keys_moved(world: World, asked_before: int = 0) -> set[str]:
    return {one.key for one in moved(world, asked_before)}


def keys_of(world: World, objects: Iterable[Expected]) -> set[str]:
    return {world.destination_key(one) for one in objects}


def lost(world: World) -> list[Expected]:
    return [one for one in world.expected if one.lies_at is None]


def asked_of(world: World) -> list[Asked]:
    return [*world.before_source.asked, *world.before_destination.asked]


def rows_of_document(document: Mapping[str, dict[str, dict[str, object]]]) -> dict[str, object]:
    return {name: one["rows"] for name, one in document["classes"].items() if one["rows"]}


def test_a_dry_run_tells_how_much_there_is_and_touches_nothing(world: World) -> None:
    ended = world.run("media", "sync", "--dry-run")
    assert ended.code == 0, ended.errors
    lines = [line.split() for line in ended.output.splitlines()]
    assert {words[0]: int(words[1]) for words in lines[2:-1] if words[1] != "0"} == dict(world.rows)
    assert lines[-1][:2] == ["all", str(world.rows.total())]
    assert "would be copied" in ended.output.splitlines()[0]
    assert asked_of(world) == []
    assert not world.state.exists()


def test_a_dry_run_for_programs_has_the_shape_of_the_run(world: World) -> None:
    ended = world.run("media", "sync", "--dry-run", "--format", "json", "--limit", "5")
    assert (ended.report["job"], ended.report["state"], ended.report["started"]) == ("media_sync", "planned", None)
    assert sum(one["rows"] for one in ended.report["classes"].values()) == 5
    assert ended.objects == {name: Counter() for name in ended.report["classes"]}
    assert not world.state.exists()


@pytest.mark.parametrize("form", [(), ("--format", "json")])
def test_without_yes_and_without_a_terminal_nothing_is_done(world: World, form: tuple[str, ...]) -> None:
    ended = world.run("media", "sync", *form)
    assert (ended.code, ended.output) == (2, "")
    assert f"files of {world.rows.total()} rows, and nobody to ask: say --yes" in ended.errors
    assert asked_of(world) == []
    assert not world.state.exists()


def test_somebody_at_a_terminal_is_told_what_will_be_done_and_asked(world: World) -> None:
    terminal, theirs = pty.openpty()
    with subprocess.Popen(world.command("media", "sync"), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = read_until(terminal, b"Go on?")
        os.write(terminal, b"n\n")
        read_until(terminal, b"nothing was changed")
        assert process.wait(PATIENCE_SECONDS) == 1
    os.close(terminal)
    assert f"the files of {world.rows.total()} rows".encode() in shown
    assert world.destination.name.encode() in shown
    assert asked_of(world) == []


def read_until(terminal: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 4096)
    return shown


def test_people_get_a_table_with_every_result_and_what_to_do_next(world: World) -> None:
    ended = world.run("media", "sync", "--yes")
    assert ended.code == 0, ended.errors
    heading, *lines = ended.output.splitlines()
    assert heading.split() == ["class", "rows", "copied", "repaired", "missing", "bytes"]
    told = {words[0]: words for words in map(str.split, lines)}
    for name, count in world.rows.items():
        results = world.expected_objects()[name]
        assert told[name][1:4] == [str(count), "of", str(count)]
        assert told[name][4:7] == [str(results[one]) for one in ("copied", "repaired", "missing")]
    assert lines[-1] == f"{len(lost(world))} objects are nowhere: `mastodon-remedy media missing` lists them"
    assert f"the files of {world.rows.total()} rows of " in ended.errors
    assert world.differences() == []


def test_programs_get_one_document_that_is_also_what_jobs_tells(world: World) -> None:
    ended = world.sync()
    assert json.loads(ended.output) == ended.report
    planned = world.sync("--dry-run").report
    assert {"job", "state", "started", "classes"} < set(ended.report) == set(planned)
    assert (ended.report["job"], ended.report["state"]) == ("media_sync", "done")
    assert {frozenset(one) for one in ended.report["classes"].values()} == {
        frozenset({"rows", "rows_done", "objects", "bytes"})
    }
    assert rows_of_document(ended.report) == ended.rows_done == dict(world.rows)
    assert world.jobs()[0]["classes"] == ended.report["classes"]


def test_a_second_run_reads_and_writes_no_data(world: World) -> None:
    assert world.sync().code == 0
    asked = len(world.before_destination.asked), len(world.before_source.asked)
    again = world.sync()
    assert again.results == Counter(present=len(world.present()), missing=len(lost(world)))
    assert moved(world, asked[0]) == []
    read = {one.key for one in world.before_source.asked[asked[1] :] if one.moves_data}
    assert read.isdisjoint(world.source_key(one) for one in world.present())


def test_only_the_tables_asked_for_are_moved(world: World) -> None:
    ended = world.sync("--only", "custom_emojis", "--only", "preview_cards")
    assert set(ended.report["classes"]) == {"custom_emojis", "preview_cards"}
    asked_for = [one for one in world.present() if one.media_class in ended.report["classes"]]
    assert keys_moved(world) == keys_of(world, asked_for)


def test_the_local_part_and_the_remote_part_are_the_whole(world: World) -> None:
    with world.opened() as reading:
        reading.execute("SELECT id FROM accounts WHERE domain IS NULL")
        local = {record_id for (record_id,) in reading.fetchall()}
    accounts = [one for one in world.present() if one.media_class == "accounts"]
    of_local = keys_of(world, (one for one in accounts if one.record_id in local))
    assert world.sync("--only", "accounts", "--local-only").code == 0
    assert keys_moved(world) == of_local
    assert world.sync("--only", "accounts", "--remote-only").code == 0
    assert keys_moved(world) == keys_of(world, accounts) > of_local
    asked = len(world.before_destination.asked)
    assert world.sync("--only", "accounts").results["present"] == len(accounts)
    assert moved(world, asked) == []


def test_parts_by_number_are_other_rows_each_and_leave_the_rest_to_a_whole_run(world: World) -> None:
    first = world.sync("--limit", "4")
    first_keys = keys_moved(world)
    asked = len(world.before_destination.asked)
    second = world.sync("--offset", "4", "--limit", "9")
    assert (sum(first.rows_done.values()), sum(second.rows_done.values())) == (4, 9)
    assert keys_moved(world, asked).isdisjoint(first_keys)
    there = keys_moved(world)
    whole = world.sync()
    assert (whole.code, whole.rows_done) == (0, dict(world.rows))
    assert whole.results["present"] == len(there)
    assert world.differences() == []


def test_only_what_was_written_since_a_moment_is_looked_at(world: World) -> None:
    began, rows_before, objects_before = now(), Counter(world.rows), len(world.expected)
    world.add_later("4.6", Random(8), 30)
    ended = world.sync("--since", began.isoformat())
    assert ended.rows_done == dict(world.rows - rows_before)
    later = [one for one in world.expected[objects_before:] if one.lies_at is not None]
    assert keys_moved(world) == keys_of(world, later)


@pytest.mark.parametrize(
    "arguments",
    [("--since", "yesterday"), ("--since", "0001-01-01T00:00+09:00"), ("--limit", "-1"), ("--only", "users"),
     ("--local-only", "--remote-only"),
     ("--skip-by", "luck")],
)  # fmt: skip
def test_what_is_not_clear_is_used_wrongly(world: World, arguments: tuple[str, ...]) -> None:
    ended = world.run("media", "sync", "--yes", *arguments)
    assert (ended.code, ended.output) == (2, "")
    assert asked_of(world) == []


def test_missing_objects_are_a_failure_only_where_that_is_asked_for(world: World) -> None:
    assert lost(world)
    assert (first := world.sync()).code == 0
    strict = world.sync("--strict")
    assert (strict.code, strict.report["state"], strict.results["missing"]) == (1, "done", first.results["missing"])


def test_what_a_store_refuses_fails_and_is_moved_by_the_next_run(world: World) -> None:
    refused = world.present()[3]
    key = world.destination_key(refused)
    world.before_destination.choose = lambda one: Fault.FORBIDDEN if (one.method, one.key) == ("PUT", key) else None
    ended = world.sync()
    assert (ended.code, ended.report["state"], ended.results["failed"]) == (1, "failed", 1)
    (told,) = json.loads(world.run("media", "missing", "--failed", "--format", "json").output)
    assert told["key"] == refused.key
    assert "AccessDenied" in told["detail"]
    text = world.run("media", "sync", "--yes")
    assert text.code == 1
    assert "1 objects could not be moved: `mastodon-remedy media missing --failed` says why" in text.output
    world.before_destination.choose = lambda _: None
    healed = world.sync()
    assert (healed.code, healed.results["failed"]) == (0, 0)
    assert healed.results["copied"] + healed.results["repaired"] == 1
    assert json.loads(world.run("media", "missing", "--failed", "--format", "json").output) == []
    assert world.differences() == []


@pytest.mark.parametrize(
    ("arguments", "is_seen"),
    [((), True), (("--skip-by", "list"), True), (("--skip-by", "head"), True), (("--skip-by", "ledger"), False)],
)
def test_what_others_have_copied_is_seen_by_a_listing_and_by_asking_but_not_by_the_ledger(
    world: World, arguments: tuple[str, ...], is_seen: bool
) -> None:
    public = [one for one in world.present() if not one.is_private]
    side_by_side(partial(put, world), public)
    ended = world.sync(*arguments)
    assert ended.code == 0, ended.errors
    not_empty = {world.destination_key(one) for one in public if one.size_bytes}
    assert keys_moved(world).isdisjoint(not_empty) is is_seen
    assert {world.destination_key(one) for one in world.present() if one.is_private} <= keys_moved(world)


@pytest.mark.parametrize("skip_by", [None, "ledger", "list", "head"])
def test_what_mastodon_hid_after_it_was_copied_is_hidden_by_the_next_run(world: World, skip_by: str | None) -> None:
    assert world.sync().code == 0
    deleted, *_ = pictures = [one for one in public_media(world) if one.record_id not in ids_of_thumbnails(world)]
    of_others = [one for one in pictures if one.record_id != deleted.record_id]
    with world.opened() as writing:
        writing.execute("UPDATE statuses SET deleted_at = %s WHERE id = %s", (now(), DELETED_STATUS))
        writing.execute(
            "UPDATE media_attachments SET status_id = %s, account_id = %s WHERE id = %s",
            (DELETED_STATUS, SUSPENDED_OWNER, deleted.record_id),
        )
        writing.execute("UPDATE accounts SET suspended_at = NULL WHERE id = %s", (SUSPENDED_OWNER,))
        writing.execute("UPDATE accounts SET suspended_at = %s WHERE id = %s", (now(), OWNER))
    asked = len(world.before_destination.asked)
    assert world.sync(*(["--skip-by", skip_by] if skip_by else [])).code == 0
    assert moved(world, asked) == []
    sent = {
        one.key: one.headers.get("x-amz-acl") for one in world.before_destination.asked[asked:] if "acl" in one.query
    }
    hidden = [one for one in (*of_others, *same_row(world, deleted)) if one.lies_at is not None]
    assert {key: sent.get(key) for key in keys_of(world, hidden)} == dict.fromkeys(keys_of(world, hidden), "private")


def public_media(world: World) -> list[Expected]:
    return [one for one in world.present() if one.media_class == "media_attachments" and not one.is_private]


def ids_of_thumbnails(world: World) -> set[int]:
    return {one.record_id for one in world.expected if "/thumbnails/" in one.key}


def same_row(world: World, one: Expected) -> list[Expected]:
    return [
        other for other in world.expected if (other.media_class, other.record_id) == (one.media_class, one.record_id)
    ]


def missing_ids(world: World) -> set[tuple[str, int]]:
    told = json.loads(world.run("media", "missing", "--format", "json").output)
    return {(one["class"], one["id"]) for one in told}


def test_what_was_missing_of_rows_that_are_gone_or_have_other_files_is_forgotten(world: World) -> None:
    cards = sorted({one.record_id for one in world.expected if one.media_class == "preview_cards"})
    emojis = {one.record_id for one in world.expected if one.media_class == "custom_emojis"}
    for one in world.present():
        if one.media_class in ("preview_cards", "custom_emojis"):
            world.source.delete(world.source_key(one))
    assert world.sync().code == 0
    told = missing_ids(world)
    assert {("preview_cards", one) for one in cards} | {("custom_emojis", one) for one in emojis} <= told
    with world.opened() as writing:
        writing.execute("DELETE FROM custom_emojis")
        writing.execute("DELETE FROM preview_cards WHERE id = ANY(%s)", ([cards[0], cards[-1]],))
        writing.execute("UPDATE preview_cards SET image_file_name = NULL WHERE id = %s", (cards[1],))
    assert world.sync("--limit", "1000").code == 0
    assert {one for one in missing_ids(world) if one[0] == "custom_emojis"} != set()
    assert world.sync().code == 0
    still = missing_ids(world)
    assert {number for name, number in still if name == "preview_cards"} == set(cards[2:-1])
    assert not any(name == "custom_emojis" for name, _ in still)
    assert {one for one in told if one[0] not in ("preview_cards", "custom_emojis")} <= still

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import pytest

from exporter.ledger import REOPENED, IdRange, MediaResult, Trouble
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.comparing import Comparing
from exporter.media.placing import Placing
from exporter.media.skipping import MARGIN_SECONDS, Check, KnownRanges, Open, Skipping
from exporter.media.store import Acl, Listed, ObjectHead
from tests.media.memory_store import MemoryStore

READ_AT = 1_700_000_000.0
HERE = Placing("new")
LOCAL = Attachment(MediaClass.ACCOUNTS, 50, "avatar", "a.png", "image/png", size_bytes=5, updated_timestamp_seconds=1.0)
REMOTE = replace(LOCAL, is_remote=True, domain="remote.example")


def original(attachment: Attachment) -> MediaObject:
    return objects_of(attachment)[0]


def known(*parts: str, after: int = 0, last: int = 100) -> Mapping[tuple[str, str], KnownRanges]:
    return {("accounts", part): KnownRanges([IdRange(after, last, READ_AT, HERE.acls)]) for part in parts}


def skipping(**settings: object) -> Skipping:
    plain = Skipping(placing=HERE, troubles_of=lambda _keys: {})
    return replace(plain, **settings)  # type: ignore[arg-type] # whatever a test sets


def look(way: Skipping, attachment: Attachment = LOCAL) -> Open | None:
    """Return what is left to do of one object; None where it is there."""
    found = way.look([original(attachment)])
    assert found.present + len(found.open) == 1
    return found.open[0] if found.open else None


@pytest.mark.parametrize(
    ("record_id", "read_at"),
    [(-100, None), (-99, 1.0), (0, 1.0), (1, None), (10, None), (11, 2.0), (20, 2.0), (21, None), (31, 3.0), (40, 3.0)],
)
def test_a_row_is_known_from_behind_a_range_to_its_end(record_id: int, read_at: float | None) -> None:
    ranges = KnownRanges([IdRange(10, 20, 2.0), IdRange(-100, 0, 1.0), IdRange(30, 40, 3.0)])
    assert ranges.read_at(record_id) == read_at


@pytest.mark.parametrize(
    ("after", "last", "is_covered"), [(10, 20, True), (12, 15, True), (9, 20, False), (10, 21, False), (25, 26, False)]
)
def test_a_page_is_known_where_all_of_it_is(after: int, last: int, is_covered: bool) -> None:
    assert KnownRanges([IdRange(10, 20, 2.0)]).cover(IdRange(after, last, 5.0)) is is_covered


def test_what_nobody_knows_is_copied() -> None:
    assert look(skipping()) == Open(original(LOCAL))


@pytest.mark.parametrize(
    ("attachment", "parts", "is_there"),
    [
        (LOCAL, ("all",), True),
        (LOCAL, ("local",), True),
        (LOCAL, ("remote",), False),
        (REMOTE, ("remote",), True),
        (REMOTE, ("local",), False),
    ],
)
def test_the_ledger_knows_rows_of_the_part_that_was_moved(
    attachment: Attachment, parts: tuple[str, ...], is_there: bool
) -> None:
    assert (look(skipping(known=known(*parts)), attachment) is None) is is_there


@pytest.mark.parametrize(
    ("changed_at", "check"),
    [
        (None, None),
        (READ_AT - MARGIN_SECONDS - 1, None),
        (READ_AT - MARGIN_SECONDS, Check.CONTENT),
        (READ_AT + 1, Check.CONTENT),
    ],
)
def test_a_row_that_changed_about_when_it_was_read_is_looked_at_anew(
    changed_at: float | None, check: Check | None
) -> None:
    found = look(skipping(known=known("all")), replace(LOCAL, updated_timestamp_seconds=changed_at))
    assert (found.check if found else None) == check


def in_doubt(attachment: Attachment, check: Check = Check.SIZE, listed: Listed | None = None) -> Open:
    return Open(original(attachment), check, listed, is_access_in_doubt=True, is_wrong=True)


def test_who_may_read_what_was_hidden_since_is_put_right() -> None:
    hidden = replace(LOCAL, is_private=True)
    line = Listed(f"new/{original(hidden).key}", 5)
    assert look(skipping(known=known("all")), hidden) == in_doubt(hidden)
    assert look(skipping(asks_for_each=True, trusts_ledger=False), hidden) == in_doubt(hidden)
    listed = skipping(listing=Listing({line.key: 5}), trusts_ledger=False)
    assert look(listed, hidden) == in_doubt(hidden, listed=line)


def test_what_was_hidden_and_written_since_is_compared_first() -> None:
    hidden = replace(LOCAL, is_private=True, updated_timestamp_seconds=READ_AT + 1)
    assert look(skipping(known=known("all")), hidden) == in_doubt(hidden, Check.CONTENT)


def test_who_may_read_what_was_written_under_other_acls_is_in_doubt() -> None:
    for acls in (Placing("new", None, None).acls, "", Placing("new", Acl.PRIVATE, Acl.PRIVATE).acls):
        ranges = {("accounts", "all"): KnownRanges([IdRange(0, 100, READ_AT, acls)])}
        assert look(skipping(known=ranges)) == in_doubt(LOCAL)


def test_the_latest_look_tells_under_which_acls_an_object_lies() -> None:
    others = Placing("new", None, None).acls
    older, newer = (
        KnownRanges([IdRange(0, 100, READ_AT, others)]),
        KnownRanges([IdRange(0, 100, READ_AT + 1, HERE.acls)]),
    )
    assert look(skipping(known={("accounts", "all"): older, ("accounts", "local"): newer})) is None
    assert look(skipping(known={("accounts", "all"): newer, ("accounts", "local"): older})) is None
    older = KnownRanges([IdRange(0, 100, READ_AT, HERE.acls)])
    newer = KnownRanges([IdRange(0, 100, READ_AT + 1, others)])
    assert look(skipping(known={("accounts", "all"): older, ("accounts", "local"): newer})) == in_doubt(LOCAL)


def test_where_no_acls_are_sent_it_is_no_question_who_may_read() -> None:
    hidden, none = replace(LOCAL, is_private=True), Placing("new", None, None)
    line = f"new/{original(hidden).key}"
    assert look(skipping(placing=none, known=known("all")), hidden) is None
    assert look(skipping(placing=none, listing=Listing({line: 5}), trusts_ledger=False), hidden) is None


@pytest.mark.parametrize("result", [MediaResult.MISSING, MediaResult.FAILED, REOPENED])
def test_what_is_in_trouble_is_tried_again(result: str) -> None:
    one = original(LOCAL)
    trouble = Trouble("accounts", 50, one.key, result)
    listed = Listing({f"new/{one.key}": 5})
    for way in ({"known": known("all")}, {"listing": listed}, {"listing": listed, "trusts_ledger": False}):
        found = skipping(troubles_of=lambda keys: dict.fromkeys(keys, trouble), **way).look([one])
        assert found.open == (Open(one),)
        assert found.in_trouble == {one.key: trouble}


def test_what_was_found_wrong_is_written_even_where_its_size_is_right() -> None:
    one = original(LOCAL)
    trouble = Trouble("accounts", 50, one.key, REOPENED)
    listed = Listing({f"new/{one.key}": 5})
    for way in (skipping(listing=listed, trusts_ledger=False), skipping(asks_for_each=True)):
        assert look(replace(way, troubles_of=lambda keys: dict.fromkeys(keys, trouble))) == Open(one)


class Listing:
    """Lists what it is told, and notes what it was asked for."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.asked: list[str] = []

    def __call__(self, keys: Iterable[str]) -> Mapping[str, Listed]:
        wanted = list(keys)
        self.asked += wanted
        return {key: Listed(key, self.sizes[key]) for key in wanted if key in self.sizes}


@pytest.mark.parametrize(
    ("size_bytes", "told_bytes", "check"),
    [
        (5, 5, None),
        (5, None, None),
        (0, 0, None),
        (0, None, Check.SIZE),
        (4, 5, Check.SIZE),
        (0, 5, Check.SIZE),
    ],
)
def test_what_is_listed_with_the_size_the_database_tells_is_there(
    size_bytes: int, told_bytes: int | None, check: Check | None
) -> None:
    attachment = replace(LOCAL, size_bytes=told_bytes)
    way = skipping(listing=Listing({f"new/{original(attachment).key}": size_bytes}), trusts_ledger=False)
    found = look(way, attachment)
    assert (found.check if found else None) == check


def test_what_is_not_listed_is_copied_and_only_what_the_ledger_does_not_know_is_listed() -> None:
    listing = Listing({})
    way = skipping(listing=listing, known=known("all", last=50))
    others = replace(LOCAL, record_id=51)
    found = way.look([original(LOCAL), original(others)])
    assert (found.present, found.open) == (1, (Open(original(others)),))
    assert listing.asked == [f"new/{original(others).key}"]


def test_a_listing_that_was_asked_for_is_believed_rather_than_the_ledger() -> None:
    way = skipping(listing=Listing({}), known=known("all"), trusts_ledger=False)
    assert look(way) == Open(original(LOCAL))


@pytest.mark.parametrize("hidden_of", [frozenset, lambda _keys: frozenset()])
@pytest.mark.parametrize("trusts_ledger", [True, False])
def test_what_is_hidden_is_believed_to_be_only_where_the_ledger_knows_the_row(
    hidden_of: Callable[[Sequence[str]], frozenset[str]], trusts_ledger: bool
) -> None:
    hidden = replace(LOCAL, is_private=True)
    line = Listed(f"new/{original(hidden).key}", 5)
    way = skipping(trusts_ledger=trusts_ledger, hidden_of=hidden_of)
    assert look(replace(way, listing=Listing({line.key: 5})), hidden) == in_doubt(hidden, listed=line)
    assert look(replace(way, asks_for_each=True), hidden) == in_doubt(hidden)
    assert look(skipping(known=known("all"), hidden_of=frozenset), hidden) is None


def test_what_others_may_have_made_private_is_believed_to_be_public() -> None:
    line = f"new/{original(LOCAL).key}"
    assert look(skipping(listing=Listing({line: 5}), trusts_ledger=False)) is None


def test_what_is_hidden_no_more_is_to_be_seen() -> None:
    line = Listed(f"new/{original(LOCAL).key}", 5)
    way = skipping(known=known("all"), hidden_of=frozenset)
    assert look(way) == in_doubt(LOCAL)
    assert look(replace(way, asks_for_each=True, trusts_ledger=False)) == in_doubt(LOCAL)
    listed = replace(way, listing=Listing({line.key: 5}), trusts_ledger=False)
    assert look(listed) == in_doubt(LOCAL, listed=line)


def test_what_is_known_to_be_wrong_is_written_whatever_became_of_it_since() -> None:
    one = original(LOCAL)
    wrong = Trouble("accounts", 50, one.key, MediaResult.FAILED, is_wrong=True)
    for way in ({"known": known("all")}, {"asks_for_each": True}, {"listing": Listing({f"new/{one.key}": 5})}):
        found = look(skipping(troubles_of=lambda keys: dict.fromkeys(keys, wrong), **way))
        assert found == Open(one, is_wrong=True)


def test_each_object_is_asked_for_where_that_is_wanted() -> None:
    assert look(skipping(asks_for_each=True, trusts_ledger=False, known=known("all"))) == Open(
        original(LOCAL), Check.SIZE
    )


class Sides:
    """The two stores, and an object."""

    def __init__(self, attachment: Attachment = LOCAL) -> None:
        self.source, self.destination = MemoryStore(), MemoryStore()
        self.object = original(attachment)

    def is_there(self, check: Check, listed: Listed | None = None) -> bool:
        return self.found(check, listed) is not None

    def found(self, check: Check, listed: Listed | None = None) -> ObjectHead | None:
        comparing = Comparing(self.source, self.destination, "old", Placing("new"))
        return comparing.found(Open(self.object, check, listed))


@pytest.mark.parametrize("check", list(Check))
def test_what_is_not_there_is_not_there(check: Check) -> None:
    assert not Sides().is_there(check)


def test_the_size_in_the_database_spares_a_look_at_the_source() -> None:
    sides = Sides()
    sides.destination.keep(f"new/{sides.object.key}", b"12345")
    assert sides.is_there(Check.SIZE)
    assert sides.source.asked == []


@pytest.mark.parametrize(
    ("here", "there", "check", "is_there"),
    [
        (b"1234", b"1234", Check.SIZE, True),
        (b"4321", b"1234", Check.SIZE, True),
        (b"123", b"1234", Check.SIZE, False),
        (b"1234", b"1234", Check.CONTENT, True),
        (b"4321", b"1234", Check.CONTENT, False),
        (b"54321", b"12345", Check.CONTENT, False),
        (None, b"1234", Check.SIZE, True),
        (None, b"1234", Check.CONTENT, True),
    ],
)
def test_the_source_decides_where_the_database_cannot(
    here: bytes | None, there: bytes, check: Check, is_there: bool
) -> None:
    sides = Sides(replace(REMOTE, storage_schema_version=1))
    sides.destination.keep(f"new/{sides.object.key}", there)
    if here is not None:
        sides.source.keep(f"old/{sides.object.other_keys[0]}", here)
    assert sides.is_there(check) is is_there
    assert {verb for verb, _ in (*sides.source.asked, *sides.destination.asked)} == {"HEAD"}


def test_what_was_listed_is_not_asked_for() -> None:
    sides = Sides()
    sides.source.keep(f"old/{sides.object.key}", b"1234")
    assert sides.found(Check.SIZE, Listed(f"new/{sides.object.key}", 4, "x")) == ObjectHead(4, "x")
    assert sides.destination.asked == []

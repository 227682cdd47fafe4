"""What lies in a bucket: in a real one, and in stores that list in ways of their own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, quote_plus, urlsplit
from xml.sax.saxutils import escape

import pytest

from exporter.errors import StoreRefused, StoreUnavailable
from exporter.media.s3_store import S3Store
from exporter.media.store import Listed, Put
from tests.media.asking import no_waiting, store_at, store_in
from tests.media.scripted_store import Asked, ScriptedStore, answer, error, scripted_store
from tests.seaweedfs import S3Servers

KEYS = sorted(
    [f"accounts/avatars/000/000/{number:03}/original/{number:016x}.png" for number in range(40)]
    + ["accounts/avatars/000/000/005/original/ü +%41&<>.png", "other/a.png"],
    key=lambda key: key.encode(),
)


@pytest.fixture(scope="module")
def store(s3_servers: S3Servers) -> S3Store:
    store = store_in(s3_servers.source, s3_servers.source.new_bucket())

    def write(key: str) -> None:
        store.put(Put(key, "image/png", "", None), key.encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, KEYS))
    return store


@pytest.fixture
def server() -> Iterator[ScriptedStore]:
    with scripted_store() as server:
        yield server


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.media.listing.PAGE_ROWS", 7)


@pytest.mark.usefixtures("short_pages")
def test_every_object_under_a_prefix_is_listed_once_in_order(store: S3Store) -> None:
    listed = list(store.list_from("accounts/"))
    assert [one.key for one in listed] == KEYS[:-1]
    for one in listed:
        head = store.head(one.key)
        assert head is not None
        assert one == Listed(one.key, len(one.key.encode()), head.etag)


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("place", [0, 3, 20, 40])
def test_a_listing_begins_behind_a_key(store: S3Store, place: int) -> None:
    assert [one.key for one in store.list_from("accounts/", KEYS[place])] == KEYS[place + 1 : -1]


def test_a_listing_begins_behind_a_key_that_is_not_there(store: S3Store) -> None:
    assert next(iter(store.list_from("accounts/", "accounts/avatars/000/000/038/zzz"))).key == KEYS[-2]


def test_nothing_is_listed_where_nothing_is(store: S3Store) -> None:
    assert list(store.list_from("nothing/")) == []


class Shelf:
    """A store that lists the keys it has as the newer or the older request asks for it, or only one of them."""

    def __init__(self, keys: list[str], **manner: bool) -> None:
        self.keys = keys
        self.knows_newer = manner.get("knows_newer", True)
        self.encodes = manner.get("encodes", True)
        self.marks = manner.get("marks", True)
        self.page = 3

    def answer(self, asked: Asked) -> bytes:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked.path).query).items()}
        is_new = self.knows_newer and "list-type" in query
        behind = query.get("continuation-token", query.get("start-after", "")) if is_new else query.get("marker", "")
        left = [key for key in self.keys if key > behind and key.startswith(query.get("prefix", ""))]
        page, is_cut = left[: self.page], len(left) > self.page
        mark = ""
        if is_cut and is_new:
            mark = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        elif is_cut and self.marks:
            mark = f"<NextMarker>{self._shown(page[-1])}</NextMarker>"
        encoding = "<EncodingType>url</EncodingType>" if self.encodes else ""
        rows = "".join(
            f"<Contents><Key>{self._shown(key)}</Key><Size>1</Size><ETag>x</ETag></Contents>" for key in page
        )
        end = f"<IsTruncated>{str(is_cut).lower()}</IsTruncated>"
        name = "http://s3.amazonaws.com/doc/2006-03-01/"
        return answer(200, f'<ListBucketResult xmlns="{name}">{encoding}{end}{mark}{rows}</ListBucketResult>'.encode())

    def _shown(self, key: str) -> str:
        return quote_plus(key, safe="/") if self.encodes else escape(key)


SHELVED = sorted(["a/ü b+c%41.png", "a/&<.png", *(f"a/{number:02}" for number in range(10))])


@pytest.mark.parametrize("knows_newer", [True, False])
@pytest.mark.parametrize("encodes", [True, False])
@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("after", ["", SHELVED[0], SHELVED[5]])
def test_stores_of_all_manners_are_listed(
    server: ScriptedStore, knows_newer: bool, encodes: bool, marks: bool, after: str
) -> None:
    server.script = Shelf(SHELVED, knows_newer=knows_newer, encodes=encodes, marks=marks).answer
    listed = [one.key for one in store_at(server).list_from("a/", after)]
    assert listed == [key for key in SHELVED if key > after]


@pytest.mark.parametrize("told", [error(400, "InvalidArgument"), error(501, "NotImplemented")])
def test_a_store_that_refuses_the_newer_request_is_asked_by_the_older_from_then_on(
    server: ScriptedStore, told: bytes
) -> None:
    shelf = Shelf(SHELVED, knows_newer=False)
    server.script = lambda asked: told if "list-type" in asked.path else shelf.answer(asked)
    store = store_at(server)
    for _ in range(2):
        assert [one.key for one in store.list_from("a/")] == SHELVED
    assert sum("list-type" in asked.path for asked in server.asked) == 1


def test_a_listing_that_is_refused_is_refused(server: ScriptedStore) -> None:
    server.answer_in_turn(error(403, "AccessDenied"))
    with pytest.raises(StoreRefused, match="GET of the bucket: it answered 403"):
        list(store_at(server).list_from("a/"))


def test_a_page_that_does_not_come_is_asked_for_again(server: ScriptedStore) -> None:
    shelf = Shelf(SHELVED)
    troubles = [answer(503), answer(200, b"<ListBucketResult>", content_length="90"), answer(200, b"<html/>"), b""]
    server.script = lambda asked: troubles.pop() if len(server.asked) % 2 and troubles else shelf.answer(asked)
    assert [one.key for one in store_at(server).list_from("a/")] == SHELVED


ENDLESS = (
    b"<ListBucketResult><IsTruncated>true</IsTruncated>"
    b"<Contents><Key>a/1</Key><Size>1</Size></Contents></ListBucketResult>"
)


SAME_MARK = (
    b"<ListBucketResult><IsTruncated>true</IsTruncated>"
    b"<NextContinuationToken>x</NextContinuationToken>%s</ListBucketResult>"
)


def test_a_listing_with_nothing_on_its_pages_is_refused_although_its_marks_differ(server: ScriptedStore) -> None:
    server.script = lambda _: answer(200, SAME_MARK.replace(b">x<", b">%d<" % len(server.asked)) % b"")
    with pytest.raises(StoreRefused, match="its listing does not go on"):
        list(store_at(server).list_from("a/"))
    assert len(server.asked) == 3


def test_a_size_with_too_many_digits_is_none(server: ScriptedStore) -> None:
    row = b"<Contents><Key>k</Key><Size>" + b"9" * 5000 + b"</Size></Contents>"
    server.answer_in_turn(answer(200, b"<ListBucketResult>" + row + b"</ListBucketResult>"))
    assert list(store_at(server).list_from("")) == [Listed("k", 0)]


@pytest.mark.parametrize(
    "told",
    [
        ENDLESS,
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        SAME_MARK % b"",
        SAME_MARK % b"<Contents><Key>a/1</Key><Size>1</Size></Contents>",
    ],
)
def test_a_listing_that_would_never_end_is_refused(server: ScriptedStore, told: bytes) -> None:
    server.answer_in_turn(answer(200, told))
    with pytest.raises(StoreRefused, match="listing"):
        list(store_at(server).list_from("a/"))


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"no xml",
        b"<ListBucketResult>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult>&b;</ListBucketResult>',
    ],
)
def test_a_listing_that_cannot_be_read_is_none(server: ScriptedStore, told: bytes) -> None:
    server.answer_in_turn(answer(200, told))
    with pytest.raises(StoreUnavailable, match="its listing is not one that can be read"):
        list(store_at(server, patience=no_waiting(attempts=2)).list_from("a/"))

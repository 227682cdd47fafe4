"""Whether the bytes of a large object are those that its ETag tells of."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.media.store import ObjectHead
from exporter.media.sums import PassingSums, Verdict, part_sizes

MEBIBYTE = 1024 * 1024
BODY = bytes(range(256)) * (17 * 4096)


def etag_in_parts(body: bytes, part_bytes: int) -> str:
    sums = [hashlib.md5(body[at : at + part_bytes]).digest() for at in range(0, len(body), part_bytes)]
    return f"{hashlib.md5(b''.join(sums)).hexdigest()}-{len(sums)}"


def verdict(head: ObjectHead, body: bytes, piece_bytes: int = 8 * MEBIBYTE) -> Verdict:
    sums = PassingSums(head)
    for at in range(0, len(body), piece_bytes):
        sums.update(body[at : at + piece_bytes])
    return sums.verdict()


@pytest.mark.parametrize("mebibytes", [5, 6, 8, 9, 15, 16, 17, 20])
def test_parts_of_usual_and_of_equal_size_are_compared(mebibytes: int) -> None:
    head = ObjectHead(len(BODY), etag_in_parts(BODY, mebibytes * MEBIBYTE))
    assert verdict(head, BODY) is Verdict.RIGHT
    assert verdict(head, BODY[:-1] + b"!") is Verdict.UNCLEAR


def test_an_etag_that_is_an_md5_tells_right_from_wrong() -> None:
    head = ObjectHead(len(BODY), hashlib.md5(BODY).hexdigest().upper())
    assert verdict(head, BODY) is Verdict.RIGHT
    assert verdict(head, b"!" + BODY[1:]) is Verdict.WRONG


def test_the_etag_of_a_store_that_encrypts_need_not_be_an_md5() -> None:
    head = ObjectHead(len(BODY), "0" * 32, is_encrypted=True)
    assert verdict(head, BODY) is Verdict.UNCLEAR


@pytest.mark.parametrize(
    "head",
    [
        ObjectHead(len(BODY)),
        ObjectHead(len(BODY), "x-2"),
        ObjectHead(len(BODY), "0" * 32, is_etag_opaque=True),
        ObjectHead(len(BODY), etag_in_parts(BODY, 8 * MEBIBYTE), is_etag_opaque=True),
        ObjectHead(len(BODY), "0" * 32 + "-0"),
    ],
)
def test_what_tells_nothing_of_the_bytes_is_not_compared(head: ObjectHead) -> None:
    assert verdict(head, BODY) is Verdict.UNTOLD
    assert part_sizes(head) == ()


@given(size_bytes=st.integers(0, 10**15), count=st.integers(1, 99_999))
def test_parts_of_each_size_make_up_the_number_that_is_told(size_bytes: int, count: int) -> None:
    sizes = part_sizes(ObjectHead(size_bytes, f"{'0' * 32}-{count}"))
    assert all(-(-size_bytes // size) == count for size in sizes)
    assert len(set(sizes)) == len(sizes)


@given(body=st.binary(max_size=300), pieces=st.integers(1, 50))
def test_pieces_of_any_size_come_to_the_same_sums(body: bytes, pieces: int) -> None:
    sums = PassingSums(ObjectHead(len(body), etag_in_parts(body, 5 * MEBIBYTE)))
    for at in range(0, len(body), pieces):
        sums.update(body[at : at + pieces])
    assert sums.md5_hex == hashlib.md5(body).hexdigest()
    assert sums.verdict() is (Verdict.RIGHT if body else Verdict.UNTOLD)

"""Bodies that come in pieces."""

import tracemalloc

from exporter.media.body_buffer import BodyBuffer

MEBIBYTE = 1024 * 1024


def test_pieces_make_a_whole_with_and_without_room_made_for_it() -> None:
    for room_bytes in (0, 1, 7, 100):
        buffer = BodyBuffer()
        if room_bytes:
            buffer.make_room(room_bytes)
        for piece in (b"abc", b"", b"defg"):
            buffer.write(piece)
        assert (buffer.size_bytes, buffer.whole()) == (7, b"abcdefg")
        buffer.clear()
        assert (buffer.size_bytes, buffer.whole()) == (0, b"")


def test_a_body_is_never_in_memory_twice() -> None:
    buffer, piece = BodyBuffer(), bytes(MEBIBYTE)
    tracemalloc.start()
    try:
        buffer.make_room(32 * MEBIBYTE)
        for _ in range(32):
            buffer.write(piece)
        whole = buffer.whole()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(whole) == 32 * MEBIBYTE
    assert peak_bytes < 33 * MEBIBYTE

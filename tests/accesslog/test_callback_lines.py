"""No line that may be a callback is missed, however the log is cut into pieces."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog import callback_lines
from exporter.accesslog.callback_lines import NEEDLE, CallbackLines
from exporter.accesslog.entry import LONGEST_LINE_BYTES

texts = st.lists(st.sampled_from([b"\n", b"a", NEEDLE, b"subscr", b"iptions", b"\0", b"\xff"]), max_size=40)


def picked(pieces: Iterable[bytes]) -> bytes:
    lines = CallbackLines()
    return b"".join([*map(lines.take, pieces), lines.finish()])


@given(texts, st.integers(1, 50))
def test_wherever_a_log_is_cut_the_same_lines_are_picked(words: list[bytes], size: int) -> None:
    log = b"".join(words)
    wanted = [line for line in log.split(b"\n") if NEEDLE in line]
    found = picked(log[start : start + size] for start in range(0, len(log), size))
    assert found == b"".join(line + b"\n" for line in wanted)


@pytest.mark.parametrize("size", [1, 3, 7, 19])
def test_a_line_too_long_is_counted_and_the_lines_around_it_are_kept(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback_lines, "LONGEST_LINE_BYTES", 20)
    longest, too_long = NEEDLE + 7 * b"x", NEEDLE + 8 * b"x"
    log = b"\n".join((longest, too_long, b"1 " + NEEDLE, too_long, too_long + too_long, b"2 " + NEEDLE, too_long))
    lines = CallbackLines()
    found = b"".join([*(lines.take(log[at : at + size]) for at in range(0, len(log), size)), lines.finish()])
    assert found.splitlines() == [longest, b"1 " + NEEDLE, b"2 " + NEEDLE]
    assert lines.too_long == 4


def test_what_is_kept_of_a_line_without_end_is_bounded() -> None:
    lines = CallbackLines()
    for _ in range(64):
        lines.take(bytes(1024 * 1024))
    assert sum(map(len, lines._parts)) <= LONGEST_LINE_BYTES + 1

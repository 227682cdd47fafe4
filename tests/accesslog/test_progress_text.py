import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.position import Following, Mark, Position, Progress
from exporter.accesslog.progress_text import progress_text, read_progress_text
from exporter.errors import StateError

NUMBERS = st.integers(0, 2**63 - 1)
# Paths may hold bytes that are not UTF-8: surrogate escapes.
PATHS = st.text() | st.binary().map(lambda path: path.decode("utf-8", "surrogateescape"))
MARKS = st.builds(Mark, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.binary(), NUMBERS, st.binary())
POSITIONS = st.builds(Position, MARKS, st.booleans(), st.booleans())
FOLLOWINGS = st.builds(Following, PATHS, NUMBERS, st.lists(POSITIONS, max_size=3).map(tuple))
PROGRESSES = st.builds(Progress, PATHS, st.lists(FOLLOWINGS, max_size=3).map(tuple))


@given(PROGRESSES)
def test_a_progress_is_read_as_it_was_written_in_ascii(progress: Progress) -> None:
    text = progress_text(progress)
    assert text.isascii()
    assert read_progress_text(text) == progress


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"pattern": "x", "followings": 1}',
        '{"pattern": "x", "followings": ["y"]}',
        '{"pattern": "x", "followings": [{"path": "y", "since_ns": 1, "positions": [{"mark": {"head": 1}}]}]}',
        '{"pattern": "x", "followings": [{"path": "y", "since_ns": 1, "positions": [], "more": 1}]}',
    ],
)
def test_a_damaged_text_is_told(text: str) -> None:
    with pytest.raises(StateError, match="damaged"):
        read_progress_text(text)

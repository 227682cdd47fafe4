import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.subscriptions.hub_answer import SHOWN_CHARACTERS, Verdict, retry_after, shown, verdict_of

NOW = 1_492_700_000.0


@pytest.mark.parametrize(
    ("http_status", "verdict"),
    [
        (200, Verdict.ACCEPTED),
        (202, Verdict.ACCEPTED),
        (204, Verdict.ACCEPTED),
        (299, Verdict.ACCEPTED),
        (301, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (410, Verdict.REFUSED),
        (429, Verdict.TRY_AGAIN),
        (499, Verdict.REFUSED),
        (500, Verdict.TRY_AGAIN),
        (503, Verdict.TRY_AGAIN),
        (999, Verdict.TRY_AGAIN),
    ],
)
def test_a_status_means_what_it_means_to_mastodon(http_status: int, verdict: Verdict) -> None:
    assert verdict_of(http_status) is verdict


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 20 Apr 2017 14:54:20 GMT", 60.0),
        ("Thu, 20 Apr 2017 14:54:20 -0000", 60.0),
        ("Thu, 20 Apr 2017 14:00:00 GMT", 0.0),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("9" * 400, None),
        ("Thu, 20 Apr 99999 14:54:20 GMT", None),
    ],
)
def test_seconds_and_dates_tell_how_long_to_wait(value: str, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.text())
def test_no_value_of_a_header_breaks_the_reading(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@given(st.text(max_size=1000))
def test_whatever_a_hub_says_is_one_printable_line_that_is_not_long(text: str) -> None:
    line = shown(text, "")
    assert line.isprintable()
    assert len(line) <= SHOWN_CHARACTERS + 1


def test_a_secret_is_masked_however_it_is_written_and_before_the_text_is_cut() -> None:
    text = "x" * (SHOWN_CHARACTERS - 3) + "ABCDEF0123" + " and abcdef0123"
    line = shown(text, "abcdef0123")
    assert line == "x" * (SHOWN_CHARACTERS - 3) + "***…"

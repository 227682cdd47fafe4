"""nginx's escaping, undone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accesslog.escaping import unescape
from exporter.config.log_format import Escaping
from tests.accesslog.nginx_rendering import escaped


@pytest.mark.parametrize("escaping", Escaping)
@given(value=st.binary())
def test_what_nginx_escaped_comes_back(escaping: Escaping, value: bytes) -> None:
    assert unescape(escaped(value, escaping), escaping) == value.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("escaping", Escaping)
@given(raw=st.binary())
def test_any_bytes_become_text_that_can_be_encoded_again(escaping: Escaping, raw: bytes) -> None:
    text = unescape(raw, escaping)
    assert text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") == text


@pytest.mark.parametrize(
    ("raw", "escaping", "text"),
    [
        (rb"\x16\x03\x01", Escaping.DEFAULT, "\x16\x03\x01"),
        (rb"a\x22b\x5Cx41", Escaping.DEFAULT, 'a"b\\x41'),
        (rb"\xE3\x81\x82\xFF", Escaping.DEFAULT, "あ\udcff"),
        (rb"\x4", Escaping.DEFAULT, r"\x4"),
        (rb"a\"b\\c\u001F\/", Escaping.JSON, 'a"b\\c\x1f/'),
        (rb"\ud83d\ude00\ud800", Escaping.JSON, "😀\ufffd"),
        (rb"\q", Escaping.JSON, r"\q"),
        (rb"\x41\u0041", Escaping.NONE, r"\x41\u0041"),
    ],
)
def test_escapes_are_read_as_nginx_writes_them(raw: bytes, escaping: Escaping, text: str) -> None:
    assert unescape(raw, escaping) == text

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.media.file_kind import kind_of_content, may_bear_name


@pytest.mark.parametrize(
    ("first_bytes", "kind", "name"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "jpeg", "A.JPG"),
        (b"\x89PNG\r\n\x1a\n\x00", "png", "b.png"),
        (b"GIF89a\x01", "gif", "c.gif"),
        (b"GIF87a\x01", "gif", "c.gif"),
        (b"RIFF\x10\x20\x30\x40WEBPVP8 ", "webp", "d.webp"),
        (b"RIFF\x0a\x0a\x0a\x0aWAVEfmt ", "wav", "d.wav"),
        (b"\x00\x00\x00\x20ftypisom", "mp4", "e.mp4"),
        (b"\x00\x00\x00\x0aftypqt  ", "mp4", "e.mov"),
        (b"\x00\x00\x00\x20ftypavif", "avif", "e.avif"),
        (b"\x00\x00\x00\x20ftypheic", "heif", "e.heic"),
        (b"\x1aE\xdf\xa3\x01", "webm", "f.webm"),
        (b"OggS\x00", "ogg", "g.opus"),
        (b"fLaC\x00", "flac", "h.flac"),
        (b"ID3\x04", "mp3", "i.mp3"),
        (b"\xff\xfb\x90", "mp3", "i.mp3"),
        (b"\xff\xf1\x50", "aac", "i.aac"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(first_bytes: bytes, kind: str, name: str) -> None:
    assert kind_of_content(first_bytes) == kind
    assert may_bear_name(first_bytes, name)
    assert not may_bear_name(first_bytes, "other.svg")


@pytest.mark.parametrize(
    ("first_bytes", "name"),
    [
        (b"<html>", "a.png"),
        (b"<svg xmlns=", "a.svg"),
        (b"", "a.png"),
        (b"\x89PNG\r\n\x1a\n", "a.jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"\xff\xd8\xff", "a.png"),
        (b"MZ\x90", "a.exe"),
    ],
)
def test_a_file_of_another_kind_may_not_bear_the_name(first_bytes: bytes, name: str) -> None:
    assert not may_bear_name(first_bytes, name)


@given(st.binary(max_size=80), st.text(max_size=20))
def test_any_bytes_may_be_asked_about(first_bytes: bytes, name: str) -> None:
    assert kind_of_content(first_bytes) is None or may_bear_name(first_bytes, name) in (True, False)

"""What a file is by its first bytes, and by its name: whether it can be what its name says."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

LONGEST_SIGNATURE_BYTES = 64

_SIGNATURES: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("jpeg", re.compile(rb"\xff\xd8\xff")),
    ("png", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("gif", re.compile(rb"GIF8[79]a")),
    ("webp", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    ("wav", re.compile(rb"RIFF....WAVE", re.DOTALL)),
    ("avif", re.compile(rb"....ftypavi[fs]", re.DOTALL)),
    ("heif", re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)),
    ("mp4", re.compile(rb"....ftyp", re.DOTALL)),
    ("webm", re.compile(rb"\x1aE\xdf\xa3")),
    ("ogg", re.compile(rb"OggS")),
    ("flac", re.compile(rb"fLaC")),
    ("aac", re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")),
    ("mp3", re.compile(rb"ID3|\xff[\xe2-\xe7\xea-\xef\xf2-\xf7\xfa-\xff]")),
    ("ico", re.compile(rb"\x00\x00\x01\x00")),
    ("zip", re.compile(rb"PK\x03\x04")),
)

_BY_EXTENSION: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), frozenset({"jpeg"})),
    ".png": frozenset({"png"}),
    ".gif": frozenset({"gif"}),
    ".webp": frozenset({"webp"}),
    ".avif": frozenset({"avif"}),
    **dict.fromkeys((".heic", ".heif"), frozenset({"heif"})),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".qt", ".m4a", ".3gp"), frozenset({"mp4"})),
    **dict.fromkeys((".webm", ".mkv"), frozenset({"webm"})),
    **dict.fromkeys((".ogg", ".oga", ".ogv", ".opus"), frozenset({"ogg"})),
    ".mp3": frozenset({"mp3"}),
    ".flac": frozenset({"flac"}),
    ".wav": frozenset({"wav"}),
    ".aac": frozenset({"aac"}),
    ".ico": frozenset({"ico"}),
}


def kind_of_content(first_bytes: bytes) -> str | None:
    """Return what a file is, such as `jpeg` or `mp4`; None for what is none of Mastodon's media."""
    start = first_bytes[:LONGEST_SIGNATURE_BYTES]
    return next((kind for kind, signature in _SIGNATURES if signature.match(start)), None)


def may_bear_name(first_bytes: bytes, name: str) -> bool:
    """Tell whether a file is of the kind that its name promises; never, for a name that promises nothing known."""
    kinds = _BY_EXTENSION.get(PurePosixPath(name).suffix.lower(), frozenset())
    return kind_of_content(first_bytes) in kinds

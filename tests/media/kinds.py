"""What kinds of rows a Mastodon has, and which objects belong to each: written out case by case, with no rule.

The names of objects stand here as they lie in real buckets, so that they are an account of their own beside the code
that computes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CONTENT_TYPES = {
    "jpg": "image/jpeg",
    "JPG": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "heic": "image/heic",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "ico": "image/vnd.microsoft.icon",
    "svg": "image/svg+xml",
    "zip": "application/zip",
    "csv": "text/csv",
}


@dataclass(frozen=True)
class File:
    """A file of a row: `styles` tells the ending of each object's name; `elsewhere` where an object lies instead."""

    name: str
    ending: str
    styles: Mapping[str, str]
    content_type: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def type_in_row(self) -> str:
        return self.content_type or CONTENT_TYPES[self.ending]


@dataclass(frozen=True)
class Kind:
    """A kind of row. `since` and `until` are the versions of the tests' databases that can have it."""

    table: str
    files: tuple[File, ...]
    weight: int = 1
    columns: Mapping[str, object] = field(default_factory=dict)
    since: tuple[int, int] = (0, 0)
    until: tuple[int, int] = (99, 0)
    is_unique: bool = False
    owner: str = ""

    def is_in(self, version: str) -> bool:
        return self.since <= as_numbers(version) <= self.until


def as_numbers(version: str) -> tuple[int, int]:
    major, minor = map(int, version.split("."))
    return major, minor


def _picture(ending: str) -> File:
    return File("file", ending, {"original": ending, "small": ending})


def _film(ending: str) -> File:
    return File("file", ending, {"original": ending, "small": "png"})


def _only(name: str, ending: str) -> File:
    return File(name, ending, {"original": ending})


def _face(name: str, ending: str) -> File:
    return File(name, ending, {"original": ending, "static": "png"} if ending == "gif" else {"original": ending})


def _emoji(ending: str) -> File:
    return File("image", ending, {"original": ending, "static": "png"})


def _upload(variant: str, ending: str, *styles: str, since: tuple[int, int] = (2, 9)) -> Kind:
    objects = {"original": ending} | dict.fromkeys(styles, "png")
    return Kind("site_uploads", (File("file", ending, objects),), columns={"var": variant}, since=since, is_unique=True)


_FAVICON = ("16", "32", "48")
_APP_ICON = tuple(map(str, (36, 48, 57, 60, 72, 76, 96, 114, 120, 144, 152, 167, 180, 192, 256, 384, 512, 1024)))

KINDS: tuple[Kind, ...] = (
    Kind("media_attachments", (_picture("jpg"),), weight=30),
    Kind("media_attachments", (_picture("png"),), weight=10),
    Kind("media_attachments", (_picture("JPG"),), weight=2),
    Kind("media_attachments", (_picture("jpeg"),), weight=4),
    Kind("media_attachments", (_picture("webp"),), weight=4, since=(4, 3)),
    Kind("media_attachments", (File("file", "", {"original": "", "small": ""}, "image/jpeg"),)),
    Kind("media_attachments", (_picture("gif"),), weight=2, until=(1, 6)),
    Kind("media_attachments", (_film("gif"),), weight=2, since=(2, 9)),
    Kind("media_attachments", (_film("mp4"),), weight=6),
    Kind("media_attachments", (_film("mov"),), columns={"processing": 0}, since=(3, 5)),
    Kind("media_attachments", (File("file", "heic", {"original": "heic", "small": "jpeg"}),), since=(3, 5)),
    Kind("media_attachments", (File("file", "avif", {"original": "avif", "small": "jpeg"}),), since=(4, 3)),
    Kind(
        "media_attachments",
        (File("file", "avif", {"original": "avif", "small": "jpeg"}, elsewhere={"small": "avif"}),),
        since=(4, 3),
    ),
    Kind("media_attachments", (_only("file", "mp3"),), weight=2, since=(2, 9)),
    Kind("media_attachments", (_only("file", "mp3"), _only("thumbnail", "png")), weight=2, since=(3, 5)),
    Kind("media_attachments", (_film("mp4"), _only("thumbnail", "jpg")), weight=2, since=(3, 5)),
    Kind("media_attachments", (_picture("jpg"),), weight=2, since=(3, 5), owner="suspended"),
    Kind("media_attachments", (_film("mp4"), _only("thumbnail", "png")), since=(3, 5), owner="suspended"),
    Kind("media_attachments", (_picture("png"),), weight=2, since=(4, 6), owner="deleted"),
    Kind("accounts", (_face("avatar", "jpg"),), weight=8),
    Kind("accounts", (_face("avatar", "png"), _face("header", "jpg")), weight=6),
    Kind("accounts", (_face("avatar", "gif"), _face("header", "gif")), weight=4),
    Kind("accounts", (_face("avatar", "webp"), _face("header", "png")), weight=2, since=(4, 3)),
    Kind("accounts", (_face("header", "jpeg"),)),
    Kind("accounts", (_face("avatar", "png"), _face("header", "png")), since=(3, 5), columns={"suspended_at": "now"}),
    Kind("custom_emojis", (_emoji("png"),), weight=8, since=(2, 9)),
    Kind("custom_emojis", (_emoji("gif"),), weight=2, since=(3, 5)),
    Kind("custom_emojis", (_emoji("webp"),), since=(4, 3)),
    Kind("preview_cards", (_only("image", "jpg"),), weight=10),
    Kind("preview_cards", (_only("image", "png"),), weight=4),
    Kind("preview_card_providers", (File("icon", "ico", {"original": "ico", "static": "png"}),), since=(3, 5)),
    Kind("preview_card_providers", (File("icon", "png", {"original": "png", "static": "png"}),), since=(3, 5)),
    _upload("hero", "jpg"),
    _upload("mascot", "svg"),
    Kind(
        "site_uploads",
        (_only("file", "png"),),
        columns={"var": "thumbnail"},
        since=(2, 9),
        until=(3, 5),
        is_unique=True,
    ),
    _upload("thumbnail", "png", "@1x", "@2x", since=(4, 3)),
    _upload("favicon", "png", *_FAVICON, since=(4, 3)),
    _upload("app_icon", "png", *_APP_ICON, since=(4, 3)),
    Kind("backups", (_only("dump", "zip"),), since=(2, 9)),
    Kind("imports", (_only("data", "csv"),), until=(4, 3)),
)

STEMS = (
    "{:016x}",
    "{:016x}",
    "{:016x}",
    "{:016x}",
    "summer holiday {}",
    "Grüße_aus_Köln_{}",
    "写真{}",
    "a+b {}",
    "100%25 {}",
    "me & you = #{} (1)",
    "my.holiday.v{}",
    "what?{}",
)
"""Names of the kinds that people's files have had; those of today are all like the first."""

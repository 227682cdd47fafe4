"""Which objects a row of Mastodon's database has, and under which keys: as Paperclip lays them down, 1.3 to 4.6.

Sources: config/initializers/paperclip.rb of Mastodon, lib/paperclip/interpolations.rb of kt-paperclip 8.0.0.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter.mastodon.attachment_styles import (
    AS_UPLOADED,
    ORIGINAL,
    TODAYS_RULES,
    WITH_STATIC,
    Style,
    StyleRules,
    styles_of_account_image,
    styles_of_media,
    styles_of_site_upload,
)

_CACHE = "cache/"
_LARGEST_OF_THREE_GROUPS = 999_999_999
_THREE_DIGITS = re.compile(r"[0-9]{3}")
_CONTENT_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(?:; ?[\w-]{1,40}=[\w.-]{1,100})?", re.ASCII)
_UNKNOWN_TYPE = "application/octet-stream"
_PLURALS: Mapping[str, str] = {"data": "data"}  # every other name takes an s
_TYPES_BY_EXTENSION: Mapping[str, str] = {
    **{name: f"image/{name}" for name in ("png", "gif", "webp", "heic", "heif", "avif", "jpeg")},
    **dict.fromkeys(("jpg", "jpe", "jfif"), "image/jpeg"),
    **dict.fromkeys(("mp4", "m4v"), "video/mp4"),
    **dict.fromkeys(("ogg", "oga", "opus"), "audio/ogg"),
    "ico": "image/vnd.microsoft.icon",
    "svg": "image/svg+xml",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "3gp": "audio/3gpp",
    "wma": "audio/x-ms-wma",
    "wav": "audio/wav",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "zip": "application/zip",
    "gz": "application/gzip",
    "csv": "text/csv",
}


class MediaClass(StrEnum):
    """The tables whose rows have files, in the order in which they are moved: what only this server has comes first."""

    SITE_UPLOADS = "site_uploads"
    ACCOUNTS = "accounts"
    CUSTOM_EMOJIS = "custom_emojis"
    MEDIA_ATTACHMENTS = "media_attachments"
    BACKUPS = "backups"
    IMPORTS = "imports"
    PREVIEW_CARD_PROVIDERS = "preview_card_providers"
    PREVIEW_CARDS = "preview_cards"


_WITHOUT_LOCALITY = frozenset(
    {MediaClass.SITE_UPLOADS, MediaClass.BACKUPS, MediaClass.IMPORTS, MediaClass.PREVIEW_CARD_PROVIDERS}
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a row, as the database tells of it.

    `name` is Paperclip's: file, thumbnail, avatar, header, image, icon, dump, data. `is_remote`: the row has
    `local?`, and it is false. `storage_schema_version` is 0 where the column is absent or NULL. `variant` is the
    `var` of a site upload. `size_bytes` and `updated_timestamp_seconds` are of the `original`; None where not told.
    `rules` are those of the server's version.
    """

    media_class: MediaClass
    record_id: int
    name: str
    file_name: str
    content_type: str | None = None
    is_remote: bool = False
    storage_schema_version: int = 0
    variant: str | None = None
    domain: str | None = None
    remote_url: str | None = None
    is_private: bool = False
    size_bytes: int | None = None
    updated_timestamp_seconds: float | None = None
    rules: StyleRules = TODAYS_RULES


@dataclass(frozen=True, slots=True)
class MediaObject:
    """One object: `key` is what Mastodon asks for, without the prefix of a store; `other_keys` are where it may lie.

    `content_type` is what Mastodon would set. `remote_url` is set where it can stand in for this object.
    """

    attachment: Attachment
    style: str
    key: str
    other_keys: tuple[str, ...]
    content_type: str
    remote_url: str | None = None


def id_partition(record_id: int) -> str:
    """Return an id in groups of three digits, three of them or more.

    From 1,000,000,000 on it is padded to twelve digits, and digits behind the last whole group are dropped. A minus
    takes the place of a digit, so that the instance actor (-99) has two groups.
    """
    width = 9 if record_id <= _LARGEST_OF_THREE_GROUPS else 12
    return "/".join(_THREE_DIGITS.findall(f"{record_id:0{width}d}"))


def objects_of(attachment: Attachment) -> tuple[MediaObject, ...]:
    """Return the objects of a file, `original` first."""
    told = attachment.content_type or ""
    content_type = told if _CONTENT_TYPE.fullmatch(told) else _type_by_name(attachment.file_name)
    return tuple(_object(attachment, style, content_type) for style in _styles(attachment, content_type))


def _styles(attachment: Attachment, content_type: str | None) -> tuple[Style, ...]:
    match attachment.media_class, attachment.name:
        case MediaClass.MEDIA_ATTACHMENTS, "file":
            return styles_of_media(content_type, attachment.rules)
        case MediaClass.ACCOUNTS, _:
            return styles_of_account_image(attachment.content_type)
        case MediaClass.CUSTOM_EMOJIS | MediaClass.PREVIEW_CARD_PROVIDERS, _:
            return WITH_STATIC
        case MediaClass.SITE_UPLOADS, _:
            return styles_of_site_upload(attachment.variant, attachment.rules)
    return AS_UPLOADED


def _object(attachment: Attachment, style: Style, content_type: str | None) -> MediaObject:
    key, *others = dict.fromkeys(_keys(attachment, style))  # each once, in order
    is_original = style.name == ORIGINAL
    return MediaObject(
        attachment,
        style.name,
        key,
        tuple(others),
        style.content_type or _type_as_stored(attachment, content_type),
        attachment.remote_url if is_original and attachment.is_remote else None,
    )


def _keys(attachment: Attachment, style: Style) -> Iterator[str]:
    """Yield the key Mastodon asks for, then the same name under the other prefix, then other names under both."""
    plural = _PLURALS.get(attachment.name) or f"{attachment.name}s"
    folder = f"{attachment.media_class}/{plural}/{id_partition(attachment.record_id)}/{style.name}"
    for extension in style.extensions:
        name = attachment.file_name if style.name == ORIGINAL else _name_of_style(attachment.file_name, extension)
        for prefix in _prefixes(attachment):
            yield f"{prefix}{folder}/{name}"


def _prefixes(attachment: Attachment) -> tuple[str, ...]:
    if not attachment.is_remote or attachment.media_class in _WITHOUT_LOCALITY:
        return ("",)
    # A storage-schema upgrade marks rows as moved even where it has not found the object.
    return (_CACHE, "") if attachment.storage_schema_version >= 1 else ("", _CACHE)


def _name_of_style(file_name: str, extension: str | None) -> str:
    """Return a name with another extension, by the rules of Ruby's File.basename and File.extname."""
    base = file_name.rstrip("/").rpartition("/")[2]
    stem, _, own = base.rpartition(".")
    if not stem.strip("."):  # dots that begin a name are no extension's
        stem, own = base, ""
    return ".".join(part for part in (stem, own if extension is None else extension) if part.strip())


def _type_by_name(file_name: str) -> str | None:
    return _TYPES_BY_EXTENSION.get(file_name.rpartition(".")[2].lower())


def _type_as_stored(attachment: Attachment, content_type: str | None) -> str:
    if attachment.media_class is MediaClass.PREVIEW_CARDS and content_type == "image/gif":
        return "image/jpeg"  # converted, and its name kept, since 2.4 (#7109)
    return content_type or _UNKNOWN_TYPE

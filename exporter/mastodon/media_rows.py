"""The rows of a Mastodon database that have files: what to ask for, and which attachments a row tells of.

Private are backups (backup.rb, 4.1.1), imports, and the files of media attachments of suspended accounts
(suspend_account_service.rb, 3.3) and of deleted posts (remove_status_service.rb, 4.4); avatars never are.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from exporter.mastodon.attachments import Attachment, MediaClass
from exporter.mastodon.media_rules import MediaRules
from exporter.mastodon.shape import Shape

LONGEST_TEXT = 4096
"""What is longer is cut: no key is as long, and no URL that anybody uses."""

WITH_LOCAL = frozenset(MediaClass) - {MediaClass.PREVIEW_CARD_PROVIDERS, MediaClass.PREVIEW_CARDS}
"""The classes with files of this server's own."""

WITH_REMOTE = frozenset(MediaClass) - {MediaClass.SITE_UPLOADS, MediaClass.BACKUPS, MediaClass.IMPORTS}
"""The classes with copies of what other servers have."""

_LONGEST_DOMAIN = 253
_ALWAYS_PRIVATE = frozenset({MediaClass.BACKUPS, MediaClass.IMPORTS})
_LOCAL_WITHOUT_DOMAIN = frozenset({MediaClass.ACCOUNTS, MediaClass.CUSTOM_EMOJIS})
_FILES: Mapping[MediaClass, tuple[str, ...]] = {
    MediaClass.SITE_UPLOADS: ("file",),
    MediaClass.ACCOUNTS: ("avatar", "header"),
    MediaClass.CUSTOM_EMOJIS: ("image",),
    MediaClass.MEDIA_ATTACHMENTS: ("file", "thumbnail"),
    MediaClass.BACKUPS: ("dump",),
    MediaClass.IMPORTS: ("data",),
    MediaClass.PREVIEW_CARD_PROVIDERS: ("icon",),
    MediaClass.PREVIEW_CARDS: ("image",),
}
_COLUMNS_OF_ROW = 5
_COLUMNS_OF_FILE = 6


def media_classes(shape: Shape) -> tuple[MediaClass, ...]:
    """Return the classes whose table is there with a file, in the order in which they are moved."""
    return tuple(one for one in MediaClass if _files(shape, one))


class MediaTable:
    """One class, in words of SQL for a database of one shape; `name` is the table's."""

    def __init__(self, shape: Shape, rules: MediaRules, media_class: MediaClass) -> None:
        self.media_class = media_class
        self.name = str(media_class)
        self._files = _files(shape, media_class)
        self._shape = shape
        self._rules = rules

    @property
    def selected(self) -> str:
        """What to select for `attachments`; the first column is the id."""
        row = (self.id, self.is_remote, self._text(self._domain), self._is_private, self._text(self._variant))
        return ", ".join((*row, *(column for name in self._files for column in self._columns_of(name))))

    @property
    def id(self) -> str:
        """The key of a row."""
        return f"{self.name}.id"

    @property
    def relations(self) -> str:
        """The table, and what a row of it belongs to."""
        if self.media_class is not MediaClass.MEDIA_ATTACHMENTS:
            return self.name
        joined = [self.name, _looked_up("accounts", "account_id", f"domain, {_suspension(self._shape)}", "owner")]
        if self._rules.hides_deleted_posts:
            joined.append(_looked_up("statuses", "status_id", "deleted_at", "post"))
        return " ".join(joined)

    @property
    def has_file(self) -> str:
        """The condition that a row has a file at all."""
        return f"({' OR '.join(map(self._has, self._files))})"

    @property
    def is_remote(self) -> str:
        """The condition that a row is another server's."""
        if self.media_class is MediaClass.MEDIA_ATTACHMENTS:
            return rf"coalesce({self.name}.remote_url ~ '\S', false)"
        if self.media_class in _LOCAL_WITHOUT_DOMAIN:
            return f"{self.name}.domain IS NOT NULL"
        return str(self.media_class not in WITH_LOCAL).lower()

    @property
    def changed_at(self) -> str:
        """When a file of a row was written or hidden last, as Rails keeps times: UTC without a zone."""
        return f"greatest({', '.join(map(self._changed_at, self._files))})"

    @property
    def size_bytes(self) -> str:
        """How large the originals of a row are together, as far as that is told."""
        return " + ".join(
            f"CASE WHEN {self._has(name)} THEN greatest({self.name}.{name}_file_size::bigint, 0) ELSE 0 END"
            for name in self._files
        )

    def attachments(self, row: Sequence[Any]) -> tuple[Attachment, ...]:
        """Return the files that a row of `selected` has."""
        return tuple(self._attachments(row))

    def _attachments(self, row: Sequence[Any]) -> Iterator[Attachment]:
        record_id, is_remote, domain, is_private, variant = row[:_COLUMNS_OF_ROW]
        for place, name in enumerate(self._files):
            start = _COLUMNS_OF_ROW + place * _COLUMNS_OF_FILE
            file_name, content_type, size_bytes, schema_version, url, changed = row[start : start + _COLUMNS_OF_FILE]
            if not file_name:
                continue
            remote_url = _web_address(_as_text(url))
            yield Attachment(
                self.media_class,
                record_id,
                name,
                _as_text(file_name) or "",
                content_type=_as_text(content_type),
                is_remote=is_remote,
                storage_schema_version=schema_version,
                variant=_as_text(variant),
                domain=self._domain_told(_as_text(domain), remote_url if is_remote else None),
                remote_url=remote_url,
                is_private=is_private,
                size_bytes=None if size_bytes is None or size_bytes < 0 else size_bytes,
                updated_timestamp_seconds=changed,
                rules=self._rules.styles,
            )

    def _domain_told(self, domain: str | None, remote_url: str | None) -> str | None:
        if self.media_class is MediaClass.PREVIEW_CARDS:
            return _host(domain)
        if not domain and self.media_class is MediaClass.MEDIA_ATTACHMENTS:
            return _host(remote_url)  # its account may be gone
        return domain[:_LONGEST_DOMAIN] if domain else None

    @property
    def _domain(self) -> str | None:
        if self.media_class is MediaClass.MEDIA_ATTACHMENTS:
            return "owner.domain"
        column = "url" if self.media_class is MediaClass.PREVIEW_CARDS else "domain"
        return self._column(column)

    @property
    def _variant(self) -> str | None:
        return self._column("var") if self.media_class is MediaClass.SITE_UPLOADS else None

    @property
    def _is_private(self) -> str:
        if self.media_class is not MediaClass.MEDIA_ATTACHMENTS:
            return str(self.media_class in _ALWAYS_PRIVATE).lower()
        of_deleted_post = " OR post.deleted_at IS NOT NULL" if self._rules.hides_deleted_posts else ""
        return f"coalesce(owner.is_suspended, false){of_deleted_post}"

    def _columns_of(self, name: str) -> Iterator[str]:
        remote_url = "remote_url" if (self.name, name) == ("media_attachments", "file") else f"{name}_remote_url"
        version = self._column(f"{name}_storage_schema_version")
        yield self._text(self._column(f"{name}_file_name"))
        yield self._text(self._column(f"{name}_content_type"))
        yield f"{self.name}.{name}_file_size"
        yield f"coalesce({version}, 0)" if version else "0"
        yield self._text(self._column(remote_url))
        yield f"extract(epoch FROM {self._changed_at(name)})::float8"

    def _has(self, name: str) -> str:
        return f"{self.name}.{name}_file_name <> ''"

    def _changed_at(self, name: str) -> str:
        # An upload has its time before it is processed; the row, when it is committed under its last name.
        times = [f"{self.name}.{name}_updated_at", f"{self.name}.updated_at"]
        if self.media_class is MediaClass.MEDIA_ATTACHMENTS:
            times += ["owner.suspended_at"] if self._shape.has("accounts", "suspended_at") else []
            times += ["post.deleted_at"] if self._rules.hides_deleted_posts else []
        return f"CASE WHEN {self._has(name)} THEN greatest({', '.join(times)}) END"

    def _column(self, column: str) -> str | None:
        return f"{self.name}.{column}" if self._shape.has(self.name, column) else None

    def _text(self, column: str | None) -> str:
        """Return a bounded text; without an encoding its bytes, for a driver would fail on them."""
        if column is None:
            return "NULL"
        bounded = f"left({column}, {LONGEST_TEXT})"
        return bounded if self._rules.has_encoding else f"convert_to({bounded}, 'SQL_ASCII')"


def _files(shape: Shape, media_class: MediaClass) -> tuple[str, ...]:
    return tuple(name for name in _FILES[media_class] if shape.has(media_class, f"{name}_file_name"))


def _looked_up(table: str, column: str, selected: str, name: str) -> str:
    """Return a join by key, one row at a time: OFFSET 0 keeps the planner from reading through the other table."""
    return (
        f"LEFT JOIN LATERAL (SELECT {selected} FROM {table}"  # noqa: S608 - our own names
        f" WHERE {table}.id = media_attachments.{column} OFFSET 0) AS {name} ON true"
    )


def _suspension(shape: Shape) -> str:
    """Return the columns of an account that tell of a suspension: a time from 2.9 on, a switch before."""
    if shape.has("accounts", "suspended_at"):
        return "suspended_at, suspended_at IS NOT NULL AS is_suspended"
    return f"{'suspended' if shape.has('accounts', 'suspended') else 'false'} AS is_suspended"


def _as_text(value: str | memoryview | None) -> str | None:
    return bytes(value).decode(errors="replace") if isinstance(value, memoryview) else value


def _web_address(url: str | None) -> str | None:
    if not url or len(url) >= LONGEST_TEXT:
        return None
    return url if url.lower().startswith(("http://", "https://")) else None


def _host(url: str | None) -> str | None:
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host[:_LONGEST_DOMAIN] if host else None

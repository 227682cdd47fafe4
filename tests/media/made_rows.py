"""Rows of a made-up server, and what must become of each of their objects: what results are held against."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from random import Random
from textwrap import wrap

from tests.mastodon_rows import in_days
from tests.media.kinds import CONTENT_TYPES, KINDS, STEMS, File, Kind, as_numbers

CACHE_CONTROL = "public, max-age=315576000, immutable"
OLD_CACHE_CONTROL = "max-age=315576000"
OWNER, SUSPENDED_OWNER, DELETED_STATUS = 2_000_000_001, 2_000_000_002, 2_000_000_003
INSTANCE_ACTOR = -99
_FIRST_SNOWFLAKE = 104_530_971_904_218_116
_SNOWFLAKE_STEP = 65_536 * 977

_FOLDERS = {
    "file": "files",
    "thumbnail": "thumbnails",
    "avatar": "avatars",
    "header": "headers",
    "image": "images",
    "icon": "icons",
    "dump": "dumps",
    "data": "data",
}
_HAS_LOCALITY = {"media_attachments", "accounts", "custom_emojis", "preview_cards"}


@dataclass(frozen=True)
class Expected:
    """One object: `lies_at` None where it is lost. `headers` are those it has at the source."""

    media_class: str
    record_id: int
    key: str
    lies_at: str | None
    size_bytes: int
    headers: Mapping[str, str]
    is_private: bool

    @property
    def result(self) -> str:
        """What a first run says of it."""
        if self.lies_at is None:
            return "missing"
        return "copied" if self.lies_at == self.key else "repaired"

    def body(self) -> bytes:
        """The bytes, which are the same at every call."""
        return Random(self.key).randbytes(self.size_bytes)


@dataclass(frozen=True)
class MadeRow:
    """A row of a table, with more columns than an old database has."""

    table: str
    columns: Mapping[str, object]
    objects: tuple[Expected, ...]


@dataclass
class RowMaker:
    """Makes the rows of one version, the same ones for the same `chance`."""

    version: str
    chance: Random
    first_number: int = 1
    written_at: datetime = field(default_factory=lambda: in_days(-1))

    def __post_init__(self) -> None:
        self._numbers = count(self.first_number)

    def rows(self, objects: int) -> Iterator[MadeRow]:
        """Yield rows of every kind there is, until they have so many objects."""
        yield from self._until(objects, [kind for kind in KINDS if kind.is_in(self.version)])

    def ordinary_rows(self, objects: int) -> Iterator[MadeRow]:
        """Yield such rows without those that there is only one of."""
        yield from self._until(objects, [kind for kind in KINDS if kind.is_in(self.version) and not kind.is_unique])

    def _until(self, objects: int, kinds: list[Kind]) -> Iterator[MadeRow]:
        made = 0
        for kind in self._in_turn(kinds):
            if made >= objects:
                return
            row = self._row(kind)
            made += len(row.objects)
            yield row

    def large(self, size_bytes: int) -> MadeRow:
        """Return a film of that size."""
        film = Kind("media_attachments", (File("file", "mp4", {"original": "mp4", "small": "png"}),))
        return self._row(film, size_bytes)

    def instance_actor(self) -> MadeRow:
        """Return the account that stands for the server itself, which has a negative id."""
        face = Kind("accounts", (File("avatar", "png", {"original": "png"}),))
        return self._place(face, INSTANCE_ACTOR, 0)

    def without_files(self) -> Iterator[MadeRow]:
        """Yield rows that have no file, and so no object."""
        for table in ("media_attachments", "accounts", "preview_cards"):
            yield MadeRow(table, {"id": 1_900_000_000, **self._usual(table, 0, remote=True)}, ())

    def _in_turn(self, kinds: list[Kind]) -> Iterator[Kind]:
        yield from kinds
        common = [kind for kind in kinds if not kind.is_unique]
        yield from common
        weights = [kind.weight for kind in common]
        while True:
            yield from self.chance.choices(common, weights, k=100)

    def _row(self, kind: Kind, size_bytes: int | None = None) -> MadeRow:
        number = next(self._numbers)
        made_of = kind.table in {"media_attachments", "accounts"} and as_numbers(self.version) >= (3, 5)
        snowflake = made_of and self.chance.random() < 0.5
        return self._place(
            kind, _FIRST_SNOWFLAKE + number * _SNOWFLAKE_STEP if snowflake else number, number, size_bytes
        )

    def _place(self, kind: Kind, record_id: int, number: int, size_bytes: int | None = None) -> MadeRow:
        remote = kind.table in _HAS_LOCALITY and record_id > 0 and self.chance.random() < 0.6
        remote = remote or kind.table == "preview_cards"
        columns = {
            "id": record_id,
            **self._usual(kind.table, number, remote=remote),
            **_owner(kind.owner),
            **kind.columns,
        }
        if columns.get("suspended_at"):
            columns["suspended_at"] = self.written_at
        objects: list[Expected] = []
        for file in kind.files:
            made = _MadeFile(self, kind, file, record_id, number, remote=remote, size_bytes=size_bytes)
            columns |= made.columns()
            objects += made.objects()
        return MadeRow(kind.table, columns, tuple(objects))

    def _usual(self, table: str, number: int, *, remote: bool) -> dict[str, object]:
        domain = f"server{number % 50}.example" if remote else None
        always = {"created_at": self.written_at, "updated_at": self.written_at}
        of_table: dict[str, dict[str, object]] = {
            "media_attachments": {
                "account_id": OWNER,
                "remote_url": f"https://{domain}/original/{number}" if remote else "",
            },
            "accounts": {"username": f"user{number}", "domain": domain},
            "custom_emojis": {"shortcode": f"emoji{number}", "domain": domain},
            "preview_cards": {"url": f"https://news.example/{number}"},
            "preview_card_providers": {"domain": f"provider{number}.example"},
            "backups": {"user_id": None},
            "imports": {"account_id": OWNER, "type": 0, "approved": True},
        }
        return {**always, **of_table.get(table, {})}


@dataclass
class _MadeFile:
    maker: RowMaker
    kind: Kind
    file: File
    record_id: int
    number: int
    remote: bool
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        chance = self.maker.chance
        self.schema_version = chance.choice((1, 1, 1, 0, None)) if self._has_schema_version else None
        self.stem = chance.choice(STEMS).format(self.number)
        self.original_size = self._size() if self.size_bytes is None else self.size_bytes

    @property
    def _has_schema_version(self) -> bool:
        if self.kind.table not in _HAS_LOCALITY:
            return False
        return as_numbers(self.maker.version) >= ((4, 6) if self.file.name == "thumbnail" else (3, 5))

    def columns(self) -> dict[str, object]:
        name = self.file.name
        told_size = self.original_size + (7 if self.maker.chance.random() < 0.03 else 0)
        columns: dict[str, object] = {
            f"{name}_file_name": self._name(self.file.ending),
            f"{name}_content_type": self.file.type_in_row,
            f"{name}_file_size": told_size,
            f"{name}_updated_at": self.maker.written_at,
        }
        return columns | ({f"{name}_storage_schema_version": self.schema_version} if self._has_schema_version else {})

    def objects(self) -> list[Expected]:
        return [self._object(style, ending) for style, ending in self.file.styles.items()]

    def _object(self, style: str, ending: str) -> Expected:
        cached = self.remote and self.schema_version == 1
        key = self._key(style, ending, cached=cached)
        return Expected(
            self.kind.table,
            self.record_id,
            key,
            self._lies_at(style, key, cached=cached),
            self.original_size if style == "original" else self._size(),
            self._headers(ending),
            self.kind.table in {"backups", "imports"} or bool(self.kind.owner),
        )

    def _lies_at(self, style: str, key: str, *, cached: bool) -> str | None:
        if style in self.file.elsewhere:
            return self._key(style, self.file.elsewhere[style], cached=cached)
        chance = self.maker.chance.random()
        if chance < 0.02 and self.size_bytes is None:
            return None
        misplaced = chance < 0.06 and self.remote and self._has_schema_version
        return self._swapped(key) if misplaced else key

    def _swapped(self, key: str) -> str:
        return key.removeprefix("cache/") if key.startswith("cache/") else f"cache/{key}"

    def _key(self, style: str, ending: str, *, cached: bool) -> str:
        # Of "-00000099" Paperclip takes the whole groups of three digits.
        groups = "000/000" if self.record_id == INSTANCE_ACTOR else "/".join(wrap(f"{self.record_id:09}", 3))
        folder = f"{self.kind.table}/{_FOLDERS[self.file.name]}"
        return f"{'cache/' if cached else ''}{folder}/{groups}/{style}/{self._name(ending)}"

    def _name(self, ending: str) -> str:
        return f"{self.stem}.{ending}" if ending else self.stem.replace(".", "-")

    def _size(self) -> int:
        return 0 if self.maker.chance.random() < 0.02 else self.maker.chance.randint(1, 6000)

    def _headers(self, ending: str) -> dict[str, str]:
        chance = self.maker.chance.random()
        headers = {"Content-Type": CONTENT_TYPES.get(ending, self.file.type_in_row)}
        if chance < 0.95:
            headers["Cache-Control"] = CACHE_CONTROL if chance < 0.8 else OLD_CACHE_CONTROL
        if self.maker.chance.random() < 0.02:
            headers["Content-Disposition"] = 'attachment; filename="holiday.bin"'
        return headers


def _owner(owner: str) -> dict[str, object]:
    if owner == "suspended":
        return {"account_id": SUSPENDED_OWNER}
    return {"status_id": DELETED_STATUS} if owner == "deleted" else {}

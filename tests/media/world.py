"""A server with media of all classes and ages, its two stores, and the command that moves from one to the other."""

import hashlib
import io
import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import psycopg2
import yaml
from psycopg2 import sql
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from tests.mastodon_rows import in_days, now
from tests.media.bucket import Bucket, Lying, new_bucket, side_by_side
from tests.media.fault_proxy import FaultProxy, fault_proxy
from tests.media.made_rows import CACHE_CONTROL, DELETED_STATUS, OWNER, SUSPENDED_OWNER, Expected, MadeRow, RowMaker
from tests.postgres import Postgres
from tests.seaweedfs import OWNER as KEYS
from tests.seaweedfs import REGION, S3Servers
from tests.subscriptions.resubscribe_world import REMEDY

TIMEOUT_SECONDS = 900
LARGE_BYTES = 1 << 22
_COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"


@dataclass(frozen=True)
class Size:
    """How much there is in a world."""

    objects: int
    large: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, and what it wrote."""

    code: int
    output: str
    errors: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON document."""
        assert self.output, self.errors
        return json.loads(self.output)  # type: ignore[no-any-return] # a JSON object

    @property
    def objects(self) -> dict[str, Counter[str]]:
        """How many objects had each result, by class; what is 0 is left out."""
        return {name: Counter(**_without_zeros(one["objects"])) for name, one in self.report["classes"].items()}

    @property
    def rows_done(self) -> dict[str, int]:
        return _without_zeros({name: one["rows_done"] for name, one in self.report["classes"].items()})

    @property
    def results(self) -> Counter[str]:
        """How many objects of all classes had each result."""
        return sum(self.objects.values(), Counter[str]())


def in_the_end(objects: Mapping[str, Counter[str]]) -> dict[str, Counter[str]]:
    """Count as one what is at its place, by this run or by one before it."""
    merged = {"copied": "there", "repaired": "there", "present": "there"}
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, results in objects.items():
        for result, count in results.items():
            counted[name][merged.get(result, result)] += count
    return dict(counted)


@dataclass
class World:
    """Everything at once; see `expected` for what must become of each object. The proxies stand before the stores."""

    database: str
    folder: Path
    source: Bucket
    destination: Bucket
    before_source: FaultProxy
    before_destination: FaultProxy
    expected: list[Expected] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    media: dict[str, object] = field(default_factory=dict)
    source_prefix: str = ""
    destination_prefix: str = ""
    state_name: str = "state"

    @property
    def state(self) -> Path:
        return self.folder / self.state_name

    def fill(self, version: str, chance: Random, size: Size) -> None:
        """Write rows, and objects into the source, beside those that are there."""
        maker = RowMaker(version, chance)
        rows = [*maker.rows(size.objects), *map(maker.large, size.large), *maker.without_files()]
        rows += [maker.instance_actor()] if version >= "3" else []
        self.add(rows)

    def add_later(self, version: str, chance: Random, objects: int) -> None:
        """Write rows that are younger than those that are there."""
        maker = RowMaker(version, chance, first_number=1_000_001, written_at=now())
        self.add(list(maker.ordinary_rows(objects)))

    def add(self, rows: Sequence[MadeRow]) -> None:
        """Write these rows, and their objects into the source."""
        with self.opened() as writing:
            _write_owners(writing)
            self._write_rows(writing, rows)
        side_by_side(self._store, [one for row in rows for one in row.objects if one.lies_at is not None])

    def config(self, **sections: object) -> str:
        """Write the configuration, and return its name."""
        document = {
            "state_dir": str(self.state),
            "instances": [{"url": "https://qdon.example"}],
            "database": {"url": self.database},
            "media": {
                "source": _store_settings(self.before_source, self.source, self.source_prefix),
                # Sent always: this store takes the header, and shows nobody what it was.
                "destination": {
                    **_store_settings(self.before_destination, self.destination, self.destination_prefix),
                    "acl": "public-read",
                },
                **self.media,
            },
        } | sections
        path = self.folder / "config.yml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    def command(self, *arguments: str, **sections: object) -> list[str]:
        return [*REMEDY, "-c", self.config(**sections), *arguments]

    def run(self, *arguments: str, **sections: object) -> Ended:
        """Run `mastodon-remedy` to its end, without a terminal."""
        done = subprocess.run(
            self.command(*arguments, **sections), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=TIMEOUT_SECONDS, check=False, env=dict(os.environ),
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def sync(self, *arguments: str, **sections: object) -> Ended:
        """Run `media sync` with --yes and JSON."""
        return self.run("media", "sync", "--yes", "--format", "json", *arguments, **sections)

    def jobs(self) -> list[dict[str, Any]]:
        """Return what `jobs` tells of media sync, newest first."""
        told = json.loads(self.run("jobs", "--format", "json").output)
        return [job for job in told if job["job"] == "media_sync"]

    def expected_objects(self) -> dict[str, Counter[str]]:
        """How many objects a first run has to report with each result, by class."""
        counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for one in self.expected:
            counted[one.media_class][one.result] += 1
        return dict(counted)

    def expected_bytes(self) -> int:
        return sum(one.size_bytes for one in self.expected if one.lies_at is not None)

    def present(self) -> list[Expected]:
        """Return the objects that must be at the destination."""
        return [one for one in self.expected if one.lies_at is not None]

    def source_key(self, one: Expected) -> str:
        """Where an object lies at the source, or would, were it there."""
        return _join(self.source_prefix, one.lies_at or one.key)

    def destination_key(self, one: Expected) -> str:
        return _join(self.destination_prefix, one.key)

    def differences(self) -> list[str]:
        """Return all that is otherwise at the destination than it should be, in words."""
        listed, acls = self.destination.listed(), self._acls_asked_for()
        wanted = {self.destination_key(one): one for one in self.present()}
        found = [f"{key}: is not there" for key in wanted if key not in listed]
        found += [f"{key}: should not be there" for key in listed if key not in wanted]
        found += [f"{key}: an upload was left unfinished" for key in self.destination.unfinished_uploads()]

        def look(key: str) -> list[str]:
            return self._different(key, wanted[key], listed[key]) + _wrong_acl(key, wanted[key], acls[key])

        return found + list(chain.from_iterable(side_by_side(look, wanted.keys() & listed.keys())))

    def _different(self, key: str, one: Expected, lying: Lying) -> list[str]:
        headers = self.destination.head(key) or {}
        pairs = {
            "size": (one.size_bytes, lying.size_bytes),
            "MD5": (hashlib.md5(one.body()).hexdigest(), self._md5(key, lying)),
            "Content-Type": (one.headers["Content-Type"], headers.get("content-type")),
            "Cache-Control": (one.headers.get("Cache-Control", CACHE_CONTROL), headers.get("cache-control")),
            "Content-Disposition": (one.headers.get("Content-Disposition"), headers.get("content-disposition")),
        }
        return [f"{key}: {what} is {has!r}, not {should!r}" for what, (should, has) in pairs.items() if should != has]

    def _md5(self, key: str, lying: Lying) -> str:
        return lying.etag if "-" not in lying.etag else self.destination.md5(key)

    def _acls_asked_for(self) -> Mapping[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for asked in self.before_destination.asked:
            begins_upload = asked.query.split("=")[0] == "uploads" if asked.method == "POST" else not asked.query
            if asked.key and asked.method in {"PUT", "POST"} and begins_upload:
                found[asked.key].add(asked.headers.get("x-amz-acl", "none"))
        return found

    @contextmanager
    def opened(self) -> Iterator[cursor]:
        with closing(psycopg2.connect(self.database)) as connection, connection, connection.cursor() as made:
            yield made

    def _write_rows(self, writing: cursor, rows: Iterable[MadeRow]) -> None:
        known: dict[str, set[str]] = {}
        groups: defaultdict[tuple[str, tuple[str, ...]], list[tuple[object, ...]]] = defaultdict(list)
        for row in rows:
            columns = known.setdefault(row.table, set()) or _columns_of(writing, row.table)
            known[row.table] = columns
            names = tuple(sorted(columns & row.columns.keys()))
            groups[row.table, names].append(tuple(row.columns[name] for name in names))
            self.expected += row.objects
            self.rows[row.table] += bool(row.objects)
        for (table, names), values in groups.items():
            _insert(writing, table, names, values)

    def _store(self, one: Expected) -> None:
        key = self.source_key(one)
        if one.size_bytes >= LARGE_BYTES:
            self.source.put_large(key, io.BytesIO(one.body()), one.headers)
        else:
            self.source.put(key, one.body(), one.headers)


@contextmanager
def media_world(postgres: Postgres, s3_servers: S3Servers, version: str, folder: Path) -> Iterator[World]:
    """Give an empty world of that version."""
    with (
        new_bucket(s3_servers.source) as source,
        new_bucket(s3_servers.destination) as destination,
        fault_proxy(s3_servers.source.port) as before_source,
        fault_proxy(s3_servers.destination.port) as before_destination,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        database = postgres.new_database(version)
        yield World(database, folder, source, destination, before_source, before_destination)


def _wrong_acl(key: str, one: Expected, asked: set[str]) -> list[str]:
    should = "private" if one.is_private else "public-read"
    return [f"{key}: the ACL asked for is {sorted(asked)}, not {should!r}"] if asked != {should} else []


def _store_settings(proxy: FaultProxy, bucket: Bucket, prefix: str) -> dict[str, object]:
    return {
        "endpoint": proxy.endpoint,
        "bucket": bucket.name,
        "access_key": KEYS.access,
        "secret_key": KEYS.secret,
        "region": REGION,
        "prefix": prefix,
    }


def _write_owners(writing: cursor) -> None:
    written_at = in_days(-1)
    for record_id, suspended in ((OWNER, None), (SUSPENDED_OWNER, written_at)):
        values = {"id": record_id, "username": f"owner{record_id}", "suspended_at": suspended}
        _insert_known(writing, "accounts", values | {"created_at": written_at, "updated_at": written_at})
    values = {"id": DELETED_STATUS, "account_id": OWNER, "deleted_at": written_at}
    _insert_known(writing, "statuses", values | {"created_at": written_at, "updated_at": written_at})


def _insert_known(writing: cursor, table: str, values: Mapping[str, object]) -> None:
    names = tuple(sorted(_columns_of(writing, table) & values.keys()))
    _insert(writing, table, names, [tuple(values[name] for name in names)])


def _insert(writing: cursor, table: str, names: Sequence[str], values: Sequence[Sequence[object]]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES %s ON CONFLICT (id) DO NOTHING").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    execute_values(writing, statement, values, page_size=1000)


def _columns_of(reading: cursor, table: str) -> set[str]:
    reading.execute(_COLUMNS, (table,))
    return {name for (name,) in reading.fetchall()}


def _join(prefix: str, key: str) -> str:
    return f"{prefix}/{key}" if prefix else key


def _without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}

"""A store in memory, for tests about who asks it for what, and in which order; real ones are in tests/seaweedfs.py."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from exporter.errors import MediaStoreError, StoreUnavailable
from exporter.media.store import Acl, Listed, ObjectHead, Put, Source, StoredObject

PART_BYTES = 1000


@dataclass
class Kept:
    """An object as it was written."""

    body: bytes
    put: Put

    @property
    def head(self) -> ObjectHead:
        etag = hashlib.md5(self.body, usedforsecurity=False).hexdigest()
        put = self.put
        return ObjectHead(len(self.body), etag, put.content_type or None, put.cache_control or None, put.metadata)


@dataclass
class MemoryStore:
    """Both a source and a destination. `asked` notes each request; `broken` are the errors that some keys give."""

    kept: dict[str, Kept] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: dict[str, MediaStoreError] = field(default_factory=dict)
    copies_inside: bool = False
    changes_acl: bool = True
    shows_acl: bool = True
    damages_on_acl: bool = False
    before_get: Callable[[str], None] = lambda _key: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, key: str, body: bytes = b"bytes", content_type: str = "", cache_control: str = "") -> None:
        """Have an object lie here."""
        self.kept[key] = Kept(body, Put(key, content_type, cache_control, None))

    def bodies(self) -> dict[str, bytes]:
        return {key: one.body for key, one in self.kept.items()}

    def verbs(self, *wanted: str) -> list[str]:
        """Return the keys that were asked for in one of these ways, in order."""
        return [key for verb, key in self.asked if verb in wanted]

    def head(self, key: str) -> ObjectHead | None:
        self._note("HEAD", key)
        return self.kept[key].head if key in self.kept else None

    def get(self, key: str, largest_bytes: int, reserve: Callable[[int], None]) -> StoredObject | ObjectHead | None:
        self.before_get(key)
        self._note("GET", key)
        one = self.kept.get(key)
        if one is None:
            return None
        if len(one.body) > largest_bytes:
            return one.head
        reserve(len(one.body))
        return StoredObject(one.head, one.body, hashlib.md5(one.body, usedforsecurity=False).digest())

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        self._note("RANGE", key)
        if key not in self.kept or self.kept[key].head != head:
            raise StoreUnavailable(f"{key} has changed")
        return self.kept[key].body[start : start + size_bytes]

    def put(self, put: Put, body: bytes, md5: bytes | None = None) -> None:
        self._note("PUT", put.key)
        self.kept[put.key] = Kept(body, put)

    def put_parts(self, put: Put, size_bytes: int, parts: Iterator[bytes]) -> None:
        self._note("PARTS", put.key)
        body = b"".join(parts)
        assert len(body) == size_bytes
        self.kept[put.key] = Kept(body, put)

    def part_size(self, size_bytes: int) -> int:
        return PART_BYTES

    def can_copy_from(self, source: Source) -> bool:
        return self.copies_inside

    def copy_from(self, source: Source, source_key: str, put: Put, head: ObjectHead) -> bool:
        assert isinstance(source, MemoryStore)
        self._note("COPY", put.key)
        if self.copies_inside:
            self.kept[put.key] = Kept(source.kept[source_key].body, put)
        return self.copies_inside

    def acl_of(self, key: str) -> Acl | None:
        self._note("ACL", key)
        return self.kept[key].put.acl if self.shows_acl else None

    def set_acl(self, key: str, acl: Acl) -> bool:
        self._note("SET ACL", key)
        if self.changes_acl:
            body = b"" if self.damages_on_acl else self.kept[key].body
            self.kept[key] = Kept(body, replace(self.kept[key].put, acl=acl))
        return self.changes_acl

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        self._note("LIST", prefix)
        for key in sorted(self.kept):
            if key.startswith(prefix) and key > after:
                yield Listed(key, len(self.kept[key].body), self.kept[key].head.etag)

    def _note(self, verb: str, key: str) -> None:
        with self.lock:
            self.asked.append((verb, key))
        if key in self.broken:
            raise self.broken[key]

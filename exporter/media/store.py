"""What a store is to everybody else here: where objects are read from, and where they are written to."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

MASTODON_CACHE_CONTROL = "public, max-age=315576000, immutable"
"""What Mastodon sets on every object, since 2.7."""


_MD5 = re.compile(r"[0-9a-fA-F]{32}")


class Acl(StrEnum):
    """The canned access rules that Mastodon uses."""

    PUBLIC_READ = "public-read"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a store tells of an object without its bytes.

    `etag` without quotes. `metadata` holds the other headers that belong to the object (Content-Disposition,
    Content-Encoding, Content-Language, x-amz-meta-*), names in lower case. `is_etag_opaque`: the store has said that
    it encrypts with keys of its own. `is_encrypted`: that it encrypts at all; Amazon's ETag may be an MD5 even so, that
    of others need not be.
    """

    size_bytes: int
    etag: str = ""
    content_type: str | None = None
    cache_control: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_etag_opaque: bool = False
    is_encrypted: bool = False

    @property
    def md5_hex(self) -> str | None:
        """The MD5 of the bytes, where the ETag may be one; an ETag of several parts, or of encrypted bytes, is not."""
        return self.etag.lower() if not self.is_etag_opaque and _MD5.fullmatch(self.etag) else None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A whole object in memory; only objects of bounded size come this way. `md5` is that of the body."""

    head: ObjectHead
    body: bytes
    md5: bytes | None = None


@dataclass(frozen=True, slots=True)
class Put:
    """What to write: `acl` None sends no ACL header at all."""

    key: str
    content_type: str
    cache_control: str
    acl: Acl | None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing."""

    key: str
    size_bytes: int
    etag: str = ""


class Source(Protocol):
    """Where objects are read. Keys are whole (prefix included). Thread-safe.

    Every method raises StoreUnavailable for what may pass (throttled, reset, timed out, 5xx, body cut short or
    not what its ETag says: each already tried again as often as the settings allow), StoreRefused for what will not
    (403, wrong key, no such bucket). An object that is not there is None, never an exception.
    """

    def head(self, key: str) -> ObjectHead | None: ...

    def get(self, key: str, largest_bytes: int, reserve: Callable[[int], None]) -> StoredObject | ObjectHead | None:
        """Return the whole object, or its head alone where it is larger than `largest_bytes`.

        `reserve` is called with the size before the body is read, once a try, and may wait for memory.
        """
        ...

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        """Return a part of an object that is still the one of `head`; StoreUnavailable where it has changed."""
        ...


class Destination(Protocol):
    """Where objects are written; raises as Source does. Thread-safe. No partial object is ever left under a key."""

    def head(self, key: str) -> ObjectHead | None: ...

    def put(self, put: Put, body: bytes, md5: bytes | None = None) -> None:
        """Write an object and be sure that the store holds these bytes. `md5` is theirs, if it is known already."""
        ...

    def put_parts(self, put: Put, size_bytes: int, parts: Iterator[bytes]) -> None:
        """Write a large object from parts that come in order, each but the last of `part_size(size_bytes)` bytes."""
        ...

    def part_size(self, size_bytes: int) -> int: ...

    def can_copy_from(self, source: "Source") -> bool:
        """Tell whether the bytes may stay inside the store: then the head is all that has to be asked for."""
        ...

    def copy_from(self, source: "Source", source_key: str, put: Put, head: ObjectHead) -> bool:
        """Copy inside the store; False where the store will not, so that the bytes have to pass through here."""
        ...

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield what lies under a prefix in the order of keys (as UTF-8 bytes), from behind a key on."""
        ...

    def acl_of(self, key: str) -> Acl | None:
        """Return who may read an object; None where the store does not tell."""
        ...

    def set_acl(self, key: str, acl: Acl) -> bool:
        """Change who may read an object; False where the store has no way to do that but writing it anew."""
        ...

"""A store in memory, for what no server at hand does: odd ETags, failures of single objects, listings that lag."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.errors import MediaStoreError, StoreUnavailable
from exporter.media.store import MASTODON_CACHE_CONTROL, Acl, Listed, ObjectHead


@dataclass
class Kept:
    """An object; `etag` None: the MD5 of its bytes as they were when it was written."""

    body: bytes
    content_type: str | None = "image/png"
    cache_control: str | None = MASTODON_CACHE_CONTROL
    acl: Acl | None = Acl.PUBLIC_READ
    etag: str | None = None
    is_etag_opaque: bool = False

    def __post_init__(self) -> None:
        self.etag = hashlib.md5(self.body).hexdigest() if self.etag is None else self.etag

    @property
    def head(self) -> ObjectHead:
        return ObjectHead(
            len(self.body), self.etag or "", self.content_type, self.cache_control, {}, self.is_etag_opaque
        )


@dataclass
class KeptObjects:
    """`failing` are whole keys, and what is raised for each; `listing_failure` is raised by any listing."""

    objects: dict[str, Kept] = field(default_factory=dict)
    failing: dict[str, MediaStoreError] = field(default_factory=dict)
    listing_failure: MediaStoreError | None = None
    not_listed: set[str] = field(default_factory=set)
    asked: Counter[str] = field(default_factory=Counter)
    largest_read_bytes: int = 0

    def put(self, key: str, body: bytes = b"bytes", **told: object) -> None:
        self.objects[key] = Kept(body, **told)  # type: ignore[arg-type]  # whatever a test tells of it

    def head(self, key: str) -> ObjectHead | None:
        self._ask("head", key)
        return self.objects[key].head if key in self.objects else None

    def get_range(self, key: str, start: int, size_bytes: int, head: ObjectHead) -> bytes:
        self._ask("get", key)
        self.largest_read_bytes = max(self.largest_read_bytes, size_bytes)
        if key not in self.objects or self.objects[key].etag != head.etag:
            raise StoreUnavailable(f"{key} has changed")
        return self.objects[key].body[start : start + size_bytes]

    def list_from(self, prefix: str, after: str = "") -> Iterator[Listed]:
        self.asked["list"] += 1
        if self.listing_failure:
            raise self.listing_failure
        for key in sorted(self.objects.keys() - self.not_listed):
            if key.startswith(prefix) and key > after:
                yield Listed(key, len(self.objects[key].body), self.objects[key].etag or "")

    def acl_of(self, key: str) -> Acl | None:
        self._ask("acl", key)
        return self.objects[key].acl

    def _ask(self, what: str, key: str) -> None:
        self.asked[what] += 1
        if key in self.failing:
            raise self.failing[key]

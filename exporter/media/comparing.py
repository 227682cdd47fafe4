"""Whether an object is in its place already, where a listing or the ledger alone cannot tell."""

from dataclasses import dataclass

from exporter.mastodon.attachments import MediaObject
from exporter.media.placing import Placing, whole_key
from exporter.media.skipping import Check, Open, has_size_told
from exporter.media.store import Destination, ObjectHead, Source


@dataclass(frozen=True)
class Comparing:
    """Asks both stores for heads only; any thread may use it."""

    source: Source
    destination: Destination
    source_prefix: str
    placing: Placing

    def found(self, one: Open) -> ObjectHead | None:
        """Return what lies in the place of an object that need not be copied; None where it must be.

        Raises MediaStoreError.
        """
        there = None if one.check is Check.NOTHING else self._head_there(one)
        return there if there is not None and self._is_right(one, there) else None

    def _is_right(self, one: Open, there: ObjectHead) -> bool:
        if one.check is not Check.CONTENT and has_size_told(one.media_object, there.size_bytes):
            return True
        here = self._head_here(one.media_object)
        if here is None:
            return True  # nothing that could take its place
        return may_be_same(here, there) if one.check is Check.CONTENT else here.size_bytes == there.size_bytes

    def _head_there(self, one: Open) -> ObjectHead | None:
        if one.listed is not None:
            return ObjectHead(one.listed.size_bytes, one.listed.etag)
        return self.destination.head(self.placing.key(one.media_object))

    def _head_here(self, media_object: MediaObject) -> ObjectHead | None:
        for key in (media_object.key, *media_object.other_keys):
            head = self.source.head(whole_key(self.source_prefix, key))
            if head is not None:
                return head
        return None


def may_be_same(one: ObjectHead, other: ObjectHead) -> bool:
    """Tell whether two objects have the same bytes, as far as their heads tell."""
    is_same_md5 = one.md5_hex is None or other.md5_hex is None or one.md5_hex == other.md5_hex
    return one.size_bytes == other.size_bytes and is_same_md5

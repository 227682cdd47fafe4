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

    def is_there(self, one: Open) -> bool:
        """Tell whether an object need not be copied. Raises MediaStoreError."""
        if one.check is Check.NOTHING:
            return False
        there = self._head_there(one)
        if there is None:
            return False
        if one.check is not Check.CONTENT and has_size_told(one.media_object, there.size_bytes):
            return True
        here = self._head_here(one.media_object)
        if here is None:
            return True  # nothing that could take its place
        is_same_size = here.size_bytes == there.size_bytes
        return is_same_size and (one.check is not Check.CONTENT or _may_be_same_bytes(here, there))

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


def _may_be_same_bytes(one: ObjectHead, other: ObjectHead) -> bool:
    return one.md5_hex is None or other.md5_hex is None or one.md5_hex == other.md5_hex

"""How a store proves that it holds the bytes it was sent."""

from dataclasses import dataclass, replace

from exporter.media.store import ObjectHead


@dataclass(frozen=True)
class Checks:
    """What can be relied on in a store.

    `refuses_wrong_md5`: it compares the bytes with the MD5 that it is told of. `shows_acl`: what it tells of who may
    read an object is what it was told. `changes_acl`: it can change that by itself, and the object stays as it is.
    """

    is_etag_md5: bool = True
    refuses_wrong_md5: bool = True
    shows_acl: bool = True
    changes_acl: bool = True

    def trusted(self, head: ObjectHead) -> ObjectHead:
        """Return a head whose ETag is not taken for an MD5 where it cannot be one."""
        return head if self.is_etag_md5 else replace(head, is_etag_opaque=True)

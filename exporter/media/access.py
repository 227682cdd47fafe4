"""Who may read an object that is in its place already: put right without moving its bytes."""

from dataclasses import dataclass

from exporter.mastodon.attachments import MediaObject
from exporter.media.placing import Placing
from exporter.media.store import Destination


@dataclass(frozen=True)
class Access:
    """Sees to the ACLs of objects; any thread may use it."""

    destination: Destination
    placing: Placing

    def put_right(self, media_object: MediaObject) -> bool:
        """Have an object the ACL that it should have; False where the store will not change it by itself.

        Where no ACLs are sent there is nothing to change. Raises MediaStoreError.
        """
        wanted, key = self.placing.acl(media_object), self.placing.key(media_object)
        return wanted is None or self.destination.acl_of(key) is wanted or self.destination.set_acl(key, wanted)

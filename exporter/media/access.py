"""Who may read an object that is in its place already: put right without moving its bytes."""

from dataclasses import dataclass
from enum import Enum, auto

from exporter.mastodon.attachments import MediaObject
from exporter.media.comparing import may_be_same
from exporter.media.placing import Placing
from exporter.media.store import Destination, ObjectHead


class Righted(Enum):
    """What came of putting right who may read an object."""

    RIGHT = auto()
    STUCK = auto()
    """The store changes no ACL by itself: the object has to be written anew."""
    DAMAGED = auto()
    """With the ACL the bytes have changed: what lies there now cannot stand in for the object."""


@dataclass(frozen=True)
class Access:
    """Sees to the ACLs of objects; any thread may use it."""

    destination: Destination
    placing: Placing

    def put_right(self, media_object: MediaObject, there: ObjectHead) -> Righted:
        """Have an object the ACL that it should have; `there` is what the destination told of it before.

        Where no ACLs are sent there is nothing to change. Raises MediaStoreError.
        """
        wanted, key = self.placing.acl(media_object), self.placing.key(media_object)
        if wanted is None or self.destination.acl_of(key) is wanted:
            return Righted.RIGHT
        if not self.destination.set_acl(key, wanted):
            return Righted.STUCK
        # A store that does not know what is asked of it may take it for a new object without bytes.
        after = self.destination.head(key)
        return Righted.RIGHT if after is not None and may_be_same(there, after) else Righted.DAMAGED

    def put_right_of_server(self, media_object: MediaObject, there: ObjectHead) -> Righted:
        """Do the same for an object that the server has written itself, which knows what it makes public."""
        is_untold = self.destination.acl_of(self.placing.key(media_object)) is None
        if is_untold and not media_object.attachment.is_private:
            return Righted.RIGHT
        return self.put_right(media_object, there)

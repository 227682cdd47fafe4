"""How an object is to lie in the destination: under which key, with which headers, and who may read it."""

from dataclasses import dataclass

from exporter.config.media_model import AclChoice
from exporter.mastodon.attachments import MediaObject
from exporter.media.store import MASTODON_CACHE_CONTROL, Acl, ObjectHead, Put


def whole_key(prefix: str, key: str) -> str:
    """Return a key with what the store has in front of all: S3_KEY_PREFIX as it is, and a slash."""
    return f"{prefix}/{key}" if prefix else key


@dataclass(frozen=True)
class Placing:
    """Where objects go. `public_acl` is for what anybody may see; None sends no ACL header."""

    prefix: str = ""
    public_acl: Acl | None = Acl.PUBLIC_READ
    private_acl: Acl | None = Acl.PRIVATE

    @classmethod
    def chosen(cls, prefix: str, choice: AclChoice, *, store_takes_acl: bool) -> "Placing":
        """Return what a configuration asks for, as far as the store can do it."""
        if choice is AclChoice.NONE or (choice is AclChoice.AUTO and not store_takes_acl):
            return cls(prefix, None, None)
        return cls(prefix, Acl.PRIVATE if choice is AclChoice.PRIVATE else Acl.PUBLIC_READ, Acl.PRIVATE)

    def key(self, media_object: MediaObject) -> str:
        """Return the whole key that Mastodon will ask for."""
        return whole_key(self.prefix, media_object.key)

    def acl(self, media_object: MediaObject) -> Acl | None:
        """Return the ACL that an object gets; None sends none."""
        return self.private_acl if media_object.attachment.is_private else self.public_acl

    @property
    def sends_acls(self) -> bool:
        """Whether objects get ACLs at all."""
        return self.public_acl is not None or self.private_acl is not None

    @property
    def acls(self) -> str:
        """Both ACLs in a word, by which the ledger tells under which of them objects were written."""
        return f"{self.public_acl or 'none'} {self.private_acl or 'none'}"

    def hides(self, media_object: MediaObject) -> bool:
        """Tell whether an object gets an ACL by which nobody may read it, for it is not for everybody."""
        return media_object.attachment.is_private and self.private_acl is Acl.PRIVATE

    def hidden_key(self, media_object: MediaObject) -> str | None:
        """Return the key, without the prefix, of an object that is hidden; None for any other."""
        return media_object.key if self.hides(media_object) else None

    def put(self, media_object: MediaObject, head: ObjectHead | None) -> Put:
        """Return how to write an object: with the headers that it has at its source, else with Mastodon's own."""
        return Put(
            key=self.key(media_object),
            content_type=(head.content_type if head else None) or media_object.content_type,
            cache_control=(head.cache_control if head else None) or MASTODON_CACHE_CONTROL,
            acl=self.acl(media_object),
            metadata=head.metadata if head else {},
        )

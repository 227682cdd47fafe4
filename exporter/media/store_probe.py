"""What a store can do: found out before the first object is moved, with small objects that are taken away again."""

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus

from exporter.config.media_model import AclChoice
from exporter.errors import MediaStoreError, StoreRefused, StoreUnavailable
from exporter.media.connection import Answer
from exporter.media.object_headers import content_md5, headers_of
from exporter.media.placing import whole_key
from exporter.media.s3_answer import Kind, Setback, is_bare_404
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import S3Request
from exporter.media.s3_store import S3Store
from exporter.media.store import MASTODON_CACHE_CONTROL, Acl, ObjectHead, Put, StoredObject

_CONTENT_TYPE = "image/png"
_BODY_BYTES = 64
_TOKEN_BYTES = 8
_WRONG_MD5 = bytes(16)
_ACCESS_DENIED = "403 AccessDenied"
_NOT_PRIVATE = "what is private cannot be kept so in a bucket that everybody may read"


@dataclass(frozen=True)
class Abilities:
    """What a destination can do. `takes_acl`: it refuses no ACL of Mastodon's.

    A store that takes them and shows something else, or nothing, gets them all the same: some keep them, and show
    them to nobody. `notes` are sentences that the user should read.
    """

    takes_acl: bool
    checks: Checks
    notes: tuple[str, ...] = ()


def probe_source(store: S3Store, prefix: str) -> tuple[str, ...]:
    """Return what the user should know of a source. Raises StoreRefused where its answers cannot be relied on."""
    return _probe_absence(store, _unused_key(prefix))


def probe_destination(store: S3Store, prefix: str, choice: AclChoice) -> Abilities:
    """Write, read back and delete a small object, and return what the store can do.

    Raises StoreRefused where what is read back differs, or where the store refuses what the configuration asks for.
    """
    probe = _Probe(store, _unused_key(prefix), secrets.token_bytes(_BODY_BYTES))
    try:
        is_etag_md5 = probe.read_back()
        refuses_wrong_md5 = probe.refuses_wrong_md5()
        takes_acl = probe.takes_acl(choice)
        changes_acl = takes_acl and probe.changes_acl(choice)
        checks = Checks(is_etag_md5, refuses_wrong_md5, takes_acl and probe.shows_acl, changes_acl)
        notes = (*probe.notes_on_acls(choice, takes_acl=takes_acl, changes_acl=changes_acl), *probe.notes())
        abilities = Abilities(takes_acl, checks, notes)
    except MediaStoreError:
        with suppress(MediaStoreError):  # what is told is the first trouble
            store.delete(probe.key)
        raise
    return replace(abilities, notes=(*abilities.notes, *probe.cleared_away()))


def _unused_key(prefix: str) -> str:
    return whole_key(prefix, f"mastodon-remedy-{secrets.token_hex(_TOKEN_BYTES)}")


def _probe_absence(store: S3Store, key: str) -> tuple[str, ...]:
    def judge(answer: Answer) -> bool | Setback:
        if answer.status == HTTPStatus.OK:
            return Setback("it answers with an object where there can be none", Kind.FINAL)
        setback = store.client.unwanted(answer)
        is_forbidden = answer.status == HTTPStatus.FORBIDDEN and setback.code in ("", "AccessDenied")
        store.client.is_absence_bare = is_bare_404(answer)
        return store.client.is_missing(answer) or (False if is_forbidden else setback)

    if store.client.ask(S3Request("GET", key), judge):
        return ()
    note = (
        f"{store.address.name} answers 403 for an object that is not there, so that such objects count as failed and"
        " not as missing; give the access key the right to list the bucket"
    )
    return (note,)


@dataclass
class _Probe:
    """A small object in a destination."""

    store: S3Store
    key: str
    body: bytes
    keeps_headers: bool = True
    shows_acl: bool = True
    acl_refusal: str = ""

    def read_back(self) -> bool:
        """Be sure that the store gives back what it was given; tell whether its ETag is an MD5."""
        self.store.put(self._put(None), self.body)
        found = self.store.get(self.key, len(self.body), lambda _: None)
        head = self.store.head(self.key)
        if not isinstance(found, StoredObject) or found.body != self.body or head is None:
            raise StoreRefused(f"{self.store.address.name} does not give back what it was given; it cannot be trusted")
        if head.size_bytes != len(self.body):
            raise StoreRefused(f"{self.store.address.name} tells a wrong size of an object; it cannot be trusted")
        self.keeps_headers = _are_headers_ours(head)
        return head.etag.lower() == hashlib.md5(self.body, usedforsecurity=False).hexdigest()

    def refuses_wrong_md5(self) -> bool:
        """Tell whether the store compares the MD5 that it is told of with what has come."""
        headers = {**headers_of(self._put(None)), **content_md5(_WRONG_MD5)}
        request = S3Request("PUT", self.key, headers=headers, body=self.body)
        return self.store.client.ask(request, self._judge_wrong_md5)

    def takes_acl(self, choice: AclChoice) -> bool:
        """Tell whether the store takes ACLs; find out whether it shows them."""
        if choice is AclChoice.NONE:
            return False
        wanted = (Acl.PRIVATE,) if choice is AclChoice.PRIVATE else (Acl.PUBLIC_READ, Acl.PRIVATE)
        return all(self._takes(acl, choice) for acl in wanted)

    def changes_acl(self, choice: AclChoice) -> bool:
        """Tell whether the store changes the ACL of an object, and nothing else.

        One that does not know what it is asked may take it for a new object without bytes.
        """
        wanted = Acl.PRIVATE if choice is AclChoice.PRIVATE else Acl.PUBLIC_READ  # what was written last is private
        try:
            is_taken = self.store.set_acl(self.key, wanted)
        except StoreUnavailable:  # some say so where they do not know what it is
            is_taken = False
        return is_taken and self._is_as_written() and (not self.shows_acl or self.store.acl_of(self.key) is wanted)

    def notes_on_acls(self, choice: AclChoice, *, takes_acl: bool, changes_acl: bool) -> tuple[str, ...]:
        """Return what becomes of ACLs in this store, in sentences."""
        note = self._note_on_acls(choice, takes_acl=takes_acl)
        if changes_acl or not takes_acl:
            return (note,)
        stuck = f"{self.store.address.name} changes no ACL of an object that is there; such objects are put once more"
        return note, stuck

    def _note_on_acls(self, choice: AclChoice, *, takes_acl: bool) -> str:
        name = self.store.address.name
        if takes_acl:
            shows = "shows them" if self.shows_acl else "does not show them, so that nobody can tell whether they hold"
            return f"{name} takes ACLs and {shows}"
        if choice is AclChoice.NONE:
            return f"{name} is sent no ACLs; {_NOT_PRIVATE}"
        permission = "; the access key may lack s3:PutObjectAcl" if _ACCESS_DENIED in self.acl_refusal else ""
        return f"{name} takes no ACLs, so that none are sent; {_NOT_PRIVATE} ({self.acl_refusal}{permission})"

    def notes(self) -> tuple[str, ...]:
        """Return what was found that the user should know."""
        if self.keeps_headers:
            return ()
        return (f"{self.store.address.name} does not keep Content-Type and Cache-Control as they were given",)

    def cleared_away(self) -> tuple[str, ...]:
        """Take the object away, and tell of it where that cannot be done."""
        try:
            self.store.delete(self.key)
        except MediaStoreError as error:
            return (f"a small object was written to try the store, and stays there: {error}",)
        return _probe_absence(self.store, self.key)

    def _is_as_written(self) -> bool:
        found = self.store.get(self.key, len(self.body), lambda _: None)
        if not isinstance(found, StoredObject) or found.body != self.body:
            return False
        return not self.keeps_headers or _are_headers_ours(found.head)

    def _judge_wrong_md5(self, answer: Answer) -> bool | Setback:
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return self.store.client.unwanted(answer)
        return answer.status >= HTTPStatus.BAD_REQUEST

    def _takes(self, acl: Acl, choice: AclChoice) -> bool:
        try:
            self.store.put(self._put(acl), self.body)
        except StoreRefused as error:
            if choice is AclChoice.AUTO:
                self.acl_refusal = str(error)
                return False
            raise StoreRefused(f"{error}; write `acl: none` if this store knows no ACLs") from error
        self.shows_acl = self.shows_acl and self.store.acl_of(self.key) is acl
        return True

    def _put(self, acl: Acl | None) -> Put:
        return Put(self.key, _CONTENT_TYPE, MASTODON_CACHE_CONTROL, acl)


def _are_headers_ours(head: ObjectHead) -> bool:
    return (head.content_type, head.cache_control) == (_CONTENT_TYPE, MASTODON_CACHE_CONTROL)

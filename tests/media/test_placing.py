import pytest

from exporter.config.media_model import AclChoice
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject
from exporter.media.placing import Placing, whole_key
from exporter.media.store import MASTODON_CACHE_CONTROL, Acl, ObjectHead


def an_object(*, is_private: bool = False) -> MediaObject:
    attachment = Attachment(MediaClass.MEDIA_ATTACHMENTS, 7, "file", "a.png", "image/png", is_private=is_private)
    return MediaObject(attachment, "original", "media_attachments/files/000/000/007/original/a.png", (), "image/png")


@pytest.mark.parametrize(
    ("prefix", "key"),
    [("", "a/b"), ("media", "media/a/b"), ("media/", "media//a/b"), ("two/deep", "two/deep/a/b"), ("/", "//a/b")],
)
def test_a_prefix_is_taken_as_it_is_and_stands_before_a_slash(prefix: str, key: str) -> None:
    assert whole_key(prefix, "a/b") == key


def test_an_object_keeps_the_headers_that_it_has() -> None:
    head = ObjectHead(5, "", "image/apng", "no-store", {"content-disposition": "inline", "x-amz-meta-a": "b"})
    put = Placing("new").put(an_object(), head)
    assert put.key == "new/media_attachments/files/000/000/007/original/a.png"
    assert (put.content_type, put.cache_control, put.metadata) == ("image/apng", "no-store", head.metadata)


@pytest.mark.parametrize("head", [None, ObjectHead(0), ObjectHead(0, "", "", "")])
def test_an_object_without_headers_gets_those_of_mastodon(head: ObjectHead | None) -> None:
    put = Placing().put(an_object(), head)
    assert (put.content_type, put.cache_control) == ("image/png", MASTODON_CACHE_CONTROL)


@pytest.mark.parametrize(
    ("choice", "store_takes_acl", "public", "private"),
    [
        (AclChoice.AUTO, True, Acl.PUBLIC_READ, Acl.PRIVATE),
        (AclChoice.AUTO, False, None, None),
        (AclChoice.NONE, True, None, None),
        (AclChoice.PUBLIC_READ, True, Acl.PUBLIC_READ, Acl.PRIVATE),
        (AclChoice.PRIVATE, True, Acl.PRIVATE, Acl.PRIVATE),
    ],
)
def test_who_may_read_is_what_was_asked_for_and_what_mastodon_hides_stays_hidden(
    choice: AclChoice, store_takes_acl: bool, public: Acl | None, private: Acl | None
) -> None:
    placing = Placing.chosen("", choice, store_takes_acl=store_takes_acl)
    assert placing.put(an_object(), None).acl == public
    assert placing.put(an_object(is_private=True), None).acl == private


@pytest.mark.parametrize(
    ("placing", "acls", "sends", "hides"),
    [
        (Placing(), "public-read private", True, True),
        (Placing("", Acl.PRIVATE, Acl.PRIVATE), "private private", True, True),
        (Placing("", None, None), "none none", False, False),
    ],
)
def test_hidden_is_only_what_gets_an_acl_that_hides_it(placing: Placing, acls: str, sends: bool, hides: bool) -> None:
    hidden, public = an_object(is_private=True), an_object()
    assert (placing.acls, placing.sends_acls) == (acls, sends)
    assert placing.hidden_key(hidden) == (hidden.key if hides else None)
    assert placing.hidden_key(public) is None

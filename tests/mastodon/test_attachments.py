"""The keys are written out here, as Mastodon's own models and Paperclip make them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.mastodon.attachment_styles import StyleRules
from exporter.mastodon.attachments import Attachment, MediaClass, id_partition, objects_of

SNOWFLAKE = 104530971904218116
PARTITION = "104/530/971/904/218/116"
NAME = "0123456789abcdef"

MEDIA = MediaClass.MEDIA_ATTACHMENTS
ACCOUNTS = MediaClass.ACCOUNTS
EMOJIS = MediaClass.CUSTOM_EMOJIS
CARDS = MediaClass.PREVIEW_CARDS
UPLOADS = MediaClass.SITE_UPLOADS
FILES = f"media_attachments/files/{PARTITION}"
ICON_SIZES = (36, 48, 57, 60, 72, 76, 96, 114, 120, 144, 152, 167, 180, 192, 256, 384, 512, 1024)


def media(file_name: str, content_type: str | None, **told: Any) -> Attachment:
    return Attachment(MEDIA, SNOWFLAKE, "file", file_name, content_type, **told)


def keys(attachment: Attachment) -> list[str]:
    return [one.key for one in objects_of(attachment)]


def places(attachment: Attachment) -> list[tuple[str, ...]]:
    return [(one.key, *one.other_keys) for one in objects_of(attachment)]


@pytest.mark.parametrize(
    ("record_id", "partition"),
    [
        (0, "000/000/000"),
        (7, "000/000/007"),
        (123456789, "123/456/789"),
        (999999999, "999/999/999"),
        (1000000000, "001/000/000/000"),
        (1234567890, "001/234/567/890"),
        (12345678901, "012/345/678/901"),
        (123456789012, "123/456/789/012"),
        (1234567890123, "123/456/789/012"),
        (12345678901234567, "123/456/789/012/345"),
        (104530971904218116, "104/530/971/904/218/116"),
        (2**63 - 1, "922/337/203/685/477/580"),
        (-99, "000/000"),  # the instance actor: the minus takes one of the nine places
        (-1, "000/000"),
    ],
)
def test_an_id_is_partitioned_as_paperclip_does_it(record_id: int, partition: str) -> None:
    assert id_partition(record_id) == partition


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_partition_is_whole_groups_of_three_that_begin_the_id(record_id: int) -> None:
    groups = id_partition(record_id).split("/")
    assert all(len(group) == 3 and group.isdigit() for group in groups)
    assert len(groups) >= 3
    digits = "".join(groups).lstrip("0")
    assert str(record_id).startswith(digits) or record_id == 0
    assert len(str(record_id)) - len(digits) < 3 or record_id == 0


@pytest.mark.parametrize(
    ("file_name", "content_type", "small"),
    [
        ("a.jpeg", "image/jpeg", "a.jpeg"),
        ("A.JPG", "image/jpeg", "A.JPG"),
        ("a.png", "image/png", "a.png"),
        ("a.webp", "image/webp", "a.webp"),
        ("a.gif", "image/gif", "a.png"),
        ("a.mp4", "video/mp4", "a.png"),
        ("a.webm", "video/webm", "a.png"),
        ("a.mov", "video/quicktime", "a.png"),
        ("a.heic", "image/heic", "a.jpeg"),
        ("a.heif", "image/heif", "a.jpeg"),
        ("a.avif", "image/avif", "a.jpeg"),
        ("a.mp3", "audio/mpeg", None),
        ("a.ogg", "audio/ogg", None),
        ("a.asf", "video/x-ms-asf", None),
        ("a.bin", "application/octet-stream", None),
        ("a.mp4", None, "a.png"),
        ("a.JPG", "", "a.JPG"),
        ("a.mp3", None, None),
        ("a", None, None),
        # Names that people gave, before names were made up.
        ("photo", "image/png", "photo"),
        ("clip", "video/mp4", "clip.png"),
        ("a.b.c.jpg", "image/jpeg", "a.b.c.jpg"),
        ("a.b.c.mp4", "video/mp4", "a.b.c.png"),
        ("a b+c%d#e?.mp4", "video/mp4", "a b+c%d#e?.png"),
        ("사진 größe.MP4", "video/mp4", "사진 größe.png"),
        ("trailing.", "video/mp4", "trailing.png"),
        (".mp4", "video/mp4", ".mp4.png"),
        ("..mp4", "video/mp4", "..mp4.png"),
        ("...", "video/mp4", "....png"),
        (".a.mp4", "video/mp4", ".a.png"),
        ("a..mp4", "video/mp4", "a..png"),
    ],
)
def test_the_preview_of_a_file_is_named_by_the_type_of_the_row(
    file_name: str, content_type: str | None, small: str | None
) -> None:
    expected = [f"{FILES}/original/{file_name}"] + ([f"{FILES}/small/{small}"] if small is not None else [])
    assert keys(media(file_name, content_type)) == expected


@pytest.mark.parametrize(
    ("rules", "file_name", "content_type", "small"),
    [
        (StyleRules(gif_previews_are_png=False), "a.gif", "image/gif", ("a.gif", "a.png")),
        (StyleRules(), "a.gif", "image/gif", ("a.png", "a.gif")),
        (StyleRules(avif_previews_are_jpeg=False), "a.avif", "image/avif", ("a.avif", "a.jpeg")),
        (StyleRules(), "a.avif", "image/avif", ("a.jpeg", "a.avif")),
        (StyleRules(), "a.heic", "image/heic", ("a.jpeg", "a.heic")),
        (StyleRules(), "a.mp4", "video/mp4", ("a.png",)),
        (StyleRules(), "a.jpg", "image/jpeg", ("a.jpg",)),
    ],
)
def test_a_preview_may_lie_under_the_extension_of_another_version(
    rules: StyleRules, file_name: str, content_type: str, small: tuple[str, ...]
) -> None:
    _, preview = places(media(file_name, content_type, rules=rules))
    assert preview == tuple(f"{FILES}/small/{name}" for name in small)


@pytest.mark.parametrize(
    ("is_remote", "version", "first", "second"),
    [(True, 1, "cache/", ""), (True, 2, "cache/", ""), (True, 0, "", "cache/"), (False, 1, "", None)],
)
def test_what_is_another_servers_lies_in_the_cache_once_its_row_says_so(
    is_remote: bool, version: int, first: str, second: str | None
) -> None:
    attachments = (
        (media("a.jpg", "image/jpeg"), f"{FILES}/original/a.jpg"),
        (
            Attachment(MEDIA, SNOWFLAKE, "thumbnail", "a.png", "image/png"),
            f"media_attachments/thumbnails/{PARTITION}/original/a.png",
        ),
        (Attachment(ACCOUNTS, 7, "avatar", "a.png", "image/png"), "accounts/avatars/000/000/007/original/a.png"),
        (Attachment(ACCOUNTS, 7, "header", "a.png", "image/png"), "accounts/headers/000/000/007/original/a.png"),
        (Attachment(EMOJIS, 7, "image", "a.png", "image/png"), "custom_emojis/images/000/000/007/original/a.png"),
        (Attachment(CARDS, 7, "image", "a.png", "image/png"), "preview_cards/images/000/000/007/original/a.png"),
    )
    for attachment, path in attachments:
        expected = (f"{first}{path}",) + (() if second is None else (f"{second}{path}",))
        assert places(replace(attachment, is_remote=is_remote, storage_schema_version=version))[0] == expected


def test_every_other_name_of_a_preview_is_looked_for_in_both_places() -> None:
    _, preview = places(media("a.gif", "image/gif", is_remote=True, storage_schema_version=1))
    assert preview == (
        f"cache/{FILES}/small/a.png",
        f"{FILES}/small/a.png",
        f"cache/{FILES}/small/a.gif",
        f"{FILES}/small/a.gif",
    )


@pytest.mark.parametrize(
    ("media_class", "name", "folder"),
    [
        (MediaClass.BACKUPS, "dump", "backups/dumps"),
        (MediaClass.IMPORTS, "data", "imports/data"),
        (MediaClass.SITE_UPLOADS, "file", "site_uploads/files"),
        (MediaClass.PREVIEW_CARD_PROVIDERS, "icon", "preview_card_providers/icons"),
    ],
)
def test_classes_without_locality_never_lie_in_the_cache(media_class: MediaClass, name: str, folder: str) -> None:
    attachment = Attachment(media_class, 12, name, "a.zip", "application/zip", is_remote=True, storage_schema_version=1)
    assert places(attachment)[0] == (f"{folder}/000/000/012/original/a.zip",)


@pytest.mark.parametrize("content_type", ["image/png", "image/jpeg", "image/webp", None])
@pytest.mark.parametrize("name", ["avatar", "header"])
def test_only_a_gif_of_an_account_has_a_static_form(name: str, content_type: str | None) -> None:
    account = Attachment(ACCOUNTS, -99, name, "a.gif", content_type)
    original = f"accounts/{name}s/000/000/original/a.gif"
    assert keys(account) == [original]
    assert keys(replace(account, content_type="image/gif")) == [
        original,
        f"accounts/{name}s/000/000/static/a.png",
    ]


@pytest.mark.parametrize("extension", ["png", "gif", "webp"])
def test_every_emoji_and_every_icon_of_a_provider_has_a_static_form(extension: str) -> None:
    for media_class, name in ((EMOJIS, "image"), (MediaClass.PREVIEW_CARD_PROVIDERS, "icon")):
        folder = f"{media_class}/{name}s/000/000/012"
        attachment = Attachment(media_class, 12, name, f"a.{extension}", f"image/{extension}")
        assert keys(attachment) == [f"{folder}/original/a.{extension}", f"{folder}/static/a.png"]


@pytest.mark.parametrize(
    ("variant", "styles"),
    [
        ("thumbnail", ("@1x", "@2x")),
        ("favicon", (16, 32, 48)),
        ("app_icon", ICON_SIZES),
        ("mascot", ()),
        ("hero", ()),
        ("", ()),
        (None, ()),
        ("custom", ()),
    ],
)
def test_site_uploads_have_the_styles_of_their_kind(variant: str | None, styles: tuple[object, ...]) -> None:
    upload = Attachment(UPLOADS, 3, "file", "Site Logo.jpg", "image/jpeg", variant=variant)
    folder = "site_uploads/files/000/000/003"
    assert keys(upload) == [f"{folder}/original/Site Logo.jpg"] + [f"{folder}/{one}/Site Logo.png" for one in styles]


def test_a_thumbnail_has_no_sizes_before_4_0() -> None:
    rules = StyleRules(thumbnail_has_sizes=False)
    assert len(objects_of(Attachment(UPLOADS, 3, "file", "a.png", "image/png", variant="thumbnail", rules=rules))) == 1
    assert len(objects_of(Attachment(UPLOADS, 3, "file", "a.png", "image/png", variant="favicon", rules=rules))) == 4


def test_a_thumbnail_and_the_image_of_a_card_have_one_form() -> None:
    for content_type in ("image/png", "image/gif", "video/mp4"):
        thumbnail = Attachment(MEDIA, 5, "thumbnail", "a.png", content_type)
        assert keys(thumbnail) == ["media_attachments/thumbnails/000/000/005/original/a.png"]
        card = Attachment(CARDS, 5, "image", "a.gif", content_type, is_remote=True, storage_schema_version=1)
        assert keys(card) == ["cache/preview_cards/images/000/000/005/original/a.gif"]


@pytest.mark.parametrize(
    ("attachment", "types"),
    [
        (media("a.jpg", "image/jpeg"), ["image/jpeg", "image/jpeg"]),
        (media("a.gif", "image/gif"), ["image/gif", "image/png"]),
        (media("a.mp4", "video/mp4"), ["video/mp4", "image/png"]),
        (media("a.heic", "image/heic"), ["image/heic", "image/jpeg"]),
        (media("a.webp", None), ["image/webp", "image/webp"]),
        (media("a.weird", None), ["application/octet-stream"]),
        (media("a.jpg", "image/jpeg\r\nx-amz-acl: public-read"), ["image/jpeg", "image/jpeg"]),
        (media("a", "text/plain; charset=utf-8"), ["text/plain; charset=utf-8"]),
        (Attachment(CARDS, 5, "image", "a.gif", "image/gif"), ["image/jpeg"]),
        (Attachment(EMOJIS, 5, "image", "a.gif", "image/gif"), ["image/gif", "image/png"]),
        (Attachment(UPLOADS, 5, "file", "a.jpg", "image/jpeg", variant="mascot"), ["image/jpeg"]),
        (Attachment(MediaClass.BACKUPS, 5, "dump", "archive.zip", None), ["application/zip"]),
        (Attachment(MediaClass.IMPORTS, 5, "data", "data.csv", None), ["text/csv"]),
    ],
)
def test_each_object_has_the_type_that_mastodon_would_set(attachment: Attachment, types: list[str]) -> None:
    assert [one.content_type for one in objects_of(attachment)] == types


def test_a_remote_file_stands_in_for_the_original_alone() -> None:
    url = "https://remote.example/a.jpg"
    remote = objects_of(media("a.jpg", "image/jpeg", is_remote=True, remote_url=url))
    assert [one.remote_url for one in remote] == [url, None]
    local = objects_of(media("a.jpg", "image/jpeg", remote_url=url))
    assert [one.remote_url for one in local] == [None, None]


attachments = st.builds(
    Attachment,
    st.sampled_from(MediaClass),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(["file", "thumbnail", "avatar", "header", "image", "icon", "dump", "data"]),
    st.text(min_size=1, max_size=40),
    st.none() | st.text(max_size=20) | st.sampled_from(["image/gif", "image/jpeg", "video/mp4", "audio/mpeg"]),
    is_remote=st.booleans(),
    storage_schema_version=st.integers(-1, 3),
    variant=st.none() | st.text(max_size=10) | st.sampled_from(["thumbnail", "favicon"]),
    rules=st.builds(StyleRules, st.booleans(), st.booleans(), st.booleans()),
)


@given(attachments)
def test_whatever_a_row_holds_it_has_an_original_and_no_key_twice(attachment: Attachment) -> None:
    objects = objects_of(attachment)
    assert objects[0].style == "original"
    assert objects[0].key.endswith(f"/original/{attachment.file_name}")
    all_keys = [key for one in objects for key in (one.key, *one.other_keys)]
    assert len(all_keys) == len(set(all_keys))
    assert all("\n" not in one.content_type and "/" in one.content_type for one in objects)

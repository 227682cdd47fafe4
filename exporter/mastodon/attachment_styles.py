"""The styles in which Mastodon has Paperclip keep a file, and the extension each of them has.

Sources: the `styles` of app/models of Mastodon 1.3 to 4.6 (media_attachment.rb, concerns/account/avatar.rb and
header.rb, custom_emoji.rb, preview_card.rb, preview_card_provider.rb, site_upload.rb).
"""

from dataclasses import dataclass

ORIGINAL = "original"

_PNG, _JPEG = "png", "jpeg"
_CONVERTED_IMAGES = frozenset({"image/heic", "image/heif"})
_PLAIN_IMAGES = frozenset({"image/jpeg", "image/png", "image/webp"})
_SOUND_NAMED_VIDEO = "video/x-ms-asf"  # Mastodon counts it among the sounds
_FAVICON_SIZES = (16, 32, 48)
_APP_ICON_SIZES = (36, 48, 57, 60, 72, 76, 96, 114, 120, 144, 152, 167, 180, 192, 256, 384, 512, 1024)


@dataclass(frozen=True, slots=True)
class StyleRules:
    """What one row means differently by Mastodon's version; the defaults are today's rules."""

    gif_previews_are_png: bool = True  # since 2.9.1 (#11123)
    thumbnail_has_sizes: bool = True  # since 4.0 (#19348)
    avif_previews_are_jpeg: bool = True  # since 4.2 (#26264)


TODAYS_RULES = StyleRules()


@dataclass(frozen=True, slots=True)
class Style:
    """A style; `extensions` has that of the key first, then others it may have had. None is the file name's own.

    `content_type` None: the file's own.
    """

    name: str
    extensions: tuple[str | None, ...] = (None,)
    content_type: str | None = None


AS_UPLOADED = (Style(ORIGINAL),)
_STATIC = Style("static", (_PNG,), "image/png")
WITH_STATIC = (*AS_UPLOADED, _STATIC)


def _png_sizes(*names: object) -> tuple[Style, ...]:
    return (*AS_UPLOADED, *(Style(str(name), (_PNG,), "image/png") for name in names))


_THUMBNAIL = _png_sizes("@1x", "@2x")
_SITE_UPLOADS = {
    "thumbnail": _THUMBNAIL,
    "favicon": _png_sizes(*_FAVICON_SIZES),
    "app_icon": _png_sizes(*_APP_ICON_SIZES),
}
_WITH_OWN_PREVIEW = (*AS_UPLOADED, Style("small"))
_WITH_PNG_PREVIEW = (*AS_UPLOADED, Style("small", (_PNG,), "image/png"))
_WITH_JPEG_PREVIEW = (*AS_UPLOADED, Style("small", (_JPEG, None), "image/jpeg"))
_GIF_WITH_PNG_PREVIEW = (*AS_UPLOADED, Style("small", (_PNG, None), "image/png"))
_GIF_WITH_GIF_PREVIEW = (*AS_UPLOADED, Style("small", (None, _PNG)))
_AVIF_WITH_AVIF_PREVIEW = (*AS_UPLOADED, Style("small", (None, _JPEG)))
_OTHER_IMAGE = (*AS_UPLOADED, Style("small", (None, _PNG)))


def styles_of_media(content_type: str | None, rules: StyleRules) -> tuple[Style, ...]:
    """Return the styles of a media attachment's file, whose type decides; `file_meta` speaks of the thumbnail too."""
    if content_type is None:
        return AS_UPLOADED
    if content_type in _PLAIN_IMAGES:
        return _WITH_OWN_PREVIEW
    if content_type == "image/gif":
        return _GIF_WITH_PNG_PREVIEW if rules.gif_previews_are_png else _GIF_WITH_GIF_PREVIEW
    if content_type in _CONVERTED_IMAGES:
        return _WITH_JPEG_PREVIEW
    if content_type == "image/avif":
        return _WITH_JPEG_PREVIEW if rules.avif_previews_are_jpeg else _AVIF_WITH_AVIF_PREVIEW
    if content_type.startswith("image/"):
        return _OTHER_IMAGE
    if content_type.startswith("video/") and content_type != _SOUND_NAMED_VIDEO:
        return _WITH_PNG_PREVIEW
    return AS_UPLOADED


def styles_of_account_image(content_type: str | None) -> tuple[Style, ...]:
    """Return the styles of an avatar or a header: only what may move has a static form."""
    return WITH_STATIC if content_type == "image/gif" else AS_UPLOADED


def styles_of_site_upload(variant: str | None, rules: StyleRules) -> tuple[Style, ...]:
    """Return the styles of what an administrator has uploaded, by its `var`."""
    styles = _SITE_UPLOADS.get(variant or "", AS_UPLOADED)
    return AS_UPLOADED if styles is _THUMBNAIL and not rules.thumbnail_has_sizes else styles

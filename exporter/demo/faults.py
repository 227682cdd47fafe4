"""The faults that can be switched on. Each of them turns one check red, or none, or all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from exporter.demo import alterations as alter
from exporter.demo import misbehaviour as line
from exporter.demo.answers import Request
from exporter.demo.certificates import Certificate
from exporter.demo.effects import Altered, Certified, Closed, Effect, Part, Unreceived
from exporter.demo.sample import HEALTH_PATH
from exporter.demo.site import ACCOUNT, ACCOUNT_ID

EVERY_CHECK = "all"
"""Stands in `Fault.breaks` where no check stays green."""

_SLOWNESS_SECONDS = 1.0
_SLUGGISHNESS_SECONDS = 1 / 3
_LONGER_THAN_ANY_TIMEOUT_SECONDS = 300.0
_BARE_XRD = '<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
_FORBIDDEN_TEMPLATE = f"{alter.METADATA_ADDRESS}?resource={{uri}}"


@dataclass(frozen=True)
class Fault:
    """One fault. `breaks` and `reason` name the check that fails and why; None: every check stays green."""

    name: str
    title: str
    breaks: str | None
    reason: str | None
    effect: Effect


def find_fault(name: str) -> Fault | None:
    """Return the fault of that name, or None."""
    return next((fault for fault in FAULTS if fault.name == name), None)


@dataclass(frozen=True)
class _Scope:
    """The requests that one check makes. A part without a rule belongs to the check alone."""

    check: str | None
    part: Part
    concerns: Callable[[Request], bool] = lambda request: True

    def fault(self, name: str, reason: str | None, title: str, alteration: alter.Alteration) -> Fault:
        return Fault(name, title, self.check, reason, Altered(frozenset({self.part}), self.concerns, alteration))


def _at(*paths: str) -> Callable[[Request], bool]:
    return lambda request: request.path in paths


def _is_for_profile(request: Request) -> bool:
    return request.path == f"/@{ACCOUNT}" and not request.wants_json


def _is_for_actor(request: Request) -> bool:
    return request.wants_json and request.path in {f"/@{ACCOUNT}", f"/users/{ACCOUNT}", f"/ap/users/{ACCOUNT_ID}"}


_web = _Scope("web", Part.MAIN, _at("/about", "/about/more")).fault
_slow_web = _Scope(None, Part.MAIN, _at("/about", "/about/more")).fault
_api = _Scope("api", Part.MAIN, _at("/api/v1/instance", "/api/v2/instance")).fault
_streaming = _Scope("streaming", Part.STREAMING).fault
_profile = _Scope("profile", Part.MAIN, _is_for_profile).fault
_storage = _Scope("storage", Part.STORAGE).fault
_listing = _Scope(None, Part.STORAGE, _at("/")).fault
_host_meta = _Scope("activitypub", Part.MAIN, _at("/.well-known/host-meta", "/.well-known/host-meta.json")).fault
_no_host_meta = _Scope(None, Part.MAIN, _at("/.well-known/host-meta", "/.well-known/host-meta.json")).fault
_webfinger = _Scope("activitypub", Part.MAIN, _at("/.well-known/webfinger")).fault
_actor = _Scope("activitypub", Part.MAIN, _is_for_actor).fault
_signed_actor = _Scope(None, Part.MAIN, _is_for_actor).fault
_health = _Scope("health", Part.MAIN, _at(HEALTH_PATH)).fault

_SLUGGISH = partial(line.answer_late, seconds=_SLUGGISHNESS_SECONDS)
_LATE = partial(line.answer_late, seconds=_SLOWNESS_SECONDS)
_TOO_LATE = partial(line.answer_late, seconds=_LONGER_THAN_ANY_TIMEOUT_SECONDS)

_WEB_FAULTS = (
    _web("web_500", "http_status", "The main page answers 500", alter.fail_with(500)),
    _web("web_parking_page", "keyword", "A seller of domains answers for the main page", alter.park),
    _web("web_stale_cache", "cached_stale", "The main page is a stale copy", alter.mark("X-Cached", "STALE")),
    _web("web_redirect_loop", "redirect", "The main page leads to itself", alter.redirect_to("?again=1")),
    _web(
        "web_redirect_to_metadata_address",
        "address",
        "The main page leads to where clouds keep credentials",
        alter.redirect_to(alter.METADATA_ADDRESS),
    ),
    _web("web_drip_body", "timeout", "The main page comes at one byte a second", alter.spoil(line.drip_body)),
    _web(
        "web_gzip_bomb",
        "body_too_large",
        "The main page is a gibibyte, compressed to a megabyte",
        alter.instead(line.send_gzip_bomb),
    ),
    _web("web_endless_body", "body_too_large", "The main page never ends", alter.instead(line.send_endless_page)),
    _web("web_corrupt_gzip", "protocol", "The main page is compressed and damaged", alter.corrupt_gzip),
    _web(
        "web_header_flood",
        "protocol",
        "The main page begins with ten megabytes of headers",
        alter.instead(line.flood_headers),
    ),
)

_API_FAULTS = (
    _api("api_500", "http_status", "The instance API answers 500", alter.fail_with(500)),
    _api("api_broken_json", "json", "The instance API sends JSON that breaks off", alter.replace_body('{"version": "')),
    _api("api_empty_version", "json", "The instance API tells an empty version", alter.set_field("version", "")),
    _api("api_stale_cache", "cached_stale", "The instance API is a stale copy", alter.mark("X-Cached", "STALE")),
    _api(
        "api_drip_headers",
        "timeout",
        "The instance API sends headers at one byte a second",
        alter.spoil(line.drip_headers),
    ),
    _api("api_truncated", "protocol", "The instance API stops in the middle of its answer", alter.spoil(line.truncate)),
)

_STREAMING_FAULTS = (
    Fault(
        "streaming_down",
        "The streaming server refuses connections",
        "streaming",
        "connect",
        Closed(frozenset({Part.STREAMING})),
    ),
    _streaming(
        "streaming_wrong_body",
        "keyword",
        "Something else answers for the streaming server",
        alter.replace_page("It works!"),
    ),
    _streaming("streaming_502", "http_status", "The proxy finds no streaming server", alter.fail_with(502)),
    _streaming(
        "streaming_redirect_loop", "redirect", "The streaming server leads to itself", alter.redirect_to("?again=1")
    ),
    Fault(
        "streaming_drip_tls",
        "The streaming server's TLS handshake comes at one byte a second",
        "streaming",
        "timeout",
        Unreceived(Part.STREAMING, line.drip_handshake),
    ),
    Fault(
        "streaming_expired_certificate",
        "The streaming server's certificate ended yesterday",
        "streaming",
        "tls",
        Certified(frozenset({Part.STREAMING}), Certificate.EXPIRED),
    ),
    Fault(
        "streaming_wrong_name_certificate",
        "The streaming server's certificate is for another name",
        "streaming",
        "tls",
        Certified(frozenset({Part.STREAMING}), Certificate.WRONG_NAME),
    ),
)

_PROFILE_FAULTS = (
    _profile("profile_404", "http_status", "The profile is not found", alter.fail_with(404)),
    _profile(
        "profile_wrong_page",
        "keyword",
        "Another page answers for the profile",
        alter.replace_page("Checking your browser."),
    ),
    _profile("profile_stale_cache", "cached_stale", "The profile is a stale copy", alter.mark("X-Cached", "STALE")),
    _profile("profile_slow", "timeout", "The profile takes longer than anyone waits", alter.spoil(_TOO_LATE)),
    _profile(
        "profile_cut", "protocol", "The connection ends before the profile begins", alter.instead(line.say_nothing)
    ),
)

_STORAGE_FAULTS = (
    _storage("storage_403", "http_status", "The storage refuses access", alter.fail_as_store(403, "AccessDenied")),
    _storage("storage_404", "http_status", "The storage has lost its objects", alter.fail_as_store(404, "NoSuchKey")),
    _storage(
        "storage_soft_404",
        "keyword",
        "The storage answers 200 and a page in place of every object",
        alter.replace_page("There is nothing here."),
    ),
    _storage("storage_garbage", "protocol", "The storage does not speak HTTP", alter.instead(line.send_garbage)),
    _storage(
        "storage_stale_cache",
        "cached_stale",
        "The storage is dead and a cache stands in",
        alter.mark("X-Cache-Status", "STALE"),
    ),
    Fault(
        "storage_certificate_untrusted",
        "The storage's certificate is from an authority nobody trusts",
        "storage",
        "tls",
        Certified(frozenset({Part.STORAGE}), Certificate.UNTRUSTED),
    ),
    Fault("storage_down", "The storage refuses connections", "storage", "connect", Closed(frozenset({Part.STORAGE}))),
)

_ACTIVITYPUB_FAULTS = (
    _host_meta("host_meta_500", "http_status", "host-meta answers 500", alter.fail_with(500)),
    _host_meta(
        "host_meta_broken_xml", "xml", "host-meta sends XML that breaks off", alter.replace_body(f"{_BARE_XRD}<Link")
    ),
    _host_meta(
        "host_meta_no_template", "template", "host-meta names no webfinger", alter.replace_body(f"{_BARE_XRD}</XRD>")
    ),
    _host_meta(
        "host_meta_metadata_address",
        "address",
        "host-meta names a forbidden address for webfinger",
        alter.link_host_meta_to(_FORBIDDEN_TEMPLATE),
    ),
    _webfinger("webfinger_404", "http_status", "webfinger does not know the account", alter.fail_with(404)),
    _webfinger(
        "webfinger_broken_json", "json", "webfinger sends JSON that breaks off", alter.replace_body('{"subject": "')
    ),
    _webfinger(
        "webfinger_wrong_subject",
        "subject",
        "webfinger answers for another account",
        alter.set_field("subject", "acct:somebody@another.example"),
    ),
    _webfinger(
        "webfinger_no_self_link", "self_link", "webfinger does not say where the actor is", alter.drop_link("self")
    ),
    _webfinger("webfinger_stale_cache", "cached_stale", "webfinger is a stale copy", alter.mark("X-Cached", "STALE")),
    _actor("actor_404", "http_status", "The actor is not found", alter.refuse_json(404, "Record not found")),
    _actor("actor_drip_body", "timeout", "The actor comes at one byte a second", alter.spoil(line.drip_body)),
)

_HEALTH_FAULTS = (
    _health("health_503", "http_status", "/health answers 503", alter.fail_with(503)),
    _health("health_reset", "protocol", "/health resets the connection", alter.instead(line.reset)),
    _health(
        "health_chunk_drip",
        "timeout",
        "/health sends chunks at one byte a second, without end",
        alter.spoil(line.drip_chunks),
    ),
    _health("health_redirect_chain", "redirect", "/health leads to ever new addresses", alter.redirect_onwards),
)

_OTHER_FAULTS = (
    Fault(
        "certificate_near_end",
        "The main host's certificate ends in three days",
        None,
        None,
        Certified(frozenset({Part.MAIN}), Certificate.NEAR_END),
    ),
    _listing("storage_listing_open", None, "The storage tells the names of all objects", alter.open_listing),
    _signed_actor(
        "secure_mode", None, "Actors answer signed requests only", alter.refuse_json(401, "Request not signed")
    ),
    _no_host_meta(
        "host_meta_404", None, "There is no host-meta, but webfinger is where it always is", alter.fail_with(404)
    ),
    _slow_web("web_slow", None, "The main page takes a third of a second", alter.spoil(_SLUGGISH)),
    Fault(
        "slow",
        "Every answer takes a second",
        None,
        None,
        Altered(frozenset(Part), lambda request: True, alter.spoil(_LATE)),
    ),
    Fault(
        "all_certificates_expired",
        "The certificates of all three hosts ended yesterday",
        EVERY_CHECK,
        "tls",
        Certified(frozenset(Part), Certificate.EXPIRED),
    ),
    Fault("everything_down", "All three hosts refuse connections", EVERY_CHECK, "connect", Closed(frozenset(Part))),
)

FAULTS = (
    *_WEB_FAULTS,
    *_API_FAULTS,
    *_STREAMING_FAULTS,
    *_PROFILE_FAULTS,
    *_STORAGE_FAULTS,
    *_ACTIVITYPUB_FAULTS,
    *_HEALTH_FAULTS,
    *_OTHER_FAULTS,
)
"""Every fault, in the order in which they are shown and take effect."""

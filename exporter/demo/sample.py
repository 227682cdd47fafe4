"""The healthy main host: which path is answered by what."""

from http import HTTPStatus
from urllib.parse import quote

from exporter.demo import federation, instance_api, pages
from exporter.demo.answers import Answer, Request, plain, redirect
from exporter.demo.site import Site
from exporter.demo.streaming import BASE_PATH as STREAMING_PATH

HEALTH_PATH = "/health"
HEALTH_SINCE = (3, 0)


def answer_main(site: Site, request: Request) -> Answer:
    """Return what Mastodon behind its usual nginx answers to someone who has not signed in."""
    answer = _answer(site, request).with_headers(("Server", "Mastodon"))
    if answer.content_type.startswith("text/html"):
        answer = answer.with_headers(("Content-Security-Policy", _content_security_policy(site)))
    # nginx adds headers to answers without an error only.
    return answer if answer.status >= HTTPStatus.BAD_REQUEST else answer.with_headers(("X-Cached", "MISS"))


def _answer(site: Site, request: Request) -> Answer:
    if request.method not in {"GET", "HEAD"}:
        return pages.not_found(site, request)
    if request.path == STREAMING_PATH or request.path.startswith(f"{STREAMING_PATH}/"):
        return _streaming_address(site, request)
    if request.path == HEALTH_PATH:
        return plain("OK") if site.since(*HEALTH_SINCE) else pages.not_found(site, request)
    return _PATHS.get(request.path, pages.not_found)(site, request)


def _streaming_address(site: Site, request: Request) -> Answer:
    """Return the way to the streaming host, which nginx should have taken.

    Versions before 4.1.1 know the base path only; those before 4.3 change the host but not the port,
    so that here, where all hosts have one name, they lead back to themselves.
    """
    if not site.since(4, 1, 1) and request.path != STREAMING_PATH:
        return pages.not_found(site, request)
    domain = site.streaming_domain if site.since(4, 3) else site.domain
    target = quote(request.target, safe="/?&=%:@+~,;!$'()*")
    return redirect(f"https://{domain}{target}", HTTPStatus.MOVED_PERMANENTLY)


def _content_security_policy(site: Site) -> str:
    media = f"'self' data: blob: {site.url} {site.storage_url}"
    return "; ".join(
        (
            "base-uri 'none'",
            "default-src 'none'",
            "frame-ancestors 'none'",
            f"img-src {media}",
            f"media-src {media}",
            f"connect-src {media} {site.streaming_url}",
            f"script-src 'self' {site.url}",
            f"style-src 'self' {site.url}",
        ),
    )


_PATHS = pages.PATHS | instance_api.PATHS | federation.PATHS

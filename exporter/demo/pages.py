"""The HTML pages of the main host."""

from collections.abc import Sequence
from http import HTTPStatus

from jinja2 import Environment, PackageLoader

from exporter.demo.answers import Answer, Request, html, json_document, redirect
from exporter.demo.site import DESCRIPTION, DISPLAY_NAME, TITLE, Site

Tags = Sequence[tuple[str, str]]

TEMPLATES = Environment(
    loader=PackageLoader("exporter.demo"),
    autoescape=True,
    trim_blocks=True,
    keep_trailing_newline=True,
)


def home(site: Site, request: Request) -> Answer:
    """Return the web application; before 4.0 the way to /about."""
    return _application(site, TITLE, _site_tags(site)) if site.since(4, 0) else redirect(f"{site.url}/about")


def about(site: Site, request: Request) -> Answer:
    """Return the page about the server: from 4.0 on it names no account."""
    if site.since(4, 0):
        return _application(site, f"About - {TITLE}", _site_tags(site))
    return _page("landing.html", site, title=site.domain, tags=_site_tags(site))


def about_more(site: Site, request: Request) -> Answer:
    """Return the longer page about the server, which went in 4.0."""
    return redirect(f"{site.url}/about", HTTPStatus.MOVED_PERMANENTLY) if site.since(4, 0) else about(site, request)


def profile(site: Site, request: Request) -> Answer:
    """Return the account's page."""
    title = f"{DISPLAY_NAME} (@{site.handle})"
    if site.since(4, 0):
        return _application(site, f"{title} - {TITLE}", _profile_tags(site, title))
    return _page("profile.html", site, title=title, tags=_profile_tags(site, title), alternates=(site.actor_url,))


def parked(site: Site, request: Request) -> Answer:
    """Return what a seller of domains shows: it names the domain and repeats the URL, as bad keywords expect."""
    return html(TEMPLATES.get_template("parked.html").render(site=site, target=request.target))


def error(status: int) -> Answer:
    """Return an error page."""
    page = TEMPLATES.get_template("error.html")
    return html(page.render(status=int(status), phrase=HTTPStatus(status).phrase), status)


def not_found(site: Site, request: Request) -> Answer:
    """Return what Mastodon answers to a path it does not know, as JSON where JSON was asked for."""
    if request.wants_json:
        return json_document({"error": "Not Found"}, HTTPStatus.NOT_FOUND)
    return error(HTTPStatus.NOT_FOUND)


def stylesheet(site: Site, request: Request) -> Answer:
    return Answer(b"body { font-family: sans-serif; }\n", "text/css")


def script(site: Site, request: Request) -> Answer:
    return Answer(b'"use strict";\n', "text/javascript")


def _application(site: Site, title: str, tags: Tags) -> Answer:
    alternates = (site.actor_url,) if ("og:type", "profile") in tags else ()
    return _page("shell.html", site, title=title, tags=tags, alternates=alternates, initial_state=_initial_state(site))


def _page(template: str, site: Site, **values: object) -> Answer:
    page = TEMPLATES.get_template(template)
    return html(page.render(site=site, name=DISPLAY_NAME, description=DESCRIPTION, **values))


def _site_tags(site: Site) -> Tags:
    return (
        ("og:site_name", f"Mastodon hosted on {site.domain}"),
        ("og:url", f"{site.url}/about"),
        ("og:type", "website"),
        ("og:title", TITLE),
        ("og:description", DESCRIPTION),
        ("og:image", site.thumbnail_url),
    )


def _profile_tags(site: Site, title: str) -> Tags:
    return (
        ("og:type", "profile"),
        ("og:url", site.profile_url),
        ("og:site_name", TITLE),
        ("og:title", title),
        ("og:image", site.avatar_url),
        ("profile:username", site.handle),
    )


def _initial_state(site: Site) -> dict[str, object]:
    """Return the state of a visitor who has not signed in: it names no account either."""
    meta = {
        "streaming_api_base_url": site.streaming_url,
        "locale": "en",
        "domain": site.domain,
        "title": TITLE,
        "version": site.version,
        "limited_federation_mode": False,
        "single_user_mode": False,
        "repository": "mastodon/mastodon",
    }
    return {"meta": meta, "compose": {}, "accounts": {}, "settings": {}, "languages": [["en", "English", "English"]]}


PATHS = {
    "/": home,
    "/about": about,
    "/about/more": about_more,
    "/packs/sample.css": stylesheet,
    "/packs/sample.js": script,
}
"""Every page by its path."""

"""A real nginx that answers as a Mastodon server would, from its configuration alone."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

HTTP_PORT = 18190
HTTPS_PORT = 18191

_SERVER = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{http_port} backlog=1024;
    listen 127.0.0.1:{https_port} ssl backlog=1024;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    gzip on;
    gzip_types application/json;
    root {folder}/pages;
    sub_filter_types *;
    sub_filter_once off;
    sub_filter HOST $http_host;
    sub_filter SCHEME $scheme;
    {locations}
  }}
}}
"""


@dataclass(frozen=True)
class Sample:
    """A running sample: where it answers, and the authority of its certificate."""

    http_url: str
    https_url: str
    ca_file: Path


@contextmanager
def sample_nginx(folder: Path) -> Iterator[Sample]:
    """Run nginx with the answers of a healthy 4.6 server for whatever host it is asked as."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1", "*.sample.test", "sample.test").private_key_and_cert_chain_pem.write_to_path(
        str(folder / "server.pem")
    )
    folder.chmod(0o755)  # nginx's worker is another user
    (folder / "pages").mkdir()
    locations = "\n    ".join(_location(folder, *answer) for answer in _answers())
    config = folder / "nginx.conf"
    config.write_text(_SERVER.format(folder=folder, http_port=HTTP_PORT, https_port=HTTPS_PORT, locations=locations))
    nginx = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder), "-g", "daemon off;"])
    try:
        yield Sample(f"http://127.0.0.1:{HTTP_PORT}", f"https://127.0.0.1:{HTTPS_PORT}", folder / "ca.pem")
    finally:
        nginx.terminate()
        nginx.wait()


def _answers() -> list[tuple[str, str, str]]:
    """Return path, content type and body of every answer; HOST and SCHEME in a body are filled in by nginx."""
    here = "SCHEME://HOST"
    state = json.dumps({"meta": {"domain": "HOST", "version": "4.6.0"}})
    about = (
        '<!DOCTYPE html><html><head><meta content="Mastodon hosted on HOST" property="og:site_name">'
        f'<script id="initial-state" type="application/json">{state}</script></head>'
        f'<body><div id="mastodon"></div>{"<p>text</p>" * 2000}</body></html>'
    )
    instance = {
        "domain": "HOST",
        "version": "4.6.0",
        "thumbnail": {"url": f"{here}/site_uploads/thumbnail.png"},
        "configuration": {"urls": {"streaming": here}},
        "contact": {"account": {"acct": "admin", "username": "admin"}},
        "description": "words " * 500,
    }
    links = [{"rel": "self", "type": "application/activity+json", "href": f"{here}/users/admin"}]
    nodeinfo = {"links": [{"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": f"{here}/nodeinfo/2.0"}]}
    host_meta = (
        '<?xml version="1.0"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" template="{here}/.well-known/webfinger?resource={{uri}}"/></XRD>'
    )
    return [
        ("/about", "text/html", about),
        ("/api/v2/instance", "application/json", json.dumps(instance)),
        ("/api/v1/instance", "application/json", json.dumps({"version": "4.6.0", "stats": {"domain_count": 7}})),
        ("/api/v1/streaming/health", "text/plain", "OK"),
        ("/@admin", "text/html", f"<title>admin@HOST</title>{'<p>text</p>' * 2000}"),
        ("/site_uploads/thumbnail.png", "image/png", "PNG"),
        ("/.well-known/host-meta", "application/xrd+xml", host_meta),
        ("/.well-known/webfinger", "application/jrd+json", json.dumps({"subject": "acct:admin@HOST", "links": links})),
        ("/.well-known/nodeinfo", "application/json", json.dumps(nodeinfo)),
        ("/nodeinfo/2.0", "application/json", json.dumps({"usage": {"users": {"total": 1}, "localPosts": 2}})),
        ("/users/admin", "application/activity+json", json.dumps({"id": f"{here}/users/admin", "type": "Person"})),
        ("/health", "text/plain", "OK"),
    ]


def _location(folder: Path, path: str, content_type: str, body: str) -> str:
    page = folder / "pages" / path.strip("/").replace("/", "-")
    page.write_text(body)
    return f"location = {path} {{ default_type {content_type}; types {{}} try_files /{page.name} =404; }}"

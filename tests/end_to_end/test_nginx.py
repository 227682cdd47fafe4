"""A real nginx with the cache that Mastodon's own configuration has: it must not hide a dead server."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from tests.end_to_end.programs_under_test import free_port, run, started
from tests.probes import mastodon_site
from tests.probes.site import Site
from tests.programs import need_program

# The cache as in Mastodon's own dist/nginx.conf. `key` is what tells two requests apart:
# nginx's default has the query in it, some administrators' has not.
CONFIG = """
user root; # else, as root, its worker may not enter the test's folder; others cannot change user and are not asked to
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  proxy_cache_path {folder}/cache keys_zone=CACHE:1m inactive=1h;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {backend};
      proxy_set_header Host $http_host;
      proxy_cache CACHE;
      proxy_cache_key {key};
      proxy_cache_valid 200 1s;
      proxy_cache_use_stale error timeout updating http_500 http_502 http_503 http_504;
      add_header X-Cached $upstream_cache_status;
    }}
  }}
}}
"""
KEY_WITH_QUERY = "$scheme$proxy_host$request_uri"
KEY_WITHOUT_QUERY = "$scheme$proxy_host$uri"


@dataclass(frozen=True)
class Front:
    """nginx in front of a server."""

    url: str
    backend: Site
    folder: Path

    def failing(self) -> dict[str, str]:
        """Return the failing checks with their reasons, as the `check` command tells them."""
        config = self.folder / "config.yml"
        config.write_text(yaml.safe_dump({"state_dir": str(self.folder / "state"), "instances": [{"url": self.url}]}))
        (report,) = json.loads(run("check", "-c", str(config), "--format", "json").stdout)
        return {check["check"]: check["reason"] for check in report["checks"] if not check["success"]}


@pytest.fixture(params=[KEY_WITH_QUERY, KEY_WITHOUT_QUERY], ids=["query in the key", "query not in the key"])
def front(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Front]:
    program = need_program("nginx")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Site() as backend:
        config = tmp_path / "nginx.conf"
        config.write_text(CONFIG.format(folder=tmp_path, port=port, backend=backend.url, key=request.param))
        backend.public_url = url
        backend.routes.update(mastodon_site.newest(backend))
        arguments = [program, "-c", str(config), "-p", str(tmp_path), "-g", "daemon off;"]
        with started(arguments, url, tmp_path / "nginx.log"):
            yield Front(url, backend, tmp_path)


def test_a_healthy_server_behind_the_cache_is_healthy(front: Front) -> None:
    assert front.failing() == {}


def test_a_dead_server_behind_the_cache_is_down_in_every_part(front: Front, request: pytest.FixtureRequest) -> None:
    assert front.failing() == {}
    front.backend.stop()
    wait_until_expired(front)
    stale = "query not in the key" in request.node.name
    expected = "cached_stale" if stale else "http_status"
    assert front.failing() == dict.fromkeys(
        ("web", "api", "streaming", "profile", "storage", "activitypub", "health"), expected
    )


def wait_until_expired(front: Front) -> None:
    """Wait until nginx no longer serves its copy as fresh."""
    give_up = time.monotonic() + 20
    while requests.get(f"{front.url}/health", timeout=5).headers.get("X-Cached") == "HIT":
        assert time.monotonic() < give_up, "nginx goes on serving its copy as fresh"

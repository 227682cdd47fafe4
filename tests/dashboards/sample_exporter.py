"""An exporter of which every metric has a series, and every counter moves: what the golden expositions hold."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.parser import text_string_to_metric_families

GOLDEN = Path(__file__).parents[1] / "golden"
BROKEN = "qdon"
"""The server whose checks partly fail, and whose logs and stores the exporter reads."""

_SOURCES = (("access_log", BROKEN), ("database", "database"), ("redis", "redis"), ("media", "media"))
_CERTIFICATE_SECONDS = 20 * 86400.0
_ROWS = 1e6
# The stored probe is of a server that has no such check.
_HEALTH = 'mastodon_check_success{check="health"} 1.0\n'


@contextmanager
def sample_exporter(servers: Sequence[str]) -> Iterator[str]:
    """Serve it; the first of the servers should be BROKEN. Gives host and port."""
    started = time.time()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            pages = {
                "/targets": lambda: json.dumps([{"targets": [name]} for name in servers]),
                "/metrics": lambda: _metrics(time.time() - started),
                "/probe": lambda: _probe(parse_qs(asked.query)["target"][0], time.time()),
            }
            body = pages[asked.path]().encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json" if asked.path == "/targets" else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _probe(server: str, now: float) -> str:
    text = _moved(["probe.prom"], 0.0, now) + _HEALTH
    if server == BROKEN:
        return text
    kept = [line for line in text.splitlines() if "failure_info" not in line]
    return "\n".join([re.sub(r"^(\S*_success\S*) 0\.0$", r"\1 1.0", line) for line in kept]) + "\n"


def _metrics(elapsed: float) -> str:
    now = time.time()
    texts = _moved(["metrics.prom", "accesslog.prom", "ledger.prom", "stores.prom"], elapsed, now)
    infos = (
        f'mastodon_exporter_source_info{{source="{source}",name="{name}",target="{BROKEN}"}} 1'
        for source, name in _SOURCES
    )
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return "\n".join([texts, *infos, generate_latest(registry).decode()])


def _moved(names: Sequence[str], elapsed: float, now: float) -> str:
    """Return the stored families, each once, with counters, rows and times as they would be by now."""
    seen: set[str] = set()
    lines: list[str] = []
    for name in names:
        text = (GOLDEN / name).read_text().replace("SECONDS", "2")
        for family in text_string_to_metric_families(text):
            if family.name not in seen:
                lines += [
                    _line(sample.name, sample.labels, _by_now(sample.name, sample.value, elapsed, now))
                    for sample in family.samples
                ]
            seen.add(family.name)
    return "\n".join(lines) + "\n"


def _by_now(name: str, value: float, elapsed: float, now: float) -> float:
    if name.endswith("certificate_expiry_timestamp_seconds"):
        return now + _CERTIFICATE_SECONDS
    if name.endswith("_timestamp_seconds"):
        return now - 600
    if name == "mastodon_media_sync_rows":
        return _ROWS
    if name.endswith(("_total", "_rows_done")):
        return value + 10 * elapsed
    return 300.0 if name.endswith("_interval_seconds") else value


def _line(name: str, labels: dict[str, str], value: float) -> str:
    pairs = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{pairs}}} {value}"

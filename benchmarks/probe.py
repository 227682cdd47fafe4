"""CPU time per check beside Debian's prometheus-blackbox-exporter, and 500 instances on one core.

Both exporters ask the same nginx the same things. `one check`: one request and one keyword, asked
through one scrape of each. `seven checks`: what it takes to watch one server; blackbox_exporter is
scraped once for each of the seven, as its multi-target pattern has it, this exporter once for all.
This exporter then makes more requests (it walks webfinger to the actor, looks at the bucket's root,
and reads nodeinfo); they are in its figure.
"""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests
import yaml

from benchmarks.processes import cpu_seconds, peak_memory_bytes, running
from benchmarks.sample_nginx import Sample, sample_nginx

OWN_PORT, PEER_PORT = 18192, 18193
ROUNDS = 5
SCRAPES = 400
INSTANCES = 500
MINUTE_SECONDS = 60.0
LIMIT = 1.2

PATHS = {
    "web": ("/about", "initial-state"),
    "api": ("/api/v2/instance", '"version"'),
    "streaming": ("/api/v1/streaming/health", "^OK$"),
    "profile": ("/@admin", "admin@"),
    "storage": ("/site_uploads/thumbnail.png", "PNG"),
    "activitypub": ("/.well-known/webfinger?resource=acct:admin@127.0.0.1", "application/activity"),
    "health": ("/health", "OK"),
}

COMPRESSED = frozenset({"web", "api", "profile"})
"""What nginx compresses; blackbox_exporter fails an answer that is not compressed once it has asked for it."""


@dataclass(frozen=True)
class Contest:
    """One comparison: how each side is scraped for the same checks."""

    name: str
    checks: int
    own: Callable[[], None]
    peer: Callable[[], None]


def main() -> int:
    """Print the figures; end with 1 where a ratio is above the limit."""
    with tempfile.TemporaryDirectory() as name, sample_nginx(Path(name)) as sample:
        ratios = compare(sample, Path(name))
        watch_many(sample, Path(name))
    return 0 if max(ratios) < LIMIT else 1


def compare(sample: Sample, folder: Path) -> list[float]:
    """Run every contest and return the ratios of CPU time, this exporter over its peer."""
    own_command = [sys.executable, "-m", "exporter", "serve", "-c", str(_own_config(sample, folder))]
    peer_command = [
        "prometheus-blackbox-exporter", f"--config.file={_peer_config(sample, folder)}",
        f"--web.listen-address=127.0.0.1:{PEER_PORT}",
    ]  # fmt: skip
    with (
        running(own_command, f"http://127.0.0.1:{OWN_PORT}/-/healthy") as own,
        running(peer_command, f"http://127.0.0.1:{PEER_PORT}/-/healthy") as peer,
    ):
        return [_run(contest, own, peer) for contest in _contests(sample)]


def _contests(sample: Sample) -> list[Contest]:
    own, peer = requests.Session(), requests.Session()

    def ask_own(target: str, **parameters: str) -> None:
        url = f"http://127.0.0.1:{OWN_PORT}/probe"
        _must_pass(own.get(url, params={"target": target, **parameters}, timeout=20))

    def ask_peer(base: str, *checks: str) -> None:
        for check in checks:
            parameters = {"target": base + PATHS[check][0], "module": check}
            _must_pass(peer.get(f"http://127.0.0.1:{PEER_PORT}/probe", params=parameters, timeout=20))

    contests = []
    for scheme, base in (("http", sample.http_url), ("https", sample.https_url)):
        one = Contest(f"one check, {scheme}", 1, partial(ask_own, scheme, check="web"), partial(ask_peer, base, "web"))
        all_of_them = Contest(f"seven checks, {scheme}", 7, partial(ask_own, scheme), partial(ask_peer, base, *PATHS))
        contests += [one, all_of_them]
    return contests


def _must_pass(answer: requests.Response) -> None:
    if "probe_success 1" not in answer.text:
        raise SystemExit(f"a probe failed that must pass: {answer.url}\n{answer.text}")


def _run(contest: Contest, own: int, peer: int) -> float:
    rounds = [(_cpu(contest.own, own, contest.checks), _cpu(contest.peer, peer, contest.checks)) for _ in range(ROUNDS)]
    ratio = statistics.median(mine / theirs for mine, theirs in rounds)
    mine, theirs = (statistics.median(values) for values in zip(*rounds, strict=True))
    figures = f"{mine * 1e3:7.3f} ms CPU a check, blackbox_exporter {theirs * 1e3:7.3f} ms, ratio {ratio:.2f}"
    print(f"{contest.name:20} {figures}")
    return ratio


def _cpu(scrape: Callable[[], None], pid: int, checks: int) -> float:
    scrape()
    before = cpu_seconds(pid)
    for _ in range(SCRAPES):
        scrape()
    return (cpu_seconds(pid) - before) / SCRAPES / checks


def watch_many(sample: Sample, folder: Path) -> None:
    """Probe 500 instances once a minute, spread over it as Prometheus does, and print what that takes."""
    config = _many_config(sample, folder)
    command = [sys.executable, "-m", "exporter", "serve", "-c", str(config)]
    with running(command, f"http://127.0.0.1:{OWN_PORT}/-/healthy", one_core=True) as pid:
        before = cpu_seconds(pid)
        durations = _scrape_spread([f"i{number}" for number in range(INSTANCES)])
        used = cpu_seconds(pid) - before
        print(
            f"{INSTANCES} instances x 7 checks in {MINUTE_SECONDS:.0f} s on one core: "
            f"{used / MINUTE_SECONDS:.0%} of it, "
            f"{peak_memory_bytes(pid) / 2**20:.0f} MiB, slowest probe {max(durations):.2f} s, "
            f"median {statistics.median(durations):.3f} s"
        )


def _scrape_spread(names: list[str]) -> list[float]:
    began = time.monotonic()

    def scrape(numbered: tuple[int, str]) -> float:
        threading.Event().wait(max(began + numbered[0] * MINUTE_SECONDS / len(names) - time.monotonic(), 0))
        started = time.monotonic()
        answer = requests.get(f"http://127.0.0.1:{OWN_PORT}/probe", params={"target": numbered[1]}, timeout=20)
        _must_pass(answer)
        return time.monotonic() - started

    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(scrape, enumerate(names)))


def _own_config(sample: Sample, folder: Path) -> Path:
    checks = {"storage": {"keyword": "PNG"}}
    instances = [
        {"name": "http", "url": sample.http_url, "checks": checks},
        {"name": "https", "url": sample.https_url, "checks": checks, "ca_file": str(sample.ca_file)},
    ]
    return _write(folder / "own.yml", {**_own_settings(folder), "instances": instances})


def _many_config(sample: Sample, folder: Path) -> Path:
    port = sample.https_url.rpartition(":")[2]
    instances = [
        {"name": f"i{number}", "url": f"https://i{number}.sample.test:{port}", "ca_file": str(sample.ca_file),
         "resolve": {f"i{number}.sample.test": "127.0.0.1"},
         "checks": {"storage": {"keyword": "PNG"}}}
        for number in range(INSTANCES)
    ]  # fmt: skip
    return _write(folder / "many.yml", {**_own_settings(folder), "instances": instances})


def _own_settings(folder: Path) -> dict[str, object]:
    return {"web": {"listen": f"127.0.0.1:{OWN_PORT}"}, "state_dir": str(folder / "state")}


def _peer_config(sample: Sample, folder: Path) -> Path:
    modules = {
        check: {"prober": "http", "timeout": "8s", "http": {
            "preferred_ip_protocol": "ip4", "fail_if_body_not_matches_regexp": [keyword],
            "tls_config": {"ca_file": str(sample.ca_file)},
            **({"compression": "gzip", "headers": {"Accept-Encoding": "gzip"}} if check in COMPRESSED else {})}}
        for check, (_, keyword) in PATHS.items()
    }  # fmt: skip
    return _write(folder / "peer.yml", {"modules": modules})


def _write(path: Path, document: object) -> Path:
    path.write_text(yaml.safe_dump(document))
    return path


if __name__ == "__main__":
    sys.exit(main())

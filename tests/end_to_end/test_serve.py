"""`mastodon-exporter serve` as a service: reload, restart, the end, the deadline, and what must not be told."""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
import requests
import yaml

from tests.end_to_end.programs_under_test import Running, command, exporter, free_port, run, started
from tests.probes import mastodon_site
from tests.probes.site import Reply, Site, drip, page, redirect

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Service:
    """A running exporter that watches a site under the name `qdon`."""

    site: Site
    config: Path
    running: Running

    def success(self, check: str) -> str:
        text = self.running.get("/probe", target="qdon").text
        found: list[str] = re.findall(rf'mastodon_check_success\{{check="{check}"\}} (\d)', text)
        return found[0]


def write(path: Path, site: Site, **settings: object) -> Path:
    document = {"state_dir": str(path.parent / "state"), "instances": [{"name": "qdon", "url": site.url}], **settings}
    path.write_text(yaml.safe_dump(document))
    return path


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        running.routes.update(mastodon_site.newest(running))
        yield running


@pytest.fixture
def service(site: Site, tmp_path: Path) -> Iterator[Service]:
    config = write(tmp_path / "config.yml", site)
    with exporter(config, tmp_path) as running:
        yield Service(site, config, running)


def eventually(condition: Callable[[], object], wanted: object) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < give_up:
        if condition() == wanted:
            return
        time.sleep(0.02)
    assert condition() == wanted


def targets(service: Service) -> list[str]:
    return [entry["targets"][0] for entry in service.running.get("/targets").json()]


def test_sighup_puts_a_new_configuration_in_force(service: Service) -> None:
    settings = yaml.safe_load(service.config.read_text())
    settings["instances"].append({"name": "second", "url": "https://second.example"})
    service.config.write_text(yaml.safe_dump(settings))
    service.running.hang_up()
    eventually(lambda: targets(service), ["qdon", "second"])


def test_a_bad_configuration_leaves_the_old_one_in_force(service: Service) -> None:
    service.config.write_text("instances: nonsense\n")
    service.running.hang_up()
    gauge = "mastodon_exporter_config_last_reload_successful 0"
    eventually(lambda: gauge in service.running.get("/metrics").text, wanted=True)
    assert targets(service) == ["qdon"]
    assert service.success("web") == "1"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_in_order(service: Service, number: signal.Signals, code: int) -> None:
    service.running.process.send_signal(number)
    assert service.running.process.wait(PATIENCE_SECONDS) == code
    assert "Traceback" not in service.running.log.read_text()


def test_what_a_server_announced_is_known_after_a_restart_with_its_api_down(site: Site, tmp_path: Path) -> None:
    config = write(tmp_path / "config.yml", site)
    with exporter(config, tmp_path) as running:
        Service(site, config, running).success("web")
    site.routes |= dict.fromkeys(("/api/v2/instance", "/api/v1/instance"), page("down", 500))
    with exporter(config, tmp_path) as running:
        service = Service(site, config, running)
        assert {check: service.success(check) for check in ("api", "profile", "storage")} == {
            "api": "0", "profile": "1", "storage": "1",
        }  # fmt: skip


def test_a_port_in_use_is_told_with_what_to_do(service: Service, tmp_path: Path) -> None:
    listen = service.running.url.removeprefix("http://")
    result = run("serve", "-c", str(service.config), "--listen", listen)
    assert result.returncode == 1
    assert "another program uses that port" in result.stderr
    assert "Traceback" not in result.stderr


def test_it_listens_on_loopback_alone_unless_told_otherwise(site: Site, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 10747))
        taken.listen()
        result = run("serve", "--instance", site.url, environ={"XDG_STATE_HOME": str(tmp_path)})
    assert "127.0.0.1:10747" in result.stderr


def test_all_addresses_are_listened_on_when_the_host_is_left_out(site: Site, tmp_path: Path) -> None:
    port = free_port()
    arguments = command("serve", "-c", str(write(tmp_path / "c.yml", site)), "--listen", f":{port}")
    with started(arguments, f"http://127.0.0.1:{port}", tmp_path / "log"):
        assert requests.get(f"http://127.0.0.2:{port}/-/healthy", timeout=5).status_code == 200


@pytest.mark.parametrize("everything", [False, True], ids=["one page drips", "every page drips"])
def test_a_dripping_server_does_not_stretch_the_answer_to_prometheus(service: Service, everything: bool) -> None:
    dripping = Reply(misbehave=drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n|a"))
    for path in service.site.routes if everything else ("/about",):
        service.site.routes[path] = dripping
    began = time.monotonic()
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "2.5"}
    answer = requests.get(f"{service.running.url}/probe?target=qdon", headers=headers, timeout=20)
    assert time.monotonic() - began < 2.0 + 0.2
    assert 'mastodon_check_failure_info{check="web",reason="timeout"} 1' in answer.text


def test_nothing_is_left_running_after_hostile_probes(service: Service) -> None:
    """Threads, files and connections are as many after fifty time-outs as after one."""
    service.site.routes["/about"] = Reply(misbehave=drip(b"HTTP/1.1 200 OK\r\n|X: y\r\n"))
    headers = {"X-Prometheus-Scrape-Timeout-Seconds": "0.4"}

    def probe() -> None:
        requests.get(f"{service.running.url}/probe?target=qdon", headers=headers, timeout=20)

    def held() -> tuple[int, int]:
        process = Path(f"/proc/{service.running.process.pid}")
        return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))

    probe()
    before = held()
    for _ in range(50):
        probe()
    files, threads = held()
    assert (files <= before[0] + 2, threads <= before[1] + 1) == (True, True), (before, (files, threads))


SECRET = "hunter2-correct-horse"


def test_no_secret_is_told_anywhere(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures in URLs, values from the environment, passwords and their hashes: nowhere, not even when debugging."""
    monkeypatch.setenv("STORAGE_TOKEN", SECRET)
    hashed = bcrypt.hashpw(SECRET.encode(), bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(yaml.safe_dump({"basic_auth_users": {"prometheus": hashed}}))
    storage = f"{site.url}/system/file.txt?X-Amz-Signature=${{STORAGE_TOKEN}}&token=${{STORAGE_TOKEN}}"
    config = write(tmp_path / "config.yml", site, web={"web_config": "web.yml"})
    settings = yaml.safe_load(config.read_text())
    settings["instances"][0]["storage"] = storage
    config.write_text(yaml.safe_dump(settings))
    site.routes["/system/file.txt"] = redirect(f"/elsewhere?signature={SECRET}")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    arguments = command("serve", "-c", str(config), "--listen", f"127.0.0.1:{port}", "--log-level", "debug")
    log = tmp_path / "log"
    with started(arguments, url, log) as running:
        told = [requests.get(url, timeout=5).text]
        for path in ("/probe?target=qdon", "/probe?target=qdon&debug=true", "/", "/metrics", "/targets", "/results/1"):
            answer = requests.get(url + path, auth=("prometheus", SECRET), timeout=10)
            assert answer.status_code == 200
            told.append(answer.text)
        told.append(Path(f"/proc/{running.process.pid}/cmdline").read_text())
    told.append(log.read_text())
    told += [run("check", "-c", str(config), *form).stdout for form in ([], ["--debug"], ["--format", "json"])]
    settings["instances"][0]["storage"] = storage.replace("http", "ftp", 1)
    config.write_text(yaml.safe_dump(settings))
    told.append(run("check-config", "-c", str(config)).stderr)
    assert all(told), "something told nothing, so that nothing is proven"
    assert [text for text in told if SECRET in text or hashed in text] == []


def test_a_configuration_that_a_person_starts_with_is_accepted() -> None:
    example = Path(__file__).parents[2] / "config.example.yml"
    result = subprocess.run(command("check-config", "-c", str(example)), capture_output=True, text=True, check=False)
    assert result.returncode == 0
    # This machine need not have the logs and stores that the example names; nothing else is to be warned of.
    absent = ("/var/log/nginx/", "warning: database: the database cannot be used", "warning: redis: ")
    assert [line for line in result.stderr.splitlines() if not any(words in line for words in absent)] == []

"""Access logs as users meet them: `serve`, real lines of nginx, /metrics and /-/ready."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests
import yaml

from tests.end_to_end.log_storm import children_of, is_listening, wait_until
from tests.end_to_end.programs_under_test import Running, command, exporter, free_port, started
from tests.probes import mastodon_site
from tests.probes.site import Reply, Site
from tests.programs import need_program

FORGED = '1.2.3.4 - - [23/Nov/2026:02:44:02 +0000] "POST /api/subscriptions/9 HTTP/1.1" 404 0 "-" "x'
JSON_FORMAT = """log_format tried escape=json
    '{"time":"$time_iso8601","request":"$request","status":"$status","agent":"$http_user_agent","host":"$host"}';"""
CUSTOM = '$host [$msec] $status $bytes_sent "$request" ua="$http_user_agent" $request_time'
FORMATS = {
    "combined": ("combined", ""),
    "json": ("json", JSON_FORMAT),
    "custom": (CUSTOM, f"log_format tried '{CUSTOM}';"),
}
CONFIG = """
user root;
pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  {log_format}
  access_log {folder}/access.log {written};
  client_header_timeout 1s; client_header_buffer_size 1k; large_client_header_buffers 2 2k;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    location /api/subscriptions/ {{ return 404; }}
    location = /inbox {{ return 500; }}
    location / {{ return 200; }}
  }}
}}
"""
CLIENT_HELLO = bytes.fromhex("16030100a5010000a10303") + bytes(range(128, 256)) + b"\x00\n\r\n\r\n"


def agent(text: bytes) -> bytes:
    return b"GET /about HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUser-Agent: " + text + b"\r\n\r\n"


HOSTILE = (
    CLIENT_HELLO,
    b"GET /old\r\n",
    b"GET /about HTTP/9.9\r\n\r\n",
    b"\x00\x01\x02\r\n\r\n",
    b"garbage\r\n\r\n",
    b"GET /about HTTP/1.1\r\n\r\n",
    b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a\x22b\\c HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    agent(b'quotes " and \\ and \\x22 and \t tabs'),
    agent(b"\xff\xfe not UTF-8 \xc3\x28"),
    agent(FORGED.encode()),
    agent(b'","status":"404","request":"POST /api/subscriptions/9 HTTP/1.1'),
    b"POST /inbox HTTP/1.0\r\nContent-Length: 0\r\nUser-Agent: http.rb/5 (Mastodon/4; +https://a.example/)\r\n\r\n",
    b"POST //api//subscriptions/7/?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
)


def line(request: str, status: int, *, host: str = "", user_agent: str = "x") -> str:
    """Return a line as nginx writes it: `combined`, with the host in front if there is one."""
    combined = f'192.0.2.1 - - [23/Nov/2026:02:44:02 +0000] "{request} HTTP/1.1" {status} 0 "-" "{user_agent}"\n'
    return f"{host} {combined}" if host else combined


BROKEN = line("POST /api/subscriptions/7", 404)


@dataclass(frozen=True)
class Setting:
    """A folder with logs, a configuration and a state folder in it."""

    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "access.log"

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    def configure(self, *access_logs: Mapping[str, object], **settings: object) -> None:
        logs = [{"path": str(self.log), "name": "qdon", "start_at": "beginning", **one} for one in access_logs]
        state = str(self.folder / "state")
        document = {"state_dir": state, "allow_unlisted_targets": True, "access_logs": logs, **settings}
        self.config.write_text(yaml.safe_dump(document))

    def write(self, *lines: str) -> None:
        with self.log.open("a") as log:
            log.writelines(lines)


@pytest.fixture
def setting() -> Iterator[Setting]:
    with TemporaryDirectory() as name:
        yield Setting(Path(name))


def series(running: Running) -> dict[str, float]:
    """Return the series of access logs on /metrics."""
    found = re.findall(r"^(mastodon_\S+) (\S+)$", running.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def lines_of(running: Running, log: str = "qdon") -> float:
    return series(running).get(f'mastodon_accesslog_lines_total{{log="{log}"}}', -1)


def is_ready(running: Running) -> bool:
    return running.get("/-/ready").status_code == 200


def eventually(condition: Callable[[], object], wanted: object) -> None:
    wait_until(lambda: condition() == wanted)


def test_a_log_named_on_the_command_line_is_counted_from_its_end_and_shown_from_0(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.write(BROKEN)
    monkeypatch.setenv("XDG_STATE_HOME", str(setting.folder))
    address = f"127.0.0.1:{free_port()}"
    arguments = command("serve", "--instance", "qdon=https://mastodon.invalid", "--access-log", str(setting.log))
    with started([*arguments, "--listen", address], f"http://{address}", setting.folder / "output") as running:
        shown = series(running)
        assert shown['mastodon_accesslog_lines_total{log="qdon"}'] == 0
        assert shown['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == 0
        eventually(lambda: is_ready(running), wanted=True)
        setting.write(BROKEN, BROKEN)
        eventually(lambda: lines_of(running), wanted=2)


def test_it_is_ready_while_a_log_is_not_there_yet(setting: Setting) -> None:
    setting.configure({})
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: is_ready(running), wanted=True)
        trouble = 'mastodon_accesslog_trouble{log="qdon",reason="missing"}'
        eventually(lambda: series(running)[trouble], wanted=1)
        setting.write(BROKEN)
        eventually(lambda: lines_of(running), wanted=1)
        eventually(lambda: series(running)[trouble], wanted=0)


@contextmanager
def exporter_held_back_by_modes(setting: Setting) -> Iterator[Running]:
    """Run the exporter so that file modes hold it back, as root without the right to ignore them."""
    port = free_port()
    arguments = command("serve", "-c", str(setting.config), "--listen", f"127.0.0.1:{port}")
    if os.geteuid() == 0:
        rights = "-dac_override,-dac_read_search"
        arguments = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *arguments]
    with started(arguments, f"http://127.0.0.1:{port}", setting.folder / "exporter.log") as running:
        yield running


def test_it_is_not_ready_while_a_log_may_not_be_read(setting: Setting) -> None:
    setting.configure({})
    setting.write(BROKEN)
    setting.log.chmod(0)
    with exporter_held_back_by_modes(setting) as running:
        eventually(lambda: series(running)['mastodon_accesslog_trouble{log="qdon",reason="permission"}'], wanted=1)
        assert not is_ready(running)
        setting.log.chmod(0o644)
        eventually(lambda: is_ready(running), wanted=True)
        eventually(lambda: lines_of(running), wanted=1)


def test_counters_go_on_after_a_restart_and_are_shown_before_the_log_is_read(setting: Setting) -> None:
    setting.configure({"subscriptions": "on"})
    setting.write(BROKEN, BROKEN)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: lines_of(running), wanted=2)
    setting.write(BROKEN)
    with exporter(setting.config, setting.folder) as running:
        assert lines_of(running) >= 2
        eventually(lambda: lines_of(running), wanted=3)
        assert series(running)['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_its_processes_loses_nothing_and_leaves_none(setting: Setting, number: int) -> None:
    setting.configure({})
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: is_ready(running), wanted=True)
        (follower,) = children_of(running.process.pid)
        setting.write(*[BROKEN] * 100)
        os.kill(follower, number)
        running.process.send_signal(number)
        running.process.wait(10)
        assert not Path(f"/proc/{follower}").exists()
    setting.write(*[BROKEN] * 10)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: lines_of(running), wanted=110)


def test_a_reload_brings_another_log_and_takes_one_away(setting: Setting) -> None:
    setting.configure({})
    second = {"path": str(setting.folder / "second.log"), "name": "second"}
    (setting.folder / "second.log").write_text(BROKEN)
    setting.write(BROKEN, BROKEN)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: lines_of(running), wanted=2)
        setting.configure({}, second)
        running.hang_up()
        eventually(lambda: lines_of(running, "second"), wanted=1)
        setting.configure(second)
        running.hang_up()
        eventually(lambda: lines_of(running), wanted=-1)
        assert lines_of(running, "second") == 1


def test_logs_added_by_a_reload_start_the_follower(setting: Setting) -> None:
    setting.configure()
    setting.write(BROKEN)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: is_ready(running), wanted=True)
        assert children_of(running.process.pid) == []
        setting.configure({})
        running.hang_up()
        eventually(lambda: lines_of(running), wanted=1)


@pytest.mark.parametrize(
    ("answers", "broken"), [(mastodon_site.newest, 0), (mastodon_site.before_3, 2)], ids=["4.6.0", "2.9.4"]
)
def test_only_a_server_that_still_speaks_pubsubhubbub_has_broken_callbacks(
    setting: Setting, answers: Callable[[Site], dict[str, Reply]], broken: int
) -> None:
    with Site() as site:
        site.routes.update(answers(site))
        setting.configure({"instance": "qdon"}, instances=[{"name": "qdon", "url": site.url}])
        setting.write(BROKEN, BROKEN)
        with exporter(setting.config, setting.folder) as running:
            eventually(lambda: lines_of(running), wanted=2)
            shown = series(running)
    assert shown['mastodon_subscription_callbacks_total{code="404",log="qdon",method="POST"}'] == 2
    assert shown['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == broken
    assert shown['mastodon_subscription_broken_accounts{log="qdon"}'] == (1 if broken else 0)


def test_two_sites_in_one_log_are_counted_apart(setting: Setting) -> None:
    form = '$host $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
    logs = [
        {"name": name, "host": f"{name}.example", "format": form + '"$http_user_agent"', "subscriptions": "on"}
        for name in ("first", "second")
    ]
    setting.configure(*logs)
    for host, times in (("first.example", 1), ("SECOND.example", 2), ("third.example", 4)):
        setting.write(*[line("POST /api/subscriptions/7", 404, host=host)] * times)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: (lines_of(running, "first"), lines_of(running, "second")), wanted=(7, 7))
        shown = series(running)
    assert shown['mastodon_subscription_callbacks_broken_total{log="first"}'] == 1
    assert shown['mastodon_subscription_callbacks_broken_total{log="second"}'] == 2


def delivery(domain: str, status: int) -> str:
    return line("POST /inbox", status, user_agent=f"http.rb/5 (Mastodon/4; +https://{domain}/)")


def test_a_crowd_of_made_up_senders_adds_no_series_and_known_ones_stay_within_the_cap(setting: Setting) -> None:
    known = setting.folder / "domains"
    known.write_text("".join(f"known{number}.example\n" for number in range(20)))
    setting.configure({"known_domains": str(known), "domain_cap": 10})
    setting.write(*(delivery(f"made-up-{number}.example", 500) for number in range(5000)))
    setting.write(*(delivery(f"known{number}.example", 500) for number in range(20)))
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: lines_of(running), wanted=5020)
        shown = series(running)
    failures = {name: value for name, value in shown.items() if name.startswith("mastodon_inbox_failures_total")}
    assert len(failures) == 10 + 1
    assert failures['mastodon_inbox_failures_total{domain="other",log="qdon"}'] == 5010
    assert not [name for name in failures if "made-up" in name]


@contextmanager
def nginx_writing(setting: Setting, log_format: str, written: str) -> Iterator[int]:
    """Run nginx until the context ends; its port is given."""
    port = free_port()
    config = setting.folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=setting.folder, port=port, log_format=log_format, written=written))
    arguments = [need_program("nginx"), "-c", str(config), "-p", str(setting.folder), "-g", "daemon off;"]
    with subprocess.Popen(arguments, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_listening(port))
            yield port
        finally:
            process.terminate()


def send(port: int, request: bytes) -> None:
    """Send bytes as they are, and read until nginx hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


@pytest.mark.parametrize("form", FORMATS)
def test_whatever_clients_send_each_line_of_nginx_is_understood(setting: Setting, form: str) -> None:
    configured, log_format = FORMATS[form]
    setting.configure({"format": configured, "subscriptions": "on"})
    with nginx_writing(setting, log_format, "tried" if log_format else "combined") as port:
        for request in HOSTILE:
            send(port, request)
        requests.get(f"http://127.0.0.1:{port}/about", timeout=10)
    written = setting.log.read_bytes().count(b"\n")
    assert written >= len(HOSTILE)
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: lines_of(running), wanted=written)
        shown = series(running)
    assert shown['mastodon_accesslog_unparsed_lines_total{log="qdon"}'] == 0, setting.log.read_text(errors="replace")
    assert shown['mastodon_subscription_callbacks_total{code="404",log="qdon",method="POST"}'] == 1
    assert shown['mastodon_inbox_deliveries_total{code="500",log="qdon"}'] == 1


def test_a_directive_pasted_from_nginx_conf_is_a_format(setting: Setting) -> None:
    setting.configure({"format": FORMATS["custom"][1], "subscriptions": "on"})
    setting.write('a [1795402014.123] 404 0 "POST /api/subscriptions/7 HTTP/1.1" ua="x" 0.001\n')
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: lines_of(running), wanted=1)
        shown = series(running)
    assert shown['mastodon_subscription_callbacks_broken_total{log="qdon"}'] == 1
    assert shown['mastodon_accesslog_last_line_timestamp_seconds{log="qdon"}'] == pytest.approx(1795402014.123)


def test_probes_go_on_while_the_follower_is_killed_again_and_again(setting: Setting) -> None:
    setting.configure({})
    with exporter(setting.config, setting.folder) as running:
        eventually(lambda: is_ready(running), wanted=True)
        for pid in children_of(running.process.pid):
            os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        assert running.get("/-/healthy").status_code == 200
        assert time.monotonic() - began < 1
        setting.write(BROKEN)
        eventually(lambda: lines_of(running), wanted=1)
        eventually(lambda: is_ready(running), wanted=True)

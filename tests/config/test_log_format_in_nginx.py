"""nginx itself tells what its log_format means: what it writes is what was read out of the directive."""

import http.client
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.config import log_format
from exporter.config.log_format import Piece
from exporter.errors import InvalidValue
from tests.programs import need_program

AGENT = "tests"
LOGGED = {
    "request": "GET /a?b HTTP/1.1",
    "request_method": "GET",
    "request_uri": "/a?b",
    "status": "204",
    "remote_addr": "127.0.0.1",
    "http_user_agent": AGENT,
    "http_x": "-",
}
FORMATS = (
    "'$request $status'",
    "'${request} ${status}$http_x' ' $http_x' \"$http_x\"",
    "'$REQUEST $Status'",
    r"""'$request $status \'\"\\\t\x\u' "\'\"\\\t\x\u" \'\"\\\t\x\u """,
    "\"$request $status\" it's # a comment '\n \"}{\" #\n '{;#}'",
    "'$request '\n\t'$status'\r\n",
    "'$request_method $request_uri $status ' 'b'",
    "$request# $status a'b\"c d#e}f ${http_x}g",
    "'$request $status')b",
    "escape=json '$request|$http_x|$status'",
    "'escape=none' '$request $status'",
    "'$request $status 한국'",
    "'$request $status' '' \"\"",
)
REFUSED = (
    "'$request $status'x",
    "'$request $status'# a comment",
    "'$request ' '$status",
    "'$request $status' {",
    "}$request $status",
    "'$request $status $'",
    "'$request $status $ '",
    "'$request ${status'",
    "'$request ' '${status' '}'",
    "escape=xml '$request $status'",
    "'escape=json $request $status'",
)
CONF = """
    pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; daemon off;
    events {{}}
    http {{
        client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
        uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
        {directives}
        server {{ listen 127.0.0.1:{port}; return 204; {logs} }}
    }}
"""


def directive(name: str, text: str) -> str:
    return f"log_format {name} {text};"


def write_conf(folder: Path, formats: dict[str, str], port: int) -> list[str]:
    """Write a configuration with one log for each format; return the command that runs it."""
    conf = folder / "nginx.conf"
    directives = "\n".join(directive(name, text) for name, text in formats.items())
    logs = " ".join(f"access_log {folder}/{name}.log {name};" for name in formats)
    conf.write_text(CONF.format(folder=folder, directives=directives, logs=logs, port=port))
    return [need_program("nginx"), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(conf)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Give the line that nginx writes for one request in each of the formats."""
    folder = tmp_path_factory.mktemp("nginx")
    formats = {f"f{number}": text for number, text in enumerate(FORMATS)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with subprocess.Popen(write_conf(folder, formats, port)) as nginx:
        try:
            ask(port)
            yield [line_of(folder / f"{name}.log") for name in formats]
        finally:
            nginx.terminate()


def ask(port: int) -> None:
    for _ in range(200):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/a?b", headers={"User-Agent": AGENT})
            connection.getresponse()
            connection.close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")


def line_of(log: Path) -> str:
    for _ in range(200):
        if log.read_bytes().endswith(b"\n"):
            break
        time.sleep(0.02)
    return log.read_bytes().decode().removesuffix("\n")


def logged(piece: Piece, missing: str) -> str:
    if isinstance(piece, str):
        return piece
    return LOGGED[piece.name].replace("-", missing) if piece.name == "http_x" else LOGGED[piece.name]


@pytest.mark.parametrize("number", range(len(FORMATS)))
def test_nginx_writes_what_was_read_out_of_the_directive(written: list[str], number: int) -> None:
    found = log_format(directive("main", FORMATS[number]))
    missing = "-" if found.escaping == "default" else ""
    assert written[number] == "".join(logged(piece, missing) for piece in found.pieces)


@pytest.mark.parametrize("text", REFUSED)
def test_what_nginx_refuses_is_refused(tmp_path: Path, text: str) -> None:
    checked = subprocess.run([*write_conf(tmp_path, {"f": text}, 1), "-t"], capture_output=True, check=False)
    assert checked.returncode != 0
    with pytest.raises(InvalidValue):
        log_format(directive("f", text))

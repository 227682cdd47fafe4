"""The image: no engine runs here, but what its file says is linted, and run piece by piece."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import create_server

import pytest

from exporter import __version__
from tests.installation import PROJECT, copy_project, create_environment, environment_with, run
from tests.programs import need_program

PORT = "10747"
START_SECONDS = 20


@dataclass(frozen=True)
class Instruction:
    name: str
    arguments: str


def instructions() -> list[Instruction]:
    """Return the instructions of the Dockerfile in order, each in one line."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [Instruction(*line.split(" ", 1)) for line in lines if line]


def arguments_of(name: str) -> list[str]:
    return [one.arguments for one in instructions() if one.name == name]


def copied_into_the_build() -> list[str]:
    """Return what the build takes from the project."""
    copies = [arguments.split() for arguments in arguments_of("COPY") if "--from=" not in arguments]
    return [source for *sources, _ in copies for source in sources]


def health_check(port: int) -> list[str]:
    (arguments,) = arguments_of("HEALTHCHECK")
    command: list[str] = json.loads(arguments.partition("CMD ")[2].replace(PORT, str(port)))
    return command


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the install lines as the build stage does, in a clean environment; return the folder of the programs."""
    folder = tmp_path_factory.mktemp("image")
    source = copy_project(folder / "source", copied_into_the_build())
    clean = create_environment(folder / "python")
    defaults = "; ".join(arguments_of("ARG"))
    for line in (arguments for arguments in arguments_of("RUN") if re.search(r"\bpip\b", arguments)):
        here = line.replace("/wheels", f"{folder}/wheels").replace("/opt/", f"{folder}/opt/")
        run(["sh", "-e", "-c", f"{defaults}; {here}"], source, clean)
    return folder / "opt" / "mastodon-exporter" / "bin"


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Serve one status to every request; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/-/healthy" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def ends_well(command: list[str], programs: Path) -> bool:
    return subprocess.run(command, env=environment_with(programs), capture_output=True, check=False).returncode == 0


def test_hadolint_has_nothing_to_say() -> None:
    finished = subprocess.run(
        [need_program("hadolint"), "--no-color", "--failure-threshold", "none", str(PROJECT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")


def test_the_build_sees_what_it_copies_and_nothing_else() -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert sorted(line[1:] for line in lines if line.startswith("!")) == sorted(copied_into_the_build())


def test_every_base_image_has_a_tag() -> None:
    assert all(re.match(r"[a-z]+:[\w.-]+( |$)", image) for image in arguments_of("FROM"))


def test_the_program_runs_as_a_user_who_is_not_root_and_whose_number_is_fixed() -> None:
    assert arguments_of("USER") == ["10747:10747"]
    (accounts,) = [line for line in arguments_of("RUN") if "useradd" in line]
    assert "--uid 10747 --gid mastodon-exporter" in accounts
    assert "groupadd --system --gid 10747 mastodon-exporter" in accounts
    assert "--owner mastodon-exporter --group mastodon-exporter --mode 2770 /var/lib/mastodon-exporter" in accounts


@pytest.mark.slow
def test_the_install_lines_work_in_a_clean_environment(image: Path, tmp_path: Path) -> None:
    assert __version__ in run([str(image / "mastodon-exporter"), "--version"], tmp_path, image)
    run([str(image / "python"), "-c", "import redis"], tmp_path, image)


@pytest.mark.slow
@pytest.mark.parametrize(("status", "healthy"), [(200, True), (400, True), (401, True), (404, False), (503, False)])
def test_the_health_check_reads_the_answer(image: Path, status: int, healthy: bool) -> None:
    with answering(status) as port:
        assert ends_well(health_check(port), image) is healthy


@pytest.mark.slow
def test_the_health_check_fails_where_nobody_answers(image: Path) -> None:
    assert not ends_well(health_check(free_port()), image)


@pytest.mark.slow
def test_the_command_of_the_image_serves_and_is_healthy(image: Path, tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "config.yml"
    config.write_text(f"state_dir: {tmp_path}\ninstances:\n  - url: https://mastodon.example\n")
    (entrypoint,), (command,) = arguments_of("ENTRYPOINT"), arguments_of("CMD")
    words = [
        word.replace("0.0.0.0", "127.0.0.1").replace(PORT, str(port)).replace("/etc/mastodon-exporter", str(tmp_path))
        for word in json.loads(entrypoint) + json.loads(command)
    ]
    output = tmp_path / "output"
    with output.open("w") as sink:
        serving = subprocess.Popen(
            [str(image / words[0]), *words[1:]], env=environment_with(image), stdout=sink, stderr=subprocess.STDOUT
        )
    try:
        assert becomes_healthy(serving, health_check(port), image), output.read_text()
    finally:
        serving.terminate()
        serving.wait(timeout=START_SECONDS)


def becomes_healthy(serving: "subprocess.Popen[bytes]", command: list[str], programs: Path) -> bool:
    """Ask until the answer is good, the program has ended, or the time is up."""
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and serving.poll() is None:
        if ends_well(command, programs):
            return True
    return False

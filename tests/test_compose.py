"""docker-compose.yml: no engine runs here, but Compose reads it, and what its services run is run piece by piece."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from exporter.cli.demo_server import PORT
from exporter.demo.server import CA_FILE_NAME
from tests.compose_file import (
    FILE,
    PROJECT,
    SERVICES,
    VOLUMES,
    example_settings,
    mounts,
    read_with_compose,
    variables,
    with_defaults,
)
from tests.end_to_end.programs_under_test import command, free_port, run, started
from tests.programs import need_program

PROFILES = {"demo": {"demo"}, "celery": {"redis", "worker", "flower"}}
NEEDED = {"GRAFANA_ADMIN_PASSWORD": "correct horse", "CONFIG_FOLDER": "./config"}
PATIENCE_SECONDS = 20.0

each_service = pytest.mark.parametrize("name", SERVICES)


@pytest.mark.parametrize("profiles", [(), ("demo",), ("celery",), ("demo", "celery")], ids="+".join)
def test_compose_takes_the_example_once_it_is_filled_in(profiles: tuple[str, ...], tmp_path: Path) -> None:
    result = read_with_compose(example_settings() | NEEDED, tmp_path, *profiles)
    assert result.returncode == 0, result.stderr
    read = yaml.safe_load(result.stdout)["services"]
    assert read["grafana"]["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == NEEDED["GRAFANA_ADMIN_PASSWORD"]


@pytest.mark.parametrize("missing", NEEDED)
def test_nothing_starts_without_what_nobody_else_can_know(missing: str, tmp_path: Path) -> None:
    for settings in (example_settings() | NEEDED | {missing: ""}, {**NEEDED, missing: ""}):
        result = read_with_compose(settings, tmp_path)
        assert result.returncode != 0
        assert f"set {missing} in .env" in result.stderr


def test_the_example_as_it_comes_is_refused(tmp_path: Path) -> None:
    assert "set GRAFANA_ADMIN_PASSWORD in .env" in read_with_compose(example_settings(), tmp_path).stderr


def test_the_example_names_every_setting_and_gives_no_password() -> None:
    assert example_settings().keys() == variables() | {"COMPOSE_PROFILES"}
    assert [value for name, value in example_settings().items() if "PASSWORD" in name] == ["", ""]


def test_the_example_never_says_less_than_compose_would_take_by_itself() -> None:
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", FILE.read_text()))
    given = {name: value for name, value in example_settings().items() if value and name in defaults}
    assert given == {name: defaults[name] for name in given}


def test_what_is_in_no_profile_is_the_monitoring_itself() -> None:
    in_profiles = {name: set(service.get("profiles", ())) for name, service in SERVICES.items()}
    assert {name for name, profiles in in_profiles.items() if not profiles} == {
        "exporter",
        "prometheus",
        "alertmanager",
        "grafana",
    }
    for profile, members in PROFILES.items():
        assert {name for name, profiles in in_profiles.items() if profile in profiles} == members


@each_service
def test_every_image_is_of_one_exact_version_or_built_here(name: str) -> None:
    service = SERVICES[name]
    assert ("image" in service) != ("build" in service)
    if "image" in service:
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+(-\w+)?", service["image"])


@each_service
def test_a_service_may_write_to_its_volumes_only(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "devices"}
    for source, writable in mounts(name).values():
        assert writable == (source in VOLUMES and not source.startswith("no-"))


@each_service
def test_no_service_runs_as_root(name: str) -> None:
    assert int(SERVICES[name]["user"].split(":")[0]) > 0


@each_service
def test_every_port_is_open_to_this_machine_only(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", ()) if not port.startswith("127.0.0.1:")] == []


@each_service
def test_every_service_is_asked_whether_it_is_healthy(name: str) -> None:
    if name != "exporter":
        assert SERVICES[name]["healthcheck"].keys() == {"test", "interval", "timeout", "start_period"}
    else:
        assert "\nHEALTHCHECK " in (PROJECT / "Dockerfile").read_text()


@each_service
def test_every_service_starts_again_and_keeps_its_log_small(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["logging"]["options"].keys() == {"max-size", "max-file"}


def test_every_volume_is_used_and_every_file_that_is_mounted_is_there() -> None:
    sources = [source for name in SERVICES for source, _ in mounts(name).values()]
    assert {source for source in sources if source[0] not in ".["} == VOLUMES.keys()
    files = {source for source in sources if source.startswith("./")} - {"./remedy"}
    assert [source for source in files if not (PROJECT / source).exists()] == []


def test_only_the_workers_reach_the_broker_and_it_reaches_nobody() -> None:
    assert yaml.safe_load(FILE.read_text())["networks"]["celery"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "celery" in service.get("networks", ())} == PROFILES["celery"]
    assert SERVICES["redis"]["networks"] == ["celery"]
    assert "ports" not in SERVICES["redis"]


def test_prometheus_keeps_more_than_the_thirty_days_that_availability_is_told_over() -> None:
    (retention,) = [word for word in SERVICES["prometheus"]["command"] if "retention.time" in word]
    assert int(with_defaults(retention).partition("=")[2].removesuffix("d")) >= 31


def test_the_demo_is_found_where_its_configuration_looks_for_it() -> None:
    settings = yaml.safe_load((PROJECT / "deploy" / "demo" / "config.yml").read_text())
    (instance,) = settings["instances"]
    demo = SERVICES["demo"]
    _, name, option, folder = demo["command"]
    assert (name, option) == ("demo", "--folder")
    assert instance == {"name": "demo", "url": f"https://{name}:{PORT}", "ca_file": f"{folder}/{CA_FILE_NAME}"}
    shared = mounts("demo")["/var/lib/mastodon-exporter"]
    assert shared == mounts("exporter")["/var/lib/mastodon-exporter"] == ("exporter-state", True)
    assert folder.startswith("/var/lib/mastodon-exporter/")


def test_the_command_of_the_demo_is_one() -> None:
    assert run(*SERVICES["demo"]["command"], "--help").returncode == 0


def test_the_health_check_of_the_demo_tells_whether_it_answers(tmp_path: Path) -> None:
    port = free_port()
    _, python, _, line = SERVICES["demo"]["healthcheck"]["test"]
    check = [need_program(python), "-c", line.replace("10748", str(port))]
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0
    options = ["--port", "0", "--faults-port", str(port), "--folder", str(tmp_path)]
    with started(command("demo-server", "localhost", *options), f"http://127.0.0.1:{port}/faults", tmp_path / "log"):
        assert subprocess.run(check, check=False).returncode == 0


def broker_script(folder: Path, port: int) -> list[str]:
    """Return what the container of the broker runs, with this folder and this port of loopback."""
    shell, options, script = SERVICES["redis"]["command"]
    script = script.replace("dir /data", f"dir {folder}\\nport {port}\\nbind 127.0.0.1").replace("$$", "$")
    return [shell, options, script.replace("redis-server", need_program("redis-server"))]


def test_the_broker_does_not_start_without_a_password(tmp_path: Path) -> None:
    script = broker_script(tmp_path, free_port())
    result = subprocess.run(script, env={"REDIS_PASSWORD": ""}, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "set CELERY_PASSWORD in .env" in result.stderr


def test_the_broker_wants_its_password_and_shows_it_in_no_list_of_processes(tmp_path: Path) -> None:
    port, password = free_port(), "0123456789abcdef"
    with broker(broker_script(tmp_path, port), {"REDIS_PASSWORD": password}) as process:
        healthy = health_of_the_broker(port)
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not passes(healthy, password):
            assert time.monotonic() < give_up
            time.sleep(0.05)
        assert not passes(healthy, "wrong")
        assert not passes(healthy, "")
        assert password not in Path(f"/proc/{process.pid}/cmdline").read_text()


@contextmanager
def broker(script: list[str], environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(script, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def health_of_the_broker(port: int) -> list[str]:
    _, line = SERVICES["redis"]["healthcheck"]["test"]
    return ["sh", "-c", line.replace("$$", "$").replace("redis-cli", f"{need_program('redis-cli')} -p {port}")]


def passes(check: list[str], password: str) -> bool:
    environment = {"REDIS_PASSWORD": password, "PATH": "/usr/bin:/bin"}
    return subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0


def test_flower_does_not_start_without_a_password() -> None:
    shell = SERVICES["flower"]["entrypoint"] + [SERVICES["flower"]["command"][0].replace("$$", "$")]
    result = subprocess.run(shell, env={"CELERY_PASSWORD": ""}, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "set CELERY_PASSWORD in .env" in result.stderr

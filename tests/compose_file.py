"""docker-compose.yml and .env.example as tests read them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.programs import find_program

PROJECT = Path(__file__).parents[1]
FILE = PROJECT / "docker-compose.yml"
EXAMPLE = PROJECT / ".env.example"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
VOLUMES: dict[str, Any] = yaml.safe_load(FILE.read_text())["volumes"]

_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+):([-?])([^}]*)\}")


def example_settings() -> dict[str, str]:
    """Return the settings of .env.example, most of them empty."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def variables() -> set[str]:
    """Return the names of the variables that docker-compose.yml takes from .env."""
    return {name for name, _, _ in _VARIABLE.findall(FILE.read_text())}


def with_defaults(text: str) -> str:
    """Return a text of the file as it is where .env says nothing; what .env must say is its name in brackets."""
    return _VARIABLE.sub(lambda match: match[3] if match[2] == "-" else f"[{match[1]}]", text)


def mounts(service: str) -> dict[str, tuple[str, bool]]:
    """Return what is mounted where: for each path in the container, the source and whether it may be written."""
    parts = [with_defaults(volume).split(":") for volume in SERVICES[service].get("volumes", ())]
    return {target: (source, mode != ["ro"]) for source, target, *mode in parts}


def published_port(service: str) -> int:
    """Return the port of this machine at which a service is reached."""
    (port,) = SERVICES[service]["ports"]
    return int(str(port).split(":")[-2])


def read_with_compose(settings: dict[str, str], folder: Path, *profiles: str) -> "subprocess.CompletedProcess[str]":
    """Let Compose read the file with a .env of these settings."""
    env_file = folder / "env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    arguments = [
        "--project-directory",
        str(PROJECT),
        "--file",
        str(FILE),
        "--env-file",
        str(env_file),
        *chosen,
        "config",
    ]
    environment = {name: value for name, value in os.environ.items() if name not in settings}
    return subprocess.run([*_compose(), *arguments], capture_output=True, text=True, env=environment, check=False)


def _compose() -> list[str]:
    alone = find_program("docker-compose")
    if alone is not None:
        return [alone]
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker-compose is not installed; tests/system_packages.sh tells how to install it")
    return [docker, "compose"]

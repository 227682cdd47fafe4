"""The script that makes .venv: which Python it takes, and what it says where none will do."""

import subprocess
from pathlib import Path

import pytest

from tests.installation import PROJECT
from tests.programs import need_program

SCRIPT = PROJECT / "scripts" / "create_environment.sh"

# Answers what the script asks of a Python, as one of that version and with those parts would.
PYTHON = """#!/bin/sh
case "$*" in
*version_info?*) [ {new_enough} = yes ] || exit 1; echo {version} ;;
*ensurepip*) [ {has_venv} = yes ] ;;
--version) echo "Python {version}.1" ;;
"-m venv"*) mkdir -p "$4/bin"; echo {version} >"$4/bin/python"; {ending} ;;
esac
"""


def add_python(folder: Path, version: str, *, has_venv: bool = True, ending: str = "exit 0") -> None:
    path = folder / f"python{version}"
    new_enough = "yes" if tuple(map(int, version.split("."))) >= (3, 11) else "no"
    text = PYTHON.format(version=version, new_enough=new_enough, has_venv="yes" if has_venv else "no", ending=ending)
    path.write_text(text)
    path.chmod(0o755)


def create(folder: Path, *versions: str) -> subprocess.CompletedProcess[str]:
    pythons = [str(folder / f"python{version}") for version in versions]
    command = ["sh", str(SCRIPT), str(folder / "environment"), *pythons]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_first_usable_python_is_taken(tmp_path: Path) -> None:
    add_python(tmp_path, "3.13", has_venv=False)
    add_python(tmp_path, "3.12")
    add_python(tmp_path, "3.11")
    finished = create(tmp_path, "3.14", "3.13", "3.12", "3.11")
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "environment" / "bin" / "python").read_text() == "3.12\n"


def test_a_python_without_venv_names_the_package_to_install(tmp_path: Path) -> None:
    add_python(tmp_path, "3.12", has_venv=False)
    finished = create(tmp_path, "3.13", "3.12")
    assert finished.returncode == 1
    assert finished.stderr.endswith("To install it:\n  sudo apt-get install -y python3.12-venv\n")


def test_a_python_that_is_too_old_is_named_beside_what_is_needed(tmp_path: Path) -> None:
    add_python(tmp_path, "3.9")
    finished = create(tmp_path, "3.13", "3.9")
    assert finished.returncode == 1
    assert "Python 3.11 or newer is needed" in finished.stderr
    assert "Python 3.9.1" in finished.stderr
    assert "sudo apt-get install -y python3 python3-venv\n" in finished.stderr


@pytest.mark.parametrize("ending", ["exit 3", "kill -s INT $PPID", "kill -s TERM $PPID"])
def test_half_an_environment_is_never_left(tmp_path: Path, ending: str) -> None:
    add_python(tmp_path, "3.11", ending=ending)
    assert create(tmp_path, "3.11").returncode != 0
    assert not (tmp_path / "environment").exists()


def test_a_real_environment_holds_pip(tmp_path: Path) -> None:
    command = ["sh", str(SCRIPT), str(tmp_path / "environment"), need_program("python3")]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run([tmp_path / "environment" / "bin" / "pip", "--version"], check=True, capture_output=True)

"""Installing the project where nothing of it is yet, away from the checkout."""

import os
import shutil
import subprocess
import venv
from collections.abc import Iterable
from pathlib import Path

PROJECT = Path(__file__).parents[1]


def copy_project(folder: Path, names: Iterable[str]) -> Path:
    """Copy files and folders of the project, without what Python compiled; return the folder of the copies."""
    folder.mkdir()
    for name in names:
        source = PROJECT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def create_environment(folder: Path) -> Path:
    """Make a virtual environment that holds pip and nothing else; return the folder of its programs."""
    venv.create(folder, with_pip=True)
    return folder / "bin"


def run(command: list[str], folder: Path, programs: Path) -> str:
    """Run a command in a folder, an environment's programs first in its PATH; return what it printed.

    Raises AssertionError with all of its output if it fails.
    """
    finished = subprocess.run(
        command,
        cwd=folder,
        env=environment_with(programs),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, f"{command} ended with {finished.returncode}:\n{finished.stdout}"
    return finished.stdout


def environment_with(programs: Path) -> dict[str, str]:
    """Return this process's variables, but with an environment's programs first and no path to the checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return kept | {"PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}"}

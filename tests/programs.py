"""System programs that tests run: nginx, promtool and the like."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def _version(folder: Path) -> float:
    return float(folder.parent.name)


# Debian keeps the programs of each PostgreSQL in a folder of its own; the newest comes first.
_POSTGRES_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin", *map(str, _POSTGRES_FOLDERS))


def need_program(name: str) -> str:
    """Return the path of a program; where it is missing, skip the test (in CI that is a failure)."""
    found = find_program(name)
    if found is None:
        pytest.skip(f"{name} is not installed; tests/system_packages.sh tells how to install it")
    return found


def find_program(name: str) -> str | None:
    """Return the path of a program of this Python environment or of the system, or None.

    The folders of system programs are searched too: they are not in every user's PATH.
    """
    folders = (str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS)
    return shutil.which(name, path=os.pathsep.join(folders))

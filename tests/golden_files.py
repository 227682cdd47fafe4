"""Whole answers that are compared with stored ones."""

import os
from pathlib import Path

_FOLDER = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Compare a text with the stored file; with UPDATE_GOLDEN=1 in the environment, store it instead."""
    path = _FOLDER / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def golden_text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")

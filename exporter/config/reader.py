"""A configuration file in, one Config out, or every problem at once."""

import os
from collections.abc import Mapping
from pathlib import Path

from exporter.config.document import parse_document
from exporter.config.fields import Section, Source
from exporter.config.model import Config
from exporter.config.problems import Place, Problems
from exporter.config.sections import read_sections

MAX_FILE_BYTES = 1024 * 1024


def read_config(path: Path, environ: Mapping[str, str] = os.environ, *, instances_required: bool = True) -> Config:
    """Return the configuration of a YAML file.

    Relative paths in it start at the file's folder. `instances_required` is false where
    the command line may name the instances instead. Raises ConfigError with every
    problem, in the order of the file.
    """
    problems = Problems(str(path))
    source = Source(path.parent, environ, problems)
    document = parse_document(_text(path, problems), problems)
    root = source.fields(document, "begin with `instances:`")
    config = read_sections(Section(root, source), instances_required) if root else None
    if config is None or problems:
        raise problems.error()
    return config


def _text(path: Path, problems: Problems) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise problems.fatal(Place(), "this is a folder; name the YAML file in it") from None
    except FileNotFoundError:
        raise problems.fatal(Place(), "there is no such file; config.example.yml is one to begin with") from None
    except OSError as error:
        raise problems.fatal(Place(), f"cannot be read: {os.strerror(error.errno or 0)}") from error
    if len(content) > MAX_FILE_BYTES:
        raise problems.fatal(Place(), f"larger than {MAX_FILE_BYTES} bytes; no configuration needs that")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise problems.fatal(Place(line), "not UTF-8; save the file in that encoding") from error

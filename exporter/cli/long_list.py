"""Lists of hundreds of thousands: printed as they come, never held whole."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import click

_AT_ONCE = 1000


def print_lines(lines: Iterable[str]) -> None:
    """Print lines to standard output, many at once."""
    remaining = iter(lines)
    while batch := list(islice(remaining, _AT_ONCE)):
        click.echo("\n".join(batch))


def print_json(objects: Iterable[Mapping[str, object]]) -> None:
    """Print objects to standard output as one list of JSON, many a line."""
    for line in _json_lines(objects):
        click.echo(line)


def _json_lines(objects: Iterable[Mapping[str, object]]) -> Iterator[str]:
    remaining, before = iter(objects), "["
    while batch := list(islice(remaining, _AT_ONCE)):
        yield before + json.dumps(batch)[1:-1]
        before = ","
    yield "[]" if before == "[" else "]"

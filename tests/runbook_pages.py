"""The pages in docs/runbooks, taken apart: sections, and what stands in them to be pasted."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from textwrap import dedent

FOLDER = Path(__file__).parents[1] / "docs" / "runbooks"
INDEX = FOLDER / "README.md"

_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")
_BETWEEN_COMMANDS = re.compile(r"[|&;]+")
_REDIRECTION = re.compile(r"[<>]+")
_SHELLS = ("bash", "sh")
_OPTIONS_OF_SUDO_WITH_A_VALUE = ("-u", "-g")

Words = tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """One page. `alert` is its name without the ending."""

    alert: str
    text: str

    @property
    def sections(self) -> dict[str, str]:
        """The text under each heading of the second level, in the order of the page."""
        _, *parts = re.split(r"^## (.+)$", self.text, flags=re.MULTILINE)
        return dict(zip(parts[::2], parts[1::2], strict=True))

    def blocks(self, language: str) -> list[str]:
        """Return the contents of the fenced blocks of a language."""
        return [dedent(content) for name, content in _BLOCK.findall(self.text) if name == language]

    @property
    def languages(self) -> set[str]:
        """The languages of all fenced blocks."""
        return {name for name, _ in _BLOCK.findall(self.text)}

    @property
    def spans(self) -> list[str]:
        """What stands between backticks outside of blocks."""
        return _SPAN.findall(_BLOCK.sub("", self.text))

    @property
    def command_lines(self) -> list[str]:
        """The lines of the shell blocks."""
        return [line for block in self.blocks("sh") for line in block.splitlines() if line]


def read_pages() -> list[Page]:
    """Return all pages but the index, sorted by name."""
    paths = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
    return [Page(path.stem, path.read_text(encoding="utf-8")) for path in paths]


def commands(line: str) -> Iterator[Words]:
    """Yield each command of a line of shell, those that sudo and bash -c run included; ValueError if it is broken."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for ends, words in groupby(lexer, lambda word: bool(_BETWEEN_COMMANDS.fullmatch(word))):
        if not ends:
            yield from _simple(_without_redirections(tuple(words)))


def _simple(words: Words) -> Iterator[Words]:
    while _ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if words[0] == "sudo":
        yield from _simple(_behind_sudo(words[1:]))
    elif words[0] in _SHELLS:
        yield from commands(words[-1])
    else:
        yield Path(words[0]).name, *words[1:]


def _behind_sudo(words: Words) -> Words:
    while words[0].startswith("-"):
        words = words[2:] if words[0] in _OPTIONS_OF_SUDO_WITH_A_VALUE else words[1:]
    return words


def _without_redirections(words: Words) -> Words:
    places = {index + step for index, word in enumerate(words) if _REDIRECTION.fullmatch(word) for step in (0, 1)}
    return tuple(word for index, word in enumerate(words) if index not in places)

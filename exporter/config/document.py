"""A YAML file as a tree that remembers where each value stands.

PyYAML composes the tree but never constructs values from it: `no`, `1e3` and `2024-01-01`
stay the text that was written, and the reader of a key decides what the text means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from exporter.config.problems import Place, Problems, shown

MAX_DEPTH = 20
MAX_VALUES = 50_000
"""Bounds what a file may unfold to: aliases of aliases grow exponentially."""

_TAG = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(
    _TAG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels (does an alias stand inside its own anchor?)"
_TOO_MANY = f"holds more than {MAX_VALUES} values, aliases written out"

_SYNTAX_IN_WORDS = (
    ("character '\\t'", "a tab where YAML wants spaces; indent with spaces"),
    ("that cannot start any token", "a text that begins with `@`, `%` or a backtick needs quotes"),
    ("mapping values are not allowed", "a `:` where none may stand; mend the indentation, or put the text in quotes"),
    ("undefined alias", "an alias without its anchor; a text that begins with `*` needs quotes"),
    ("another document", "a second document begins here; the file may hold one only"),
    ("second occurrence", "an anchor of this name was set before; a text that begins with `&` needs quotes"),
    ("undefined tag handle", "an unknown tag; a text that begins with `!` needs quotes"),
)
"""PyYAML's words, or a part of them, and ours: those that tell what to do, or that would quote the file."""


@dataclass(frozen=True)
class Scalar:
    """One value as it is written."""

    place: Place
    written: str
    is_null: bool = False


@dataclass(frozen=True)
class Items:
    """A list."""

    place: Place
    values: tuple["Value", ...]


@dataclass(frozen=True)
class Entry:
    """A key of a mapping, where it stands, and what it holds."""

    place: Place
    value: "Value"


@dataclass(frozen=True)
class Fields:
    """A mapping; its keys are in the order of the file, merged ones last."""

    place: Place
    entries: Mapping[str, Entry] = field(default_factory=dict)


Value = Scalar | Items | Fields


def parse_document(text: str, problems: Problems) -> Value:
    """Return the tree of a YAML text; an empty text is a null.

    Duplicate keys and the like go to `problems`. What leaves no tree to go on with
    (bad syntax, a file that is too deep or too large) raises ConfigError at once.
    """
    node = _compose(text, problems)
    if node is None:
        return Scalar(Place(), "", is_null=True)
    return _Tree(problems).value(node, "", 0)


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, which by itself follows any depth until the interpreter gives up."""

    depth = 0
    count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH or self.count > MAX_VALUES:
            problem = _TOO_DEEP if self.depth > MAX_DEPTH else _TOO_MANY
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str, problems: Problems) -> yaml.Node | None:
    place, message = Place(), ""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise problems.fatal(Place(line), "a control character; YAML allows it only as an escape in quotes") from error
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        place, message = _place_of(error.problem_mark), _in_words(error)
    except (ValueError, OverflowError):  # PyYAML lets them through for "\UFFFFFFFF" and for a version of 5,000 digits
        place, message = _place_of(loader.get_mark()), "not valid YAML: a number that is out of range"
    finally:
        loader.dispose()
    raise problems.fatal(place, message)


def _place_of(mark: yaml.Mark | None, key_path: str = "") -> Place:
    return Place(mark.line + 1, mark.column + 1, key_path) if mark else Place(key_path=key_path)


def _in_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if problem in (_TOO_DEEP, _TOO_MANY):
        return problem
    for fragment, words in _SYNTAX_IN_WORDS:
        if fragment in problem:
            return f"not valid YAML: {words}"
    began = f" ({error.context} that begins on line {error.context_mark.line + 1})" if error.context_mark else ""
    return f"not valid YAML: {problem}{began}"


class _Tree:
    """Turns composed nodes into values; an alias becomes a copy with its own key path."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._count = 0

    def value(self, node: yaml.Node, key_path: str, depth: int) -> Value:
        place = _place_of(node.start_mark, key_path)
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_VALUES:
            raise self._problems.fatal(Place(place.line), _TOO_DEEP if depth > MAX_DEPTH else _TOO_MANY)
        if node.tag not in _KNOWN_TAGS:
            self._problems.add(place, "a YAML tag (`!…`) means nothing here; take it out, or put the text in quotes")
        if isinstance(node, yaml.MappingNode):
            return Fields(place, self._entries(node, key_path, depth))
        if isinstance(node, yaml.SequenceNode):
            parts = enumerate(node.value)
            return Items(place, tuple(self.value(one, f"{key_path}[{index}]", depth + 1) for index, one in parts))
        return self._scalar(node, place)

    def _scalar(self, node: yaml.Node, place: Place) -> Scalar:
        if _has_surrogate(node.value):
            self._problems.add(place, "half a character (a lone surrogate); write the character itself")
            return Scalar(place, "\N{REPLACEMENT CHARACTER}")
        return Scalar(place, node.value, is_null=node.tag == f"{_TAG}null")

    def _entries(self, node: yaml.MappingNode, key_path: str, depth: int) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: list[Fields] = []
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                merged += self._merged(value_node, key_path, depth)
            elif entry := self._entry(key_node, value_node, key_path, depth):
                self._add(entries, key_node.value, entry)
        for fields in merged:
            for key, entry in fields.entries.items():
                entries.setdefault(key, entry)
        return entries

    def _entry(self, key_node: yaml.Node, value_node: yaml.Node, key_path: str, depth: int) -> Entry | None:
        place = _place_of(key_node.start_mark, key_path)
        if not isinstance(key_node, yaml.ScalarNode) or _has_surrogate(key_node.value):
            self._problems.add(place, "a key must be a plain text")
            return None
        path = f"{key_path}.{shown(key_node.value)}" if key_path else shown(key_node.value)
        place = _place_of(key_node.start_mark, path)
        return Entry(place, self.value(value_node, path, depth + 1))

    def _add(self, entries: dict[str, Entry], key: str, entry: Entry) -> None:
        if key in entries:
            self._problems.add(entry.place, f"duplicate key, first written on line {entries[key].place.line}")
            return
        entries[key] = entry

    def _merged(self, node: yaml.Node, key_path: str, depth: int) -> list[Fields]:
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        if not all(isinstance(part, yaml.MappingNode) for part in parts):
            self._problems.add(_place_of(node.start_mark, key_path), "`<<` takes a mapping or a list of mappings")
            return []
        values = [self.value(part, key_path, depth + 1) for part in parts]
        return [value for value in values if isinstance(value, Fields)]


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)

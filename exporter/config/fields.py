"""Reading one mapping key by key: a wrong value becomes a problem and gives way to the default."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from exporter.config.document import Fields, Items, Scalar, Value
from exporter.config.problems import Place, Problems
from exporter.config.values import substitute, unknown
from exporter.errors import InvalidValue

T = TypeVar("T")

_KINDS: Mapping[type, str] = {Fields: "a mapping", Items: "a list", Scalar: "a single value"}


@dataclass(frozen=True)
class Source:
    """What every part of one file is read with."""

    folder: Path
    environ: Mapping[str, str]
    problems: Problems

    def parsed(self, value: Value, parse: Callable[[str], T]) -> T | None:
        """Return what a single value means, or None once its problem has been kept."""
        scalar = self._single(value)
        return None if scalar is None else self._parsed_text(scalar, parse)

    def parsed_as_written(self, value: Value, parse: Callable[[str], T]) -> T | None:
        """Return the same of a value whose `${NAME}` is not the environment's."""
        scalar = self._single(value)
        try:
            return None if scalar is None else parse(scalar.written)
        except InvalidValue as error:
            self.problems.add(value.place, str(error))
            return None

    def fields(self, value: Value, advice: str) -> Fields | None:
        """Return a mapping, an empty one for a null, or None once the problem has been kept."""
        if isinstance(value, Fields):
            return value
        if isinstance(value, Scalar) and value.is_null:
            return Fields(value.place)
        self.problems.add(value.place, f"must be a mapping, not {_KINDS[type(value)]}; {advice}")
        return None

    def items(self, value: Value, advice: str) -> tuple[Value, ...] | None:
        """Return the values of a list, none for a null, or None once the problem has been kept."""
        if isinstance(value, Items):
            return value.values
        if isinstance(value, Scalar) and value.is_null:
            return ()
        self.problems.add(value.place, f"must be a list, not {_KINDS[type(value)]}; {advice}")
        return None

    def _single(self, value: Value) -> Scalar | None:
        if not isinstance(value, Scalar):
            self.problems.add(value.place, f"must be a single value, not {_KINDS[type(value)]}")
            return None
        if value.is_null:
            self.problems.add(value.place, "has no value; write one, or take it out")
            return None
        return value

    def _parsed_text(self, value: Scalar, parse: Callable[[str], T]) -> T | None:
        text = ""
        try:
            text = substitute(value.written, self.environ)
            return parse(text)
        except InvalidValue as error:
            # What came from the environment may be a secret, and the hint may quote it.
            self.problems.add(value.place, str(error) if text in ("", value.written) else error.rule)
            return None


@dataclass(frozen=True)
class Section:
    """One mapping of the file."""

    fields: Fields
    source: Source

    @property
    def place(self) -> Place:
        return self.fields.place

    def __contains__(self, key: str) -> bool:
        return key in self.fields.entries

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Keep a problem for each key that is not known."""
        for key, entry in self.fields.entries.items():
            if key not in known:
                self.source.problems.add(entry.place, unknown("key", key, known))

    def is_given(self, key: str) -> bool:
        """Tell whether a key is there and no null."""
        value = self.value(key)
        return value is not None and not (isinstance(value, Scalar) and value.is_null)

    def place_of(self, key: str) -> Place:
        """Return where a key stands, or the mapping where it is missing."""
        entry = self.fields.entries.get(key)
        return entry.place if entry else self.place

    def value(self, key: str) -> Value | None:
        """Return what a key holds; None where it is missing."""
        entry = self.fields.entries.get(key)
        return entry.value if entry else None

    def section(self, key: str, advice: str) -> "Section | None":
        """Return the mapping that a key holds, empty for a null; None where it is missing or no mapping."""
        value = self.value(key)
        fields = None if value is None else self.source.fields(value, advice)
        return None if fields is None else Section(fields, self.source)

    def optional(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """Return what a key means; the default where it is missing, null or wrong."""
        return self.needed(key, parse, default) if self.is_given(key) else default

    def needed(self, key: str, parse: Callable[[str], T], default: T) -> T:
        """Return what a key means; the default where it is missing or wrong. A null is wrong."""
        value = self.value(key)
        parsed = None if value is None else self.source.parsed(value, parse)
        return default if parsed is None else parsed

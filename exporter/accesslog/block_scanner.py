"""Whole blocks of lines in one regular expression; the odd line is left to the scanner of single lines."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress, count
from operator import itemgetter
from re import Pattern

from exporter.accesslog.block_expression import END_OF_LINE, GROUPS, ODD_LINE, block_expression
from exporter.accesslog.entry import LONGEST_LINE_BYTES, Entry, UnparsedReason
from exporter.accesslog.line_scanner import LineScanner
from exporter.accesslog.scan import Observation, Scan
from exporter.config.log_format import LogFormat

_odd_line = itemgetter(GROUPS.index(ODD_LINE))


@dataclass(frozen=True)
class BlockScanner:
    """Finds what `lines` would find, several times as fast.

    The groups of `expression`, put in order, are the places of an observation; the last is empty, save for an odd line.
    """

    lines: LineScanner
    expression: Pattern[bytes]
    reordering: Callable[[Observation], Observation] | None

    def scan(self, block: bytes) -> Scan:
        """Return what a block of complete lines comes to."""
        if len(block) > LONGEST_LINE_BYTES or not block.endswith(b"\n"):
            return self.lines.scan(block)
        unparsed: Counter[UnparsedReason] = Counter()
        prepared = block.replace(b"\n", END_OF_LINE)
        observations = self._observations(prepared, unparsed)
        lines = (len(prepared) - len(block)) // (len(END_OF_LINE) - 1)
        return Scan(lines, unparsed, observations, self.lines.last_time(block))

    def parse(self, line: bytes) -> Entry | UnparsedReason:
        """Return what one line says, without its line feed."""
        return self.lines.parse(line)

    def agent_text(self, agent: bytes) -> str:
        """Return a user agent of an observation with nginx's escapes undone."""
        return self.lines.agent_text(agent)

    def _observations(self, prepared: bytes, unparsed: Counter[UnparsedReason]) -> list[Observation]:
        found: list[Observation] = self.expression.findall(prepared)
        while found and not any(found[-1]):
            found.pop()  # the end of the block
        if self.reordering is not None:
            found = list(map(self.reordering, found))
        for place in reversed(list(compress(count(), map(_odd_line, found)))):
            observation = self.lines.observe(_odd_line(found[place])[:-1], unparsed)
            found[place : place + 1] = [observation] if observation else []
        return found


def block_scanner(log_format: LogFormat, lines: LineScanner) -> BlockScanner | None:
    """Return a fast scanner of what `lines` reads, None where the format allows none."""
    expression = block_expression(log_format, lines.host)
    return None if expression is None else BlockScanner(lines, expression, _reordering(expression))


def _reordering(expression: Pattern[bytes]) -> Callable[[Observation], Observation] | None:
    """Return what puts an expression's groups into the order of an observation, None where they are in it."""
    places = [expression.groupindex[name] - 1 for name in GROUPS]
    return None if places == sorted(places) else itemgetter(*places)

"""Whole blocks of lines in one regular expression; the odd line is left to the scanner of single lines."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from re import Pattern

from exporter.accesslog.block_expression import GROUPS, ODD_LINE, block_expression
from exporter.accesslog.entry import Entry, UnparsedReason
from exporter.accesslog.line_scanner import LONGEST_LINE_BYTES, LineScanner
from exporter.accesslog.scan import Observation, Scan
from exporter.config.log_format import LogFormat


@dataclass(frozen=True)
class BlockScanner:
    """Finds what `lines` would find, several times as fast.

    `observation` and `odd_line` take these out of what `expression` finds.
    """

    lines: LineScanner
    expression: Pattern[bytes]
    observation: Callable[[tuple[bytes, ...]], Observation]
    odd_line: Callable[[tuple[bytes, ...]], bytes]

    def scan(self, block: bytes) -> Scan:
        """Return what a block of complete lines comes to."""
        if len(block) > LONGEST_LINE_BYTES or not block.endswith(b"\n"):
            return self.lines.scan(block)
        unparsed: Counter[UnparsedReason] = Counter()
        observations = self._observations(block, unparsed)
        return Scan(block.count(b"\n"), unparsed, observations, self.lines.last_time(block))

    def parse(self, line: bytes) -> Entry | UnparsedReason:
        """Return what one line says, without its line feed."""
        return self.lines.parse(line)

    def agent_text(self, agent: bytes) -> str:
        """Return a user agent of an observation with nginx's escapes undone."""
        return self.lines.agent_text(agent)

    def _observations(self, block: bytes, unparsed: Counter[UnparsedReason]) -> list[Observation]:
        # An empty line is odd. It ends the last run, so that every byte is matched and no search begins inside a line.
        found = self.expression.findall(block + b"\n")
        found.pop()
        if not any(map(self.odd_line, found)):
            return list(map(self.observation, found))
        every = (
            self.lines.observe(odd_line[:-1], unparsed) if (odd_line := self.odd_line(each)) else self.observation(each)
            for each in found
        )
        return [observation for observation in every if observation]


def block_scanner(log_format: LogFormat, lines: LineScanner) -> BlockScanner | None:
    """Return a fast scanner of what `lines` reads, None where the format allows none."""
    expression = block_expression(log_format, lines.host)
    if expression is None:
        return None
    places = {name: number - 1 for name, number in expression.groupindex.items()}
    return BlockScanner(lines, expression, itemgetter(*(places[name] for name in GROUPS)), itemgetter(places[ODD_LINE]))

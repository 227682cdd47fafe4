"""A log counted in this process, without following, checkpoints or a store: the share of scanner and tally."""

import time
from pathlib import Path

from benchmarks.accesslog.figures import Figures, exporter_figures
from benchmarks.accesslog.generator import DOMAINS
from benchmarks.accesslog.pinned import Duration
from exporter.accesslog.counts import Counted, Series
from exporter.accesslog.scanner import scanner
from exporter.accesslog.tally import Tally, TallySettings
from exporter.config.log_format import COMBINED

_BLOCK_BYTES = 256 * 1024


def count(log: Path) -> tuple[Figures, Duration]:
    """Return a log's figures as scanner and tally arrive at them, and how long that took."""
    reader = scanner(COMBINED, None)
    tally = Tally(TallySettings(reader.agent_text, domain_cap=len(DOMAINS)))
    tally.list_known_domains(frozenset(DOMAINS))
    began, cpu_before = time.monotonic(), time.process_time()
    with log.open("rb") as file:
        while block := file.read(_BLOCK_BYTES) + file.readline():
            tally.apply(reader.scan(block))
    duration = Duration(time.monotonic() - began, time.process_time() - cpu_before)
    failing = {Series(Counted.FAILURES, (place.domain,)): place.failures for place in tally.failing}
    return exporter_figures(tally.counts() | failing), duration

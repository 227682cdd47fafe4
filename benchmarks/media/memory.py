"""The most memory of a run over 10,000 and over 1,000,000 rows, whose objects the ledger knows to be in their place."""

import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.media.sample import Sample, empty_bucket, pictures
from benchmarks.media.used import Used, run_to_end
from exporter.ledger import MEDIA_SYNC, Ledger
from exporter.ledger.media_record import IdRange, MediaRun, RangeResult, Scope
from exporter.media.destination import destination_digest
from tests.media.bucket import Bucket, new_bucket
from tests.postgres import postgres_server
from tests.seaweedfs import running_seaweed

ROWS = (10_000, 1_000_000)
LIMIT_BYTES = 8 << 20
"""By so much more may the larger one take: neither rows nor objects are kept."""


def measure_memory(folder: Path, rows: tuple[int, ...] = ROWS) -> bool:
    """Print what each takes, and tell whether the memory stays the same."""
    with postgres_server() as postgres, running_seaweed() as (server,), new_bucket(server) as source:
        measured = []
        for count in rows:
            sample = Sample(pictures(postgres, count), source, server, count * 2)
            measured.append(_measure(sample, folder))
            used = measured[-1]
            print(
                f"{count:9,} rows: {used.peak_bytes / 2**20:4.0f} MiB, {used.wall_seconds:6.2f} s, "
                f"CPU {used.cpu_seconds:6.2f} s",
                flush=True,
            )
    more_bytes = measured[-1].peak_bytes - measured[0].peak_bytes
    print(f"{more_bytes / 2**20:+.1f} MiB from the fewest to the most (must be under {LIMIT_BYTES / 2**20:.0f})")
    return more_bytes < LIMIT_BYTES


def _measure(sample: Sample, folder: Path) -> Used:
    with empty_bucket(sample) as destination:
        config = sample.config(folder, destination)
        _tell_ledger(folder / f"state-{destination.name}", destination, sample.objects // 2)
        remedy = (sys.executable, "-c", "from exporter.cli.remedy import main; main()")
        log = folder / "memory.log"
        return run_to_end([*remedy, "-c", str(config), "media", "sync", "--yes", "--skip-by", "ledger"], log)


def _tell_ledger(state: Path, destination: Bucket, rows: int) -> None:
    state.mkdir()
    scope = Scope(destination_digest(destination.server.settings(destination.name)), "media_attachments", "all")
    page = IdRange(-(2**63), rows, time.time())
    with closing(Ledger.open(state)) as ledger, ledger.start(MEDIA_SYNC) as job:
        MediaRun(job).write([RangeResult(scope, rows, {"copied": rows * 2}, page=page, finished=page)])

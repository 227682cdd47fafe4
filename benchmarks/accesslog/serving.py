"""The whole exporter with a log to follow: `serve`, and the follower that it starts."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from benchmarks.accesslog.figures import exporter_figures
from benchmarks.processes import running
from benchmarks.sample_nginx import Sample
from exporter.accesslog.reader import read_records

PORT = 18194
ADDRESS = f"http://127.0.0.1:{PORT}"


@dataclass(frozen=True)
class Serving:
    """A running exporter: its process, and the folder and log of its follower."""

    pid: int
    state_folder: Path
    log: Path

    def processes(self) -> list[int]:
        """Return the process ids of the exporter and its follower."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [self.pid, *(int(child) for children in threads for child in children.read_text().split())]

    @property
    def lines(self) -> int:
        """How many lines have been committed."""
        return sum(exporter_figures(record.counts).lines for record in read_records(self.state_folder))


@contextmanager
def serving(folder: Path, sample: Sample) -> Iterator[Serving]:
    """Run the exporter with the sample as its one instance; it waits for a log that is not there yet."""
    log, state_folder = folder / "access.log", folder / "state"
    config = folder / "serving.yml"
    instance = {"name": "sample", "url": sample.http_url, "checks": {"storage": {"keyword": "PNG"}}}
    document = {
        "web": {"listen": ADDRESS.removeprefix("http://")},
        "state_dir": str(state_folder),
        "instances": [instance],
        "access_logs": [{"path": str(log), "format": "combined", "start_at": "beginning"}],
    }
    config.write_text(yaml.safe_dump(document))
    command = [sys.executable, "-m", "exporter", "serve", "-c", str(config)]
    with running(command, f"{ADDRESS}/-/ready") as pid:
        yield Serving(pid, state_folder, log)

"""A state folder with logs in it that the exporter has counted."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from exporter.accesslog.position import Progress
from exporter.accesslog.scanner import scanner
from exporter.accesslog.store import Store
from exporter.accesslog.tally import Tally, TallySettings
from exporter.config import COMBINED
from tests.accesslog.old_lines import Answer


def count_log(folder: Path, log: str, answers: Iterable[Answer]) -> None:
    """Count requests as lines of a log and commit what they come to."""
    lines = scanner(COMBINED)
    folder.mkdir(exist_ok=True)
    with closing(Store.open(folder)) as store:
        _, before = store.load(log)
        tally = Tally(TallySettings(lines.agent_text), before)
        tally.apply(lines.scan("".join(answer.combined() for answer in answers).encode()))
        store.commit({log: (Progress("/var/log/nginx/access.log"), tally)})

from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.ledger import Ledger
from tests.ledger.worlds import NEVER_SECONDS, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    opened = Ledger.open(tmp_path, clock, NEVER_SECONDS)
    yield opened
    opened.close()

"""The file of domains that the database knows: read when it has changed, and the same set otherwise."""

from pathlib import Path

import pytest

from exporter.accesslog import known_domains
from exporter.accesslog.known_domains import LOOK_SECONDS, KnownDomains


def test_it_is_read_once_it_is_there_and_again_when_it_has_changed(tmp_path: Path) -> None:
    path, known = tmp_path / "domains", KnownDomains()
    assert known.read(path, 0) == frozenset()
    path.write_text("a.example\nb.example\n")
    assert known.read(path, LOOK_SECONDS / 2) == frozenset()
    first = known.read(path, LOOK_SECONDS)
    assert first == {"a.example", "b.example"}
    assert known.read(path, 2 * LOOK_SECONDS) is first
    path.unlink()
    assert known.read(path, 3 * LOOK_SECONDS) is first
    path.write_text("c.example\n")
    assert known.read(path, 4 * LOOK_SECONDS) == {"c.example"}


def test_without_a_database_no_domain_is_known(tmp_path: Path) -> None:
    path, known = tmp_path / "domains", KnownDomains()
    path.write_text("a.example\n")
    assert known.read(path, 0)
    assert known.read(None, 1) == frozenset()
    assert known.read(path, 2) == {"a.example"}


def test_no_more_is_read_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_domains, "MOST_DOMAINS", 3)
    path = tmp_path / "domains"
    path.write_text("".join(f"{number}.example\n" for number in range(10)))
    assert len(KnownDomains().read(path, 0)) == 3

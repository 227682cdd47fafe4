import json
from pathlib import Path

import pytest

from exporter.config.model import Instance
from exporter.mastodon.instance import Announcement
from exporter.probes.memory import Memory, Remembered

INSTANCE = Instance("qdon", "https://qdon.example", "qdon.example")
ANNOUNCED = Announcement(
    version="4.6.0", streaming="wss://s.example", account="admin", media=("https://f.example/1.png",)
)
LEARNT = Remembered("wss://s.example", "admin", ("https://f.example/1.png",), "4.6.0")


def test_what_was_learnt_is_there_after_a_restart(tmp_path: Path) -> None:
    Memory(tmp_path).learn(INSTANCE, ANNOUNCED)
    assert Memory(tmp_path).recall(INSTANCE) == LEARNT


def test_without_a_folder_it_lasts_as_long_as_the_program() -> None:
    memory = Memory(None)
    memory.learn(INSTANCE, ANNOUNCED)
    assert memory.recall(INSTANCE) == LEARNT


def test_another_server_under_the_same_name_is_not_mistaken_for_it(tmp_path: Path) -> None:
    Memory(tmp_path).learn(INSTANCE, ANNOUNCED)
    assert Memory(tmp_path).recall(Instance("qdon", "https://other.example", "other.example")) is None


def test_an_unlisted_target_leaves_nothing_behind(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    for number in range(50):
        memory.learn(Instance(f"n{number}", f"https://n{number}.example", "x", listed=False), ANNOUNCED)
    assert list(tmp_path.iterdir()) == []
    assert memory._known == {}


@pytest.mark.parametrize("name", ["..", "a b", "ü", "x" * 300, "CON"])
def test_any_name_has_a_file(tmp_path: Path, name: str) -> None:
    instance = Instance(name, "https://qdon.example", "qdon.example")
    Memory(tmp_path).learn(instance, ANNOUNCED)
    assert Memory(tmp_path).recall(instance) == LEARNT
    assert {path.parent.name for path in tmp_path.rglob("*.json")} == {"announced"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"schema": 99}',
        '{"schema": 1, "url": "https://qdon.example", "media": 7, "streaming": []}',
        "\udcff",
    ],
)
def test_a_damaged_file_is_survived(tmp_path: Path, text: str) -> None:
    Memory(tmp_path).learn(INSTANCE, ANNOUNCED)
    (file,) = tmp_path.rglob("*.json")
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert Memory(tmp_path).recall(INSTANCE) in (None, Remembered())


def test_a_folder_that_cannot_be_written_to_costs_only_the_memory_over_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "announced").write_text("a file in the folder's place")
    memory = Memory(tmp_path)
    memory.learn(INSTANCE, ANNOUNCED)
    assert memory.recall(INSTANCE) == LEARNT
    assert len(caplog.records) == 1


def test_nothing_is_written_when_nothing_has_changed(tmp_path: Path) -> None:
    memory = Memory(tmp_path)
    memory.learn(INSTANCE, ANNOUNCED)
    (file,) = tmp_path.rglob("*.json")
    file.write_text(json.dumps({"marker": True}))
    memory.learn(INSTANCE, ANNOUNCED)
    assert json.loads(file.read_text()) == {"marker": True}

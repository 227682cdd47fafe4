"""The benchmark of the media sync has every side do the same work, and sees that it was done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.media.memory import measure_memory
from benchmarks.media.sample import Sample, empty_bucket, sample
from benchmarks.media.speed import BOTO3, OWN, Mover, measure, movers
from benchmarks.media.used import Used, run_to_end


@pytest.fixture(scope="module")
def made() -> Iterator[Sample]:
    with sample(40) as made:
        yield made


@pytest.mark.parametrize("name", [OWN, BOTO3])
def test_every_object_arrives_and_the_time_for_it_is_told(made: Sample, tmp_path: Path, name: str) -> None:
    (mover,) = (one for one in movers(made, tmp_path) if one.name == name)
    first = measure(made, mover).first
    assert len(made.source.listed()) == 40
    assert 0.1 < first.cpu_seconds < first.wall_seconds * 4
    assert first.peak_bytes > 10 << 20


def test_what_has_not_arrived_ends_the_benchmark(made: Sample) -> None:
    idle = Mover("idle", lambda _: Used(0, 0, 0), again=False)
    with pytest.raises(SystemExit, match="0 objects have arrived, and there are 40"):
        measure(made, idle)


def test_a_program_that_fails_ends_the_benchmark_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"sh ended with 3:\nwhy"):
        run_to_end(["sh", "-c", "echo why; exit 3"], tmp_path / "log")


def test_the_memory_of_two_databases_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure_memory(tmp_path, rows=(10, 2000))
    assert "2,000 rows" in capsys.readouterr().out


def test_a_bucket_of_the_benchmark_is_empty_again_afterwards(made: Sample) -> None:
    with empty_bucket(made) as bucket:
        bucket.put("one", b"", {})
        name = bucket.name
    with empty_bucket(made) as other:
        assert name not in [one["Name"] for one in other.client.list_buckets()["Buckets"]]

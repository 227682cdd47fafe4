"""10,000 small objects between two stores: `media sync`, Debian's rclone, and a pool of threads with boto3.

rclone's strong form is `--fast-list`; the limits hold against it. The second run finds everything in its place.
"""

import json
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.media.sample import Sample, empty_bucket, sample, settings
from benchmarks.media.used import Used, run_to_end
from tests.media.bucket import Bucket

OBJECTS = 10_000
ROUNDS = 3
LIMIT = 1.0
"""It must be no worse than rclone in either time; the aims are half of its CPU time and 0.8 of its wall time."""
CPU_AIM, WALL_AIM, SECOND_RUN_AIM = 0.5, 0.8, 0.2

_RCLONE = (
    "rclone",
    "copy",
    "--transfers",
    "16",
    "--checkers",
    "16",
    "--s3-acl",
    "public-read",
    "--config",
    "/dev/null",
)
OWN, _FAST_LIST, _PLAIN_LIST, BOTO3 = "media sync", "rclone --fast-list", "rclone", "boto3, 16 threads"


@dataclass(frozen=True)
class Mover:
    """One who moves; `again` whether its second run is measured too."""

    name: str
    move: Callable[[Bucket], Used]
    again: bool


@dataclass(frozen=True)
class Round:
    """What a first and a second run took."""

    first: Used
    second: Used | None


def measure_speed(folder: Path, objects: int = OBJECTS, rounds: int = ROUNDS) -> bool:
    """Print what each takes, and tell whether this program keeps to its limits."""
    with sample(objects) as made:
        each = movers(made, folder)
        measured: dict[str, list[Round]] = {mover.name: [] for mover in each}
        for _ in range(rounds):
            for mover in each:
                measured[mover.name].append(measure(made, mover))
    for name, several in measured.items():
        _print(name, objects, several)
    return _print_ratios(measured)


def movers(made: Sample, folder: Path) -> list[Mover]:
    """Return all that are measured."""

    def own(bucket: Bucket) -> Used:
        remedy = (sys.executable, "-c", "from exporter.cli.remedy import main; main()")
        config = str(made.config(folder, bucket))
        return run_to_end([*remedy, "-c", config, "media", "sync", "--yes"], folder / "own.log")

    def rclone(bucket: Bucket, *words: str) -> Used:
        command = [*_RCLONE, *words, f"src:{made.source.name}", f"dst:{bucket.name}"]
        return run_to_end(command, folder / "rclone.log", _rclone_remotes(made.source, bucket))

    def boto3_pool(bucket: Bucket) -> Used:
        sides = folder / "sides.jsonl"
        sides.write_text("".join(f"{json.dumps(settings(side))}\n" for side in (made.source, bucket)))
        command = ["sh", "-c", f'exec "{sys.executable}" -m benchmarks.media.boto3_pool <"{sides}"']
        return run_to_end(command, folder / "boto3.log")

    return [
        Mover(OWN, own, again=True),
        Mover(_FAST_LIST, lambda bucket: rclone(bucket, "--fast-list"), again=True),
        Mover(_PLAIN_LIST, rclone, again=True),
        Mover(BOTO3, boto3_pool, again=False),
    ]


def measure(made: Sample, mover: Mover) -> Round:
    """Have all objects moved into an empty bucket, and see that they have arrived."""
    with empty_bucket(made) as bucket:
        first = mover.move(bucket)
        made.must_be_in(bucket)
        return Round(first, mover.move(bucket) if mover.again else None)


def _rclone_remotes(source: Bucket, destination: Bucket) -> Mapping[str, str]:
    environ = {"AWS_CA_BUNDLE": ""}
    for name, bucket in (("SRC", source), ("DST", destination)):
        values = settings(bucket)
        environ |= {
            f"RCLONE_CONFIG_{name}_TYPE": "s3",
            f"RCLONE_CONFIG_{name}_PROVIDER": "Other",
            f"RCLONE_CONFIG_{name}_ENDPOINT": str(values["endpoint"]),
            f"RCLONE_CONFIG_{name}_ACCESS_KEY_ID": str(values["access_key"]),
            f"RCLONE_CONFIG_{name}_SECRET_ACCESS_KEY": str(values["secret_key"]),
            f"RCLONE_CONFIG_{name}_REGION": str(values["region"]),
        }
    return environ


def _median(several: list[Used]) -> Used:
    return Used(
        statistics.median(one.wall_seconds for one in several),
        statistics.median(one.cpu_seconds for one in several),
        max(one.peak_bytes for one in several),
    )


def _print(name: str, objects: int, several: list[Round]) -> None:
    first = _median([one.first for one in several])
    again = [one.second for one in several if one.second]
    second = f"{_median(again).wall_seconds:6.2f} s, CPU {_median(again).cpu_seconds:5.2f} s" if again else ""
    print(
        f"{name:20} {first.wall_seconds:6.2f} s, CPU {first.cpu_seconds / objects * 1e3:5.2f} s per 1,000 objects, "
        f"{first.peak_bytes / 2**20:4.0f} MiB; second run {second or 'not measured'}",
        flush=True,
    )


def _print_ratios(measured: Mapping[str, list[Round]]) -> bool:
    met = []
    for name in (_FAST_LIST, _PLAIN_LIST, BOTO3):
        pairs = list(zip(measured[OWN], measured[name], strict=True))
        wall = statistics.median(own.first.wall_seconds / peer.first.wall_seconds for own, peer in pairs)
        cpu = statistics.median(own.first.cpu_seconds / peer.first.cpu_seconds for own, peer in pairs)
        print(f"of {name}: {wall:.2f} of its wall time (aim {WALL_AIM}), {cpu:.2f} of its CPU time (aim {CPU_AIM})")
        met += [wall < LIMIT, cpu < LIMIT]
    for name in (_FAST_LIST, _PLAIN_LIST):
        ratio = statistics.median(
            own.second.wall_seconds / peer.second.wall_seconds
            for own, peer in zip(measured[OWN], measured[name], strict=True)
            if own.second and peer.second
        )
        print(f"of {name}: {ratio:.2f} of the wall time of its second run (aim {SECOND_RUN_AIM})")
        met.append(ratio < LIMIT)
    return all(met)

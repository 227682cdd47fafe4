"""`python -m benchmarks.media [speed|memory]...`: all of them unless some are named.

Two real S3 servers and a real PostgreSQL, all on this machine, whose cores they share with what is measured: wall
times tell of that too, CPU times are the client's own.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.media.memory import measure_memory
from benchmarks.media.speed import measure_speed

MEASUREMENTS: Mapping[str, Callable[[Path], bool]] = {"speed": measure_speed, "memory": measure_memory}


def main() -> int:
    """Print the figures; end with 1 where one is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.media", description=__doc__)
    parser.add_argument("measurement", nargs="*", help=", ".join(MEASUREMENTS), metavar="MEASUREMENT")
    names = parser.parse_args().measurement or list(MEASUREMENTS)
    if unknown := set(names) - set(MEASUREMENTS):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    met = [_measure(name) for name in names]
    return 0 if all(met) else 1


def _measure(name: str) -> bool:
    print(f"== {name}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        return MEASUREMENTS[name](Path(folder))


if __name__ == "__main__":
    sys.exit(main())

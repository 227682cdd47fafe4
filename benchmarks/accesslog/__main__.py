"""`python -m benchmarks.accesslog [speed|memory|idle|catching-up]...`: all of them unless some are named."""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.accesslog.catching_up import measure_catching_up
from benchmarks.accesslog.idle import measure_idle
from benchmarks.accesslog.memory import measure_memory
from benchmarks.accesslog.speed import measure_speed

MEASUREMENTS = {
    "speed": measure_speed,
    "memory": measure_memory,
    "idle": measure_idle,
    "catching-up": measure_catching_up,
}


def main() -> int:
    """Print the figures; end with 1 where one is beyond its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accesslog", description=__doc__)
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

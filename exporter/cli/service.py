"""Running the exporter until a signal ends it."""

import gc
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.cli.ending import INTERRUPTED
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.server import AccessLogs, ExporterServer, Running, Sources, Stores

_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
MAX_OPEN_FILES = 65536


@contextmanager
def signals_held() -> Iterator[None]:
    """Keep signals until `run_service` waits for them; threads started meanwhile never get one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_service(running: Running, folder: Path, started: Callable[[], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT, reloading at each SIGHUP; return the exit code. Call it with signals held.

    `folder` is where state is kept.
    """
    raise_file_limit()
    memory = Memory(folder)
    access_logs = AccessLogs(running, memory, folder)
    stores = Stores(running, folder)
    # What is loaded by now stays: the garbage collector need not look through it again and again.
    gc.freeze()
    with Prober(memory) as prober:
        server = ExporterServer(
            running, prober, Sources((access_logs.collector, stores.collector), access_logs.is_ready)
        )
        server.start()
        access_logs.start(prober)
        try:
            if started is not None:
                started()
            return _wait(server)
        finally:
            access_logs.stop()
            server.stop()
            stores.close()


def _wait(server: ExporterServer) -> int:
    while True:
        received = signal.sigwait(_SIGNALS)
        if received != signal.SIGHUP:
            return INTERRUPTED if received == signal.SIGINT else 0
        server.reload()


def raise_file_limit() -> None:
    """Let this process open as many files as the system allows it.

    Many systems allow 1024 unless asked for more; hundreds of probes at once need more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

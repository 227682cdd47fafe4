"""Following the configured access logs: what the follower is told, and what of it is shown."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exporter import logs
from exporter.accesslog.collector import AccessLogCollector
from exporter.accesslog.process import FollowerProcess
from exporter.accesslog.service import Assignment
from exporter.config import AccessLog, Config, Instance, Subscriptions
from exporter.mastodon.shape import Shape
from exporter.mastodon.versions import PUBSUBHUBBUB_GONE_SINCE, parse_version
from exporter.probes.memory import Memory
from exporter.server.database_watch import DatabaseWatch
from exporter.server.prober import Prober
from exporter.server.reload import Running

FIRST_LOOK_SECONDS = 3.0
FIRST_LOOKS_AT_ONCE = 16


class AccessLogs:
    """Keeps the logs of the configuration in force followed; `start` and `stop` once each."""

    def __init__(self, running: Running, memory: Memory, folder: Path) -> None:
        self._running = running
        self._memory = memory
        self._folder = folder
        self._prober: Prober | None = None
        self._looked_at: set[str] = set()
        self._database = DatabaseWatch(running, folder)
        self._process = FollowerProcess(self._assignment, self._database.vet)
        self.collector = AccessLogCollector(folder, self._logs, lambda: self._process.troubles)

    def start(self, prober: Prober) -> None:
        """Begin in threads and a process of their own; servers never heard of are first asked for their version."""
        self._prober = prober
        self._database.start()
        self._process.start()

    def stop(self) -> None:
        """Have what was counted written down, and end the process."""
        self._database.stop()
        self._process.stop()

    def is_ready(self) -> bool:
        """Tell whether each log is being followed, or waited for because it is not there yet."""
        return self._process.is_ready

    def _logs(self) -> Sequence[AccessLog]:
        return self._running.config.access_logs

    def _assignment(self) -> Assignment:
        config = self._running.config
        self._look_at_new(config)
        judged = frozenset(log.name for log in config.access_logs if self._is_judged(log, config))
        vetted = frozenset(log.name for log in config.access_logs if self._database.covers(log))
        domains = self._database.known_domains
        return Assignment(self._folder, config.access_logs, judged, *logs.configured(), vetted, domains)

    def _is_judged(self, log: AccessLog, config: Config) -> bool:
        if log.subscriptions is not Subscriptions.AUTO:
            return log.subscriptions is Subscriptions.ON
        shape = self._shape(log)
        if shape is not None:
            return shape.speaks_pubsubhubbub
        instance = config.instance(log.instance) if log.instance is not None else None
        announced = self._memory.recall(instance) if instance is not None else None
        version = parse_version(announced.version) if announced is not None and announced.version else None
        return version is None or version < PUBSUBHUBBUB_GONE_SINCE

    def _shape(self, log: AccessLog) -> Shape | None:
        """Return the shape of the server's database; None where there is none, or where it cannot be reached."""
        return self._database.shape() if self._database.covers(log) else None

    def _look_at_new(self, config: Config) -> None:
        """Ask servers that have never told their version: a bot at a newer one must not look like harm."""
        undecided = (log for log in config.access_logs if log.subscriptions is Subscriptions.AUTO)
        names = {log.instance for log in undecided if self._shape(log) is None}
        instances = [one for one in config.instances if one.name in names and one.url not in self._looked_at]
        self._looked_at.update(one.url for one in instances)
        unknown = [one for one in instances if self._memory.recall(one) is None]
        if unknown:
            with ThreadPoolExecutor(FIRST_LOOKS_AT_ONCE) as pool:
                list(pool.map(self._ask_version, unknown))

    def _ask_version(self, instance: Instance) -> None:
        if self._prober is not None:
            self._prober.probe(instance, ["api"], FIRST_LOOK_SECONDS)

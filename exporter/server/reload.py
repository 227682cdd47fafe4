"""The configuration in force, which a reload replaces whole or not at all."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config import Config
from exporter.errors import ConfigError, Problem
from exporter.server.passwords import PasswordGate
from exporter.server.web_config import WebConfig, read_web_config

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """The configuration, the web config file it names, and the gate that follows from it."""

    config: Config
    web: WebConfig
    gate: PasswordGate


@dataclass(frozen=True)
class ReloadState:
    """How the last attempt to load the configuration went, and when one last succeeded (Unix time)."""

    successful: bool
    success_timestamp_seconds: float


class Running:
    """Holds the configuration in force. Thread-safe: readers see the old one or the new one, never a mixture."""

    def __init__(self, load: Callable[[], Config], clock: Callable[[], float] = time.time) -> None:
        """Load the configuration for the first time; ConfigError when it, or its web config file, is wrong."""
        self._load = load
        self._clock = clock
        self._reloading = threading.Lock()
        self._reloaded: list[Callable[[], None]] = []
        self._settings = self._read()
        self._state = ReloadState(True, clock())

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def config(self) -> Config:
        return self._settings.config

    @property
    def state(self) -> ReloadState:
        return self._state

    def call_when_reloaded(self, reloaded: Callable[[], None]) -> None:
        """Have `reloaded` called, in whichever thread reloads, after each reload that succeeds; it must not wait."""
        self._reloaded.append(reloaded)

    def reload(self) -> tuple[Problem, ...]:
        """Read everything again and put it in force; return the problems, with any of which the old one stays."""
        with self._reloading:
            try:
                self._settings = self._read()
            except ConfigError as error:
                self._state = ReloadState(False, self._state.success_timestamp_seconds)
                _logger.error(
                    "configuration not reloaded, the old one stays in force",
                    extra={"problems": [str(problem) for problem in error.problems]},
                )
                return error.problems
            self._state = ReloadState(True, self._clock())
            _logger.info("configuration reloaded", extra={"instances": len(self.config.instances)})
            for reloaded in self._reloaded:
                reloaded()
            return ()

    def _read(self) -> Settings:
        config = self._load()
        web = read_web_config(config.web.web_config) if config.web.web_config is not None else WebConfig()
        return Settings(config, web, PasswordGate(web.users))

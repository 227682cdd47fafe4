"""The configuration: what it is (`model`) and how it is read (`reader`)."""

from exporter.config.hosts import server_url
from exporter.config.model import (
    CHECK_NAMES,
    DEFAULT_LISTEN_HOST,
    DEFAULT_LISTEN_PORT,
    DEFAULT_PORTS,
    DEFAULT_TIMEOUT_SECONDS,
    AddressFamilies,
    CheckSettings,
    Config,
    Instance,
    Keyword,
    Pattern,
    WebSettings,
    origin,
)
from exporter.config.reader import config_from_flags, read_config

__all__ = [
    "CHECK_NAMES",
    "DEFAULT_LISTEN_HOST",
    "DEFAULT_LISTEN_PORT",
    "DEFAULT_PORTS",
    "DEFAULT_TIMEOUT_SECONDS",
    "AddressFamilies",
    "CheckSettings",
    "Config",
    "Instance",
    "Keyword",
    "Pattern",
    "WebSettings",
    "config_from_flags",
    "origin",
    "read_config",
    "server_url",
]

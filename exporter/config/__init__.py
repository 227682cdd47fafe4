"""The configuration: what it is (`model`) and how it is read (`reader`, `flags`)."""

from exporter.config.flags import config_from_flags
from exporter.config.hosts import server_url
from exporter.config.log_format import COMBINED, JSON, Escaping, LogFormat, Variable, log_format
from exporter.config.media_model import FolderSettings, MediaSettings, S3Settings
from exporter.config.model import (
    CHECK_NAMES,
    DEFAULT_DOMAIN_CAP,
    DEFAULT_LISTEN_HOST,
    DEFAULT_LISTEN_PORT,
    DEFAULT_PORTS,
    DEFAULT_TIMEOUT_SECONDS,
    AccessLog,
    AddressFamilies,
    CheckSettings,
    Config,
    DatabaseSettings,
    Instance,
    Keyword,
    Pattern,
    RedisSettings,
    StartAt,
    Subscriptions,
    SubscriptionSettings,
    WebSettings,
    origin,
)
from exporter.config.reader import read_config
from exporter.config.secret import Secret

__all__ = [
    "CHECK_NAMES",
    "COMBINED",
    "DEFAULT_DOMAIN_CAP",
    "DEFAULT_LISTEN_HOST",
    "DEFAULT_LISTEN_PORT",
    "DEFAULT_PORTS",
    "DEFAULT_TIMEOUT_SECONDS",
    "JSON",
    "AccessLog",
    "AddressFamilies",
    "CheckSettings",
    "Config",
    "DatabaseSettings",
    "Escaping",
    "FolderSettings",
    "Instance",
    "Keyword",
    "LogFormat",
    "MediaSettings",
    "Pattern",
    "RedisSettings",
    "S3Settings",
    "Secret",
    "StartAt",
    "SubscriptionSettings",
    "Subscriptions",
    "Variable",
    "WebSettings",
    "config_from_flags",
    "log_format",
    "origin",
    "read_config",
    "server_url",
]

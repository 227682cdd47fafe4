"""Where hubs reach our server."""

from exporter.config import Config, Instance
from exporter.errors import ConfigError, Problem


def own_instance(config: Config) -> Instance:
    """Return the instance whose database it is; ConfigError where the configuration does not tell."""
    instance = _instance(config)
    if instance is not None:
        return instance
    if config.instances:
        raise _problem(
            "which instance the database belongs to is not said: write `instance: NAME`", "database.instance"
        )
    raise _problem("hubs answer to this server's own address: write `instances: [{url: https://…}]`", "instances")


def callback_url(origin: str, account_id: int) -> str:
    """Return where a hub verifies, and delivers to, the subscription to an account; `origin` is our scheme and host."""
    return f"{origin}/api/subscriptions/{account_id}"


def _instance(config: Config) -> Instance | None:
    named = config.database.instance if config.database else None
    if named is not None:
        return config.instance(named)
    return config.instances[0] if len(config.instances) == 1 else None


def _problem(message: str, key_path: str) -> ConfigError:
    return ConfigError([Problem(message, key_path)])

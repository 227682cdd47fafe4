"""Which instance a /probe request means."""

from urllib.parse import urlsplit

from exporter.config import Config, Instance, server_url
from exporter.errors import InvalidValue, UnknownTarget, UnlistedTarget


def find_instance(config: Config, target: str) -> Instance:
    """Return the instance of a name or URL; names are looked up first.

    UnknownTarget for what is neither; UnlistedTarget for the URL of a server that is not configured,
    unless the configuration allows such targets: then an instance with every default is returned.
    """
    named = config.instance(target)
    if named is not None:
        return named
    url = _server_of(target)
    for instance in config.instances:
        if instance.url == url:
            return instance
    if not config.allow_unlisted_targets:
        raise UnlistedTarget(
            f"{url} is not in the configuration: add it under `instances`, or set `allow_unlisted_targets: true`."
        )
    return Instance(name=url, url=url, domain=urlsplit(url).netloc, listed=False)


def _server_of(target: str) -> str:
    if "://" not in target:
        raise UnknownTarget(
            "No configured instance has this name: give a name that /targets lists, or a URL like https://a.example."
        )
    try:
        return server_url(target)
    except InvalidValue as error:
        raise UnknownTarget(f"The target cannot be probed: a URL {error.rule}.") from error

"""Which instance each source of metrics belongs to, so that rules can join them."""

from collections.abc import Iterator

from prometheus_client.core import InfoMetricFamily, Metric

from exporter.config import Config


def source_info(config: Config) -> Iterator[Metric]:
    """Yield one family for all sources; none where no source belongs to an instance.

    `name` is a log's name, which its metrics have as the label `log`; of other sources there is one each.
    """
    family = InfoMetricFamily("mastodon_exporter_source", "Which instance a source of metrics belongs to.")
    for source, name, target in _sources(config):
        if target is not None:
            family.add_metric([], {"source": source, "name": name, "target": target})
    if family.samples:
        yield family


def _sources(config: Config) -> Iterator[tuple[str, str, str | None]]:
    for log in config.access_logs:
        yield "access_log", log.name, log.instance
    if config.database is not None:
        yield "database", "database", config.database.instance
    if config.redis is not None:
        yield "redis", "redis", config.redis.instance
    if config.media is not None:
        yield "media", "media", config.media.instance

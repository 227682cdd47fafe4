"""Which instance each log and each store belongs to."""

from pathlib import Path

from exporter.config import AccessLog, Config, DatabaseSettings, MediaSettings, RedisSettings, S3Settings, Secret
from exporter.server.source_info import source_info
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.serving import config

LOGS = (AccessLog("first", "/a", instance="qdon"), AccessLog("second", "/b"))
DATABASE = DatabaseSettings(url=Secret("postgresql://127.0.0.1:1/none"), instance="qdon")
REDIS = RedisSettings(url=Secret("redis://127.0.0.1:1"), instance="qdon")
MEDIA = MediaSettings(S3Settings("media"), instance="qdon")


def shown(configuration: Config) -> list[tuple[str, str, str]]:
    samples = (sample for family in source_info(configuration) for sample in family.samples)
    return [(one.labels["source"], one.labels["name"], one.labels["target"]) for one in samples]


def test_every_source_is_tied_to_its_instance() -> None:
    assert shown(config(access_logs=LOGS, database=DATABASE, redis=REDIS, media=MEDIA)) == [
        ("access_log", "first", "qdon"),
        ("database", "database", "qdon"),
        ("redis", "redis", "qdon"),
        ("media", "media", "qdon"),
    ]


def test_where_no_source_has_an_instance_there_is_no_such_family() -> None:
    assert list(source_info(config(access_logs=LOGS[1:]))) == []


def test_metrics_has_the_family_once(serve: Serve, tmp_path: Path) -> None:
    client: Client = serve(config(access_logs=LOGS, database=DATABASE, redis=REDIS, state_dir=tmp_path))
    text = client.get("/metrics").text
    assert text.count("# TYPE mastodon_exporter_source_info ") == 1
    assert text.count("\nmastodon_exporter_source_info{") == 3

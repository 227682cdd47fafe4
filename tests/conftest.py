"""What holds for every test."""

from tests.postgres import postgres
from tests.redis_server import one_redis, redis_server
from tests.seaweedfs import s3_servers
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport

pytest_plugins = ("pytester", "tests.parallel")

__all__ = [
    "one_redis",
    "postgres",
    "pytest_make_collect_report",
    "pytest_plugins",
    "pytest_runtest_makereport",
    "redis_server",
    "s3_servers",
]

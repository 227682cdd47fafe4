"""What check-config says of Redis."""

from exporter.config import RedisSettings, Secret
from exporter.mastodon.redis_look import look_over_redis
from tests.redis_server import RunningRedis


def test_a_redis_with_sidekiqs_queues_is_what_it_should_be(redis_server: RunningRedis) -> None:
    redis_server.client().sadd("queues", "default", "push")
    findings = look_over_redis(redis_server.settings)
    assert (findings.summary, findings.warnings) == ("redis: answers, 2 queues of Sidekiq", ())


def test_a_redis_without_a_queue_may_be_the_wrong_one(redis_server: RunningRedis) -> None:
    findings = look_over_redis(redis_server.settings)
    assert findings.summary == "redis: answers"
    (warning,) = findings.warnings
    assert "no queue of Sidekiq" in warning


def test_a_user_of_redis_who_may_not_look_for_queues_is_warned_of(redis_server: RunningRedis) -> None:
    redis_server.client().acl_setuser("look", enabled=True, passwords=["+x"], commands=["+ping"], keys=["*"])
    url = redis_server.url.replace("redis://", "redis://look:x@")
    findings = look_over_redis(RedisSettings(url=Secret(url)))
    assert findings.summary == "redis: answers"
    (warning,) = findings.warnings
    assert warning.startswith("redis: Redis at ")
    assert "sscan" in warning.lower()
    redis_server.client().acl_deluser("look")


def test_a_redis_that_cannot_be_reached_is_said_once_and_without_its_password() -> None:
    findings = look_over_redis(RedisSettings(url=Secret("redis://:hunter2@127.0.0.1:1/0")))
    assert findings.summary == "redis: cannot be used"
    (warning,) = findings.warnings
    assert warning.startswith("redis: ")
    assert "hunter2" not in warning

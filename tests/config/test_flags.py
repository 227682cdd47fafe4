from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import (
    AccessLog,
    Config,
    DatabaseSettings,
    Instance,
    MediaSettings,
    RedisSettings,
    S3Settings,
    WebSettings,
    config_from_flags,
)
from exporter.errors import ConfigError, Problem

QDON = Instance(name="qdon.example", url="https://qdon.example", domain="qdon.example")
B = Instance(name="b", url="https://b.example", domain="b.example")


def test_flags_alone_make_a_configuration() -> None:
    config = config_from_flags(
        None, instances=["https://QDON.example/", "b=http://b.example:3000"], listen="[::1]:9000"
    )
    other = Instance(name="b", url="http://b.example:3000", domain="b.example:3000")
    assert config == Config(instances=(QDON, other), web=WebSettings("::1", 9000))


def test_flags_add_to_the_instances_of_the_file_and_replace_its_address() -> None:
    base = Config(instances=(QDON,), web=WebSettings("", 9000), state_dir=Path("/s"))
    config = config_from_flags(base, instances=["https://b.example"], listen="127.0.0.1:0")
    assert [instance.name for instance in config.instances] == ["qdon.example", "b.example"]
    assert (config.web.host, config.web.port, config.state_dir) == ("127.0.0.1", 0, Path("/s"))


def test_no_flags_leave_the_configuration_of_the_file_as_it_is() -> None:
    base = Config(instances=(QDON,), web=WebSettings("", 9000), access_logs=(AccessLog("qdon", "/a.log", "qdon"),))
    assert config_from_flags(base, instances=[], listen=None) == base


FLAG_PROBLEMS = {
    "qdon.example": "`qdon.example` must be a URL that begins with `https://` or `http://`; write `https://qdon.example`",
    "=https://a.example": "`=https://a.example` must not be empty",
    "a=a.example": "`a=a.example` must be a URL that begins with `https://` or `http://`; write `https://a.example`",
    "https://a.example/?token=hunter2": "`https://a.example/?…` must end after the host and port: "
    "no path, query or fragment; write `https://a.example`",
    "https://me:hunter2@a.example": "`https://…@a.example` must not hold a user name or password",
    "a=https://me:hunt/er2@a.example": "`a=https://…@a.example` must have a host, "
    "perhaps followed by `:` and a port number",
    "me:hunter2@a.example": "`…@a.example` must be a URL that begins with `https://` or `http://`",
}


@pytest.mark.parametrize(("flag", "message"), FLAG_PROBLEMS.items())
def test_a_wrong_instance_flag_is_named_without_its_password(flag: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_flags(None, instances=[flag], listen=None)
    assert caught.value.problems == (Problem(message, key_path="--instance"),)


def test_all_wrong_flags_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_flags(None, instances=["a", "https://b.example", "c"], listen="nowhere")
    assert [problem.key_path for problem in caught.value.problems] == ["--instance", "--instance", "--listen"]


def test_no_instance_in_file_or_flags_says_what_to_give() -> None:
    with pytest.raises(ConfigError, match="--instance: no instance to watch; give `--instance https://"):
        config_from_flags(None, instances=[], listen=None)


def test_no_instance_is_needed_where_any_target_may_be_probed() -> None:
    base = Config(instances=(), allow_unlisted_targets=True)
    assert config_from_flags(base, instances=[], listen=None) == base


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["https://qdon.example:443"], "--instance: the same server as `instances[0]` of the file; list it once"),
        (["https://b.example", "b=https://b.example"], "the same server as `--instance https://b.example`"),
        (["qdon.example=https://b.example"], "--instance: the same name as `instances[0]` of the file"),
        (["http://qdon.example:3000"], "--instance: the same host, hence the same name, as `instances[0]` of the file"),
        (["b=http://qdon.example:3000"], "instances[0]: the host of `--instance b=http://qdon.example:3000`"),
    ],
)
def test_a_flag_that_clashes_is_named_beside_what_it_clashes_with(flags: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_flags(Config(instances=(QDON,)), instances=flags, listen=None)
    assert message in str(caught.value)


# Access logs


def logs_of(
    base: Config | None, *access_logs: str, instances: tuple[str, ...] = ()
) -> list[tuple[str, str, str | None]]:
    config = config_from_flags(base, instances=instances, listen=None, access_logs=access_logs)
    return [(log.name, log.path, log.instance) for log in config.access_logs]


def problems_of(base: Config | None, *access_logs: str, instances: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as caught:
        config_from_flags(base, instances=instances, listen=None, access_logs=access_logs)
    return [(problem.key_path, problem.message) for problem in caught.value.problems]


def test_a_log_given_as_a_flag_has_every_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = config_from_flags(Config((QDON,)), instances=(), listen=None, access_logs=["access.log"])
    assert config.access_logs == (AccessLog("qdon.example", str(tmp_path / "access.log"), "qdon.example"),)


def test_one_log_is_named_after_the_only_instance_wherever_that_was_named() -> None:
    assert logs_of(Config((B,)), "/x/a.log") == [("b", "/x/a.log", "b")]
    assert logs_of(None, "/x/a.log", instances=("b=https://b.example",)) == [("b", "/x/a.log", "b")]


def test_a_log_alone_needs_no_instance_and_is_named_after_its_file() -> None:
    assert logs_of(None, "/x/a.log") == [("a.log", "/x/a.log", None)]


def test_several_logs_are_named_after_their_files_and_equal_ones_after_their_paths() -> None:
    assert logs_of(Config((B,)), "/x/a.log", "/y/a.log", "/y/c.log") == [
        ("/x/a.log", "/x/a.log", "b"),
        ("/y/a.log", "/y/a.log", "b"),
        ("c.log", "/y/c.log", "b"),
    ]


def test_a_log_given_as_a_flag_takes_no_name_from_the_logs_of_the_file() -> None:
    base = Config((B,), access_logs=(AccessLog("b", "/1", "b"), AccessLog("a.log", "/2", "b")))
    assert logs_of(base, "/x/c.log")[2:] == [("c.log", "/x/c.log", "b")]
    assert logs_of(base, "/x/a.log")[2:] == [("/x/a.log", "/x/a.log", "b")]


def test_the_logs_of_a_file_need_no_instance_either() -> None:
    assert logs_of(Config((), access_logs=(AccessLog("a.log", "/a.log"),))) == [("a.log", "/a.log", None)]


def test_the_logs_of_a_file_without_instances_belong_to_the_only_one_that_a_flag_names() -> None:
    base = Config((), access_logs=(AccessLog("a.log", "/a.log"),))
    assert logs_of(base, instances=("b=https://b.example",)) == [("a.log", "/a.log", "b")]


WHOSE = "there are several instances; list the log under `access_logs` in a file, with its `instance:`"
NO_FOLDER = "must name a file, not a folder; a glob names several: `/var/log/nginx/*access.log`"
TWO = ("https://a.example", "https://c.example")
LOG_FLAG_PROBLEMS = [
    (Config(()), ["/x/"], (), f"`/x/` {NO_FOLDER}"),
    (Config(()), ["/\udcff"], (), "`/\\udcff` must be UTF-8"),
    (Config(()), [""], (), "`` must not be empty"),
    (Config(()), ["/a\nb"], (), "`/a\\nb` as a name, must not hold control characters or line breaks"),
    (Config(()), ["/a", "/a"], (), "the same log as `--access-log /a`; it would be counted twice"),
    (
        Config((B,), access_logs=(AccessLog("x", "/a", "b"),)),
        ["/a"],
        (),
        "the same log as `access_logs[0]` of the file; it would be counted twice",
    ),
    (Config((B,)), ["/a"], TWO, WHOSE),
]  # fmt: skip


@pytest.mark.parametrize(("base", "logs", "instances", "message"), LOG_FLAG_PROBLEMS)
def test_a_wrong_log_flag_is_named(base: Config, logs: list[str], instances: tuple[str, ...], message: str) -> None:
    assert problems_of(base, *logs, instances=instances) == [("--access-log", message)]


def test_a_log_of_the_file_that_could_be_of_several_instances_is_named() -> None:
    base = Config((), access_logs=(AccessLog("a.log", "/a.log"),))
    assert problems_of(base, instances=TWO) == [("access_logs[0]", WHOSE)]


# Database and Redis


def stores(database: str | None = None, redis: str | None = None) -> Config:
    file = Path(".env.production")
    return Config((), database=DatabaseSettings(env_file=file, instance=database), redis=RedisSettings(instance=redis))


def test_the_stores_of_a_file_without_instances_belong_to_the_only_one_that_a_flag_names() -> None:
    config = config_from_flags(stores(), instances=["b=https://b.example"], listen=None)
    assert config == replace(stores("b", "b"), instances=(B,))


def test_stores_alone_need_no_instance() -> None:
    assert config_from_flags(stores(), instances=(), listen=None) == stores()


def test_media_go_with_the_database() -> None:
    base = replace(stores(), media=MediaSettings(S3Settings("media")))
    config = config_from_flags(base, instances=["https://a.example"], listen=None)
    assert config.media == MediaSettings(S3Settings("media"), instance="a.example")


def test_redis_goes_with_the_database_that_says_whose_it_is() -> None:
    base = replace(stores("b"), instances=(B,))
    config = config_from_flags(base, instances=["https://qdon.example"], listen=None)
    assert config.redis is not None
    assert config.redis.instance == "b"


@pytest.mark.parametrize(
    ("base", "places"),
    [
        (stores(), ["database"]),
        (replace(stores(), database=None), ["redis"]),
    ],
)
def test_stores_that_could_be_of_several_instances_are_named(base: Config, places: list[str]) -> None:
    with pytest.raises(ConfigError, match="several instances; write `instance:` in this section") as caught:
        config_from_flags(base, instances=["https://a.example", "https://b.example"], listen=None)
    assert [problem.key_path for problem in caught.value.problems] == places

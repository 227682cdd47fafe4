import json
import re
from pathlib import Path

import pytest

from exporter.config import COMBINED, JSON, AccessLog, Config, Instance, StartAt, Subscriptions, log_format, read_config
from exporter.errors import ConfigError

QDON = "instances: [{url: https://qdon.example, name: qdon}]\n"


def read(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "config.yml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, environ)


def read_log(folder: Path, settings: str, **environ: str) -> AccessLog:
    (log,) = read(folder, f"{QDON}access_logs: [{{path: access.log, {settings}}}]", **environ).access_logs
    return log


def test_a_log_with_nothing_but_its_path_gets_every_default(tmp_path: Path) -> None:
    assert read_log(tmp_path, "") == AccessLog(
        name="qdon",
        path=str(tmp_path / "access.log"),
        instance="qdon",
        format=COMBINED,
        host=None,
        start_at=StartAt.END,
        known_domains=None,
        domain_cap=500,
        subscriptions=Subscriptions.AUTO,
    )


def test_every_key_of_a_log_reaches_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "known.txt").touch()
    text = """
        instances: [{url: https://qdon.example, name: qdon}, {url: https://b.example}]
        access_logs:
          - path: logs/*.log
            name: front / 앞
            instance: b.example
            format: json
            host: B.Example
            start_at: beginning
            known_domains: known.txt
            domain_cap: 100000
            subscriptions: off
    """
    assert read(tmp_path, text).access_logs == (
        AccessLog(
            name="front / 앞",
            path=str(tmp_path / "logs" / "*.log"),
            instance="b.example",
            format=JSON,
            host="b.example",
            start_at=StartAt.BEGINNING,
            known_domains=tmp_path / "known.txt",
            domain_cap=100_000,
            subscriptions=Subscriptions.OFF,
        ),
    )


def test_nulls_mean_the_defaults(tmp_path: Path) -> None:
    keys = ("name", "instance", "format", "host", "start_at", "known_domains", "domain_cap", "subscriptions")
    assert read_log(tmp_path, ", ".join(f"{key}: " for key in keys)) == read_log(tmp_path, "")
    assert read(tmp_path, f"{QDON}access_logs:").access_logs == ()


@pytest.mark.parametrize("word", Subscriptions)
def test_on_and_off_are_words_and_no_booleans(tmp_path: Path, word: Subscriptions) -> None:
    assert read_log(tmp_path, f"subscriptions: {word}").subscriptions is word


def test_a_relative_path_starts_at_the_folder_of_the_file_wherever_the_command_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    monkeypatch.chdir(tmp_path)
    (log,) = read(Path("etc"), "access_logs: [{path: a.log}]").access_logs
    assert log.path == str(tmp_path / "etc" / "a.log")


def test_an_absolute_path_stays_as_it_is(tmp_path: Path) -> None:
    (log,) = read(tmp_path, "access_logs: [{path: /var/log/nginx/../x/access.log}]").access_logs
    assert log.path == "/var/log/nginx/../x/access.log"


def test_the_variables_of_a_format_are_nginxs_even_where_the_environment_has_the_name(tmp_path: Path) -> None:
    text = "'${request} ${status} $HOME ${HOME}'"
    log = read_log(tmp_path, f"format: {text}", request="x", status="y", HOME="/root")
    assert log.format.has("request")
    assert log.format.has("status")
    assert log.format.has("home")


def test_the_other_keys_take_variables_of_the_environment(tmp_path: Path) -> None:
    log = read_log(tmp_path, "name: '${NAME}', domain_cap: '${CAP}'", NAME="n", CAP="7")
    assert (log.name, log.domain_cap) == ("n", 7)


def test_a_directive_may_be_pasted_as_it_stands_in_nginx_conf(tmp_path: Path) -> None:
    text = f"""{QDON}access_logs:
  - path: access.log
    host: qdon.example
    format: |
      log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                        '$status $body_bytes_sent "$http_referer" ' # the rest
                        '"$http_user_agent" $host';
"""
    (log,) = read(tmp_path, text).access_logs
    assert log.format.name == "main"
    assert log.format.pieces[:-2] == COMBINED.pieces[:-1]


def test_a_log_needs_no_instance_and_is_then_named_after_its_file(tmp_path: Path) -> None:
    config = read(tmp_path, "access_logs: [{path: /var/log/nginx/access.log}]")
    assert config == Config(instances=(), access_logs=(AccessLog("access.log", "/var/log/nginx/access.log"),))


def test_two_sites_may_share_one_log_by_their_hosts(tmp_path: Path) -> None:
    text = """
        instances: [{url: https://a.example}, {url: https://b.example}]
        access_logs:
          - {path: /x.log, instance: a.example, host: a.example, format: json}
          - {path: /x.log, instance: b.example, host: b.example, format: json}
    """
    assert [(log.name, log.host) for log in read(tmp_path, text).access_logs] == [
        ("a.example", "a.example"),
        ("b.example", "b.example"),
    ]


def test_an_instance_that_is_wrong_leaves_its_log_alone(tmp_path: Path) -> None:
    text = "instances: [{url: wrong}]\naccess_logs: [{path: /x.log, instance: qdon}, {path: /y.log, instance: b}]"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [problem.key_path for problem in caught.value.problems] == ["instances[0].url"]


def test_an_instance_that_nobody_knows_gives_one_problem_for_each_log(tmp_path: Path) -> None:
    text = f"{QDON}access_logs: [{{path: /x/a.log, instance: b}}, {{path: /y/a.log, instance: b}}]"
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [problem.key_path for problem in caught.value.problems] == [
        "access_logs[0].instance",
        "access_logs[1].instance",
    ]


def test_a_format_that_is_wrong_says_nothing_of_the_host(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_log(tmp_path, "format: main, host: qdon.example")
    assert [problem.key_path for problem in caught.value.problems] == ["access_logs[0].format"]


def test_an_instance_without_a_log_is_as_good_as_one_with(tmp_path: Path) -> None:
    config = read(tmp_path, QDON)
    assert config.access_logs == ()
    assert config.instances == (Instance("qdon", "https://qdon.example", "qdon.example"),)


PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
EXAMPLES = [
    text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "access_logs" in text and "<" not in text
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_what_the_documentation_shows_can_be_used_as_it_is(tmp_path: Path, example: str) -> None:
    assert read(tmp_path, example).access_logs


def test_the_documentation_has_its_examples() -> None:
    assert len(EXAMPLES) == 3


def test_the_directive_that_the_documentation_gives_to_nginx_can_be_read_as_json_and_as_a_format() -> None:
    (block,) = re.findall(r"```nginx\n(.*?;)\naccess_log ", PAGE, re.DOTALL)
    found = log_format(block)
    assert found.escaping == "json"
    line = "".join(piece if isinstance(piece, str) else "200" for piece in found.pieces)
    assert {"request", "status", "host", "time_iso8601", "http_user_agent"} <= set(json.loads(line))

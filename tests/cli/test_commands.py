"""The commands as somebody types them: exit codes, what goes where, help."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from exporter import __version__
from exporter.cli.remedy import remedy
from exporter.cli.watch import watch
from exporter.config import CHECK_NAMES
from tests.end_to_end.programs_under_test import run
from tests.probes import mastodon_site
from tests.probes.site import Site, document, page

FIELDS = {
    "check", "success", "reason", "detail", "http_status", "duration_seconds", "cached", "restricted",
    "certificate_expiry_timestamp_seconds",
}  # fmt: skip


@dataclass(frozen=True)
class Set:
    """A healthy server and a configuration that names it `qdon`."""

    site: Site
    config: Path


@pytest.fixture
def qdon(tmp_path: Path) -> Iterator[Set]:
    with Site() as site:
        site.routes.update(mastodon_site.newest(site))
        path = tmp_path / "config.yml"
        settings = {"state_dir": str(tmp_path / "state"), "instances": [{"name": "qdon", "url": site.url}]}
        path.write_text(yaml.safe_dump(settings))
        yield Set(site, path)


@pytest.mark.parametrize("target", [[], ["qdon"], ["{url}"], ["{url}/"]])
def test_check_of_a_healthy_server_ends_with_0(qdon: Set, target: list[str]) -> None:
    result = run("check", "-c", str(qdon.config), *(word.format(url=qdon.site.url) for word in target))
    assert (result.returncode, result.stderr) == (0, "")
    assert "7 of 7 checks pass" in result.stdout
    assert all(check in result.stdout for check in CHECK_NAMES)


def test_check_names_what_is_down_in_words_and_ends_with_1(qdon: Set) -> None:
    qdon.site.routes["/api/v1/streaming/health"] = page("bad gateway", 502)
    result = run("check", "-c", str(qdon.config))
    assert result.returncode == 1
    (line,) = [line for line in result.stdout.splitlines() if "DOWN" in line]
    assert line.split()[0] == "streaming"
    assert "502" in line


def test_check_as_json_is_one_document_of_the_agreed_shape(qdon: Set) -> None:
    qdon.site.routes["/health"] = page("no", 503)
    result = run("check", "-c", str(qdon.config), "--format", "json")
    (report,) = json.loads(result.stdout)
    assert (result.returncode, report["instance"], report["url"], report["success"]) == (
        1,
        "qdon",
        qdon.site.url,
        False,
    )
    assert [check["check"] for check in report["checks"]] == list(CHECK_NAMES)
    assert all(set(check) == FIELDS for check in report["checks"])
    by_name = {check["check"]: check for check in report["checks"]}
    assert (by_name["health"]["reason"], by_name["health"]["http_status"]) == ("http_status", 503)
    assert by_name["web"]["reason"] is None


def test_check_says_apart_from_the_document_what_a_server_cannot_have(qdon: Set) -> None:
    silent = mastodon_site.instance_v2(qdon.site, "3.4.0") | {"contact": {}}
    qdon.site.routes |= {"/api/v2/instance": document(silent), "/.well-known/webfinger": page("", 404)}
    result = run("check", "-c", str(qdon.config), "--format", "json")
    checks = {check["check"] for check in json.loads(result.stdout)[0]["checks"]}
    assert checks == set(CHECK_NAMES) - {"profile", "activitypub"}
    assert "profile is not checked" in result.stderr
    assert "activitypub is not checked" in result.stderr


def test_check_needs_no_configuration_and_leaves_nothing_behind(qdon: Set, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    result = run("check", qdon.site.url, environ={"HOME": str(home), "XDG_STATE_HOME": str(home)})
    assert result.returncode == 0
    assert list(home.iterdir()) == []


def test_check_of_one_part_asks_for_nothing_else(qdon: Set) -> None:
    assert run("check", qdon.site.url, "--check", "health").returncode == 0
    assert [asked.path for asked in qdon.site.asked] == ["/health"]


def test_check_with_debug_shows_what_was_asked_and_what_came_back(qdon: Set) -> None:
    result = run("check", qdon.site.url, "--check", "health", "--debug")
    assert f"GET {qdon.site.url}/health" in result.stdout
    assert "200" in result.stdout


def test_what_a_server_sends_cannot_steer_the_terminal(qdon: Set) -> None:
    qdon.site.routes["/.well-known/webfinger"] = mastodon_site.webfinger(
        "\x1b[2J\x1b]0;title\x07 [red]x", qdon.site.url
    )
    for form in ([], ["--debug"]):
        result = run("check", qdon.site.url, *form)
        assert "\x1b" not in result.stdout
        assert "\x07" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check"], "name a server"),
        (["check", "nobody"], "nobody"),
        (["check", "ftp://mastodon.example"], "ftp://mastodon.example"),
        (["check", "https://mastodon.example/about"], "path"),
        (["check", "--format", "xml", "https://mastodon.example"], "xml"),
        (["check", "-c", "/does/not/exist.yml"], "no such file"),
        (["serve"], "--instance"),
        (["serve", "--instance", "mastodon.example"], "https://"),
        (["serve", "--instance", "https://a.example", "--listen", "nowhere"], "--listen"),
        (["serve", "--instance", "https://a.example", "--instance", "https://a.example"], "a.example"),
        (["check-config"], "-c"),
        (["nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense"),
        (["--log-level", "loud", "check"], "loud"),
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(arguments: list[str], words: str) -> None:
    result = run(*arguments, environ={"MASTODON_EXPORTER_CONFIG": ""})
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_the_configuration_may_be_named_before_or_after_the_command_or_in_the_environment(qdon: Set) -> None:
    path = str(qdon.config)
    assert run("-c", path, "check", "qdon").returncode == 0
    assert run("check", "--config", path, "qdon").returncode == 0
    assert run("check", "qdon", environ={"MASTODON_EXPORTER_CONFIG": path}).returncode == 0
    assert run("-c", "/does/not/exist.yml", "check", "-c", path, "qdon").returncode == 0


def test_check_config_tells_of_a_good_file(qdon: Set) -> None:
    result = run("check-config", "-c", str(qdon.config))
    assert (result.returncode, result.stderr) == (0, "")
    assert "1 instance" in result.stdout


def test_check_config_tells_every_error_at_once_with_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("instances:\n  - url: mastodon.example\n    timout: 8s\n    checks: {web: {keyword_regex: '('}}\n")
    result = run("check-config", "-c", str(path))
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert [line.split(":")[1] for line in lines] == ["2", "3", "4"]
    assert "did you mean `timeout`" in lines[1]


def test_check_config_reads_the_web_config_file_too(qdon: Set, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("basic_auth_users: {admin: not-a-hash}\n")
    settings = yaml.safe_load(qdon.config.read_text()) | {"web": {"web_config": "web.yml"}}
    qdon.config.write_text(yaml.safe_dump(settings))
    result = run("check-config", "-c", str(qdon.config))
    assert result.returncode == 1
    assert "basic_auth_users" in result.stderr
    assert "not-a-hash" not in result.stderr


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for key in command.list_commands(context):
            subcommand = command.get_command(context, key)
            assert subcommand is not None
            yield from commands(f"{name} {key}", subcommand)


EVERY_COMMAND = [*commands("mastodon-exporter", watch), *commands("mastodon-remedy", remedy)]


@pytest.mark.parametrize(("name", "command"), EVERY_COMMAND, ids=lambda value: value if isinstance(value, str) else "")
def test_every_help_text_has_an_example_and_can_be_asked_for_in_two_ways(name: str, command: click.Command) -> None:
    assert "Example:" in (command.help or "")
    assert name.partition(" ")[0] in (command.help or "")
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    assert "-h, --help" in command.get_help(context)


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["check", "-h"], ["serve", "--help"]])
def test_help_ends_with_0(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.returncode, "Example:" in result.stdout) == (0, True)


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"mastodon-exporter {__version__}\n"

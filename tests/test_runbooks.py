"""Whoever is woken by an alert finds its page, and what the page says can be pasted as it stands there."""

import fnmatch
import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from exporter.cli.deliveries import RESTART_JOB
from exporter.cli.hub_subscriptions import BACKUP_JOB, RESTORE_JOB, UNDELETE_JOB
from exporter.cli.remedy import remedy
from exporter.cli.watch import watch
from exporter.ledger import MEDIA_SYNC, RESUBSCRIBE
from scripts import metrics_list
from scripts.alert_rules import ALERTS
from tests.alert_thresholds import thresholds_by_alert
from tests.postgres import Postgres
from tests.programs import need_program
from tests.runbook_pages import INDEX, Page, Words, commands, read_pages

ROOT = Path(__file__).parents[1]
PAGES = read_pages()
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
OURS = {"mastodon-exporter": watch, "mastodon-remedy": remedy}
JOBS = {MEDIA_SYNC, RESUBSCRIBE, RESTART_JOB, BACKUP_JOB, RESTORE_JOB, UNDELETE_JOB}

# What may be asked of a server beside our own commands. A set holds the first words that may follow: nothing here
# writes into a store, and nothing deletes but what the system makes anew.
_ANY = None
PROGRAMS: Mapping[str, set[str] | None] = {
    **dict.fromkeys(("awk", "cat", "cd", "curl", "df", "dig", "free", "grep", "head", "id", "last", "ls"), _ANY),
    **dict.fromkeys(("lsof", "node", "openssl", "ps", "sleep", "sort", "ss", "tail", "touch", "uniq"), _ANY),
    **dict.fromkeys(("uptime", "usermod", "vmstat"), _ANY),
    "amtool": {"alert", "check-config"},
    "apt-get": {"clean"},
    "aws": {"s3api"},
    "bundle": {"exec"},
    "certbot": {"certificates", "renew"},
    "crontab": {"-l", "-u"},
    "docker": {"compose"},
    "ionice": {"-c"},
    "ip": {"-6", "route"},
    "ip6tables": {"-L"},
    "iptables": {"-L"},
    "journalctl": {"--vacuum-size=200M", "-k", "-u"},
    "kill": {"-9", "-CONT"},
    "nft": {"list"},
    "nginx": {"-T", "-s", "-t"},
    "promtool": {"check", "query"},
    "psql": {"mastodon_production"},
    "redis-cli": {"hget", "hgetall", "info", "llen", "lrange", "ping", "smembers", "zcard", "zrevrange"},
    "resolvectl": {"status"},
    "rm": {"/etc/nginx/federation-maintenance.on"},
    "systemctl": {
        *("--failed", "cat", "enable", "kill", "list-timers", "list-units"),
        *("reload", "restart", "start", "status", "stop"),
    },
    "timedatectl": {"set-ntp"},
    "yarn": {"install"},
}
UNITS = {
    *("mastodon-sidekiq", "mastodon-sidekiq*", "mastodon-streaming", "mastodon-streaming*", "mastodon-web"),
    *("nginx", "postgresql", "redis-server", "prometheus", "prometheus-alertmanager"),
    *("certbot", "certbot.timer", "systemd-resolved"),
}
OUR_UNITS = {path.stem for path in (ROOT / "deploy" / "systemd").glob("*.service")}
# Spans of several words that are not commands begin so, or with an option or a key of YAML: directives of nginx and
# logrotate, lines of logs, SQL.
NO_COMMAND = re.compile(
    r"-|\w+:|(?:Cannot|Killed|MISCONF|SELECT|active|create|idle|listen|location|may|return|rotate"
    r"|statement|took|too) "
)
# What stands for a value of a closed list.
PLACEHOLDERS = {"CHECK": "web"}
# Databases of this Mastodon know what a page asks them; of the others the newest does.
SCHEMAS = {"MastodonSubscriptionsOverdue": "2.9"}

_METRIC = re.compile(r"(?<![\w:])([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?(?!\w*\s*\()")
_MATCHER = re.compile(r"(\w+)\s*[=!]~?\s*\"(?:[^\"\\]|\\.)*\"")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_PROMQL_WORDS = {"and", "bool", "by", "offset", "or", "unless", "without"}
_SCRAPED_LABELS = {"instance", "job", "exporter", "exported_job", "alertname"}


def of_each_page(page: Page) -> str:
    return page.alert


each_page = pytest.mark.parametrize("page", PAGES, ids=of_each_page)


@cache
def rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load(path.read_text()) for path in sorted(ALERTS.glob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert [page.alert for page in PAGES] == sorted({rule["alert"] for rule in alerts()})


def test_every_alert_leads_to_its_page() -> None:
    assert {rule["annotations"]["runbook_url"].rpartition("/docs/runbooks/")[2] for rule in alerts()} == {
        f"{page.alert}.md" for page in PAGES
    }


@each_page
def test_a_page_has_its_name_and_the_four_sections(page: Page) -> None:
    assert page.text.startswith(f"# {page.alert}\n\n## ")
    assert list(page.sections) == SECTIONS
    assert all(text.strip() for text in page.sections.values())


@each_page
def test_a_page_is_short_enough_for_the_night(page: Page) -> None:
    assert len(page.text.splitlines()) <= 75


def test_the_index_has_every_page_once_with_the_severities_of_its_alert() -> None:
    listed = re.findall(r"^\|.*\| \[(\w+)\]\((\w+)\.md\) \| ([\w, ]+) \|$", INDEX.read_text(), re.MULTILINE)
    assert all(name == target for name, target, _ in listed)
    assert sorted((name, severities) for name, _, severities in listed) == sorted(severities_by_alert().items())


def severities_by_alert() -> dict[str, str]:
    names = [rule["alert"] for rule in alerts()]
    order = ("critical", "warning", "info", "none")
    given = {name: {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == name} for name in names}
    return {name: ", ".join(sorted(severities, key=order.index)) for name, severities in given.items()}


@pytest.mark.parametrize("page", [*PAGES, Page("README", INDEX.read_text())], ids=of_each_page)
def test_a_link_to_a_heading_finds_it(page: Page) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.text):
        path = INDEX.parent / target
        assert anchor in set(anchors(path)), f"{target} has no heading #{anchor}"


def anchors(path: Path) -> Iterator[str]:
    for heading in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# Thresholds


def test_the_meaning_has_every_threshold_of_its_alert_in_bold_and_no_other() -> None:
    bold = {page.alert: set(re.findall(r"\*\*([^*]+)\*\*", page.sections["Meaning"])) for page in PAGES}
    assert bold == thresholds_by_alert()


# Commands


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    assert {language for page in PAGES for language in page.languages} == {"sh", "promql"}


@each_page
def test_every_block_is_one_that_the_shell_takes(page: Page) -> None:
    script = "\n".join(page.blocks("sh"))
    ran = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def lines(page: Page) -> list[str]:
    """Return what is there to be pasted into a shell: the lines of blocks, and spans of several words in the text."""
    spans = [span for span in page.spans if " " in span and not NO_COMMAND.match(span)]
    return [*page.command_lines, *spans]


def commands_of(page: Page) -> list[Words]:
    return [command for line in lines(page) for command in commands(line)]


@each_page
def test_every_command_of_ours_is_understood_by_the_program(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: 0)
    monkeypatch.setattr("exporter.logs.configure", lambda *arguments: None)
    for name, *arguments in commands_of(page):
        if name in OURS:
            result = CliRunner().invoke(OURS[name], [PLACEHOLDERS.get(word, word) for word in arguments])
            assert result.exit_code == 0, f"{name} {' '.join(arguments)}: {result.output}"


def test_a_command_that_there_is_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: 0)
    monkeypatch.setattr("exporter.logs.configure", lambda *arguments: None)
    for line in ("subscriptions resubscribe --brokn", "subscriptions repair", "jobs stop media_sync", "media sync X"):
        assert CliRunner().invoke(remedy, line.split()).exit_code == 2, line


@each_page
def test_every_other_command_is_known(page: Page) -> None:
    for name, *arguments in commands_of(page):
        assert name in {*OURS, *PROGRAMS}, f"{name} is not among the programs that a page may name"
        following = PROGRAMS.get(name)
        assert following is None or (arguments and arguments[0] in following), f"{name} {' '.join(arguments)}"


@each_page
def test_every_unit_of_systemd_is_known(page: Page) -> None:
    for name, *arguments in commands_of(page):
        for unit in units(name, arguments):
            assert unit in UNITS or fnmatch.filter(OUR_UNITS, unit), f"{name} {' '.join(arguments)}"


def units(program: str, arguments: list[str]) -> set[str]:
    """Return the units that a command of systemd names."""
    if program == "journalctl":
        return {unit for option, unit in pairwise(arguments) if option == "-u"}
    if program != "systemctl":
        return set()
    return {word for word in arguments[1:] if not word.startswith("-") and word != "TSTP"}


@each_page
def test_every_service_of_compose_is_there(page: Page) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    named = {arguments[-1] for name, *arguments in commands_of(page) if name == "docker"}
    assert named <= {"ps", *services}


def test_the_configuration_lies_where_the_unit_has_it() -> None:
    (path,) = re.findall(r"MASTODON_EXPORTER_CONFIG=(\S+?)`", INDEX.read_text())
    assert f"-c {path}\n" in (ROOT / "deploy" / "systemd" / "mastodon-exporter.service").read_text()


@each_page
def test_only_repairs_that_there_are_can_be_cancelled(page: Page) -> None:
    assert set(re.findall(r"jobs cancel (\w+)", page.text)) <= JOBS


def test_every_page_has_something_to_paste() -> None:
    assert [page.alert for page in PAGES if not page.command_lines] == []


def test_every_statement_of_sql_is_right_for_the_database_of_mastodon(postgres: Postgres) -> None:
    statements = Counter[str]()
    for page in PAGES:
        for name, *arguments in commands_of(page):
            if name == "psql":
                postgres.run(postgres.new_database(SCHEMAS.get(page.alert, "4.6")), arguments[-1])
                statements[page.alert] += 1
    assert statements["MastodonSubscriptionsOverdue"] > 0


# Queries


def test_every_query_is_one_that_prometheus_takes(tmp_path: Path) -> None:
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": page.alert, "rules": as_rules(page)} for page in PAGES]}))
    ran = subprocess.run(
        [need_program("promtool"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def as_rules(page: Page) -> list[dict[str, str]]:
    queries = enumerate(page.blocks("promql"))
    return [{"record": f"{page.alert}:query{number}", "expr": query} for number, query in queries]


@each_page
def test_every_query_names_metrics_and_labels_that_there_are(page: Page) -> None:
    for query in page.blocks("promql"):
        grouped = {label.strip() for labels in _GROUPING.findall(query) for label in labels.split(",")}
        every_label = {label for labels in metrics().values() for label in labels}
        assert grouped <= every_label | _SCRAPED_LABELS, query
        for metric, matchers in _METRIC.findall(re.sub(r"\[[^]]*\]", "", _GROUPING.sub("", query))):
            if metric not in _PROMQL_WORDS and not metric.isdigit():
                assert metric in metrics(), query
                assert set(_MATCHER.findall(matchers)) <= metrics()[metric] | _SCRAPED_LABELS, query


@cache
def metrics() -> Mapping[str, set[str]]:
    """Return the labels of all metrics that Prometheus has: ours, its own, and those that rules record."""
    documented = re.findall(r"^\| `(\w+)(?:\{([^}]*)\})?` \|", metrics_list.page(), re.MULTILINE)
    ours = {name: set(filter(None, labels.split(","))) for name, labels in documented}
    recorded = {rule["record"]: {"mastodon", "check", "log", "collector"} for rule in rules() if "record" in rule}
    return {"up": set(), "ALERTS": set(), **recorded, **ours}

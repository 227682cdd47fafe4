"""A file is told to be of a configured log by its name, live or rotated, and by globs as the follower takes them."""

import pytest

from exporter.accesslog.listed_log import listed_logs
from exporter.config import AccessLog

FRONT = AccessLog("front", "/var/log/nginx/access.log")
SITES = AccessLog("sites", "/var/log/nginx/*-access.log")
FOLDERS = AccessLog("folders", "/srv/*/log/access.log")


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/var/log/nginx/access.log", ["front"]),
        ("/var/log/nginx/access.log.1", ["front"]),
        ("/var/log/nginx/access.log.14.gz", ["front"]),
        ("/var/log/nginx/access.log-20261123.gz", ["front"]),
        ("/var/log/nginx/access-20261123.log", ["front"]),
        ("/var/log/nginx/access.log.save", []),
        ("/var/log/nginx/error.log", []),
        ("/var/log/other/access.log", []),
        ("/var/log/nginx/qdon-access.log", ["sites"]),
        ("/var/log/nginx/qdon-access.log.2.gz", ["sites"]),
        ("/var/log/nginx/qdon-access.1.log", ["sites"]),
        ("/var/log/nginx/qdon-2-access.log-2026-11-23", ["sites"]),
        ("/var/log/nginx/qdon-access.log.bak", []),
        ("/var/log/nginx/.qdon-access.log", []),
        ("/var/log/nginx/old/qdon-access.log", []),
        ("/srv/qdon/log/access.log.1", ["folders"]),
        ("/srv/qdon/more/log/access.log.1", []),
    ],
)
def test_a_name_leads_to_the_log_that_it_is_of(path: str, names: list[str]) -> None:
    assert [log.name for log in listed_logs(path, (FRONT, SITES, FOLDERS))] == names


def test_a_log_that_is_named_wins_over_a_glob() -> None:
    every = AccessLog("every", "/var/log/nginx/*.log")
    assert listed_logs("/var/log/nginx/access.log.1", (every, FRONT)) == [FRONT]


def test_a_log_that_is_listed_for_several_hosts_is_found_for_each() -> None:
    logs = [AccessLog(host, FRONT.path, host=host) for host in ("one.example", "two.example")]
    assert listed_logs("/var/log/nginx/access.log.1", logs) == logs


def test_a_name_with_brackets_that_is_there_is_taken_as_it_stands() -> None:
    log = AccessLog("odd", "/var/log/nginx/[1]access.log")
    assert listed_logs("/var/log/nginx/[1]access.log.1", [log]) == [log]
    assert listed_logs("/var/log/nginx/1access.log.1", [log]) == [log]

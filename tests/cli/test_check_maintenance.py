"""`check --maintenance` as somebody types it: what it prints, and how it ends."""

from pathlib import Path

import pytest
import yaml

from tests.end_to_end.programs_under_test import run
from tests.probes.site import Reply, Site, page, redirect

CALLBACK = "/api/subscriptions/9223372036854775807"
INBOXES = ("/inbox", "/actor/inbox", "/users/maintenance/inbox", "/ap/users/9223372036854775807/inbox")


def every_delivery(reply: Reply) -> dict[str, Reply]:
    return dict.fromkeys((CALLBACK, *INBOXES), reply)


def test_a_server_that_would_do_no_harm_ends_with_0_and_a_sentence_that_says_so() -> None:
    with Site(every_delivery(page("later", 503).with_header("Retry-After", "60"))) as site:
        result = run("check", "--maintenance", site.url)
    title, heading, *rows, sentence = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert site.url in title
    assert heading.split()[0] == "verdict"
    assert [row.split()[:2] for row in rows if not row.startswith(" ")] == [["safe", "503"]] * 6
    assert sentence.startswith("No harm is done now")


def test_harm_ends_with_1_and_what_to_do_about_it() -> None:
    with Site(every_delivery(page("sorry", 405))) as site:
        result = run("check", "--maintenance", site.url)
    assert result.returncode == 1
    assert sum(line.startswith("HARM") for line in result.stdout.splitlines()) == 6
    assert "touch /etc/nginx/federation-maintenance.on" in result.stdout
    assert "systemctl stop nginx" in result.stdout


def test_where_only_the_redirect_to_https_does_harm_the_advice_is_another() -> None:
    with Site() as site:
        site.routes.update(every_delivery(redirect(f"https://127.0.0.1:{site.port}/", 301)))
        result = run("check", "--maintenance", site.url)
    assert (result.returncode, result.stdout.count("HARM ")) == (1, 2)
    assert "systemctl stop nginx" not in result.stdout
    assert "port 80" in result.stdout


def test_a_name_that_is_not_found_is_told_apart_from_harm() -> None:
    result = run("check", "--maintenance", "http://nowhere.invalid")
    assert result.returncode == 1
    assert "HARM" not in result.stdout
    assert "unknown" in result.stdout
    assert "check the name" in result.stdout


def test_all_configured_instances_are_asked_and_one_that_harms_is_enough(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    with Site(every_delivery(page("", 503))) as good, Site(every_delivery(page("", 404))) as bad:
        instances = [{"name": "good", "url": good.url}, {"name": "bad", "url": bad.url}]
        config.write_text(yaml.safe_dump({"state_dir": str(tmp_path / "state"), "instances": instances}))
        result = run("check", "--maintenance", "-c", str(config))
        assert run("check", "--maintenance", "-c", str(config), "good").returncode == 0
    assert result.returncode == 1
    assert all(word in result.stdout for word in ("good", "bad", "safe", "HARM"))


def test_what_a_server_sends_cannot_steer_the_terminal() -> None:
    with Site(every_delivery(redirect("/\x1b[2J\x9b", 302))) as site:
        result = run("check", "--maintenance", site.url)
    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout


@pytest.mark.parametrize("option", [["--check", "web"], ["--debug"]])
def test_options_of_the_other_look_are_refused(option: list[str]) -> None:
    result = run("check", "--maintenance", *option, "http://127.0.0.1:1")
    assert (result.returncode, result.stdout) == (2, "")
    assert "--maintenance" in result.stderr

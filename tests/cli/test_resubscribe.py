"""`mastodon-remedy subscriptions resubscribe` as somebody types it: forms, refusals, what goes where, exit codes."""

import json
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.ledger import RESUBSCRIBE, JobState, Ledger, ask_to_stop, read_ledger
from tests.accesslog.counted_logs import count_log
from tests.accesslog.old_lines import Answer, combined_log
from tests.mastodon_rows import add_account, now
from tests.postgres import Postgres
from tests.subscriptions.resubscribe_world import World
from tests.subscriptions.resubscribe_world import world as around
from tests.subscriptions.websub_hub import WebSubHub

PATIENCE_SECONDS = 60.0
NOBODY = 2**62


@pytest.fixture
def world(postgres: Postgres, tmp_path: Path) -> Iterator[World]:
    with around(postgres.new_database("2.9"), tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "name accounts, or say one of"),
        (("1", "--all"), "name accounts, or say one of"),
        (("--all", "--overdue"), "name accounts, or say one of"),
        (("--all", "--access-log-format", "json"), "--access-log-format goes with --from-log"),
        (("zero",), "is not a valid integer"),
        (("0",), "is not in the range"),
        (("99999999999999999999",), "is not in the range"),
    ],
)
def test_what_is_not_clear_is_refused_as_used_wrongly(world: World, arguments: tuple[str, ...], words: str) -> None:
    ended = world.run(*arguments)
    assert (ended.code, ended.output) == (2, "")
    assert words in ended.errors


def test_one_account_is_asked_without_further_questions_and_shown(world: World) -> None:
    account_id = world.add("prompt")
    ended = world.run(str(account_id))
    assert ended.code == 0
    assert f"{account_id}  confirmed  its hub verified it; subscribed until" in ended.output
    assert ended.output.splitlines()[-1].split() == ["1", "confirmed"]
    assert world.at_odds([account_id]) == []
    assert world.secret(account_id) != world.old_secrets[account_id]


def test_more_than_one_account_without_a_terminal_needs_yes(world: World) -> None:
    accounts = [world.add("prompt"), world.add("prompt")]
    ended = world.run(*map(str, accounts))
    assert (ended.code, ended.output) == (2, "")
    assert "2 accounts, and nobody to ask: say --yes" in ended.errors
    assert [world.secret(one) for one in accounts] == [world.old_secrets[one] for one in accounts]
    assert world.hub.asked == []
    assert not world.state.exists() or read_ledger(world.state) is None


def test_somebody_at_a_terminal_is_told_what_will_be_done_and_asked(world: World) -> None:
    accounts = [world.add("prompt"), world.add("prompt")]
    terminal, theirs = pty.openpty()
    with subprocess.Popen(world.command("--all"), stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = read_until(terminal, b"Go on?")
        os.write(terminal, b"n\n")
        shown += read_until(terminal, b"nothing was changed")
        assert process.wait(PATIENCE_SECONDS) == 1
    os.close(terminal)
    assert b"the hubs of 2 accounts, on 1 hosts, are to be asked" in shown
    assert [world.secret(one) for one in accounts] == [world.old_secrets[one] for one in accounts]


def read_until(terminal: int, words: bytes) -> bytes:
    shown = b""
    while words not in shown:
        shown += os.read(terminal, 4096)
    return shown


def test_a_dry_run_tells_account_by_account_what_would_be_done_and_does_nothing(world: World) -> None:
    first, second = world.add("prompt"), world.add("prompt", hub_url="")
    ended = world.run(str(first), str(second), str(NOBODY), "--dry-run", "--format", "json")
    assert ended.code == 0
    assert json.loads(ended.output) == [
        {"account_id": first, "result": "planned", "detail": f"{world.hub.url('prompt')} would be asked"},
        {"account_id": second, "result": "skipped", "detail": "it has no hub"},
        {"account_id": NOBODY, "result": "skipped", "detail": "there is no such account"},
    ]
    assert world.hub.asked == []
    assert not world.state.exists()


NOT_PUBLIC = "is not a public one; write `allow_private_addresses: true` if hubs of your own network are meant"
UNUSABLE = "not asked, since its hub's URL cannot be used: "
NO_HOST = f"{UNUSABLE}the host must be a name, such as `mastodon.example`, or an IP address"
REFUSED_WITHOUT_A_LOOK_UP = {
    "http://127.0.0.1:{port}/prompt/hub": f"127.0.0.1:{{port}}: its address 127.0.0.1 {NOT_PUBLIC}",
    "http://10.1.2.3/hub": f"10.1.2.3: its address 10.1.2.3 {NOT_PUBLIC}",
    "https://[0:0::1]:{port}/hub": f"[0:0::1]:{{port}}: its address ::1 {NOT_PUBLIC}",
    "http://[::ffff:127.0.0.1]:{port}/hub": "[::ffff:127.0.0.1]:{port}: its address ::ffff:",
    "http://LocalHost:{port}/prompt/hub": f"localhost:{{port}}: its address 127.0.0.1 {NOT_PUBLIC}",
    "http://hub.localhost:{port}/prompt/hub": f"hub.localhost:{{port}}: its address 127.0.0.1 {NOT_PUBLIC}",
    "http://169.254.169.254/latest": "169.254.169.254: its address 169.254.169.254 is link-local, to which nothing is",
    "http://127.1:{port}/prompt/hub": NO_HOST,
    "http://0x7f000001:{port}/prompt/hub": NO_HOST,
    "http://2130706433:{port}/prompt/hub": NO_HOST,
    "http://user:word@remote.example/hub": f"{UNUSABLE}must not hold a user name or password",
}


def test_a_dry_run_refuses_what_the_run_refuses_without_a_look_up_in_the_same_words(world: World) -> None:
    port = world.hub.port
    accounts = {
        world.add("prompt", hub_url=url.format(port=port)): words.format(port=port)
        for url, words in REFUSED_WITHOUT_A_LOOK_UP.items()
    }
    dry = world.run("--all", "--dry-run", "--format", "json", allow_private_addresses=False)
    assert (dry.code, dry.results) == (0, dict.fromkeys(accounts, "refused"))
    assert [one for one, words in accounts.items() if not dry.details[one].startswith(words)] == []
    assert not world.state.exists()
    run = world.resubscribe("--all", allow_private_addresses=False)
    assert (run.code, run.results, run.details) == (1, dry.results, dry.details)
    assert world.hub.asked == []


def test_the_sum_of_a_dry_run_counts_the_refused_apart_from_the_planned_and_the_skipped(world: World) -> None:
    inside, outside = world.add("prompt"), world.add("prompt", hub_url="https://hub.invalid/")
    other = world.add("prompt", hub_url="ftp://hub.invalid/")
    ended = world.run("--all", "--dry-run", allow_private_addresses=False)
    lines = [line.split() for line in ended.output.splitlines()]
    assert [line[:2] for line in lines[1:4]] == [
        [str(inside), "refused"], [str(outside), "planned"], [str(other), "skipped"],
    ]  # fmt: skip
    assert lines[-4:] == [["1", "refused"], ["1", "skipped"], ["1", "planned"], ["nothing", "was", "changed"]]


def test_a_dry_run_plans_with_hubs_of_an_own_network_where_they_are_allowed(world: World) -> None:
    private, link_local = world.add("prompt"), world.add("prompt", hub_url="http://169.254.169.254/")
    ended = world.run("--all", "--dry-run", "--format", "json", allow_private_addresses=True)
    assert ended.results == {private: "planned", link_local: "refused"}


def test_a_dry_run_of_nothing_is_an_empty_list(world: World) -> None:
    assert json.loads(world.run("--all", "--dry-run", "--format", "json").output) == []
    assert "there is nothing to do" in world.run("--all", "--dry-run").output


def test_what_is_asked_is_what_the_servers_own_service_asks(world: World) -> None:
    account_id = world.add("prompt", remote_url="https://remote.example/users/a.atom")
    world.resubscribe(str(account_id))
    (asked,) = world.hub.asked
    assert asked.form == {
        "hub.mode": "subscribe",
        "hub.topic": "https://remote.example/users/a.atom",
        "hub.callback": world.callbacks.callback(account_id),
        "hub.verify": "async",
        "hub.secret": world.secret(account_id),
        "hub.lease_seconds": "604800",
    }
    assert len(world.secret(account_id)) == 32
    assert "signature" not in asked.headers


def test_accounts_of_a_log_are_asked_if_the_server_should_be_subscribed_to_them(world: World, tmp_path: Path) -> None:
    broken, recovered, stranger = world.add("prompt"), world.add("prompt"), world.add("prompt")
    with world.opened() as writing:
        writing.execute("UPDATE accounts SET subscription_expires_at = NULL WHERE id = %s", (stranger,))
    answers = [Answer(broken, 404, 1), Answer(recovered, 404, 2), Answer(recovered, 200, 3)]
    log = combined_log(tmp_path / "access.log", *answers, Answer(stranger, 301, 4), Answer(NOBODY, 404, 5))
    ended = world.resubscribe("--from-log", log)
    assert ended.results == {broken: "confirmed", stranger: "skipped", NOBODY: "skipped"}
    assert ended.details[stranger] == "the server is not subscribed to it, and would not ask by itself"
    assert ended.code == 0


def of_two_instances(world: World, tmp_path: Path) -> dict[str, object]:
    """Return sections for two instances, each with a log; the database is that of the first."""
    instances = [{"url": world.callbacks.url, "name": "ours"}, {"url": "http://pawoo.example", "name": "theirs"}]
    logs = [{"path": str(tmp_path / f"{name}.log"), "instance": name, "name": name} for name in ("ours", "theirs")]
    database = {"url": world.database, "instance": "ours"}
    return {"instances": instances, "database": database, "access_logs": logs}


def test_a_log_of_another_instance_is_refused_because_its_ids_mean_other_accounts(world: World, tmp_path: Path) -> None:
    account_id = world.add("prompt")
    theirs = combined_log(tmp_path / "theirs.log.1", Answer(account_id))
    ours = combined_log(tmp_path / "ours.log.1", Answer(account_id))
    sections = of_two_instances(world, tmp_path)
    for names in ((theirs,), (ours, theirs)):
        ended = world.run(*(f"--from-log={name}" for name in names), "--dry-run", **sections)
        assert (ended.code, ended.output) == (2, "")
        assert "theirs.log.1 is a log of the instance `theirs`" in ended.errors
    ended = world.run("--from-log", ours, "--dry-run", "--format", "json", **sections)
    assert ended.results == {account_id: "planned"}


def test_broken_takes_the_logs_of_the_databases_instance_alone(world: World, tmp_path: Path) -> None:
    ours, theirs = world.add("prompt"), world.add("prompt")
    sections = of_two_instances(world, tmp_path)
    count_log(world.state, "ours", [Answer(ours)])
    count_log(world.state, "theirs", [Answer(theirs)])
    assert world.run("--broken", "--dry-run", "--format", "json", **sections).results == {ours: "planned"}
    only_theirs = [{"path": str(tmp_path / "theirs.log"), "instance": "theirs", "name": "theirs"}]
    ended = world.run("--broken", "--dry-run", **{**sections, "access_logs": only_theirs})
    assert (ended.code, ended.output) == (2, "")
    assert "none of the `access_logs` is of `ours`" in ended.errors


def test_the_overdue_are_asked_and_nobody_else(world: World) -> None:
    overdue, _ = world.add("prompt"), world.add("prompt")
    with world.opened() as writing:
        writing.execute("UPDATE accounts SET subscription_expires_at = '2017-04-20' WHERE id = %s", (overdue,))
    assert world.resubscribe("--overdue").results == {overdue: "confirmed"}


def test_the_broken_set_needs_an_exporter_that_has_counted(world: World) -> None:
    ended = world.run("--broken")
    assert (ended.code, ended.output) == (1, "")
    assert "nothing has been counted" in ended.errors


def test_a_hub_at_a_private_address_is_not_asked_unless_that_is_allowed(world: World) -> None:
    account_id = world.add("prompt")
    ended = world.resubscribe(str(account_id), allow_private_addresses=False)
    assert (ended.code, ended.results) == (1, {account_id: "refused"})
    assert world.hub.asked == []
    assert world.secret(account_id) == world.old_secrets[account_id]


def test_a_hub_that_is_no_web_address_is_skipped(world: World) -> None:
    account_id = world.add("prompt", hub_url="javascript:alert(1)")
    ended = world.resubscribe(str(account_id))
    assert (ended.code, ended.details) == (0, {account_id: "its hub is no http or https URL"})


@pytest.mark.parametrize(
    ("sections", "code", "words"),
    [
        ({"database": None}, 2, "no database is configured"),
        ({"instances": None}, 2, "hubs answer to this server's own address"),
        ({"database": {"url": "postgresql://127.0.0.1:1/mastodon"}}, 1, "the database cannot be used"),
    ],
)
def test_what_is_missing_is_a_sentence(world: World, sections: dict[str, object], code: int, words: str) -> None:
    ended = world.run("--all", **sections)
    assert (ended.code, ended.output) == (code, "")
    assert words in ended.errors
    assert "Traceback" not in ended.errors


def test_a_role_that_may_only_read_is_told_so_before_anybody_is_asked(world: World, postgres: Postgres) -> None:
    account_id = world.add("prompt")
    role = f"reader_{account_id}_{urlsplit(world.database).path[1:]}"
    postgres.run(world.database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    postgres.run(world.database, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    url = postgres.url_as(world.database, role, "x")
    ended = world.run(str(account_id), database={"url": url})
    assert (ended.code, ended.output) == (1, "")
    assert "the database role may not do this" in ended.errors
    assert world.hub.asked == []
    assert world.run(str(account_id), "--dry-run", database={"url": url}).code == 0


def test_a_role_that_may_write_the_two_columns_is_enough(world: World, postgres: Postgres) -> None:
    account_id, denied = world.add("prompt"), world.add("deny")
    role = f"remedy_{account_id}_{urlsplit(world.database).path[1:]}"
    postgres.run(world.database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    postgres.run(world.database, f"GRANT SELECT ON accounts, follows TO {role}")
    postgres.run(world.database, f"GRANT UPDATE (secret, subscription_expires_at) ON accounts TO {role}")
    ended = world.resubscribe("--all", database={"url": postgres.url_as(world.database, role, "x")})
    assert ended.results == {account_id: "confirmed", denied: "refused"}, ended.errors


@pytest.mark.parametrize("version", ["3.5", "4.6"])
def test_a_server_of_today_is_told_that_there_is_nothing_to_subscribe_to(
    world: World, postgres: Postgres, version: str
) -> None:
    ended = world.run("--all", "--yes", database={"url": postgres.new_database(version)})
    assert (ended.code, ended.output) == (1, "")
    assert "this server speaks no PubSubHubbub" in ended.errors


def test_a_second_run_at_the_same_time_is_told_of_the_first(world: World) -> None:
    account_id = world.add("prompt")
    with closing(Ledger.open(state_folder(world))) as ledger, ledger.start(RESUBSCRIBE):
        ended = world.run(str(account_id))
    assert ended.code == 1
    assert "resubscribe" in ended.errors
    assert world.hub.asked == []


def state_folder(world: World) -> Path:
    world.state.mkdir()
    return world.state


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_interrupts_finds_everything_settled_and_told(world: World, number: signal.Signals) -> None:
    world.settings["confirm_timeout"] = "60s"
    accounts = {world.add("prompt", f"p{one}.localhost"): "confirmed" for one in range(3)}
    silent = world.add("silent", "s.localhost")
    with subprocess.Popen(
        world.command("--all", "--yes", "--format", "json"),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        await_results(world, 3)
        process.send_signal(number)
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, errors
    results = {one["account_id"]: one["result"] for one in json.loads(output)}
    assert results == {**accounts, silent: "accepted"}
    assert world.at_odds(list(results)) == []
    record = read_ledger(world.state)
    assert record is not None
    assert record.latest()[RESUBSCRIBE].state is JobState.INTERRUPTED
    assert world.counted() == {"confirmed": 3, "accepted": 1}


def await_results(world: World, number: int) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while world.counted().get("confirmed", 0) < number or len(world.hub.asked) <= number:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_an_account_that_was_refused_is_asked_anew_by_a_new_run(world: World) -> None:
    account_id = world.add("refuse")
    assert world.resubscribe(str(account_id)).results == {account_id: "refused"}
    assert world.resubscribe(str(account_id)).results == {account_id: "refused"}
    assert world.times_asked(account_id) == 2
    assert world.counted() == {"refused": 2}


def test_an_account_whose_hub_was_late_is_adopted_by_any_later_run(world: World) -> None:
    late, other = world.add("late"), world.add("prompt")
    assert world.resubscribe(str(late)).results == {late: "accepted"}
    assert (world.secret(late), world.pending()) == (world.old_secrets[late], 1.0)
    world.hub.verify_late()
    assert world.resubscribe(str(other)).results == {other: "confirmed"}
    assert world.at_odds([late, other]) == []
    assert (world.secret(late) != world.old_secrets[late], world.pending()) == (True, 0.0)


def test_an_account_that_is_asked_again_before_its_hub_came_is_asked_with_the_same_secret(world: World) -> None:
    late = world.add("late")
    world.resubscribe(str(late))
    assert world.resubscribe(str(late)).results == {late: "accepted"}
    assert len({asked.form["hub.secret"] for asked in world.hub.asked}) == 1
    world.hub.verify_late()
    assert world.resubscribe("--pending").results == {late: "confirmed"}
    assert world.at_odds([late]) == []


def test_pending_asks_nobody(world: World) -> None:
    silent = world.add("silent")
    world.resubscribe(str(silent))
    assert world.resubscribe("--pending").results == {silent: "accepted"}
    assert world.times_asked(silent) == 1
    assert world.counted() == {"accepted": 1}
    assert world.run("--pending", "--dry-run").output.splitlines()[1].split()[:2] == [str(silent), "planned"]


def test_a_cancelled_run_ends_as_an_interrupted_one(world: World) -> None:
    world.settings["confirm_timeout"] = "60s"
    account_id = world.add("silent")
    with subprocess.Popen(
        world.command(str(account_id), "--format", "json"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        await_asked(world)
        assert ask_to_stop(world.state, RESUBSCRIBE) is not None
        output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, [one["result"] for one in json.loads(output)]) == (130, ["accepted"])
    assert world.at_odds([account_id]) == []


def await_asked(world: World, number: int = 1) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while len(world.hub.asked) < number:
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_requests_are_signed_by_the_first_local_account_that_has_a_key(world: World) -> None:
    world.settings["sign"] = True
    account_id = world.add("prompt")
    ended = world.run(str(account_id))
    assert (ended.code, world.hub.asked) == (1, [])
    assert "no local account has a key to sign with" in ended.errors
    add_account(world.database, username="gone", private_key=private_key(), suspended_at=now())
    add_account(world.database, username="ours", private_key=private_key())
    assert world.resubscribe(str(account_id)).results == {account_id: "confirmed"}
    assert 'keyId="acct:ours@qdon.example"' in world.hub.asked[0].headers["signature"]


def private_key() -> str:
    key = generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def test_a_hub_program_that_others_wrote_ends_up_with_the_secret_that_is_stored(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "websub"
    folder.mkdir()
    with WebSubHub(folder) as foreign:
        account_id = world.add("prompt", hub_url=foreign.url)
        ended = world.resubscribe(str(account_id))
        assert ended.results == {account_id: "confirmed"}, ended.details
        subscriptions = [(callback, secret) for _, callback, secret in foreign.subscriptions()]
    assert subscriptions == [(world.callbacks.callback(account_id), world.secret(account_id))]


def remedy_role(world: World, postgres: Postgres, name: str) -> tuple[str, str]:
    """Return a role that may do what the remedy needs, and the URL of the database as that role."""
    role = f"{name}_{urlsplit(world.database).path[1:]}"
    postgres.run(world.database, f"CREATE ROLE {role} LOGIN PASSWORD 'x'")
    postgres.run(world.database, f"GRANT SELECT ON accounts, follows TO {role}")
    postgres.run(world.database, f"GRANT UPDATE (secret, subscription_expires_at) ON accounts TO {role}")
    return role, postgres.url_as(world.database, role, "x")


def test_a_database_that_is_away_for_a_moment_ends_no_run(world: World, postgres: Postgres) -> None:
    world.settings["confirm_timeout"] = "60s"
    silent, late, prompt = world.add("silent"), world.add("late"), world.add("prompt")
    role, url = remedy_role(world, postgres, "away")
    with subprocess.Popen(
        world.command("--all", "--yes", "--format", "json", database={"url": url}),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        await_results(world, 1)
        await_asked(world, 3)
        postgres.run(world.database, f"ALTER ROLE {role} NOLOGIN")
        query = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        assert postgres.run(world.database, query)
        wait_for(process, "the database is away")
        postgres.run(world.database, f"ALTER ROLE {role} LOGIN")
        world.hub.verify_late()
        await_results(world, 2)
        assert ask_to_stop(world.state, RESUBSCRIBE) is not None
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, errors
    results = {one["account_id"]: one["result"] for one in json.loads(output)}
    assert results == {silent: "accepted", late: "confirmed", prompt: "confirmed"}
    assert world.at_odds([silent, late, prompt]) == []


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stderr is not None
    assert any(words in line for line in process.stderr), words


def test_a_run_that_cannot_go_on_tells_what_it_has_done_and_how_many_are_open(world: World, postgres: Postgres) -> None:
    world.settings["confirm_timeout"] = "3s"
    silent, prompt = world.add("silent"), world.add("prompt")
    role, url = remedy_role(world, postgres, "revoked")
    with subprocess.Popen(
        world.command("--all", "--yes", "--format", "json", database={"url": url}),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        await_results(world, 1)
        postgres.run(world.database, f"REVOKE UPDATE (secret, subscription_expires_at) ON accounts FROM {role}")
        output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, [one["account_id"] for one in json.loads(output)]) == (1, [prompt])
    assert "the run broke off; 1 accounts are open" in errors
    assert "the database role may not do this" in errors
    assert world.resubscribe("--all").results == {silent: "accepted", prompt: "confirmed"}
    assert (world.at_odds([silent, prompt]), world.times_asked(prompt)) == ([], 1)


def killed_while_it_waits(world: World, *arguments: str) -> None:
    """Run the command, and kill it once all hubs have been asked and none has verified."""
    world.settings["confirm_timeout"] = "60s"
    with subprocess.Popen(
        world.command(*arguments, "--yes"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        await_asked(world)
        process.kill()
    world.settings["confirm_timeout"] = "1s"


def test_what_a_killed_run_left_is_let_be_by_a_run_on_another_server_and_settled_by_the_next_on_its_own(
    world: World, postgres: Postgres
) -> None:
    silent = world.add("silent")
    killed_while_it_waits(world, "--all")
    ended = world.resubscribe("--pending", database={"url": postgres.new_database("2.9")})
    assert (ended.code, ended.results) == (0, {})
    assert "1 attempts of another server" in ended.errors
    assert f"database {urlsplit(world.database).path[1:]} at" in ended.errors
    assert world.resubscribe("--pending").results == {silent: "accepted"}
    assert world.at_odds([silent]) == []


@pytest.mark.parametrize("by_id", [False, True])
def test_what_a_killed_run_left_is_told_by_the_next_run_and_asked_by_none_twice(world: World, by_id: bool) -> None:
    account_id = world.add("silent")
    killed_while_it_waits(world, "--all")
    (asked,) = world.hub.asked
    topic, lease = asked.form["hub.topic"], asked.form["hub.lease_seconds"]
    assert world.callbacks.verify(account_id, {"hub.topic": [topic], "hub.lease_seconds": [lease]})
    assert world.resubscribe(str(account_id) if by_id else "--pending").results == {account_id: "confirmed"}
    assert world.secret(account_id) == asked.form["hub.secret"]
    assert (world.times_asked(account_id), world.counted()) == (1, {"confirmed": 1})

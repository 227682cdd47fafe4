"""`resubscribe` against a thousand accounts on fifty hosts, each hub with a fault of its own."""

import random
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import pytest

from exporter.ledger import RESUBSCRIBE, JobState, read_ledger
from exporter.ledger.schema import LEDGER_NAME
from exporter.subscriptions.secrets_file import SECRETS_NAME
from tests.end_to_end.programs_under_test import exporter
from tests.postgres import Postgres
from tests.subscriptions.resubscribe_world import World, world

ACCOUNTS = 1000
HOSTS = 50
# How many hosts have a hub of that kind, and how many accounts each of these has.
FAULTS: Mapping[str, tuple[int, int]] = {
    "twice": (3, 20),
    "gnusocial": (3, 20),
    "busy": (3, 20),
    "busy-for-a-second": (1, 4),
    "refuse": (2, 20),
    "echo": (2, 20),
    "moved": (1, 20),
    "deny": (3, 20),
    "silent": (2, 20),
    "late": (3, 20),
    "cut": (1, 20),
    "cut-after-reading": (1, 20),
    "cut-after-taking": (2, 20),
    "every-second": (2, 20),
    "broken": (1, 10),
    "elsewhere": (2, 20),
    "elsewhere-308": (1, 20),
    "loop": (1, 10),
    "astray": (1, 10),
    "slow": (1, 1),
    "not-http": (1, 10),
}
RESULTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("refuse", "echo", "moved", "deny", "astray"), frozenset({"refused"})),
    **dict.fromkeys(("silent", "late"), frozenset({"accepted"})),
    **dict.fromkeys(("cut", "cut-after-reading", "broken", "loop", "not-http"), frozenset({"failed"})),
    "every-second": frozenset({"confirmed", "failed"}),  # whose turn it is to be dropped is chance
}
CONFIRMED = frozenset({"confirmed"})


class Aftermath:
    """What a run has left of everything, and a run with --pending after the late hubs came."""

    def __init__(self, around: World) -> None:
        self.world = around
        self.behaviours = add_accounts(around)
        self.expiries = {one: around.expiry(one) for one in self.of("deny")}
        self.first = around.resubscribe("--all", "--log-level", "debug")
        around.hub.wait_until_verified()
        self.at_odds_first = around.at_odds(list(self.behaviours))
        self.counted_first = around.counted()
        self.pending_first = around.pending()
        around.hub.verify_late()
        self.second = around.resubscribe("--pending", "--log-level", "debug")

    def of(self, behaviour: str) -> list[int]:
        return [one for one, what in self.behaviours.items() if what == behaviour]

    def secrets(self) -> set[str]:
        """Return every secret there was, old and new."""
        asked = {asked.form["hub.secret"] for asked in self.world.hub.asked}
        return asked | set(self.world.old_secrets.values()) | set(self.world.secrets().values())


def add_accounts(world: World) -> dict[int, str]:
    """Add all accounts, in an order that chance makes; return what their hubs do."""
    planned = [
        (behaviour, f"{behaviour}{host}.localhost")
        for behaviour, (hosts, accounts) in FAULTS.items()
        for host in range(hosts)
        for _ in range(accounts)
    ]
    prompt_hosts = HOSTS - sum(hosts for hosts, _ in FAULTS.values())
    planned += [("prompt", f"prompt{number % prompt_hosts}.localhost") for number in range(ACCOUNTS - len(planned))]
    random.Random("accounts").shuffle(planned)
    with world.opened() as writing:
        return {world.add_to(writing, behaviour, host): behaviour for behaviour, host in planned}


@pytest.fixture(scope="module")
def aftermath(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    with world(postgres.new_database("2.9"), tmp_path_factory.mktemp("faults")) as made:
        made.settings["confirm_timeout"] = "5s"
        yield Aftermath(made)


pytestmark = pytest.mark.slow


def test_every_account_ends_as_its_hub_makes_it(aftermath: Aftermath) -> None:
    results = aftermath.first.results
    assert len(results) == ACCOUNTS
    assert len({aftermath.world.hub.url("prompt", one) for one in hosts(aftermath)}) == HOSTS
    unexpected = {
        one: (what, results[one], aftermath.first.details[one])
        for one, what in aftermath.behaviours.items()
        if results[one] not in RESULTS.get(what, CONFIRMED)
    }
    assert unexpected == {}
    assert aftermath.first.code == 1


def hosts(aftermath: Aftermath) -> set[str]:
    with aftermath.world.opened() as reading:
        reading.execute("SELECT DISTINCT split_part(hub_url, '/', 3) FROM accounts WHERE domain IS NOT NULL")
        return {host.partition(":")[0] for (host,) in reading.fetchall()}


def test_each_stored_secret_is_the_one_its_hub_signs_with(aftermath: Aftermath) -> None:
    assert aftermath.at_odds_first == []
    assert aftermath.world.at_odds(list(aftermath.behaviours)) == []


def test_deliveries_of_every_host_are_signed_as_the_server_expects(aftermath: Aftermath) -> None:
    for behaviour in {*FAULTS, "prompt"}:
        for account_id in aftermath.of(behaviour)[:2]:
            aftermath.world.hub.deliver(aftermath.world.callbacks.callback(account_id), b"<entry/>")
    assert [one for one, is_signed in aftermath.world.callbacks.deliveries if not is_signed] == []


def test_a_denial_gives_the_old_expiry_back(aftermath: Aftermath) -> None:
    assert {one: aftermath.world.expiry(one) for one in aftermath.of("deny")} == aftermath.expiries


def test_what_hubs_verify_late_is_adopted_by_a_later_look_and_the_others_stay_pending(aftermath: Aftermath) -> None:
    results = aftermath.second.results
    assert {results[one] for one in aftermath.of("late")} == {"confirmed"}
    assert {results[one] for one in aftermath.of("silent")} == {"accepted"}
    assert aftermath.world.pending() == aftermath.pending_first - len(aftermath.of("late"))


def test_the_ledger_counts_each_result_once(aftermath: Aftermath) -> None:
    assert sum(aftermath.counted_first.values()) == ACCOUNTS
    told = list(aftermath.first.results.values())
    assert aftermath.counted_first == {result: told.count(result) for result in set(told)}
    late = len(aftermath.of("late"))
    assert aftermath.world.counted()["confirmed"] == aftermath.counted_first["confirmed"] + late
    assert sum(aftermath.world.counted().values()) == ACCOUNTS + late


def test_a_run_with_refusals_is_recorded_as_one_that_failed(aftermath: Aftermath) -> None:
    record = read_ledger(aftermath.world.state)
    assert record is not None
    assert record.latest()[RESUBSCRIBE].state is JobState.FAILED


def test_nobody_is_asked_again_who_was_asked_with_success(aftermath: Aftermath) -> None:
    once = list(chain.from_iterable(map(aftermath.of, ("prompt", "twice", "gnusocial", "cut-after-taking", "slow"))))
    assert {one: aftermath.world.times_asked(one) for one in once} == dict.fromkeys(once, 1)


def test_no_secret_is_written_anywhere_but_into_the_file_of_secrets(aftermath: Aftermath) -> None:
    secrets = aftermath.secrets()
    assert len(secrets) > ACCOUNTS
    for ended in (aftermath.first, aftermath.second):
        assert found(secrets, ended.output + ended.errors) == []
    for path in aftermath.world.state.iterdir():
        if not path.name.startswith(SECRETS_NAME):
            assert found(secrets, path.read_bytes().decode("latin-1")) == [], path
    assert (aftermath.world.state / LEDGER_NAME).exists()


def found(secrets: set[str], text: str) -> list[str]:
    """Return the secrets, or their first halves, that a text holds."""
    return [secret for secret in secrets if secret[:16] in text]


def test_the_file_of_secrets_is_its_owners_alone(aftermath: Aftermath) -> None:
    files = list(aftermath.world.state.glob(f"{SECRETS_NAME}*"))
    assert files
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}


def test_the_exporter_tells_what_was_done_and_no_secret(aftermath: Aftermath, tmp_path: Path) -> None:
    with exporter(Path(aftermath.world.config()), tmp_path) as running:
        metrics = running.get("/metrics").text
    assert found(aftermath.secrets(), metrics + running.log.read_text()) == []


def test_secrets_that_are_of_no_use_any_more_are_forgotten(aftermath: Aftermath) -> None:
    kept = b"".join(path.read_bytes() for path in aftermath.world.state.glob(f"{SECRETS_NAME}*")).decode("latin-1")
    stored = aftermath.world.secrets()
    kept_for_a_day = set(aftermath.of("deny"))  # nothing tells a denial from a lease of a single day
    done = [one for one, result in aftermath.first.results.items() if result in ("confirmed", "refused")]
    assert [one for one in done if one not in kept_for_a_day and stored[one] in kept] == []


def test_accounts_are_listed_by_id(aftermath: Aftermath) -> None:
    assert list(aftermath.first.results) == sorted(aftermath.first.results)

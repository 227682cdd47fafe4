"""The server's own refresh stores a secret of its own while this remedy is at work: its secret survives, always."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import pytest

from exporter.config import DatabaseSettings, Secret, SubscriptionSettings
from exporter.ledger import RESUBSCRIBE, Ledger
from exporter.mastodon.database import Database
from exporter.subscriptions.account_rows import AccountRow, AccountRows, subscriber_shape
from exporter.subscriptions.hub_answer import HubAnswer, Verdict
from exporter.subscriptions.hub_request import HubRequest
from exporter.subscriptions.resubscribe import Resubscribing, Way, planned_for
from exporter.subscriptions.run_record import RunRecord
from exporter.subscriptions.secrets_file import SecretsFile
from exporter.subscriptions.selection import Candidates, Form, Selection
from exporter.subscriptions.settling import Settling
from tests.mastodon_rows import add_followed_account, in_days
from tests.postgres import Postgres
from tests.subscriptions.callback_server import CallbackServer

ACCEPTED = HubAnswer(Verdict.ACCEPTED, "took it", 202, may_have_arrived=True)
REFUSED = HubAnswer(Verdict.REFUSED, "would not", 422, may_have_arrived=True)
BUSY = HubAnswer(Verdict.TRY_AGAIN, "is busy", 503, may_have_arrived=True)
NEVER_LEFT = HubAnswer(Verdict.TRY_AGAIN, "is unreachable")
SETTINGS = SubscriptionSettings(confirm_timeout_seconds=0.2, retries=1, retry_wait_seconds=0.0, host_delay_seconds=0.0)


class Hub:
    """A hub that answers as told, and lets something happen first."""

    def __init__(self, *answers: HubAnswer, meanwhile: Callable[[HubRequest], None]) -> None:
        self._answers = list(answers)
        self._meanwhile = meanwhile

    def subscribe(self, request: HubRequest) -> HubAnswer:
        self._meanwhile(request)
        return self._answers.pop(0)


class Interfering(AccountRows):
    """Lets somebody store a secret of their own before one of the steps that read or write the row."""

    def __init__(self, database: Database, step: int, interfere: Callable[[], None]) -> None:
        super().__init__(database)
        self._remaining = step
        self._interfere = interfere

    def look(self, account_ids: Sequence[int]) -> Mapping[int, AccountRow]:
        self._step()
        return super().look(account_ids)

    def replace(self, row: AccountRow, secret: str, expiry: datetime | None) -> bool:
        self._step()
        return super().replace(row, secret, expiry)

    def _step(self) -> None:
        self._remaining -= 1
        if self._remaining == 0:
            self._interfere()


class Server:
    """One account of a server, and a run on it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.account_id = add_followed_account(url, secret=token_hex(16), subscription_expires_at=in_days(2))
        self.third = token_hex(16)
        self.told: list[str] = []

    def secret(self, postgres: Postgres) -> str:
        ((secret,),) = postgres.run(self.url, f"SELECT secret FROM accounts WHERE id = {self.account_id}")
        return str(secret)

    def run(self, hub: Hub, rows: Callable[[Database], AccountRows] = AccountRows) -> None:
        with self._run(hub, rows) as (run, candidates):
            run.run(planned_for(candidates.chosen(Selection(Form.IDS, (self.account_id,)))))

    def settle_pending(self) -> None:
        with self._run(Hub(meanwhile=_nothing), AccountRows) as (run, _):
            run.run_pending()

    @contextmanager
    def _run(self, hub: Hub, rows: Callable[[Database], AccountRows]) -> Iterator[tuple[Resubscribing, Candidates]]:
        with (
            closing(Database(DatabaseSettings(Secret(self.url)), "test")) as database,
            closing(Ledger.open(self.folder)) as ledger,
            ledger.start(RESUBSCRIBE) as job,
            closing(SecretsFile.open(self.folder, self.url)) as secrets,
        ):
            record = RunRecord.begin(secrets, "test", 0.0)
            candidates = Candidates(database, subscriber_shape(database))
            settling = Settling(rows(database), secrets, job, lambda told: self.told.append(told.result))
            way = Way(SETTINGS, hub, "http://qdon.example", 1)
            yield Resubscribing(record, way, candidates, settling, job.check), candidates
            self.left = secrets.count()


@pytest.fixture
def server(postgres: Postgres, tmp_path: Path) -> Server:
    return Server(postgres.new_database("2.9"), tmp_path)


def store_third(postgres: Postgres, server: Server) -> None:
    postgres.run(server.url, f"UPDATE accounts SET secret = '{server.third}' WHERE id = {server.account_id}")


ANSWERS = {
    "accepted": (ACCEPTED,),
    "refused": (REFUSED,),
    "failed": (BUSY, BUSY),
    "tried again": (NEVER_LEFT, ACCEPTED),
}
STEPS = {"accepted": 5, "refused": 4, "failed": 8, "tried again": 9}
"""How often a run with these answers reads or writes the row, at the least."""


@pytest.mark.parametrize(("answers", "step"), [(name, step + 1) for name in ANSWERS for step in range(STEPS[name])])
def test_a_third_secret_survives_at_whatever_step_it_is_stored(
    postgres: Postgres, server: Server, answers: str, step: int
) -> None:
    interfered: list[int] = []

    def interfere() -> None:
        interfered.append(step)
        store_third(postgres, server)

    server.run(Hub(*ANSWERS[answers], meanwhile=_nothing), lambda database: Interfering(database, step, interfere))
    server.settle_pending()
    assert interfered == [step]
    assert server.secret(postgres) == server.third


def _nothing(_request: HubRequest) -> None:
    """Let nothing happen."""


def test_a_third_secret_that_is_stored_while_the_hub_is_asked_survives_even_a_verification(
    postgres: Postgres, server: Server
) -> None:
    with CallbackServer(server.url) as callbacks:

        def verify_after_a_refresh(_request: HubRequest) -> None:
            store_third(postgres, server)
            ((topic,),) = postgres.run(server.url, f"SELECT remote_url FROM accounts WHERE id = {server.account_id}")
            assert callbacks.verify(server.account_id, {"hub.topic": [topic], "hub.lease_seconds": ["604800"]})

        server.run(Hub(ACCEPTED, meanwhile=verify_after_a_refresh))
    assert server.secret(postgres) == server.third
    assert server.told == ["failed"]
    assert server.left == 0


def test_a_third_secret_survives_a_later_look_at_what_is_pending(postgres: Postgres, server: Server) -> None:
    server.run(Hub(ACCEPTED, meanwhile=_nothing))
    assert server.left == 1
    store_third(postgres, server)
    server.settle_pending()
    assert server.secret(postgres) == server.third
    assert (server.told, server.left) == (["accepted", "skipped"], 0)

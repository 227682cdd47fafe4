"""A server, its database, its callbacks and the hubs of others, for tests of the remedy as somebody runs it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import psycopg2
import yaml
from psycopg2.extensions import cursor

from exporter.ledger import RESUBSCRIBE_ACCOUNTS, RESUBSCRIBE_PENDING, Series, read_ledger
from tests.mastodon_rows import add_account, add_follow, add_remote_account, in_days
from tests.subscriptions.callback_server import CallbackServer
from tests.subscriptions.hub import Hub

REMEDY = [sys.executable, "-c", "from exporter.cli.remedy import main; main()"]
FAST: Mapping[str, object] = {"confirm_timeout": "2s", "retries": 2, "retry_wait": "0.1s", "host_delay": "0s"}


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, its results by account, and what it wrote."""

    code: int
    output: str
    errors: str

    @property
    def results(self) -> dict[int, str]:
        return {one["account_id"]: one["result"] for one in json.loads(self.output)}

    @property
    def details(self) -> dict[int, str]:
        return {one["account_id"]: one["detail"] for one in json.loads(self.output)}


@dataclass
class World:
    """Everything at once. `old_secrets` are those that the hubs were told before anything was broken."""

    database: str
    hub: Hub
    callbacks: CallbackServer
    folder: Path
    settings: dict[str, object] = field(default_factory=lambda: dict(FAST))
    old_secrets: dict[int, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def add(self, behaviour: str, host: str = "127.0.0.1", **columns: object) -> int:
        """Add an account that the server is subscribed to, by a secret that its hub knows."""
        with self.opened() as writing:
            return self.add_to(writing, behaviour, host, **columns)

    def add_to(self, writing: cursor, behaviour: str, host: str = "127.0.0.1", **columns: object) -> int:
        secret = token_hex(16)
        defaults = {"hub_url": self.hub.url(behaviour, host), "secret": secret, "subscription_expires_at": in_days(2)}
        account_id = add_remote_account(writing, f"{host}.example", **(defaults | columns))
        add_follow(writing, self._follower(writing), account_id)
        self.old_secrets[account_id] = secret
        self.hub.believed[self.callbacks.callback(account_id)] = secret
        return account_id

    def config(self, **sections: object) -> str:
        """Write the configuration, and return its name."""
        document = {
            "state_dir": str(self.state),
            "instances": [{"url": self.callbacks.url, "domain": "qdon.example"}],
            "database": {"url": self.database},
            "subscriptions": self.settings,
            "allow_private_addresses": True,
        } | sections
        path = self.folder / "config.yml"
        path.write_text(yaml.safe_dump({key: value for key, value in document.items() if value is not None}))
        return str(path)

    def command(self, *arguments: str, **sections: object) -> list[str]:
        return [*REMEDY, "-c", self.config(**sections), "subscriptions", "resubscribe", *arguments]

    def run(self, *arguments: str, **sections: object) -> Ended:
        """Run the command to its end, without a terminal."""
        return self.run_with({}, *arguments, **sections)

    def run_with(self, environ: Mapping[str, str], *arguments: str, **sections: object) -> Ended:
        done = subprocess.run(
            self.command(*arguments, **sections), stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=300, check=False, env={**os.environ, **environ},
        )  # fmt: skip
        return Ended(done.returncode, done.stdout, done.stderr)

    def resubscribe(self, *arguments: str, **sections: object) -> Ended:
        """Run the command with --yes and JSON."""
        return self.run(*arguments, "--yes", "--format", "json", **sections)

    def secret(self, account_id: int) -> str:
        return str(self.row(account_id)[0])

    def expiry(self, account_id: int) -> datetime:
        return self.row(account_id)[1]  # type: ignore[no-any-return] # a column

    def row(self, account_id: int) -> tuple[Any, ...]:
        with self.opened() as reading:
            reading.execute("SELECT secret, subscription_expires_at FROM accounts WHERE id = %s", (account_id,))
            (row,) = reading.fetchall()
            return row

    def secrets(self) -> dict[int, str]:
        with self.opened() as reading:
            reading.execute("SELECT id, secret FROM accounts WHERE domain IS NOT NULL")
            return dict(reading.fetchall())

    def expiries(self) -> dict[int, datetime]:
        with self.opened() as reading:
            reading.execute("SELECT id, subscription_expires_at FROM accounts WHERE domain IS NOT NULL")
            return dict(reading.fetchall())

    def store(self, account_id: int, secret: str) -> None:
        """Store a secret as the server's own refresh does."""
        with self.opened() as writing:
            writing.execute("UPDATE accounts SET secret = %s WHERE id = %s", (secret, account_id))

    def times_asked(self, account_id: int) -> int:
        return self.hub.times_asked(self.callbacks.callback(account_id))

    def believed(self, account_id: int) -> str:
        return self.hub.believed[self.callbacks.callback(account_id)]

    def at_odds(self, account_ids: Sequence[int]) -> list[int]:
        """Return the accounts whose stored secret is not the one that their hub signs with."""
        stored = self.secrets()
        return [one for one in account_ids if stored[one] != self.believed(one)]

    def counted(self) -> dict[str, int]:
        """Return what the ledger has counted in all runs, by result."""
        record = read_ledger(self.state)
        totals = record.totals if record else {}
        return {series.labels[0]: value for series, value in totals.items() if series.name == RESUBSCRIBE_ACCOUNTS}

    def pending(self) -> float:
        record = read_ledger(self.state)
        return record.gauges.get(Series(RESUBSCRIBE_PENDING), 0.0) if record else 0.0

    @contextmanager
    def opened(self) -> Iterator[cursor]:
        with closing(psycopg2.connect(self.database)) as connection, connection, connection.cursor() as made:
            yield made

    def _follower(self, writing: cursor) -> int:
        writing.execute("SELECT id FROM accounts WHERE domain IS NULL AND username = 'follower'")
        found = writing.fetchone()
        return int(found[0]) if found else add_account(writing, username="follower")


@contextmanager
def world(database: str, folder: Path) -> Iterator[World]:
    """Give a world around a database."""
    with Hub() as hub, CallbackServer(database) as callbacks:
        yield World(database, hub, callbacks, folder)
        hub.wait_until_verified()

"""A read-only replica: a real PostgreSQL that streams from another, as a standby does."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.postgres import SUPERUSER, Postgres
from tests.programs import need_program
from tests.unprivileged import NOBODY

PATIENCE_SECONDS = 30.0


@contextmanager
def standby_of(primary: Postgres) -> Iterator[Postgres]:
    """Give a running replica of a server, all of its databases included."""
    with TemporaryDirectory(prefix="mastodon-standby-") as name:
        replica = Postgres(Path(name))
        _copy(primary, replica)
        replica.start()
        try:
            yield replica
        finally:
            replica.stop()


def wait_until_replayed(primary: Postgres, replica: Postgres) -> None:
    """Return when a replica shows all that its primary has committed."""
    ((position,),) = primary.run(primary.url("postgres"), "SELECT pg_current_wal_lsn()::text")
    give_up = time.monotonic() + PATIENCE_SECONDS
    has_replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    while replica.run(replica.url("postgres"), has_replayed, [position]) != [(True,)]:
        assert time.monotonic() < give_up, replica.log
        time.sleep(0.01)


def _copy(primary: Postgres, replica: Postgres) -> None:
    """Fill the folders of a replica that has never run; it is told there whom to stream from."""
    replica.folder.chmod(0o755)
    user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    for made in (replica.socket_folder, replica.data_folder):
        made.mkdir(mode=0o700)
        if user:
            shutil.chown(made, NOBODY, NOBODY)
    source = f"host={primary.socket_folder} port={primary.port} user={SUPERUSER}"
    words = ("--checkpoint=fast", "--no-sync", "--wal-method=stream", "--write-recovery-conf", f"--dbname={source}")
    command = [need_program("pg_basebackup"), *words, f"--pgdata={replica.data_folder}"]
    subprocess.run(command, check=True, capture_output=True, cwd=replica.folder, **user)

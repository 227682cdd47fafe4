"""A real PgBouncer in transaction mode before the PostgreSQL of the tests."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from tests.end_to_end.programs_under_test import free_port
from tests.postgres import Postgres
from tests.programs import need_program
from tests.unprivileged import NOBODY

_CONFIG = """
[databases]
* = host={socket_folder} port={postgres_port} user=mastodon
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
"""


@contextmanager
def pgbouncer(postgres: Postgres, url: str, connections: int) -> Iterator[str]:
    """Give the URL of a database by way of a PgBouncer that keeps so many connections to the server."""
    port = free_port()
    database = f"postgresql://mastodon@127.0.0.1:{port}{urlsplit(url).path}"
    with TemporaryDirectory(prefix="mastodon-pgbouncer-") as name:
        Path(name).chmod(0o755)
        config = Path(name) / "pgbouncer.ini"
        places = {"socket_folder": postgres.socket_folder, "postgres_port": postgres.port}
        config.write_text(_CONFIG.format(port=port, connections=connections, **places))
        user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": ()} if os.geteuid() == 0 else {}
        with (Path(name) / "log").open("wb") as log:
            process = subprocess.Popen([need_program("pgbouncer"), str(config)], stdout=log, stderr=log, **user)
        try:
            _await(database, process)
            yield database
        finally:
            process.terminate()
            process.wait(timeout=30)


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + 30
    while True:
        try:
            psycopg2.connect(url, connect_timeout=2).close()
        except psycopg2.OperationalError:
            assert process.poll() is None, "PgBouncer has ended"
            assert time.monotonic() < give_up, "PgBouncer takes no connections"
            time.sleep(0.02)
        else:
            return

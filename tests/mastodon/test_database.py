import os
import signal
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from psycopg2.extensions import cursor

from exporter.config import DatabaseSettings, Secret
from exporter.errors import DatabaseError, MastodonExporterError
from exporter.mastodon import database as database_module
from exporter.mastodon.database import CONNECT_TIMEOUT_SECONDS, LONGEST_MESSAGE, Database
from tests.end_to_end.programs_under_test import free_port
from tests.mastodon_rows import add_account
from tests.pgbouncer import pgbouncer
from tests.postgres import Postgres, postgres_server

PASSWORD = "hunter2"
ADD = "INSERT INTO unavailable_domains (domain, created_at, updated_at) VALUES (%s, now(), now())"
CUT = r"the database failed: .*(terminating|closed the) connection"
OWN_CONNECTION = "SELECT pg_backend_pid()"


@pytest.fixture(scope="module")
def url(postgres: Postgres) -> str:
    return postgres.new_database("4.6")


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def own_server(postgres: Postgres) -> Iterator[Postgres]:
    """A server that a test may stop."""
    with postgres_server() as server:
        yield server


def open_database(url: str, application: str = "a test", timeout_seconds: float = 10.0) -> Database:
    return Database(DatabaseSettings(url=Secret(url)), application, timeout_seconds)


def one(asked: cursor, statement: str) -> object:
    asked.execute(statement)
    ((value,),) = asked.fetchall()
    return value


def ask(database: Database, statement: str) -> object:
    with database.reading() as asked:
        return one(asked, statement)


def add_and(database: Database, domain: str, then: Callable[[cursor], object]) -> None:
    """Write a row, and do something in the same transaction."""
    with database.writing() as writing:
        writing.execute(ADD, [domain])
        then(writing)


def domains(postgres: Postgres, url: str) -> set[str]:
    return {domain for (domain,) in postgres.run(url, "SELECT domain FROM unavailable_domains")}


def failure(database: Database, statement: str = "SELECT 1") -> MastodonExporterError:
    with pytest.raises(DatabaseError) as caught:
        ask(database, statement)
    return caught.value


@contextmanager
def stopped(postgres: Postgres, url: str, application: str) -> Iterator[int]:
    """Stop the process that serves an application, and let it go on at the end; give its id."""
    ((pid,),) = postgres.run(url, "SELECT pid FROM pg_stat_activity WHERE application_name = %s", [application])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def soon_silent(monkeypatch: pytest.MonkeyPatch, url: str, application: str) -> Iterator[Database]:
    """Give a database, connected, that is waited for half a second longer than a statement may take."""
    monkeypatch.setattr(database_module, "SILENCE_SECONDS", 0.4)
    with closing(open_database(url, application, timeout_seconds=0.1)) as database:
        assert ask(database, "SELECT 1") == 1
        yield database


def everything_shown(error: BaseException, *others: object) -> str:
    """Return all that a log or a terminal might show of an error, and of what it happened to."""
    return "".join([*traceback.format_exception(error), *map(repr, (error, *others)), *map(str, others)])


# Transactions


def test_what_is_written_in_a_block_is_there_for_others_after_it(
    postgres: Postgres, url: str, database: Database
) -> None:
    with database.writing() as writing:
        writing.execute(ADD, ["kept.example"])
        assert "kept.example" not in domains(postgres, url)
    assert "kept.example" in domains(postgres, url)


def test_an_exception_in_a_block_undoes_what_it_has_written(postgres: Postgres, url: str, database: Database) -> None:
    def interrupt(_: cursor) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        add_and(database, "undone.example", interrupt)
    assert "undone.example" not in domains(postgres, url)
    assert ask(database, "SELECT 1") == 1


def test_a_failed_statement_undoes_the_block_and_the_next_one_works(
    postgres: Postgres, url: str, database: Database
) -> None:
    with pytest.raises(DatabaseError, match='the database failed: relation "nonsense" does not exist'):
        add_and(database, "undone.example", lambda writing: writing.execute("SELECT * FROM nonsense"))
    assert "undone.example" not in domains(postgres, url)
    assert ask(database, "SELECT 1") == 1


def test_a_block_that_hides_a_failed_statement_is_not_taken_for_written(
    postgres: Postgres, url: str, database: Database
) -> None:
    def hide(writing: cursor) -> None:
        with pytest.raises(psycopg2.Error):
            writing.execute("SELECT 1 / 0")

    with pytest.raises(DatabaseError, match="undone the transaction"):
        add_and(database, "hidden.example", hide)
    assert "hidden.example" not in domains(postgres, url)


def test_a_transaction_for_reading_cannot_write(postgres: Postgres, url: str, database: Database) -> None:
    with pytest.raises(DatabaseError, match="cannot be written to"), database.reading() as reading:
        reading.execute(ADD, ["sneaked.example"])
    assert "sneaked.example" not in domains(postgres, url)


def test_a_transaction_for_reading_sees_one_state_of_the_database(
    postgres: Postgres, url: str, database: Database
) -> None:
    with database.reading() as reading:
        before = one(reading, "SELECT count(*) FROM unavailable_domains")
        postgres.run(url, ADD, ["meanwhile.example"])
        assert one(reading, "SELECT count(*) FROM unavailable_domains") == before


def test_a_second_thread_waits_for_the_transaction_of_the_first(database: Database) -> None:
    order: list[str] = []

    def read() -> None:
        asking.set()
        ask(database, "SELECT 1")
        order.append("second")

    asking = threading.Event()
    second = threading.Thread(target=read)
    with database.reading() as reading:
        second.start()
        asking.wait()
        reading.execute("SELECT pg_sleep(0.05)")
        order.append("first")
    second.join(timeout=30)
    assert order == ["first", "second"]


def test_times_are_utc_whatever_the_server_has_been_told(postgres: Postgres, url: str, database: Database) -> None:
    assert postgres.run(url, "SHOW TimeZone") == [("Asia/Seoul",)]
    add_account(url)
    now = ask(database, "SELECT now()")
    written = ask(database, "SELECT max(created_at) FROM accounts WHERE created_at <= localtimestamp")
    assert isinstance(now, datetime)
    assert isinstance(written, datetime)
    assert now.utcoffset() == timedelta(0)
    assert abs(now - written.replace(tzinfo=UTC)) < timedelta(minutes=5)


def test_the_server_shows_who_is_asking(url: str) -> None:
    database = open_database(url, application="mastodon-remedy")
    assert ask(database, "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()") == (
        "mastodon-remedy"
    )
    database.close()


def test_a_closed_database_leaves_no_connection_and_opens_another_when_asked(postgres: Postgres, url: str) -> None:
    database = open_database(url, application="closing")
    connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"
    assert ask(database, connections) == 1
    assert ask(database, connections) == 1
    database.close()
    database.close()
    assert any(postgres.run(url, connections) == [(0,)] for _ in range(1000))
    assert ask(database, connections) == 1
    database.close()


def test_closing_waits_for_no_transaction_and_takes_effect_when_that_ends(postgres: Postgres, url: str) -> None:
    database = open_database(url, application="closing")
    connections = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'closing'"
    with database.reading() as reading:
        database.close()
        assert one(reading, connections) == 1
    assert any(postgres.run(url, connections) == [(0,)] for _ in range(1000))
    assert ask(database, connections) == 1
    assert ask(database, connections) == 1
    database.close()


# What goes wrong


def test_a_wrong_password_is_told_without_it(postgres: Postgres, url: str) -> None:
    settings = DatabaseSettings(url=Secret(postgres.url_as(url, "mastodon", "")), password=Secret(PASSWORD))
    database = Database(settings, "a test")
    error = failure(database)
    assert str(error).startswith("the database cannot be used: ")
    assert str(error).endswith('password authentication failed for user "mastodon"')
    assert PASSWORD not in everything_shown(error, database, settings, settings.password)


def test_the_password_of_a_file_takes_the_place_of_the_urls(postgres: Postgres, url: str) -> None:
    postgres.run(url, "CREATE ROLE by_file LOGIN PASSWORD %s", ["of/a@file"])
    settings = DatabaseSettings(url=Secret(postgres.url_as(url, "by_file", PASSWORD)), password=Secret("of/a@file"))
    assert ask(Database(settings, "a test"), "SELECT current_user") == "by_file"


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://mastodon:hun@ter2@127.0.0.1/mastodon",
        "postgresql://mastodon:hun/ter2@127.0.0.1/mastodon",
        "postgresql://mastodon:hun@x/ter2@127.0.0.1/mastodon",
        "postgresql://mastodon:hun@x?ter2@127.0.0.1/mastodon",
        "postgresql://mastodon:hun%ter2@127.0.0.1/mastodon",
        "postgresql://mastodon:hunter2",
        "postgresql://mastodon:hunter2@127.0.0.1/mastodon?hunter2",
        "postgresql://mastodon:hunter2@[::1/mastodon",
        "postgresql://mastodon:hunter2@127.0.0.1:hunter2/mastodon",
        "postgresql://mastodon:hun\0ter2@127.0.0.1/mastodon",
        "postgresql://mastodon:hun\ud800ter2@127.0.0.1/mastodon",
        "mastodon:hunter2@127.0.0.1/mastodon",
        "host=127.0.0.1 user=mastodon password=hunter2",
    ],
)
def test_no_part_of_a_url_that_cannot_be_read_is_shown(wrong: str) -> None:
    database = open_database(wrong)
    error = failure(database)
    shown = everything_shown(error, database)
    assert "ter2" not in shown
    assert "hun" not in shown
    assert str(error).startswith(("the URL of the database ", "the port of the database "))


def test_a_password_file_with_a_nul_is_told_without_it(url: str) -> None:
    settings = DatabaseSettings(url=Secret(url), password=Secret("hunter2\0"))
    error = failure(Database(settings, "a test"))
    assert str(error) == "the database must not hold a NUL character"
    assert PASSWORD not in everything_shown(error)


def test_a_server_that_does_not_answer_is_told_with_its_address() -> None:
    port = free_port()
    error = failure(open_database(f"postgresql://mastodon:{PASSWORD}@127.0.0.1:{port}/mastodon"))
    assert str(error) == (
        f'the database cannot be used: connection to server at "127.0.0.1", port {port} failed: Connection refused'
    )
    assert PASSWORD not in everything_shown(error)


def test_a_server_that_takes_connections_and_says_nothing_is_waited_for_no_longer_than_the_url_says() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = open_database(f"postgresql://mastodon@127.0.0.1:{port}/mastodon?connect_timeout=2")
        began = time.monotonic()
        assert str(failure(database)).endswith("failed: timeout expired")
    assert time.monotonic() - began < CONNECT_TIMEOUT_SECONDS


def test_what_goes_wrong_by_a_socket_is_told_with_its_path(postgres: Postgres) -> None:
    folder = postgres.socket_folder
    error = failure(open_database(f"postgresql:///nowhere?host={folder}&port={postgres.port}&user=mastodon"))
    assert str(error) == (
        f'the database cannot be used: connection to server on socket "{folder}/.s.PGSQL.{postgres.port}" failed: '
        'FATAL:  database "nowhere" does not exist'
    )


def test_the_other_addresses_of_a_name_are_tried_where_the_first_says_nothing(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, url: str
) -> None:
    resolved = socket.getaddrinfo("127.0.0.1", postgres.port, type=socket.SOCK_STREAM)
    with socket.create_server(("127.0.0.2", postgres.port)):
        silent = socket.getaddrinfo("127.0.0.2", postgres.port, type=socket.SOCK_STREAM)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [*silent, *resolved])
        database = open_database(f"{url.replace('127.0.0.1', '127.0.0.2')}?connect_timeout=2")
        assert ask(database, "SELECT 1") == 1
    database.close()


def test_the_other_hosts_of_a_url_are_tried_where_the_first_says_nothing(postgres: Postgres, url: str) -> None:
    here = f"127.0.0.1:{postgres.port}"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},{here}"
        database = open_database(f"{url.replace(here, hosts)}?connect_timeout=2")
        assert ask(database, "SELECT 1") == 1
    database.close()


def test_a_connect_timeout_that_is_no_number_is_told(url: str) -> None:
    error = failure(open_database(f"{url}?connect_timeout=soon"))
    assert str(error) == "connect_timeout of the database must be a whole number of seconds"


def test_a_database_that_falls_silent_is_given_up_after_a_while(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, url: str
) -> None:
    with soon_silent(monkeypatch, url, "falls silent") as database:
        began = time.monotonic()
        with (
            pytest.raises(DatabaseError) as caught,
            database.reading() as reading,
            stopped(postgres, url, "falls silent"),
        ):
            reading.execute("SELECT 1")
        assert time.monotonic() - began < 3.0
        assert str(caught.value).startswith("the database is silent: no answer within 0.5 s")
        assert ask(database, "SELECT 1") == 1


def test_a_database_that_is_silent_at_the_beginning_is_given_up_once_and_asked_anew_the_next_time(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, url: str
) -> None:
    with soon_silent(monkeypatch, url, "is silent") as database, stopped(postgres, url, "is silent") as pid:
        assert "the database is silent" in str(failure(database))
        assert ask(database, OWN_CONNECTION) != pid


def test_an_exception_of_a_signal_ends_the_wait_for_a_silent_database(postgres: Postgres, url: str) -> None:
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def ask_the_stopped(writing: cursor) -> None:
        with stopped(postgres, url, "interrupted"):
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            writing.execute("SELECT 1")

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with closing(open_database(url, "interrupted", timeout_seconds=60.0)) as database:
            began = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                add_and(database, "interrupted.example", ask_the_stopped)
            assert time.monotonic() - began < 10.0
            assert ask(database, "SELECT 1") == 1
    finally:
        signal.signal(signal.SIGALRM, before)
    assert "interrupted.example" not in domains(postgres, url)


def test_a_signal_that_raises_nothing_is_handled_at_once_and_the_wait_goes_on(database: Database) -> None:
    handled: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: handled.append(time.monotonic()))
    try:
        with database.reading() as reading:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            assert one(reading, "SELECT count(*) FROM pg_sleep(0.5)") == 1
            answered = time.monotonic()
    finally:
        signal.signal(signal.SIGALRM, before)
    (at,) = handled
    assert answered - at > 0.3


def test_an_answer_of_many_megabytes_and_a_question_of_as_many_come_through(database: Database) -> None:
    with database.reading() as reading:
        reading.execute("SELECT i, repeat('x', 1000) FROM generate_series(1, 30000) AS i")
        rows = reading.fetchall()
        assert (len(rows), rows[-1]) == (30000, (30000, "x" * 1000))
        reading.execute("SELECT length(%s)", ["y" * 20_000_000])
        assert reading.fetchall() == [(20_000_000,)]


def test_a_database_that_is_not_there_is_told_by_its_name(postgres: Postgres) -> None:
    error = failure(open_database(postgres.url("nowhere")))
    assert str(error).endswith('FATAL:  database "nowhere" does not exist')


def test_a_missing_right_is_told_with_where_to_read_on(postgres: Postgres, url: str) -> None:
    postgres.run(url, "CREATE ROLE without_rights LOGIN PASSWORD %s", [PASSWORD])
    database = open_database(postgres.url_as(url, "without_rights", PASSWORD))
    error = failure(database, "SELECT id FROM accounts")
    assert str(error) == (
        "the database role may not do this: permission denied for table accounts; "
        "docs/database.md has the statement to grant it"
    )
    assert ask(database, "SELECT 1") == 1


def test_a_statement_that_takes_too_long_is_ended_and_the_next_one_works(url: str) -> None:
    database = open_database(url, timeout_seconds=0.05)
    error = failure(database, "SELECT pg_sleep(600)")
    assert str(error) == "the database took too long: canceling statement due to statement timeout"
    assert ask(database, "SELECT 1") == 1


def test_what_a_statement_said_of_rows_stays_out_of_the_error(url: str, database: Database) -> None:
    add = "INSERT INTO accounts (username, private_key, created_at) VALUES ('alice', 'hunter2', now())"
    with pytest.raises(DatabaseError, match="null value in column") as caught, database.writing() as writing:
        writing.execute(add)
    assert PASSWORD not in everything_shown(caught.value)


def test_a_message_of_the_server_is_shortened(database: Database) -> None:
    error = failure(database, f'SELECT "{"x" * 60}"."{"y" * 60}" FROM (SELECT 1) AS "{"z" * 5000}"')
    assert len(str(error)) < LONGEST_MESSAGE + 100


def test_a_replica_is_read_and_refuses_to_be_written(own_server: Postgres) -> None:
    url = own_server.new_database("4.6")
    own_server.stop()
    standby = own_server.data_folder / "standby.signal"
    standby.touch()
    own_server.start()
    database = open_database(url)
    assert ask(database, "SELECT pg_is_in_recovery()") is True
    with pytest.raises(DatabaseError, match="if it is a replica, configure the primary"), database.writing():
        pass
    assert ask(database, "SELECT count(*) FROM accounts") == 0
    database.close()
    own_server.stop()
    standby.unlink()
    own_server.start()


def test_a_restart_of_the_server_between_two_transactions_goes_unnoticed(own_server: Postgres) -> None:
    url = own_server.new_database("4.6")
    database = open_database(url)
    assert ask(database, "SELECT 1") == 1
    own_server.restart()
    with database.writing() as writing:
        writing.execute(ADD, ["restart.example"])
    assert domains(own_server, url) == {"restart.example"}
    database.close()


def test_a_server_that_is_gone_is_an_error_until_it_is_back(own_server: Postgres) -> None:
    database = open_database(own_server.new_database("4.6"))
    assert ask(database, "SELECT 1") == 1
    own_server.stop()
    assert "Connection refused" in str(failure(database))
    own_server.start()
    assert ask(database, "SELECT 1") == 1
    database.close()


def test_a_connection_cut_in_the_middle_of_a_transaction_is_an_error_and_the_next_one_works(
    postgres: Postgres, url: str, database: Database
) -> None:
    def cut_and_go_on(writing: cursor) -> None:
        postgres.run(url, "SELECT pg_terminate_backend(%s)", [one(writing, OWN_CONNECTION)])
        writing.execute(ADD, ["after.example"])

    with pytest.raises(DatabaseError, match=CUT):
        add_and(database, "cut.example", cut_and_go_on)
    assert not {"cut.example", "after.example"} & domains(postgres, url)
    assert ask(database, "SELECT 1") == 1


def test_a_connection_cut_before_the_end_of_a_transaction_is_an_error(
    postgres: Postgres, url: str, database: Database
) -> None:
    def cut(writing: cursor) -> None:
        postgres.run(url, "SELECT pg_terminate_backend(%s)", [one(writing, OWN_CONNECTION)])

    with pytest.raises(DatabaseError, match=CUT):
        add_and(database, "cut.example", cut)
    assert "cut.example" not in domains(postgres, url)


# PgBouncer


def test_two_programs_share_one_connection_of_pgbouncer_and_keep_their_own_settings(
    postgres: Postgres, url: str
) -> None:
    settings = "SELECT current_setting('statement_timeout') || current_setting('transaction_read_only')"
    with pgbouncer(postgres, url, connections=1) as bounced:
        exporter = open_database(bounced, "exporter", timeout_seconds=7.0)
        remedy = open_database(bounced, "remedy", timeout_seconds=3.0)
        backends = set()
        for number in range(5):
            with exporter.reading() as reading:
                assert one(reading, settings) == "7son"
                assert one(reading, "SHOW application_name") == "exporter"
                backends.add(one(reading, OWN_CONNECTION))
            with remedy.writing() as writing:
                assert one(writing, settings) == "3soff"
                assert one(writing, "SHOW application_name") == "remedy"
                writing.execute(ADD, [f"bounced{number}.example"])
                backends.add(one(writing, OWN_CONNECTION))
        assert len(backends) == 1
        assert postgres.run(bounced, settings) == [("0off",)]
        assert postgres.run(bounced, "SHOW TimeZone") == [("Asia/Seoul",)]
        exporter.close()
        remedy.close()
    assert {f"bounced{number}.example" for number in range(5)} <= domains(postgres, url)


def test_a_pgbouncer_without_a_free_connection_is_waited_for_as_long_as_a_silent_database(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, url: str
) -> None:
    with pgbouncer(postgres, url, connections=1) as bounced, soon_silent(monkeypatch, bounced, "second") as second:
        first = open_database(bounced, "first")
        with first.reading() as reading:
            assert "the database is silent" in str(failure(second))
            assert one(reading, "SELECT 1") == 1
        assert ask(second, "SELECT 1") == 1
        first.close()


def test_transactions_that_overlap_through_pgbouncer_do_not_mix(postgres: Postgres, url: str) -> None:
    with pgbouncer(postgres, url, connections=2) as bounced:
        first, second = open_database(bounced, "first"), open_database(bounced, "second")
        with first.reading() as reading:
            before = one(reading, "SELECT count(*) FROM unavailable_domains")
            with second.writing() as writing:
                writing.execute(ADD, ["overlapping.example"])
            assert one(reading, "SELECT count(*) FROM unavailable_domains") == before
            with pytest.raises(DatabaseError, match="division by zero"):
                add_and(second, "overlapping_too.example", lambda writing: writing.execute("SELECT 1 / 0"))
            assert one(reading, "SHOW transaction_read_only") == "on"
        first.close()
        second.close()
    assert "overlapping.example" in domains(postgres, url)
    assert "overlapping_too.example" not in domains(postgres, url)

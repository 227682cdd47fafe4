"""How `mastodon-remedy media sync` ends before its time: stopped by somebody, or by what it cannot do without."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.end_to_end.log_storm import wait_until
from tests.end_to_end.programs_under_test import free_port
from tests.media.made_rows import RowMaker
from tests.media.scripted_store import error, scripted_store
from tests.media.world import Ended, World, in_the_end, media_world
from tests.postgres import Postgres
from tests.seaweedfs import OWNER, S3Servers

pytestmark = pytest.mark.slow

OBJECTS = 400
PATIENCE_SECONDS = 60.0
SLOWLY: dict[str, object] = {"requests_per_second": {"destination": 40}}


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as world:
        world.add(list(RowMaker("4.6", Random(9)).rows(OBJECTS)))
        yield world


@contextmanager
def running(world: World, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = world.command("media", "sync", "--yes", "--format", "json", *arguments)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> Ended:
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in errors
    return Ended(process.returncode, output, errors)


def wait_until_moving(world: World) -> None:
    wait_until(lambda: sum(job_counts(world).values()) > 20)


def job_counts(world: World) -> dict[str, int]:
    jobs = world.jobs()
    return {name: one["rows_done"] for name, one in jobs[0]["classes"].items()} if jobs else {}


def check_that_the_same_command_carries_it_on(world: World, stopped: Ended) -> None:
    world.media = {}
    whole = world.sync()
    assert "carrying on with the run that was cut short" in whole.errors
    assert (whole.code, whole.report["started"]) == (0, stopped.report["started"])
    assert in_the_end(whole.objects) == in_the_end(world.expected_objects())
    assert whole.rows_done == dict(world.rows)
    assert len(world.jobs()) == 1
    assert world.differences() == []


def stop_by_ctrl_c(_world: World, process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)


def stop_by_systemd(_world: World, process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)


def stop_by_cancelling(world: World, _process: "subprocess.Popen[str]") -> None:
    assert world.run("jobs", "cancel", "media_sync").code == 0


@pytest.mark.parametrize("stop", [stop_by_ctrl_c, stop_by_systemd, stop_by_cancelling])
def test_who_is_stopped_ends_what_is_under_way_and_tells_what_is_done(
    world: World, stop: Callable[[World, "subprocess.Popen[str]"], None]
) -> None:
    world.media = SLOWLY
    with running(world) as process:
        wait_until_moving(world)
        stop(world, process)
        stopped = ended(process)
    assert (stopped.code, stopped.report["state"]) == (130, "interrupted")
    copied = stopped.results["copied"] + stopped.results["repaired"]
    assert 0 < copied <= len(world.destination.listed()) < len(world.present())
    assert 0 < sum(stopped.rows_done.values()) < world.rows.total()
    assert world.destination.unfinished_uploads() == []
    check_that_the_same_command_carries_it_on(world, stopped)


def test_who_is_stopped_at_the_keyboard_is_told_that_once_more_ends_it_at_once(world: World) -> None:
    world.media = SLOWLY
    with running(world) as process:
        wait_until_moving(world)
        process.send_signal(signal.SIGINT)
        assert "finishing what is under way; once more ends it at once" in ended(process).errors


@pytest.mark.parametrize("pause_seconds", [0.0, 2.0])
def test_a_second_ctrl_c_ends_it_at_once_even_while_a_store_is_silent(
    world: World, s3_servers: S3Servers, pause_seconds: float
) -> None:
    world.media = SLOWLY
    with running(world) as process:
        wait_until_moving(world)
        with s3_servers.destination.frozen():
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert any("once more ends it at once" in line for line in process.stderr)
            time.sleep(pause_seconds)
            assert process.poll() is None
            pressed = time.monotonic()
            process.send_signal(signal.SIGINT)
            stopped = ended(process)
            assert time.monotonic() - pressed < 3
    assert (stopped.code, stopped.report["state"]) == (130, "interrupted")
    check_that_the_same_command_carries_it_on(world, stopped)


def test_ctrl_c_ends_it_while_the_stores_are_tried(world: World, s3_servers: S3Servers) -> None:
    with s3_servers.destination.frozen(), running(world) as process:
        wait_until(lambda: bool(world.before_destination.asked))
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        stopped = ended(process)
        assert time.monotonic() - pressed < 10
    assert (stopped.code, stopped.report["state"], stopped.report["classes"]) == (130, "interrupted", {})
    assert world.jobs() == []


def test_who_waits_for_a_store_that_has_asked_for_minutes_is_told_so_and_can_end_it_at_once(world: World) -> None:
    with scripted_store() as busy, running_against(world, busy.endpoint) as process:
        busy.script = lambda _: error(503, "SlowDown", retry_after="120")
        assert process.stderr is not None
        assert any("a store has not answered yet" in line for line in process.stderr)
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 130
        assert time.monotonic() - pressed < 10


@contextmanager
def running_against(world: World, endpoint: str) -> Iterator["subprocess.Popen[str]"]:
    world.media = {"source": settings(world, "source", endpoint=endpoint)}
    with running(world) as process:
        yield process


def test_a_second_run_is_refused_and_told_of_the_first(world: World) -> None:
    world.media = SLOWLY
    with running(world) as process:
        wait_until_moving(world)
        second = world.sync()
        process.send_signal(signal.SIGINT)
        first = ended(process)
    assert (second.code, second.report["state"]) == (1, "failed")
    since = first.report["started"].replace("T", " ").removesuffix("+00:00")
    assert f"media_sync is running already, since {since} UTC" in second.errors
    assert len(world.jobs()) == 1


def settings(world: World, side: str, **others: object) -> dict[str, object]:
    proxy, bucket = {
        "source": (world.before_source, world.source),
        "destination": (world.before_destination, world.destination),
    }[side]
    keys = {"access_key": OWNER.access, "secret_key": OWNER.secret}
    return {"endpoint": proxy.endpoint, "bucket": bucket.name, **keys, **others}


SECRET = "a-secret-that-nobody-may-see"


@pytest.mark.parametrize("side", ["source", "destination"])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"secret_key": SECRET}, "SignatureDoesNotMatch"),
        ({"access_key": "UNKNOWN0EXAMPLE", "secret_key": SECRET}, "InvalidAccessKeyId"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_in_a_sentence(
    world: World, side: str, wrong: dict[str, Any], words: str
) -> None:
    world.media = {side: settings(world, side, **wrong)}
    check_refused(world.sync(), words)
    assert world.jobs() == []


@pytest.mark.parametrize("side", ["source", "destination"])
def test_a_bucket_that_is_not_there_is_told_in_a_sentence(world: World, side: str) -> None:
    with scripted_store() as store:
        store.script = lambda _: error(404, "NoSuchBucket")
        world.media = {side: settings(world, side, endpoint=store.endpoint)}
        check_refused(world.sync(), "check `bucket`")


def test_a_store_that_does_not_run_is_told_in_a_sentence(world: World) -> None:
    port = free_port()
    world.media = {"destination": settings(world, "destination", endpoint=f"http://127.0.0.1:{port}")}
    check_refused(world.sync(), f"127.0.0.1:{port}")


def test_a_database_that_does_not_run_is_told_in_a_sentence(world: World) -> None:
    port = free_port()
    url = f"postgresql://mastodon:{SECRET}@127.0.0.1:{port}/mastodon"
    refused = world.run("media", "sync", "--yes", database={"url": url})
    assert refused.output == ""
    check_sentence(refused, f"port {port} failed: Connection refused")
    in_json = world.run("media", "sync", "--yes", "--format", "json", database={"url": url})
    check_refused(in_json, f"port {port} failed: Connection refused")


def check_refused(refused: Ended, words: str) -> None:
    document = json.loads(refused.output)
    assert document["state"] == "failed"
    assert SECRET not in refused.output
    check_sentence(refused, words)


def check_sentence(refused: Ended, words: str) -> None:
    assert refused.code == 1
    assert words in refused.errors
    assert "Traceback" not in refused.errors
    assert SECRET not in refused.errors
    told = [line for line in refused.errors.splitlines() if line.startswith("mastodon-remedy: ")]
    assert words in told[-1]
    assert len(told) <= 3  # what it was about to do, that it takes long, and why it was not done

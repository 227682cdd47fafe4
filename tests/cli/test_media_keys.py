"""`mastodon-remedy media keys`: what it writes is what a program that copies by a list can use."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.mastodon_rows import add_row
from tests.media.made_rows import RowMaker
from tests.media.world import World, media_world
from tests.postgres import Postgres
from tests.seaweedfs import S3Servers

OBJECTS = 100


@pytest.fixture
def world(postgres: Postgres, s3_servers: S3Servers, tmp_path: Path) -> Iterator[World]:
    with media_world(postgres, s3_servers, "4.6", tmp_path) as world:
        world.source_prefix, world.destination_prefix = "old files", "new/server"
        world.add(list(RowMaker("4.6", Random(7)).rows(OBJECTS)))
        yield world


def test_every_key_that_mastodon_will_ask_for_is_a_line_and_no_store_is_asked(world: World) -> None:
    ended = world.run("media", "keys")
    assert ended.code == 0, ended.errors
    assert sorted(ended.output.splitlines()) == sorted(world.destination_key(one) for one in world.expected)
    assert world.before_source.asked == world.before_destination.asked == []


def test_the_keys_at_the_source_are_those_under_which_something_lies(world: World) -> None:
    ended = world.run("media", "keys", "--source")
    assert ended.code == 0, ended.errors
    assert sorted(ended.output.splitlines()) == sorted(world.source.listed())
    assert world.before_destination.asked == []


def test_a_part_can_be_asked_for(world: World) -> None:
    ended = world.run("media", "keys", "--only", "accounts", "--only", "backups")
    wanted = [one for one in world.expected if one.media_class in {"accounts", "backups"}]
    assert sorted(ended.output.splitlines()) == sorted(world.destination_key(one) for one in wanted)


def test_a_name_with_a_line_break_is_left_out_and_that_is_said(world: World) -> None:
    name = "two\nlines.png"
    add_row(world.database, "backups", dump_file_name=name, dump_content_type="application/zip", dump_file_size=1)
    ended = world.run("media", "keys")
    assert ended.code == 0
    assert len(ended.output.splitlines()) == len(world.expected)
    assert ended.errors == "mastodon-remedy: 1 keys are left out, for they have line breaks in them\n"


def test_names_come_out_in_the_bytes_that_they_have_whatever_the_locale(world: World) -> None:
    add_row(world.database, "backups", dump_file_name="휴가 + 100%.zip", dump_content_type="application/zip")
    done = subprocess.run(
        world.command("media", "keys", "--only", "backups"), capture_output=True, check=True, timeout=60,
        env={"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": str(world.folder)},
    )  # fmt: skip
    assert "/휴가 + 100%.zip\n".encode() in done.stdout


def test_a_reader_that_has_enough_is_no_fault(world: World) -> None:
    with subprocess.Popen(
        world.command("media", "keys"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=60)
    assert "Traceback" not in errors
    assert "fault of its own" not in errors

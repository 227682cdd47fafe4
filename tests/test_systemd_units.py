"""The units in deploy/systemd: systemd finds nothing to say, they run what there is, and may do little else."""

import shlex
import subprocess
from configparser import RawConfigParser
from itertools import pairwise
from pathlib import Path

import pytest

from exporter.state import FOLDER_MODE, SYSTEM_STATE_FOLDER
from tests.programs import need_program

PROJECT = Path(__file__).parents[1]
FOLDER = PROJECT / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
TIMERS = sorted(FOLDER.glob("*.timer"))
PROGRAMS = ("/usr/local/bin/mastodon-exporter", "/usr/local/bin/mastodon-remedy")
# What systemd counts of 10.0 where a service is free to do anything; 2.0 is well within "OK".
MOST_EXPOSURE = 20

each_service = pytest.mark.parametrize("unit", SERVICES, ids=lambda path: path.stem)


def settings(unit: Path) -> dict[str, str]:
    """Return the section [Service] of a unit; of a key that is there twice the last."""
    parser = RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment] # as the documentation of configparser has it
    parser.read(unit)
    return dict(parser["Service"])


def test_there_are_units() -> None:
    assert [unit.stem for unit in SERVICES] == [
        "mastodon-exporter",
        "mastodon-subscriptions-backup",
        "mastodon-subscriptions-pending",
    ]
    assert {timer.stem for timer in TIMERS} < {unit.stem for unit in SERVICES}


def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    for program in PROGRAMS:
        (tmp_path / Path(program).name).symlink_to("/bin/true")
    for unit in [*SERVICES, *TIMERS]:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/local/bin", str(tmp_path)))
    units = sorted(str(path) for path in tmp_path.glob("*.*") if path.suffix in {".service", ".timer"})
    arguments = [need_program("systemd-analyze"), "verify", "--man=no", *units]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@each_service
def test_a_service_may_do_little_beside_its_work(unit: Path) -> None:
    options = ["--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager"]
    arguments = [need_program("systemd-analyze"), "security", *options, str(unit)]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@each_service
def test_a_service_runs_a_command_that_there_is(unit: Path) -> None:
    program, *words = shlex.split(settings(unit)["ExecStart"])
    assert program in PROGRAMS
    # Unknown commands and options are refused before help is given.
    arguments = [need_program(Path(program).name), *words, "--help"]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_unit_reads_the_one_configuration() -> None:
    configurations = {
        path
        for unit in SERVICES
        for option, path in pairwise(shlex.split(settings(unit)["ExecStart"]))
        if option == "-c"
    }
    assert configurations == {"/etc/mastodon-exporter.yml"}


def test_the_state_folder_is_made_as_the_program_makes_it() -> None:
    service = settings(FOLDER / "mastodon-exporter.service")
    assert Path("/var/lib") / service["StateDirectory"] == SYSTEM_STATE_FOLDER
    assert service["StateDirectoryMode"] == f"{FOLDER_MODE:o}"


def test_repairs_share_the_state_of_the_exporter_and_own_none() -> None:
    exporter, *repairs = (settings(unit) for unit in SERVICES)
    for repair in repairs:
        assert repair["SupplementaryGroups"] == exporter["Group"]
        assert str(SYSTEM_STATE_FOLDER) in repair["ReadWritePaths"].split()
        assert "StateDirectory" not in repair


def test_the_user_of_the_exporter_is_made_with_its_home_where_the_state_is() -> None:
    (line,) = [
        line for line in (FOLDER / "mastodon-exporter.sysusers.conf").read_text().splitlines() if line[:1] != "#"
    ]
    kind, name, _, _, home = shlex.split(line)
    assert (kind, name) == ("u", settings(FOLDER / "mastodon-exporter.service")["User"])
    assert Path(home) == SYSTEM_STATE_FOLDER

"""The script that installs what the tests run: what it asks of apt, and that it leaves no trace."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs import need_program

SCRIPT = Path(__file__).with_name("system_packages.sh")
TOOLS = ("chmod", "env", "grep", "mv", "rm", "sh")

# Tells what was asked, and whether services were allowed to start at that time.
APT = """#!/bin/sh
echo "apt $* policy=$(sh "$TEST_POLICY" >/dev/null 2>&1; echo $?) frontend=$DEBIAN_FRONTEND" >>"$ASKED"
case "$*" in *install*) [ -z "$SIGNAL" ] || kill -s "$SIGNAL" "$PPID" ;; esac
exit "$APT_STATUS"
"""
SUDO = """#!/bin/sh
echo "sudo $1" >>"$ASKED"
shift
echo 0 >"$USER_ID"
exec "$@"
"""


@dataclass(frozen=True)
class Machine:
    """A made-up machine: nothing is installed on it but what the script itself calls."""

    folder: Path

    @property
    def policy(self) -> Path:
        return self.folder / "policy-rc.d"

    @property
    def asked(self) -> list[str]:
        """What apt-get and sudo were asked, in order."""
        asked = self.folder / "asked"
        return asked.read_text().splitlines() if asked.exists() else []

    def add_program(self, name: str, text: str = "#!/bin/sh\n") -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *arguments: str, user_id: int, **variables: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "user-id").write_text(f"{user_id}\n")
        environment = {
            "PATH": str(self.folder / "bin"),
            "TEST_PROGRAMS": "nginx-of-tests:nginx-light promtool-of-tests:prometheus",
            "TEST_POLICY": str(self.policy),
            "ASKED": str(self.folder / "asked"),
            "USER_ID": str(self.folder / "user-id"),
            "APT_STATUS": "0",
            "SIGNAL": "",
        }
        command = ["sh", str(SCRIPT), *arguments]
        return subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made_up = Machine(tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(need_program(tool))
    made_up.add_program("python3")
    made_up.add_program("id", '#!/bin/sh\nread -r user_id <"$USER_ID"\necho "$user_id"\n')
    made_up.add_program("apt-get", APT)
    return made_up


def test_nothing_is_asked_where_everything_is_there(machine: Machine) -> None:
    machine.add_program("nginx-of-tests")
    machine.add_program("promtool-of-tests")
    finished = machine.run(user_id=0)
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, "", "")
    assert machine.asked == []


def test_root_installs_only_what_is_missing_while_services_may_not_start(machine: Machine) -> None:
    machine.add_program("nginx-of-tests")
    finished = machine.run(user_id=0)
    assert finished.returncode == 0, finished.stderr
    update, install = machine.asked
    assert " update policy=101 frontend=noninteractive" in update
    assert " install --yes --no-install-recommends prometheus policy=101 frontend=noninteractive" in install
    assert not machine.policy.exists()


def test_a_policy_that_was_there_is_back_as_it_was(machine: Machine) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 104\n")
    machine.policy.chmod(0o750)
    before = machine.policy.stat()
    assert machine.run(user_id=0).returncode == 0
    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert machine.policy.stat().st_mode == before.st_mode
    assert machine.policy.stat().st_mtime_ns == before.st_mtime_ns
    assert [line.split("policy=")[1] for line in machine.asked] == ["101 frontend=noninteractive"] * 2


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM"])
def test_an_interruption_puts_the_policy_back(machine: Machine, name: str) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 104\n")
    finished = machine.run(user_id=0, SIGNAL=name)
    assert finished.returncode == 128 + signal.Signals[f"SIG{name}"]
    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"
    assert [path.name for path in machine.folder.glob("policy*")] == ["policy-rc.d"]


def test_what_a_killed_run_left_is_mended_by_the_next(machine: Machine) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 104\n")
    assert machine.run(user_id=0, SIGNAL="KILL").returncode == -signal.SIGKILL
    assert machine.policy.read_text() != "#!/bin/sh\nexit 104\n"
    assert machine.run(user_id=0).returncode == 0
    assert machine.policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_a_failed_installation_fails_and_puts_the_policy_back(machine: Machine) -> None:
    finished = machine.run(user_id=0, APT_STATUS="100")
    assert finished.returncode == 100
    assert not machine.policy.exists()


def test_another_user_is_told_the_one_line_and_goes_on(machine: Machine) -> None:
    finished = machine.run(user_id=1000)
    assert finished.returncode == 0
    assert machine.asked == []
    assert "nginx-of-tests, promtool-of-tests" in finished.stderr
    assert "sudo apt-get install -y --no-install-recommends nginx-light prometheus\n" in finished.stderr


def test_in_ci_another_user_installs_by_sudo(machine: Machine) -> None:
    machine.add_program("sudo", SUDO)
    finished = machine.run(user_id=1000, CI="true")
    assert finished.returncode == 0, finished.stderr
    assert machine.asked[0] == "sudo -n"
    assert "nginx-light prometheus" in machine.asked[-1]


def test_without_apt_the_missing_programs_are_named(machine: Machine) -> None:
    (machine.folder / "bin" / "apt-get").unlink()
    finished = machine.run(user_id=1000)
    assert finished.returncode == 0
    assert finished.stderr == "Missing here, so their tests are skipped: nginx-of-tests, promtool-of-tests.\n"


def test_only_the_benchmarks_need_what_they_are_measured_against(machine: Machine) -> None:
    machine.add_program("nginx-of-tests")
    machine.add_program("promtool-of-tests")
    assert machine.run(user_id=1000).stderr == ""
    assert "--no-install-recommends prometheus-blackbox-exporter rclone\n" in machine.run("bench", user_id=1000).stderr


def test_a_python_that_cannot_make_environments_counts_as_missing(machine: Machine) -> None:
    machine.add_program("nginx-of-tests")
    machine.add_program("promtool-of-tests")
    machine.add_program("python3", "#!/bin/sh\nexit 1\n")
    assert machine.run(user_id=0).returncode == 0
    assert "install --yes --no-install-recommends python3-venv" in machine.asked[-1]

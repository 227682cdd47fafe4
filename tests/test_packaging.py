"""What a user gets who installs the wheel."""

import configparser
import sys
import zipfile
from pathlib import Path

import pytest

from exporter import __version__
from tests.installation import PROJECT, copy_project, create_environment, run

pytestmark = pytest.mark.slow

SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "exporter")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = copy_project(folder / "source", SOURCES)
    run([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder)], source, Path(sys.executable).parent)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    installed = create_environment(folder / "environment")
    run([str(installed / "pip"), "install", "--quiet", str(wheel)], folder, installed)
    return installed


def console_scripts() -> list[str]:
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    return [line.partition("=")[0].strip() for line in lines if line]


def test_the_wheel_holds_every_file_of_the_package_and_nothing_beside_it(wheel: Path) -> None:
    files = {path for path in (PROJECT / "exporter").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {str(path.relative_to(PROJECT)) for path in files}


def test_the_wheel_holds_the_page_templates_the_licence_and_the_mark_of_its_types(wheel: Path) -> None:
    packed = zipfile.ZipFile(wheel).namelist()
    assert "exporter/server/templates/landing.html" in packed
    assert "exporter/py.typed" in packed
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


@pytest.mark.parametrize("script", console_scripts())
def test_each_command_runs_from_the_installed_wheel_alone(programs: Path, tmp_path: Path, script: str) -> None:
    assert __version__ in run([str(programs / script), "--version"], tmp_path, programs)


def test_what_the_wheel_requires_fits_together(programs: Path, tmp_path: Path) -> None:
    assert "No broken requirements" in run([str(programs / "pip"), "check"], tmp_path, programs)

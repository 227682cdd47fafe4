"""Imports point one way; every import of every module is walked, wherever in its module it stands."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "exporter"

# A room may import from the rows below its own.
ROWS = (
    {"__main__"},
    {"cli"},
    {"server"},
    {"accesslog", "collectors", "deliveries", "demo", "media", "probes", "statuspage", "subscriptions"},
    {"ledger", "mastodon"},
    {"file_lock", "sqlite_file"},
    {"state", "third_party_connection", "third_party_url"},
    {"addresses", "authorities", "config", "logs"},
    {"errors"},
)
# The status page shows results as they are.
NEIGHBOURS = {("statuspage", "probes")}
ONLY_IMPORTED_BY = {
    "exporter.demo": "exporter.cli",
    "celery": "exporter.media.worker",
    "redis": "exporter.mastodon.redis_server",
    "click": "exporter.cli",
}


def wrong_arrows(package: Path) -> list[str]:
    """Return every import that points the wrong way, as "module -> imported module"."""
    return sorted(
        f"{module} -> {imported}"
        for module, imported in arrows(package)
        if not (may_import_room(module, imported) and may_import_guarded(module, imported))
    )


def may_import_room(module: str, imported: str) -> bool:
    if imported.partition(".")[0] != "exporter" or imported == "exporter":
        return True
    source, target = room(module), room(imported)
    return source == target or (source, target) in NEIGHBOURS or row(source) < row(target)


def may_import_guarded(module: str, imported: str) -> bool:
    return all(
        is_inside(module, owner) or is_inside(module, guarded)
        for guarded, owner in ONLY_IMPORTED_BY.items()
        if is_inside(imported, guarded)
    )


def is_inside(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def row(name: str) -> int:
    """Return the place from the top; the package itself, and a room without a place, may import nothing."""
    return next((place for place, names in enumerate(ROWS) if name in names), len(ROWS))


def arrows(package: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        for node in ast.walk(ast.parse(path.read_text())):
            for imported in imported_by(node, module if is_package else module.rpartition(".")[0]):
                yield module, imported


def imported_by(node: ast.AST, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, base] if base else above)
    if base == "exporter":
        # `from exporter import probes` names a room; `from exporter import __version__` names the package.
        return [f"exporter.{alias.name}" if not alias.name.startswith("__") else base for alias in node.names]
    return [base]


def test_no_import_of_this_project_points_the_wrong_way() -> None:
    assert wrong_arrows(PACKAGE) == []


def test_every_room_of_this_project_has_its_place() -> None:
    names = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert names - {"__init__"} <= set().union(*ROWS)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Make a tree with every room of this project, empty."""
    top = tmp_path / "exporter"
    for name in set().union(*ROWS):
        (top / name).mkdir(parents=True)
        (top / name / "__init__.py").touch()
    (top / "__init__.py").touch()
    return top


@pytest.mark.parametrize(
    ("path", "source", "arrow"),
    [
        ("probes/web.py", "import exporter.server", "exporter.probes.web -> exporter.server"),
        ("probes/web.py", "from exporter import cli", "exporter.probes.web -> exporter.cli"),
        ("probes/web.py", "from exporter.media.plan import rows", "exporter.probes.web -> exporter.media.plan"),
        ("probes/web.py", "from ..media import plan", "exporter.probes.web -> exporter.media"),
        ("probes/__init__.py", "from .. import media", "exporter.probes -> exporter.media"),
        ("probes/web.py", "def f():\n    import exporter.media", "exporter.probes.web -> exporter.media"),
        ("probes/statuspage.py", "import exporter.statuspage", "exporter.probes.statuspage -> exporter.statuspage"),
        ("statuspage/site.py", "import exporter.ledger, exporter.media", "exporter.statuspage.site -> exporter.media"),
        ("mastodon/keys.py", "import exporter.ledger", "exporter.mastodon.keys -> exporter.ledger"),
        ("config/reader.py", "import exporter.mastodon", "exporter.config.reader -> exporter.mastodon"),
        ("config/reader.py", "import exporter.state", "exporter.config.reader -> exporter.state"),
        ("errors/tree.py", "import exporter.config", "exporter.errors.tree -> exporter.config"),
        ("server/pages.py", "import exporter.demo.site", "exporter.server.pages -> exporter.demo.site"),
        ("server/pages.py", "import click", "exporter.server.pages -> click"),
        ("cli/remedy.py", "from celery import Celery", "exporter.cli.remedy -> celery"),
        ("media/plan.py", "import celery.app", "exporter.media.plan -> celery.app"),
        ("__init__.py", "import exporter.errors", "exporter -> exporter.errors"),
        ("utils.py", "import exporter.errors", "exporter.utils -> exporter.errors"),
    ],
)
def test_a_wrong_arrow_is_found(package: Path, path: str, source: str, arrow: str) -> None:
    (package / path).write_text(source)
    assert wrong_arrows(package) == [arrow]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("__main__/__init__.py", "from exporter.cli import watch"),
        ("cli/watch.py", "import click\nfrom exporter import demo, probes, server, __version__"),
        ("server/pages.py", "from exporter.probes.result import ProbeResult\nfrom exporter import accesslog, errors"),
        ("statuspage/site.py", "from exporter.probes.result import ProbeResult"),
        ("probes/web.py", "from . import result\nfrom .result import Hop\nfrom ..mastodon import pages\nimport yaml"),
        ("probes/web.py", "import clickhouse, exporter"),
        ("media/worker.py", "import celery"),
        ("demo/faults.py", "from exporter.demo.site import page"),
        ("ledger/table.py", "from exporter import errors, state"),
        ("config/reader.py", "from exporter.errors import ConfigError"),
    ],
)
def test_an_arrow_that_points_down_is_let_through(package: Path, path: str, source: str) -> None:
    (package / path).write_text(source)
    assert wrong_arrows(package) == []

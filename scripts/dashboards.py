"""Writes dashboards/*.json, which Grafana reads, from dashboards/source.

Run it with `make monitoring`; tests/dashboards fails where a file is not what this writes.
"""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.source import pages
from dashboards.source.page import build

FOLDER = Path(__file__).parents[1] / "dashboards"


def documents() -> dict[str, str]:
    """Return the text of every file, by its name."""
    return {f"{page.uid}.json": f"{JSONEncoder(sort_keys=True, indent=2).encode(build(page))}\n" for page in pages()}


def write(folder: Path) -> None:
    """Write every dashboard into the folder, and take away what is no longer one."""
    texts = documents()
    for path in folder.glob("*.json"):
        if path.name not in texts:
            path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(FOLDER)

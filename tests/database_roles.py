"""The roles that docs/database.md tells to make, for tests that do with them what they are for."""

import re
from contextlib import closing
from pathlib import Path

import psycopg2

from tests.postgres import Postgres

PAGE = Path(__file__).parents[1] / "docs" / "database.md"

_SQL_BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PASSWORDS = re.compile(r"CREATE ROLE (\w+) LOGIN PASSWORD '([^']+)'")


def documented_role(postgres: Postgres, url: str, *headings: str) -> str:
    """Return the URL of a database for the role that may do what is under these headings, and nothing else.

    A heading is `mastodon-exporter`, or a command such as `subscriptions resubscribe`, without its backticks.
    """
    roles, function = _SQL_BLOCK.findall(_section("A role that may do what is needed, and no more").partition("###")[0])
    _make_roles(postgres, url, roles)
    rights = [block for heading in headings for block in _SQL_BLOCK.findall(_section(heading))]
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as owner:
        owner.execute("\n".join([function, *rights]))
    role = "mastodon_exporter" if headings == ("mastodon-exporter",) else "mastodon_remedy"
    return postgres.url_as(url, role, dict(_PASSWORDS.findall(roles))[role])


def _make_roles(postgres: Postgres, url: str, statements: str) -> None:
    # Roles belong to the server, not to a database.
    if not postgres.run(url, "SELECT 1 FROM pg_roles WHERE rolname = 'mastodon_exporter'"):
        postgres.run(url, statements)


def _section(heading: str) -> str:
    """Return the text under a heading, to the next one of the same depth."""
    page = PAGE.read_text(encoding="utf-8")
    depth, rest = next(
        (match[1], page[match.end() :])
        for match in re.finditer(r"^(##+) (.*)$", page, re.MULTILINE)
        if match[2].replace("`", "") == heading
    )
    return re.split(rf"^{depth} ", rest, maxsplit=1, flags=re.MULTILINE)[0]

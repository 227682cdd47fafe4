import pytest

from exporter.mastodon.versions import HEALTH_SINCE, Version, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("4.6.5", Version(4, 6, 5)),
        ("3.0.0rc2", Version(3, 0, 0)),
        ("4.3.2+glitch", Version(4, 3, 2)),
        ("v2.9.4", Version(2, 9, 4)),
        ("4.4", Version(4, 4, 0)),
        ("4.7.0-alpha.2", Version(4, 7, 0)),
        ("2.7.2 (compatible; Pleroma 2.5.0)", Version(2, 7, 2)),
        ("takahe/0.11.0", None),
        ("", None),
        ("9" * 5000 + ".1", None),
    ],
)
def test_the_numbers_a_version_begins_with_are_read(text: str, version: Version | None) -> None:
    assert parse_version(text) == version


def test_versions_compare_as_numbers() -> None:
    assert Version(2, 10, 0) < HEALTH_SINCE < Version(10, 0, 0)

from pathlib import Path

import certifi
import pytest

from exporter.authorities import trusted_authorities


@pytest.fixture(autouse=True)
def _no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setattr("exporter.authorities.SYSTEM_BUNDLES", (tmp_path / "absent.crt", tmp_path / "system.crt"))


def test_without_any_bundle_of_the_system_certifi_is_trusted() -> None:
    assert trusted_authorities() == certifi.where()


def test_the_bundle_of_the_system_comes_before_certifi(tmp_path: Path) -> None:
    (tmp_path / "system.crt").touch()
    assert trusted_authorities() == str(tmp_path / "system.crt")


def test_the_bundle_that_the_environment_names_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "system.crt").touch()
    (tmp_path / "own.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    assert trusted_authorities() == str(tmp_path / "own.pem")

"""Certificates: what is wrong with one, and when it ends."""

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from exporter.config.model import Instance
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.probes.resolver import Resolver
from exporter.probes.result import ProbeResult, Reason
from tests.probes import mastodon_site
from tests.probes.site import Site, drip, redirect
from tests.probes.test_resolver import entry

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
IN_30_DAYS = NOW + dt.timedelta(days=30)
YESTERDAY = NOW - dt.timedelta(days=1)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)
    return server


@pytest.fixture
def web_of(prober: Prober, ca_file: Path) -> Callable[[trustme.LeafCert], ProbeResult]:
    """Serve a healthy site with a certificate and return what the `web` check says of it."""

    def run(certificate: trustme.LeafCert) -> ProbeResult:
        with Site(tls=context(certificate)) as site:
            site.routes.update(mastodon_site.newest(site))
            instance = Instance("test", site.url, site.domain, ca_file=ca_file)
            return prober.probe(instance, ["web"], 5.0).results[0]

    return run


WebOf = Callable[[trustme.LeafCert], ProbeResult]


def test_the_end_of_the_certificate_is_told(web_of: WebOf, authority: trustme.CA) -> None:
    result = web_of(authority.issue_cert("127.0.0.1", not_after=IN_30_DAYS))
    assert (result.success, result.certificate_expiry_timestamp_seconds) == (True, IN_30_DAYS.timestamp())


def test_the_end_of_an_expired_certificate_is_told_too(web_of: WebOf, authority: trustme.CA) -> None:
    result = web_of(authority.issue_cert("127.0.0.1", not_after=YESTERDAY))
    assert (result.reason, result.certificate_expiry_timestamp_seconds) == (Reason.TLS, YESTERDAY.timestamp())
    assert "expired" in result.detail


def test_a_certificate_for_another_name_fails(web_of: WebOf, authority: trustme.CA) -> None:
    result = web_of(authority.issue_cert("other.test"))
    assert (result.reason, "127.0.0.1" in result.detail) == (Reason.TLS, True)


def test_a_certificate_of_an_unknown_authority_fails(web_of: WebOf) -> None:
    assert web_of(trustme.CA().issue_cert("127.0.0.1")).reason is Reason.TLS


def test_a_server_that_does_not_speak_tls_fails(prober: Prober, site: Site) -> None:
    instance = Instance("test", site.url.replace("http:", "https:"), site.domain)
    assert prober.probe(instance, ["web"], 5.0).results[0].reason is Reason.TLS


@pytest.fixture(params=["silent", "dripping"])
def half_a_tls_server(request: pytest.FixtureRequest) -> Iterator[str]:
    """Accepts connections and then either says nothing or sends its handshake byte by byte."""
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            with connection:
                drip(b"|\x16\x03\x03\x40\x00")(connection, closing)

        if request.param == "dripping":
            threading.Thread(target=accept, daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        closing.set()


def test_a_handshake_that_does_not_end_is_a_time_out_at_the_deadline(prober: Prober, half_a_tls_server: str) -> None:
    started = time.monotonic()
    result = prober.probe(Instance("test", half_a_tls_server, "x.test"), ["web"], 1.0).results[0]
    assert time.monotonic() - started < 1.2
    assert (result.reason, "TLS" in result.detail) == (Reason.TIMEOUT, True)
    assert result.phases.tls > 0.9


def test_a_server_may_lead_to_itself_wherever_its_name_lies_if_its_certificate_proves_it(
    authority: trustme.CA, ca_file: Path
) -> None:
    """One address of the name is not public: over HTTP a redirect would not be followed to it."""

    def lookup(_host: str, *_: object) -> list[object]:
        return [entry("127.0.0.1"), entry("192.0.2.1")]

    with (
        Site(tls=context(authority.issue_cert("mixed.test"))) as site,
        Prober(Memory(None), Resolver(lookup)) as prober,
    ):
        site.routes |= {"/about": redirect("/moved"), "/moved": mastodon_site.main_page_4("mixed.test")}
        instance = Instance("test", f"https://mixed.test:{site.port}", "mixed.test", ca_file=ca_file)
        assert prober.probe(instance, ["web"], 5.0).results[0].success

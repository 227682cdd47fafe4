import logging
import re
import socket
import ssl
from pathlib import Path

import pytest
import requests

from exporter.config import Instance, WebSettings
from exporter.errors import ListenError
from exporter.server import ExporterServer, Running
from tests.server.certificates import Authority
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.fake_prober import FakeProber
from tests.server.serving import config


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.in_folder(tmp_path / "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority.in_folder(tmp_path / "theirs")


def serve_with(serve: Serve, web_config: Path) -> Client:
    return serve(config(web=WebSettings(port=0, web_config=web_config)))


def start(web: WebSettings) -> None:
    ExporterServer(Running(lambda: config(web=web)), FakeProber()).start()


def test_the_real_port_is_told_once_listening(client: Client) -> None:
    host, port = client.server.address
    assert host == "127.0.0.1"
    assert port > 0
    assert client.url == f"http://127.0.0.1:{port}"


def test_a_port_in_use_names_the_port_and_the_way_out(client: Client) -> None:
    _, port = client.server.address
    expected = (
        f"Cannot listen on 127.0.0.1:{port}: another program uses that port; "
        "stop it, or choose another port with `web.listen` or --listen."
    )
    with pytest.raises(ListenError, match=f"^{re.escape(expected)}$"):
        start(WebSettings(port=port))


def test_an_address_of_another_machine_says_so() -> None:
    with pytest.raises(ListenError, match=r"^Cannot listen on 192\.0\.2\.1:0: no network interface here has"):
        start(WebSettings(host="192.0.2.1", port=0))


def test_a_port_that_was_just_left_can_be_used_again(serve: Serve) -> None:
    first = ExporterServer(Running(config), FakeProber())
    first.start()
    client = Client(first)
    with client.connect() as one:
        one.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: exporter\r\n\r\n")
        assert one.recv(100)
        first.stop()  # which closes first, so that the port lies in TIME_WAIT
    again = serve(config(web=WebSettings(port=first.address[1])))
    assert again.get("/-/healthy").status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_an_ipv6_address_is_written_in_brackets(serve: Serve) -> None:
    client = serve(config(web=WebSettings(host="::1", port=0)))
    assert client.url.startswith("http://[::1]:")
    assert client.get("/-/healthy").status_code == 200


def test_no_host_stands_for_every_address(serve: Serve) -> None:
    client = serve(config(web=WebSettings(host="", port=0)))
    _, port = client.server.address
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"http://127.0.0.1:{port}/-/healthy", timeout=5).status_code == 200
    assert client.get("/-/healthy").status_code == 200


def test_a_stopped_server_listens_no_more(prober: FakeProber) -> None:
    server = ExporterServer(Running(config), prober)
    server.start()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        Client(server).connect()


def test_a_mistake_of_the_program_goes_to_the_log_and_not_to_the_client(
    client: Client, prober: FakeProber, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_asked: object) -> None:
        raise RuntimeError("kept to ourselves")

    prober.answer = fail  # type: ignore[assignment]  # a prober that breaks its promise
    answer = client.get("/probe?target=qdon")
    assert answer.status_code == 500
    assert answer.text == "The exporter has made a mistake: its log says more; please report it.\n"
    assert "kept to ourselves" in caplog.text
    assert client.get("/-/healthy").status_code == 200


def test_more_instances_get_more_workers_at_a_reload(serve: Serve) -> None:
    served = config()
    client = serve(lambda: served)
    pool = client.server._listener.requests
    assert len(pool._threads) == 9
    served = config(instances=tuple(Instance(f"i{number}", f"https://i{number}.example", "x") for number in range(500)))
    assert client.post("/-/reload").status_code == 200
    assert len(pool._threads) == 128


class TestTls:
    def test_who_trusts_the_authority_is_served(self, serve: Serve, authority: Authority) -> None:
        client = serve_with(serve, authority.web_config())
        assert client.url.startswith("https://")
        assert client.get("/-/healthy", verify=str(authority.file)).text == "Healthy.\n"

    def test_the_oldest_version_that_is_spoken_is_1_2(self, serve: Serve, authority: Authority) -> None:
        client = serve_with(serve, authority.web_config())
        assert spoken_version(client, authority, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        assert spoken_version(client, authority, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"

    def test_a_higher_minimum_is_kept(self, serve: Serve, authority: Authority) -> None:
        client = serve_with(serve, authority.web_config("  min_version: TLS13"))
        with pytest.raises(ssl.SSLError):
            spoken_version(client, authority, ssl.TLSVersion.TLSv1_2)

    def test_a_renewed_certificate_is_used_after_a_reload(self, serve: Serve, authority: Authority) -> None:
        client = serve_with(serve, authority.web_config())
        before = served_certificate(client)
        authority.issue("server")
        assert served_certificate(client) == before
        assert client.post("/-/reload", verify=str(authority.file)).status_code == 200
        assert served_certificate(client) != before

    def test_a_broken_certificate_leaves_the_old_one_in_use(
        self, serve: Serve, authority: Authority, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = serve_with(serve, authority.web_config())
        before = served_certificate(client)
        (authority.folder / "server.pem").write_text("not a certificate")
        with caplog.at_level(logging.CRITICAL):
            answer = client.post("/-/reload", verify=str(authority.file))
        assert answer.status_code == 422
        assert "web.yml:2: tls_server_config.cert_file: the certificate and its key cannot be loaded" in answer.text
        assert served_certificate(client) == before

    def test_tls_can_be_switched_on_by_a_reload(self, serve: Serve, authority: Authority) -> None:
        served = config()
        client = serve(lambda: served)
        assert client.url.startswith("http://")
        served = config(web=WebSettings(port=0, web_config=authority.web_config()))
        assert client.post("/-/reload").status_code == 200
        assert client.url.startswith("https://")
        assert client.get("/-/healthy", verify=str(authority.file)).status_code == 200


class TestClientCertificates:
    @pytest.fixture
    def required(self, serve: Serve, authority: Authority) -> Client:
        lines = ("  client_auth_type: RequireAndVerifyClientCert", "  client_ca_file: authority.pem")
        return serve_with(serve, authority.web_config(*lines))

    def test_a_client_with_a_certificate_of_the_authority_is_served(
        self, required: Client, authority: Authority
    ) -> None:
        answer = required.get("/-/healthy", verify=str(authority.file), cert=files(authority.issue("prometheus")))
        assert answer.status_code == 200

    def test_a_client_without_a_certificate_is_not(self, required: Client, authority: Authority) -> None:
        with pytest.raises(requests.ConnectionError):
            required.get("/-/healthy", verify=str(authority.file))

    def test_a_client_with_a_certificate_of_somebody_else_is_not(
        self, required: Client, authority: Authority, stranger: Authority
    ) -> None:
        with pytest.raises(requests.ConnectionError):
            required.get("/-/healthy", verify=str(authority.file), cert=files(stranger.issue("prometheus")))

    def test_where_they_are_optional_a_wrong_one_is_refused_all_the_same(
        self, serve: Serve, authority: Authority, stranger: Authority
    ) -> None:
        lines = ("  client_auth_type: VerifyClientCertIfGiven", "  client_ca_file: authority.pem")
        client = serve_with(serve, authority.web_config(*lines))
        assert client.get("/-/healthy", verify=str(authority.file)).status_code == 200
        with pytest.raises(requests.ConnectionError):
            client.get("/-/healthy", verify=str(authority.file), cert=files(stranger.issue("prometheus")))


def files(issued: tuple[Path, Path]) -> tuple[str, str]:
    certificate, key = issued
    return str(certificate), str(key)


def spoken_version(client: Client, authority: Authority, highest: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cafile=str(authority.file))
    context.maximum_version = highest
    with client.connect() as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
        return secured.version()


def served_certificate(client: Client) -> str:
    return ssl.get_server_certificate(client.server.address)

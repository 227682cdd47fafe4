import gzip
import http.client

import pytest

from exporter.server import messages
from exporter.server.application import Application, Route
from exporter.server.reload import Running
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.serving import config

READ_BY_GET = ["/", "/metrics", "/probe?target=qdon", "/targets", "/-/healthy", "/-/ready"]


@pytest.mark.parametrize("path", READ_BY_GET)
def test_a_head_has_the_headers_of_a_get_and_no_body(client: Client, path: str) -> None:
    by_get, by_head = client.get(path), client.ask("HEAD", path)
    assert by_head.status_code == by_get.status_code == 200
    assert by_head.content == b""
    assert by_head.headers["Content-Type"] == by_get.headers["Content-Type"]
    assert int(by_head.headers["Content-Length"]) > 0


@pytest.mark.parametrize("path", [*READ_BY_GET, "/nothing"])
def test_no_answer_may_be_taken_for_another_type_or_kept(client: Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*READ_BY_GET, "/nothing"])
def test_no_answer_tells_what_the_server_is_made_of(client: Client, path: str) -> None:
    assert client.get(path).headers["Server"] == "mastodon-exporter"


def test_a_long_answer_is_compressed_for_who_accepts_it(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept-Encoding": "br, gzip;q=0.8"}, stream=True)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert b"mastodon_exporter_build_info" in gzip.decompress(answer.raw.read())


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip;q=0.0, br", "xgzip"])
def test_a_long_answer_stays_as_it_is_for_who_does_not(client: Client, accepted: str) -> None:
    answer = client.get("/metrics", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_a_short_answer_is_never_compressed(client: Client) -> None:
    assert "Content-Encoding" not in client.get("/-/healthy", headers={"Accept-Encoding": "gzip"}).headers


def test_healthy_and_ready_say_so(client: Client) -> None:
    assert client.get("/-/healthy").text == "Healthy.\n"
    assert client.get("/-/ready").text == "Ready.\n"


def test_a_server_that_is_not_ready_is_healthy_all_the_same(serve: Serve) -> None:
    client = serve(config(), is_ready=lambda: False)
    assert client.get("/-/ready").status_code == 503
    assert client.get("/-/healthy").status_code == 200


def test_one_connection_serves_many_requests(client: Client) -> None:
    connection = http.client.HTTPConnection(*client.server.address, timeout=5)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/-/healthy")
        assert connection.getresponse().read() == b"Healthy.\n"
    assert connection.sock is first
    connection.close()


def test_a_route_answers_the_paths_right_below_its_folder_and_none_below_those() -> None:
    def answer(request: messages.Request) -> messages.Response:
        return messages.sentence(request.path)

    running = Running(config)
    application = Application(lambda: running.settings, {"/": Route(answer), "/one/": Route(answer)})
    assert [status_of(application, path) for path in ("/", "/one/", "/one/x")] == ["200 OK"] * 3
    assert [status_of(application, path) for path in ("", "/x", "/one", "/one/x/y")] == ["404 Not Found"] * 4


def status_of(application: Application, path: str) -> str:
    statuses: list[str] = []
    application({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda status, _headers: statuses.append(status))
    return statuses[0]

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.config import Config, Instance, WebSettings
from exporter.errors import ConfigError, Problem
from exporter.server.reload import ReloadState, Running
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.serving import config

OTHER = Instance("other", "https://other.example", "other.example")
PROBLEMS = (Problem("unknown key", "instanses", "exporter.yml", 3), Problem("must be a URL", "instances[0].url"))


class Source:
    """A configuration file that can be changed."""

    def __init__(self) -> None:
        self.content: Config | ConfigError = config()

    def load(self) -> Config:
        if isinstance(self.content, ConfigError):
            raise self.content
        return self.content


@pytest.fixture
def source() -> Source:
    return Source()


def counting_clock() -> Callable[[], float]:
    moments = iter(range(100, 200))
    return lambda: float(next(moments))


def test_a_first_load_that_fails_is_an_error(source: Source) -> None:
    source.content = ConfigError(PROBLEMS)
    with pytest.raises(ConfigError):
        Running(source.load)


def test_a_reload_puts_the_new_configuration_in_force(source: Source) -> None:
    running = Running(source.load, counting_clock())
    assert running.state == ReloadState(True, 100)
    source.content = config(instances=(OTHER,))
    assert running.reload() == ()
    assert running.config.instances == (OTHER,)
    assert running.state == ReloadState(True, 101)


def test_whoever_wants_to_know_is_told_of_each_reload_that_succeeds(source: Source) -> None:
    running = Running(source.load)
    told: list[tuple[Instance, ...]] = []
    running.call_when_reloaded(lambda: told.append(running.config.instances))
    source.content = ConfigError(PROBLEMS)
    running.reload()
    source.content = config(instances=(OTHER,))
    running.reload()
    assert told == [(OTHER,)]


def test_a_failed_reload_changes_nothing_and_says_so(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    running = Running(source.load, counting_clock())
    before = running.settings
    source.content = ConfigError(PROBLEMS)
    assert running.reload() == PROBLEMS
    assert running.settings is before
    assert running.state == ReloadState(False, 100)
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.ERROR


def test_a_reload_after_a_failed_one_mends_it(source: Source) -> None:
    running = Running(source.load, counting_clock())
    source.content = ConfigError(PROBLEMS)
    running.reload()
    source.content = config()
    assert running.reload() == ()
    assert running.state == ReloadState(True, 101)


def test_a_bad_web_config_file_keeps_the_whole_configuration_out(source: Source, tmp_path: Path) -> None:
    running = Running(source.load)
    (tmp_path / "web.yml").write_text("nonsense: 1\n")
    source.content = config(instances=(OTHER,), web=WebSettings(web_config=tmp_path / "web.yml"))
    assert [problem.key_path for problem in running.reload()] == ["nonsense"]
    assert running.config == config()


def test_a_reader_never_sees_half_a_reload(source: Source, tmp_path: Path) -> None:
    plain = config(web=WebSettings(web_config=tmp_path / "plain.yml"))
    framed = config(instances=(OTHER,), web=WebSettings(web_config=tmp_path / "framed.yml"))
    (tmp_path / "plain.yml").write_text("")
    (tmp_path / "framed.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    source.content = plain
    running = Running(source.load)
    seen: set[tuple[str, bool]] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            settings = running.settings
            seen.add((settings.config.instances[0].name, bool(settings.web.headers)))

    reader = threading.Thread(target=look)
    reader.start()
    for content in (framed, plain) * 50:
        source.content = content
        running.reload()
    done.set()
    reader.join()
    assert seen <= {("qdon", False), ("other", True)}


class TestOverHttp:
    @pytest.fixture
    def client(self, serve: Serve, source: Source) -> Client:
        return serve(source.load)

    def test_a_reload_is_seen_by_the_next_request(self, client: Client, source: Source) -> None:
        source.content = config(instances=(OTHER,))
        answer = client.post("/-/reload")
        assert (answer.status_code, answer.text) == (200, "The configuration has been read again and is in force.\n")
        assert [group["targets"] for group in client.get("/targets").json()] == [["other"]]
        assert client.get("/probe?target=qdon").status_code == 400

    def test_an_instance_that_was_gone_for_a_while_has_not_been_probed_yet(
        self, client: Client, source: Source
    ) -> None:
        client.get("/probe?target=qdon")
        assert "not probed yet" not in client.get("/").text
        for content in (config(instances=(OTHER,)), config()):
            source.content = content
            client.post("/-/reload")
        assert "not probed yet" in client.get("/").text

    def test_a_new_address_to_listen_on_is_told_to_take_a_restart(
        self, client: Client, source: Source, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            client.post("/-/reload")
            assert caplog.messages == []
            source.content = config(web=WebSettings(port=1234))
            assert client.post("/-/reload").status_code == 200
        assert ["web.listen" in message for message in caplog.messages] == [True]

    def test_a_failed_reload_lists_every_problem_and_keeps_serving(self, client: Client, source: Source) -> None:
        source.content = ConfigError(PROBLEMS)
        answer = client.post("/-/reload")
        assert answer.status_code == 422
        assert answer.text == (
            "The old configuration stays in force. Mend this, then reload again:\n"
            "exporter.yml:3: instanses: unknown key\n"
            "instances[0].url: must be a URL\n"
        )
        assert client.get("/probe?target=qdon").status_code == 200

    def test_the_state_of_the_last_reload_is_a_metric(self, client: Client, source: Source) -> None:
        name = "mastodon_exporter_config_last_reload_successful"
        assert f"\n{name} 1.0\n" in client.get("/metrics").text
        source.content = ConfigError(PROBLEMS)
        client.post("/-/reload")
        assert f"\n{name} 0.0\n" in client.get("/metrics").text

    def test_headers_of_the_web_config_file_are_on_every_answer(
        self, client: Client, source: Source, tmp_path: Path
    ) -> None:
        file = tmp_path / "web.yml"
        file.write_text("http_server_config: {headers: {X-Frame-Options: deny, X-Content-Type-Options: other}}\n")
        source.content = config(web=WebSettings(port=0, web_config=file))
        client.post("/-/reload")
        for path in ("/", "/metrics", "/nothing"):
            headers = client.get(path).headers
            assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("deny", "other")

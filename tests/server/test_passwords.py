import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path

import bcrypt
import pytest

from exporter.config import WebSettings
from exporter.errors import RequestRefused
from exporter.server import passwords
from exporter.server.passwords import REMEMBERED_REFUSALS, PasswordGate
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.serving import config

HASH = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4))


def basic(user: str, password: bytes | str) -> str:
    secret = password.encode() if isinstance(password, str) else password
    return "Basic " + base64.b64encode(user.encode() + b":" + secret).decode()


def opens(gate: PasswordGate, authorization: str | None) -> bool:
    try:
        gate.admit(authorization)
    except RequestRefused as refusal:
        return refusal.status is not HTTPStatus.UNAUTHORIZED
    return True


class CountedBcrypt:
    """bcrypt itself, counting what it is asked and how often at once."""

    def __init__(self) -> None:
        self.computations = 0
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()

    def checkpw(self, password: bytes, hashed: bytes) -> bool:
        with self._lock:
            self.computations += 1
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        matches = bcrypt.checkpw(password, hashed)
        with self._lock:
            self._under_way -= 1
        return matches


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> CountedBcrypt:
    counting = CountedBcrypt()
    monkeypatch.setattr(passwords, "bcrypt", counting)
    return counting


@pytest.fixture
def gate() -> PasswordGate:
    return PasswordGate({"prometheus": HASH, "admin": bcrypt.hashpw(b"other", bcrypt.gensalt(4))})


def test_without_users_everybody_comes_in() -> None:
    assert opens(PasswordGate({}), None)
    assert opens(PasswordGate({}), "Basic !!!")


def test_who_knows_a_password_comes_in(gate: PasswordGate) -> None:
    assert opens(gate, basic("prometheus", "correct horse"))
    assert opens(gate, basic("admin", "other").replace("Basic", "basic"))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic \xff",
        "Bearer abc",
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"prometheus").decode(),
        basic("prometheus", ""),
        basic("prometheus", "wrong"),
        basic("prometheus", "correct horse\0"),
        basic("prometheus", "other"),
        basic("Prometheus", "correct horse"),
        basic("nobody", "correct horse"),
        basic("", "correct horse"),
        basic("prometheus", HASH),
        basic("prometheus", "x" * 10_000),
    ],
)
def test_who_does_not_stays_outside(gate: PasswordGate, authorization: str | None) -> None:
    assert not opens(gate, authorization)
    assert not opens(gate, authorization)


@pytest.mark.parametrize("prefix", [b"$2a$", b"$2b$", b"$2y$"])
def test_hashes_of_every_maker_are_understood(prefix: bytes) -> None:
    gate = PasswordGate({"prometheus": prefix + HASH[4:]})
    assert opens(gate, basic("prometheus", "correct horse"))


def test_a_long_password_is_compared_as_far_as_bcrypt_looks() -> None:
    gate = PasswordGate({"prometheus": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4))})
    assert opens(gate, basic("prometheus", "x" * 72 + "y" * 30))
    assert not opens(gate, basic("prometheus", "x" * 71))


def test_a_password_with_a_colon_is_whole() -> None:
    gate = PasswordGate({"prometheus": bcrypt.hashpw(b"a:b:c", bcrypt.gensalt(4))})
    assert opens(gate, basic("prometheus", "a:b:c"))


def test_a_verified_password_is_computed_once(gate: PasswordGate, counted: CountedBcrypt) -> None:
    for _ in range(20):
        assert opens(gate, basic("prometheus", "correct horse"))
    assert counted.computations == 1


def test_a_wrong_password_is_computed_once(gate: PasswordGate, counted: CountedBcrypt) -> None:
    for _ in range(20):
        assert not opens(gate, basic("prometheus", "wrong"))
    assert counted.computations == 1


def test_a_remembered_password_opens_for_its_own_user_only(gate: PasswordGate) -> None:
    assert opens(gate, basic("prometheus", "correct horse"))
    assert not opens(gate, basic("admin", "correct horse"))


def test_a_password_that_is_wrong_for_one_user_opens_for_another(gate: PasswordGate) -> None:
    assert not opens(gate, basic("admin", "correct horse"))
    assert opens(gate, basic("prometheus", "correct horse"))


def test_wrong_passwords_cannot_push_out_the_right_one(gate: PasswordGate, counted: CountedBcrypt) -> None:
    assert opens(gate, basic("prometheus", "correct horse"))
    for number in range(REMEMBERED_REFUSALS + 10):
        assert not opens(gate, basic("prometheus", f"wrong {number}"))
    computed = counted.computations
    assert opens(gate, basic("prometheus", "correct horse"))
    assert counted.computations == computed
    assert len(gate._refused) == REMEMBERED_REFUSALS


def test_an_unknown_user_costs_what_a_known_one_costs(gate: PasswordGate, counted: CountedBcrypt) -> None:
    assert not opens(gate, basic("nobody", "wrong"))
    assert counted.computations == 1


def test_one_computation_runs_at_a_time(gate: PasswordGate, counted: CountedBcrypt) -> None:
    with ThreadPoolExecutor(16) as clients:
        verdicts = list(clients.map(lambda number: opens(gate, basic("prometheus", f"wrong {number}")), range(64)))
    assert not any(verdicts)
    assert (counted.computations, counted.most_at_once) == (64, 1)


def test_a_remembered_password_does_not_wait_for_a_computation(gate: PasswordGate) -> None:
    assert opens(gate, basic("prometheus", "correct horse"))
    with gate._lock:  # as while another thread computes
        assert opens(gate, basic("prometheus", "correct horse"))


def test_memory_holds_no_password_and_no_hash_of_it_alone(gate: PasswordGate) -> None:
    opens(gate, basic("prometheus", "correct horse"))
    other = PasswordGate({"prometheus": HASH})
    opens(other, basic("prometheus", "correct horse"))
    assert gate._verified["prometheus"] != other._verified["prometheus"]
    assert "correct horse" not in repr(vars(gate))


class TestOverHttp:
    @pytest.fixture
    def guarded(self, serve: Serve, tmp_path: Path) -> Client:
        file = tmp_path / "web.yml"
        file.write_text(f"basic_auth_users:\n  prometheus: {HASH.decode()}\n")
        return serve(config(web=WebSettings(port=0, web_config=file)))

    PATHS = ("/", "/metrics", "/probe?target=qdon", "/targets", "/results/1", "/-/healthy", "/-/ready", "/nothing")

    @pytest.mark.parametrize("path", PATHS)
    def test_no_page_is_shown_to_a_stranger(self, guarded: Client, path: str) -> None:
        answer = guarded.get(path)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="mastodon-exporter", charset="UTF-8"'

    def test_no_stranger_reloads(self, guarded: Client) -> None:
        assert guarded.post("/-/reload").status_code == 401

    def test_who_knows_the_password_reads_and_reloads(self, guarded: Client) -> None:
        assert guarded.get("/metrics", auth=("prometheus", "correct horse")).status_code == 200
        assert guarded.post("/-/reload", auth=("prometheus", "correct horse")).status_code == 200

    def test_a_new_password_holds_from_the_reload_on(self, guarded: Client, tmp_path: Path) -> None:
        new = bcrypt.hashpw(b"new", bcrypt.gensalt(4)).decode()
        (tmp_path / "web.yml").write_text(f"basic_auth_users: {{prometheus: {new}}}\n")
        assert guarded.post("/-/reload", auth=("prometheus", "correct horse")).status_code == 200
        assert guarded.get("/metrics", auth=("prometheus", "correct horse")).status_code == 401
        assert guarded.get("/metrics", auth=("prometheus", "new")).status_code == 200

    def test_a_scrape_does_not_pay_for_bcrypt(self, serve: Serve, tmp_path: Path) -> None:
        file = tmp_path / "web.yml"
        costly = bcrypt.hashpw(b"x", bcrypt.gensalt(10)).decode()
        file.write_text(f"basic_auth_users: {{prometheus: {costly}}}\n")
        guarded = serve(config(web=WebSettings(port=0, web_config=file)))
        assert guarded.get("/-/healthy", auth=("prometheus", "x")).status_code == 200
        started = time.process_time()
        for _ in range(50):
            assert guarded.get("/-/healthy", auth=("prometheus", "x")).status_code == 200
        # One computation of this cost takes about 60 ms, a request and its client less than 5.
        assert (time.process_time() - started) / 50 < 0.03

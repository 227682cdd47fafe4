import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporter.addresses import AddressKind, AddressRule
from exporter.authorities import trusted_authorities
from exporter.subscriptions.hub_answer import HubAnswer, Verdict
from exporter.subscriptions.hub_client import HubClient
from exporter.subscriptions.hub_post import HubPost, Post
from exporter.subscriptions.hub_request import HubRequest
from exporter.subscriptions.signature import Signer
from tests.programs import need_program
from tests.subscriptions.hub import Hub
from tests.subscriptions.test_signature import is_signed_by

LOOPBACK = AddressRule(frozenset({AddressKind.LOOPBACK}))
SECRET = "5ec4e7" * 5 + "00"
CLIENT = HubClient("http.rb/3.3.0 (Mastodon/2.9.2; +https://mastodon.example/)", LOOPBACK)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


def request(hub_url: str) -> HubRequest:
    callback = "http://127.0.0.1:9/api/subscriptions/107"
    return HubRequest(hub_url, "https://remote.example/users/alice.atom", callback, SECRET)


def ask(hub_url: str, client: HubClient = CLIENT) -> HubAnswer:
    return client.subscribe(request(hub_url))


def test_a_hub_gets_the_form_that_mastodon_sends(hub: Hub) -> None:
    assert ask(hub.url("silent")) == HubAnswer(
        Verdict.ACCEPTED, f"127.0.0.1:{hub.port} answered 202", 202, None, may_have_arrived=True
    )
    [asked] = hub.asked
    assert parse_qsl(asked.body.decode(), strict_parsing=True) == [
        ("hub.topic", "https://remote.example/users/alice.atom"),
        ("hub.mode", "subscribe"),
        ("hub.callback", "http://127.0.0.1:9/api/subscriptions/107"),
        ("hub.verify", "async"),
        ("hub.secret", SECRET),
        ("hub.lease_seconds", "604800"),
    ]
    assert asked.headers == {
        "host": f"127.0.0.1:{hub.port}",
        "user-agent": CLIENT.user_agent,
        "accept": "*/*",
        "accept-encoding": "gzip",
        "content-type": "application/x-www-form-urlencoded",
        "content-length": str(len(asked.body)),
    }


@pytest.mark.parametrize(
    ("behaviour", "verdict", "http_status", "words"),
    [
        ("refuse", Verdict.REFUSED, 422, "answered 422: Invalid topic URL"),
        ("moved", Verdict.REFUSED, 302, "answered 302"),
        ("busy", Verdict.TRY_AGAIN, 429, "answered 429: slow down"),
        ("broken", Verdict.TRY_AGAIN, 503, "answered 503: out of order"),
        ("cut", Verdict.TRY_AGAIN, None, "connection"),
        ("cut-after-reading", Verdict.TRY_AGAIN, None, "closed the connection without an answer"),
        ("not-http", Verdict.TRY_AGAIN, None, "what came back is not HTTP"),
        ("loop", Verdict.TRY_AGAIN, 307, "the third redirect in a row"),
        (
            "astray",
            Verdict.REFUSED,
            307,
            "answered 307, but where that leads cannot be used: must begin with `https://`",
        ),
    ],
)
def test_what_a_hub_does_is_told_in_a_verdict_and_a_sentence(
    hub: Hub, behaviour: str, verdict: Verdict, http_status: int | None, words: str
) -> None:
    answer = ask(hub.url(behaviour))
    assert (answer.verdict, answer.http_status) == (verdict, http_status)
    assert words in answer.detail
    assert answer.may_have_arrived


@pytest.mark.parametrize("behaviour", ["elsewhere", "elsewhere-308"])
def test_the_same_post_goes_where_a_307_or_308_leads(hub: Hub, behaviour: str) -> None:
    assert ask(hub.url(behaviour)).verdict is Verdict.ACCEPTED
    first, second = hub.asked
    assert second.path == "/prompt/hub"
    assert second.body == first.body


def test_a_redirect_is_followed_no_more_than_twice(hub: Hub) -> None:
    ask(hub.url("loop"))
    assert len(hub.asked) == 3


def test_a_hub_may_say_how_long_to_wait(hub: Hub) -> None:
    assert ask(hub.url("busy")).retry_after_seconds is None
    assert ask(hub.url("busy-for-a-second")).retry_after_seconds == 1.0
    assert ask(hub.url("busy-for-a-second")).retry_after_seconds is None


def test_a_hub_that_echoes_the_secret_does_not_bring_it_into_the_report(hub: Hub) -> None:
    answer = ask(hub.url("echo"))
    assert "hub.secret=***" in answer.detail
    assert SECRET not in repr((answer, request(hub.url("echo"))))


def test_what_a_hub_says_cannot_steer_a_terminal(hub: Hub) -> None:
    assert r"cannot\x1b[2J read" in ask(hub.url("echo")).detail


def test_an_accepting_hub_that_drips_its_body_is_left_when_the_time_is_up(hub: Hub) -> None:
    started = time.monotonic()
    answer = ask(hub.url("slow"), HubClient("test", LOOPBACK, timeout_seconds=0.5))
    assert time.monotonic() - started < 1.5
    assert (answer.verdict, answer.http_status) == (Verdict.ACCEPTED, 202)


def test_a_hub_that_drips_its_header_has_not_answered_when_the_time_is_up(hub: Hub) -> None:
    started = time.monotonic()
    answer = ask(hub.url("slow-header"), HubClient("test", LOOPBACK, timeout_seconds=1.5))
    assert time.monotonic() - started < 2.5
    assert (answer.verdict, answer.http_status, answer.may_have_arrived) == (Verdict.TRY_AGAIN, None, True)
    assert "no answer came in time" in answer.detail


def test_a_body_without_end_is_read_no_further_than_the_limit(hub: Hub) -> None:
    started = time.monotonic()
    answer = ask(hub.url("flood"))
    assert time.monotonic() - started < 5
    assert answer.verdict is Verdict.REFUSED
    assert len(answer.detail) < 400


def test_redirects_share_one_deadline(hub: Hub) -> None:
    started = time.monotonic()
    answer = ask(hub.url("hesitating"), HubClient("test", LOOPBACK, timeout_seconds=1.5))
    assert time.monotonic() - started < 2.3
    assert (answer.verdict, answer.may_have_arrived) == (Verdict.TRY_AGAIN, True)


@pytest.mark.parametrize(
    "hub_url",
    [
        "",
        "/api/push",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://remote.example/",
        "http://",
        "http:///api/push",
        "https://:443/",
        "https://user:password@remote.example/",
        "https://remote.example\r\nX-Injected: yes/",
        "https://remote.example/\x00",
        "https://remote.example/api push",
        "https://remote.example:0/",
        "https://remote.example:99999/",
        "https://[::1/",
        "https://remote.example\\@127.0.0.1/",
        "https://remote.example/" + "a" * 3000,
    ],
)
def test_a_hub_whose_url_is_not_one_of_the_web_is_refused_before_anything_is_sent(hub_url: str) -> None:
    answer = ask(hub_url)
    assert (answer.verdict, answer.http_status, answer.may_have_arrived) == (Verdict.REFUSED, None, False)
    assert answer.detail.startswith("not asked, since its hub's URL cannot be used: ")
    assert "password" not in answer.detail.replace("user name or password", "")


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "hub.localhost", "[::ffff:127.0.0.1]"])
def test_a_hub_at_an_address_of_this_network_is_not_connected_to(hub: Hub, host: str) -> None:
    answer = ask(hub.url("prompt", host), HubClient("test", AddressRule()))
    assert (answer.verdict, answer.may_have_arrived) == (Verdict.REFUSED, False)
    assert not hub.asked


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "localhost", "hub.localhost", "[::1]"]
)
def test_a_refusal_that_needs_no_look_up_is_known_beforehand(host: str) -> None:
    client = HubClient("test", AddressRule())
    refusal = client.refusal(f"http://{host}:9/hub")
    assert refusal is not None
    assert refusal == ask(f"http://{host}:9/hub", client)


@pytest.mark.parametrize("hub_url", ["https://hub.invalid/", "http://1.1.1.1/", "https://[2606:4700::1111]/hub"])
def test_of_a_name_or_a_public_address_nothing_is_known_beforehand(hub_url: str) -> None:
    assert HubClient("test", AddressRule()).refusal(hub_url) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "hub.localhost", "[::ffff:127.0.0.1]"])
def test_whatever_a_host_is_called_the_address_that_is_connected_to_is_judged(hub: Hub, host: str) -> None:
    post = Post(hub.url("prompt", host), b"", (), "test", trusted_authorities())
    with HubPost(post, AddressRule()) as sending:
        outcome = sending.send(10)
    assert (outcome.address_refused, outcome.sent) == (True, False)
    assert not hub.asked


def test_the_refusal_of_an_address_says_what_to_do(hub: Hub) -> None:
    answer = ask(hub.url("prompt"), HubClient("test", AddressRule()))
    assert "127.0.0.1 is not a public one; write `allow_private_addresses: true`" in answer.detail


def test_the_refusal_of_a_link_local_address_advises_nothing_that_would_not_help() -> None:
    answer = ask("http://169.254.1.1/hub", HubClient("test", AddressRule()))
    assert "169.254.1.1 is link-local, to which nothing is ever sent" in answer.detail
    assert "allow_private_addresses" not in answer.detail


def test_a_redirect_to_an_address_of_this_network_is_not_followed(hub: Hub) -> None:
    answer = ask(hub.url("inward"))
    assert answer.verdict is Verdict.REFUSED
    assert "10.0.0.1 is not a public one" in answer.detail


def test_a_closed_port_is_tried_again_and_has_surely_received_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = ask(f"http://127.0.0.1:{port}/")
    assert (answer.verdict, answer.http_status, answer.may_have_arrived) == (Verdict.TRY_AGAIN, None, False)
    assert "it takes no connection" in answer.detail


def test_a_name_that_does_not_exist_is_tried_again_and_has_surely_received_nothing() -> None:
    answer = ask("http://hub.invalid/")
    assert (answer.verdict, answer.may_have_arrived) == (Verdict.TRY_AGAIN, False)
    assert answer.detail == "hub.invalid: its name cannot be resolved"


def test_only_a_hub_with_a_certificate_to_trust_gets_the_secret(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with Hub(context) as hub:
        refused = ask(hub.url("prompt"))
        assert (refused.verdict, refused.may_have_arrived) == (Verdict.TRY_AGAIN, False)
        assert "no TLS connection" in refused.detail
        assert not hub.asked
        trusting = HubClient("test", LOOPBACK, ca_file=tmp_path / "ca.pem")
        assert ask(hub.url("prompt"), trusting).verdict is Verdict.ACCEPTED


@pytest.fixture
def private_authority(tmp_path: Path) -> Iterator[tuple[Hub, Path]]:
    """Give a hub over TLS, and a bundle that is the only one to hold its authority."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "bundle.pem"))
    with Hub(context) as hub:
        yield hub, tmp_path / "bundle.pem"


def test_the_bundle_that_the_environment_names_is_trusted(
    private_authority: tuple[Hub, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, bundle = private_authority
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    assert ask(hub.url("prompt")).verdict is Verdict.ACCEPTED


def test_the_bundle_of_the_system_is_trusted_where_python_knows_of_none(
    private_authority: tuple[Hub, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub, bundle = private_authority
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle.with_name("absent.pem")))
    monkeypatch.setattr("exporter.authorities.SYSTEM_BUNDLES", (bundle.with_name("absent.crt"), bundle))
    assert ask(hub.url("prompt")).verdict is Verdict.ACCEPTED


def test_a_proxy_of_the_environment_is_ignored(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask(hub.url("prompt")).verdict is Verdict.ACCEPTED


def test_many_threads_may_ask_through_one_client(hub: Hub) -> None:
    answers: list[HubAnswer] = []
    threads = [
        threading.Thread(target=lambda number=number: answers.append(ask(hub.url("prompt", f"hub{number}.localhost"))))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.verdict for answer in answers] == [Verdict.ACCEPTED] * 20
    assert {asked.headers["host"] for asked in hub.asked} == {f"hub{n}.localhost:{hub.port}" for n in range(20)}


def test_no_socket_stays_open(hub: Hub) -> None:
    ask(hub.url("prompt"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for behaviour in ("prompt", "cut", "refuse", "elsewhere") * 5:
        ask(hub.url(behaviour))
    hub.wait_until_verified()
    assert len(list(Path("/proc/self/fd").iterdir())) < before + 5


def test_a_signed_request_is_signed_anew_for_each_hub_on_the_way(hub: Hub) -> None:
    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    signing = HubClient("test", LOOPBACK, signer=Signer("acct:admin@mastodon.example", pem))
    assert ask(hub.url("elsewhere"), signing).verdict is Verdict.ACCEPTED
    assert [asked.path for asked in hub.asked] == ["/elsewhere/hub", "/prompt/hub"]
    for asked in hub.asked:
        assert is_signed_by(key.public_key(), asked.path, asked.headers)


_SILENT_RESOLVER = """
#include <unistd.h>
struct addrinfo;
int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **r) { sleep(60); return -2; }
"""
_ASK_A_NAME = """
import time
from exporter.addresses import AddressRule
from exporter.subscriptions.hub_client import HubClient
from exporter.subscriptions.hub_request import HubRequest
started = time.monotonic()
answer = HubClient("test", AddressRule(), 0.5).subscribe(HubRequest("http://hub.example/", "topic", "callback", "s"))
print(answer.verdict, answer.may_have_arrived, time.monotonic() - started < 2, answer.detail, sep="|")
"""


def test_a_silent_name_server_does_not_stretch_the_deadline(tmp_path: Path) -> None:
    source, library = tmp_path / "silent.c", tmp_path / "silent.so"
    source.write_text(_SILENT_RESOLVER)
    subprocess.run([need_program("cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    ended = subprocess.run(
        [sys.executable, "-c", _ASK_A_NAME],
        env={**os.environ, "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert ended.stdout.strip() == "try again|False|True|hub.example: no connection came about in time"


_ASK_WITHOUT_SOCKETS = """
import os, resource
from exporter.addresses import AddressKind, AddressRule
from exporter.subscriptions.hub_client import HubClient
from exporter.subscriptions.hub_request import HubRequest
client = HubClient("test", AddressRule(frozenset({AddressKind.LOOPBACK})))
client.subscribe(HubRequest("http://127.0.0.1:9/", "topic", "callback", "secret"))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
for _ in range(6):
    answer = client.subscribe(HubRequest("http://127.0.0.1:9/", "topic", "callback", "secret"))
    print(answer.verdict, answer.may_have_arrived, answer.detail, sep="|")
    os.close(held.pop())
"""


def test_too_many_open_files_are_no_refusal_of_the_hub() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ASK_WITHOUT_SOCKETS], capture_output=True, text=True, timeout=30, check=True
    )
    answers = [line.split("|") for line in ended.stdout.splitlines()]
    assert {(verdict, arrived) for verdict, arrived, _ in answers} == {("try again", "False")}
    assert "127.0.0.1:9: no socket could be opened here: Too many open files" in [detail for _, _, detail in answers]
    assert ended.stderr == ""

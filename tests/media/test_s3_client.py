"""How often a store is asked, what its answers mean, and what the pace hears of them."""

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import pytest

from exporter.errors import MediaStoreError, StoreRefused, StoreShut, StoreUnavailable
from exporter.media.connection import Answer
from exporter.media.s3_answer import LONGEST_WAIT_SECONDS, Kind, Setback, parsed, setback_of
from exporter.media.s3_checks import Checks
from exporter.media.s3_client import Patience, S3Client, S3Request
from exporter.media.s3_store import S3Store
from exporter.media.signature import AccessKeys, Signer
from tests.end_to_end.programs_under_test import free_port
from tests.media.asking import NotedPace, client_of, no_waiting
from tests.media.scripted_store import Pause, ScriptedStore, answer, error, scripted_store

NOW = 1_700_000_000.0


@pytest.fixture
def server() -> Iterator[ScriptedStore]:
    with scripted_store() as server:
        yield server


def pace_of(client: S3Client) -> NotedPace:
    assert isinstance(client._pace, NotedPace)
    return client._pace


def head(client: S3Client) -> object:
    return S3Store(client, Checks()).get("a.jpg", 1000, lambda _: None)


ABSENT = error(404, "NoSuchKey")
PASSING = [
    answer(500),
    error(500, "InternalError"),
    answer(502),
    answer(504),
    answer(509),
    error(400, "RequestTimeout"),
    error(400, "IncompleteBody"),
    error(409, "OperationAborted"),
    answer(408),
    b"",
    answer(200, b"12", content_length="10"),
    b"HTTP/1.1 200 OK\r\n",
    b"garbage\r\n\r\n",
    Pause(b""),
    answer(404),
    answer(404, b"\r\n", server="envoy"),
    answer(404, b"<html>not found</html>"),
    answer(404, b"<html>" + b"x" * 100_000),
    error(404, "NoSuchTenant"),
    error(404, "AccessDenied"),
    answer(404, b"<Error>" + b"<a>" * 20_000),
]
THROTTLED = [
    answer(503),
    error(503, "SlowDown"),
    error(503, "ServiceUnavailable"),
    answer(429),
    error(400, "RequestRateLimitExceeded"),
    error(403, "RequestLimitExceeded"),
]
FINAL = [
    answer(403),
    error(403, "AccessDenied"),
    error(403, "InvalidAccessKeyId"),
    error(403, "RequestTimeTooSkewed"),
    error(403, "InvalidObjectState"),
    error(404, "NoSuchBucket"),
    error(400, "AuthorizationHeaderMalformed"),
    answer(301),
    answer(307),
    answer(400),
    answer(405),
    answer(501),
    answer(200, b"body").replace(b"content-length: 4\r\n", b""),
]


@pytest.mark.parametrize("told", PASSING + THROTTLED)
def test_what_may_pass_is_tried_again_until_it_has(server: ScriptedStore, told: bytes | Pause) -> None:
    client = client_of(server.endpoint, "media")
    server.answer_in_turn(told, told, ABSENT)
    assert head(client) is None
    assert len(server.asked) == 3
    assert pace_of(client).turns == 3
    assert pace_of(client).went_well_times == 1


@pytest.mark.parametrize("told", PASSING + THROTTLED)
def test_what_does_not_pass_is_unavailable_and_never_absent(server: ScriptedStore, told: bytes | Pause) -> None:
    client = client_of(server.endpoint, "media", patience=no_waiting(attempts=2))
    server.answer_in_turn(told)
    with pytest.raises(StoreUnavailable, match=r"^bucket media at 127\.0\.0\.1:[0-9]+, GET of a\.jpg: "):
        head(client)
    assert len(server.asked) == 2
    assert pace_of(client).went_well_times == 0


@pytest.mark.parametrize("told", FINAL)
def test_what_will_not_pass_is_refused_at_once_and_never_absent(server: ScriptedStore, told: bytes) -> None:
    client = client_of(server.endpoint, "media")
    server.answer_in_turn(told)
    with pytest.raises(StoreRefused, match=r"^bucket media at 127\.0\.0\.1:[0-9]+, GET of a\.jpg: "):
        head(client)
    assert len(server.asked) == 1


def test_a_signature_that_may_have_been_altered_on_its_way_is_tried_again(server: ScriptedStore) -> None:
    server.answer_in_turn(error(403, "SignatureDoesNotMatch"), ABSENT)
    assert head(client_of(server.endpoint, "media")) is None


def test_a_wrong_key_is_found_out_soon(server: ScriptedStore) -> None:
    server.answer_in_turn(error(403, "SignatureDoesNotMatch"))
    with pytest.raises(StoreRefused, match="check `secret_key`"):
        head(client_of(server.endpoint, "media", patience=no_waiting(attempts=10)))
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    "told",
    [ABSENT, answer(404, x_amz_request_id="1"), answer(404, X_Amz_Id_2="1"), answer(404, x_oss_request_id="1")],
)
def test_404_alone_means_that_an_object_is_not_there(server: ScriptedStore, told: bytes) -> None:
    server.answer_in_turn(told)
    assert head(client_of(server.endpoint, "media")) is None


def test_404_without_a_word_means_it_where_the_store_is_known_for_that(server: ScriptedStore) -> None:
    client = client_of(server.endpoint, "media")
    client.is_absence_bare = True
    server.answer_in_turn(answer(404, b"<html>not found</html>"), answer(404, b"\r\n"))
    assert head(client) is None
    assert len(server.asked) == 2


def test_it_is_told_which_requests_may_be_done_although_no_answer_came(server: ScriptedStore) -> None:
    lost: list[str] = []
    server.answer_in_turn(b"", answer(500), answer(200))
    request = S3Request("POST", "a.jpg")
    client = client_of(server.endpoint, "media")
    assert client.ask(request, lambda told: told.status, lambda: lost.append("sent")) == 500
    assert lost == ["sent"]
    nobody = client_of("http://127.0.0.1:1", "media", patience=no_waiting(attempts=2))
    with pytest.raises(StoreUnavailable):
        nobody.ask(request, lambda told: told.status, lambda: lost.append("never sent"))
    assert lost == ["sent"]


@pytest.mark.parametrize("told", THROTTLED)
def test_all_threads_slow_down_when_one_is_throttled(server: ScriptedStore, told: bytes) -> None:
    client = client_of(server.endpoint, "media")
    server.answer_in_turn(told, ABSENT)
    head(client)
    assert pace_of(client).slowed == [None]


@pytest.mark.parametrize("told", [one for one in PASSING if isinstance(one, bytes)])
def test_nobody_slows_down_for_a_trouble_of_another_kind(server: ScriptedStore, told: bytes) -> None:
    client = client_of(server.endpoint, "media")
    server.answer_in_turn(told, ABSENT)
    head(client)
    assert pace_of(client).slowed == []


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("99999999", LONGEST_WAIT_SECONDS),
        ("9" * 500, LONGEST_WAIT_SECONDS),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue Nov 14 22:13:50 2023", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("9" * 5000, LONGEST_WAIT_SECONDS),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("²", None),
    ],
)
def test_a_store_may_say_when_to_come_back(written: str, seconds: float | None) -> None:
    setback = setback_of(Answer(503, {"retry-after": written}, b""), NOW)
    assert setback.kind is Kind.THROTTLED
    assert setback.wait_seconds == seconds


def test_the_wait_between_two_tries_doubles_up_to_a_bound_and_is_in_part_random(server: ScriptedStore) -> None:
    slept: list[float] = []
    patience = Patience(attempts=8, longest_wait_seconds=3.0, sleep=slept.append, part=lambda: 0.5)
    server.answer_in_turn(answer(500))
    with pytest.raises(StoreUnavailable):
        head(client_of(server.endpoint, "media", patience=patience))
    assert slept == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 1.5])


def test_a_store_that_is_away_is_unavailable() -> None:
    with pytest.raises(StoreUnavailable, match="it takes no connection"):
        head(client_of(f"http://127.0.0.1:{free_port()}", "media"))


@pytest.mark.parametrize(
    ("told", "advice"),
    [
        (
            error(403, "InvalidAccessKeyId", "no such key"),
            r"403 InvalidAccessKeyId \(no such key\); check `access_key`",
        ),
        (error(403, "RequestTimeTooSkewed"), "set the clock of this machine"),
        (error(404, "NoSuchBucket"), "check `bucket`"),
        (error(400, "AccessControlListNotSupported"), "write `acl: none`"),
        (answer(301, x_amz_bucket_region="eu-west-3"), "the bucket lies in the region eu-west-3"),
        (
            answer(307, location="https://elsewhere.example"),
            "check `endpoint`, it leads on to https://elsewhere.example",
        ),
    ],
)
def test_a_refusal_tells_what_to_do(server: ScriptedStore, told: bytes, advice: str) -> None:
    server.answer_in_turn(told)
    with pytest.raises(StoreRefused, match=advice):
        head(client_of(server.endpoint, "media"))


@pytest.mark.parametrize(
    "told",
    [
        error(403, "InvalidAccessKeyId"),
        error(403, "SignatureDoesNotMatch"),
        error(404, "NoSuchBucket"),
        error(400, "ExpiredToken"),
        error(403, "AccountProblem"),
        error(403, "QuotaExceeded"),
        error(403, "RequestTimeTooSkewed"),
    ],
)
def test_what_no_object_has_anything_to_do_with_is_told_apart(server: ScriptedStore, told: bytes) -> None:
    server.answer_in_turn(told)
    with pytest.raises(StoreShut):
        head(client_of(server.endpoint, "media", patience=no_waiting(attempts=2)))


@pytest.mark.parametrize("told", [error(403, "AccessDenied"), error(403, "InvalidObjectState"), error(503, "SlowDown")])
def test_what_may_be_due_to_one_object_says_nothing_of_the_others(server: ScriptedStore, told: bytes) -> None:
    server.answer_in_turn(told)
    with pytest.raises((StoreRefused, StoreUnavailable)) as caught:
        head(client_of(server.endpoint, "media", patience=no_waiting(attempts=2)))
    assert not isinstance(caught.value, StoreShut)


HOSTILE = [
    b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbb"><!ENTITY c "&b;&b;&b;">]><Error><Code>&c;</Code></Error>',
    b"<Error><Code>" + b"x" * 100_000 + b"\x1b[31m</Code></Error>",
    b"<Error><Message>\xc2\x9b31m line\r\nbreak</Message></Error>",
    b"\xff\xfe\x00" * 1000,
    b"<Error>" * 50_000,
]


@pytest.mark.parametrize("body", HOSTILE)
def test_what_a_store_says_makes_no_message_that_is_long_or_does_harm(body: bytes) -> None:
    text = setback_of(Answer(403, {}, body), NOW).text
    assert len(text) < 600
    assert text.isprintable()


def test_an_answer_of_tags_alone_is_not_built_up_to_many_times_its_size() -> None:
    tracemalloc.start()
    try:
        for body in (b"<Error>" + b"<a/>" * 4_000_000 + b"</Error>", b"<a>" * 5_000_000, b"<a " + b'b="" ' * 3_000_000):
            assert parsed(body) is None
        assert tracemalloc.get_traced_memory()[1] < 64 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_keys_that_cannot_be_renewed_now_are_asked_for_again(server: ScriptedStore) -> None:
    troubles = [StoreUnavailable("the access keys could not be renewed"), StoreUnavailable("nor now")]

    def keys() -> AccessKeys:
        if troubles:
            raise troubles.pop()
        return AccessKeys("key", "secret")

    address = client_of(server.endpoint, "media").address
    server.answer_in_turn(ABSENT)
    assert head(S3Client(address, Signer(keys, "us-east-1"), NotedPace(), no_waiting())) is None


def test_messages_hold_no_secret(server: ScriptedStore) -> None:
    client = client_of(server.endpoint, "media")
    for told in [*FINAL, error(403, "SignatureDoesNotMatch"), answer(503)]:
        server.answer_in_turn(told)
        with pytest.raises(MediaStoreError) as raised:
            head(client)
        assert "secret" not in str(raised.value).replace("secret_key", "")


def test_a_body_is_signed_over_http_and_left_to_tls_over_https() -> None:
    request = S3Request("PUT", "a.jpg", body=b"bytes")
    plain = client_of("http://s3.example.org", "media")._outgoing(request)
    encrypted = client_of("https://s3.example.org", "media")._outgoing(request)
    digest = b"277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"
    assert b"x-amz-content-sha256: " + digest in plain.headers
    assert b"x-amz-content-sha256: UNSIGNED-PAYLOAD" in encrypted.headers


def test_without_a_signer_a_request_is_anybodys(server: ScriptedStore) -> None:
    client = S3Client(client_of(server.endpoint, "media").address, None, NotedPace(), no_waiting())
    client.ask(S3Request("GET", "a.jpg"), lambda told: told)
    assert "authorization" not in server.asked[0].headers


def test_what_takes_long_has_a_longer_time(server: ScriptedStore) -> None:
    patience = no_waiting(attempts=1)
    client = client_of(server.endpoint, "media", patience=replace(patience, timeouts_of_long_work=patience.timeouts))
    server.answer_in_turn(Pause(b""))
    with pytest.raises(StoreUnavailable, match="nothing moved any more"):
        client.ask(S3Request("POST", "a.jpg", is_long_work=True), lambda _: Setback("never"))

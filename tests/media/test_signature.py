"""botocore's own signer says what a signature must be."""

import datetime as dt
import hashlib
from collections.abc import Mapping

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.media_model import S3Settings
from exporter.media.s3_address import address_of, query_of
from exporter.media.signature import EMPTY_PAYLOAD_SHA256, UNSIGNED_PAYLOAD, AccessKeys, Signer, Unsigned

KEYS = AccessKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
LENT = AccessKeys("ASIAEXAMPLE", "secret", "token/with+signs==")
ADDRESS = address_of(S3Settings(bucket="media", endpoint="https://s3.example.org:8443/base", region="eu-west-3"))

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
names = st.sampled_from(["cache-control", "content-type", "content-disposition", "x-amz-acl", "x-amz-meta-name"])
values = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=30)


class Oracle(S3SigV4Auth):
    """botocore's signer, told what the body's digest is."""

    payload_hash = ""

    def payload(self, request: AWSRequest) -> str:
        return self.payload_hash


def signed_by_botocore(request: Unsigned, keys: AccessKeys) -> tuple[Mapping[str, str], float]:
    """Return the headers as botocore signs them, and the moment at which it did."""
    url = f"{ADDRESS.origin}{request.path}" + (f"?{request.query}" if request.query else "")
    known = AWSRequest(request.method, url, headers=dict(request.headers))
    oracle = Oracle(Credentials(keys.access, keys.secret, keys.session_token), "s3", ADDRESS.region)
    oracle.payload_hash = request.payload_hash
    oracle.add_auth(known)
    moment = dt.datetime.strptime(known.headers["X-Amz-Date"], "%Y%m%dT%H%M%S%z")
    return dict(known.headers), moment.timestamp()


def assert_equal(request: Unsigned, keys: AccessKeys) -> None:
    known, moment = signed_by_botocore(request, keys)
    ours = Signer(lambda: keys, ADDRESS.region, lambda: moment).sign(request)
    assert ours["authorization"] == known["Authorization"]
    assert ours["x-amz-date"] == known["X-Amz-Date"]
    assert ours.get("x-amz-security-token") == known.get("X-Amz-Security-Token")


def unsigned(method: str, key: str, query: str = "", payload: str = EMPTY_PAYLOAD_SHA256, **headers: str) -> Unsigned:
    return Unsigned(method, ADDRESS.path(key), query, {"host": ADDRESS.host, **headers}, payload)


@given(key=texts)
def test_any_key_is_signed_as_botocore_signs_it(key: str) -> None:
    assert_equal(unsigned("GET", key), KEYS)


@given(headers=st.dictionaries(names, values.filter(lambda value: value.strip() != "")))
def test_any_header_is_signed_as_botocore_signs_it(headers: dict[str, str]) -> None:
    assert_equal(unsigned("PUT", "a/b.jpg", payload=UNSIGNED_PAYLOAD, **headers), KEYS)


@given(pairs=st.lists(st.tuples(texts, st.text(st.characters(exclude_categories=["Cs"]), max_size=20)), max_size=5))
def test_any_query_is_signed_as_botocore_signs_it(pairs: list[tuple[str, str]]) -> None:
    assert_equal(unsigned("GET", "", query_of(pairs)), KEYS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "DELETE"])
def test_keys_that_are_lent_are_signed_with_their_token(method: str) -> None:
    assert_equal(unsigned(method, "a b+c%41/ü#?.jpg"), LENT)


def test_a_body_is_signed_by_its_digest() -> None:
    assert_equal(unsigned("PUT", "a.jpg", payload=hashlib.sha256(b"bytes").hexdigest()), KEYS)


def test_the_next_day_has_a_key_of_its_own() -> None:
    moment = 1_000_000_000.0
    signer = Signer(lambda: KEYS, ADDRESS.region, lambda: moment)
    before = signer.sign(unsigned("GET", "a"))
    moment += 86_400
    after = signer.sign(unsigned("GET", "a"))
    assert before["authorization"] != after["authorization"]
    assert after == Signer(lambda: KEYS, ADDRESS.region, lambda: moment).sign(unsigned("GET", "a"))


def test_keys_that_are_renewed_in_the_middle_of_a_run_are_used_from_then_on() -> None:
    keys = [KEYS, LENT]
    signer = Signer(lambda: keys.pop(0), ADDRESS.region, lambda: 1_000_000_000.0)
    assert KEYS.access in signer.sign(unsigned("GET", "a"))["authorization"]
    renewed = signer.sign(unsigned("GET", "a"))
    assert renewed == Signer(lambda: LENT, ADDRESS.region, lambda: 1_000_000_000.0).sign(unsigned("GET", "a"))


def test_no_secret_is_shown() -> None:
    assert KEYS.secret not in repr(KEYS)
    assert str(LENT.session_token) not in repr(LENT)

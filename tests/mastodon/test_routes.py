"""The rules that tell callbacks and deliveries from other requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.mastodon.routes import MAINTENANCE_ACCOUNT_ID, callback_account, is_inbox_delivery, path


@pytest.mark.parametrize("method", [b"GET", b"POST"])
@pytest.mark.parametrize(
    ("target", "account"),
    [
        (b"/api/subscriptions/107", b"107"),
        (b"/api/subscriptions/107?hub.mode=subscribe&hub.topic=https://a.example/", b"107"),
        (b"/api/subscriptions/107/", b"107"),
        (b"/api/subscriptions/107/?x", b"107"),
        (b"//api///subscriptions//107//", b"107"),
        (b"http://qdon.example/api/subscriptions/107", b"107"),
        (b"HTTPS://qdon.example:443//api/subscriptions/107?x", b"107"),
        (b"/api/subscriptions/007", b"007"),
        (b"/api/subscriptions/" + b"9" * 5000, b"9" * 5000),
        (b"/api/subscriptions/9223372036854775806", b"9223372036854775806"),
        (b"/api/subscriptions/9223372036854775808", b"9223372036854775808"),
    ],
)
def test_a_callback_tells_its_account(method: bytes, target: bytes, account: bytes) -> None:
    assert callback_account(method, target) == account


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"HEAD", b"/api/subscriptions/107"),
        (b"post", b"/api/subscriptions/107"),
        (b"POST", b"/api/subscriptions/"),
        (b"POST", b"/api/subscriptions"),
        (b"POST", b"/api/subscriptions/107a"),
        (b"POST", b"/api/subscriptions/107/feed"),
        (b"POST", b"/api/subscriptions/\xd9\xa1"),
        (b"POST", b"/api/subscriptions/107\n"),
        (b"POST", b"/x/api/subscriptions/107"),
        (b"POST", b"/?/api/subscriptions/107"),
        (b"POST", b"api/subscriptions/107"),
        (b"POST", b"http:///"),
        (b"POST", b"*"),
        (b"POST", b""),
    ],
)
def test_other_requests_are_no_callbacks(method: bytes, target: bytes) -> None:
    assert callback_account(method, target) is None


@pytest.mark.parametrize("zeros", [b"", b"0", b"000"])
def test_the_request_of_a_maintenance_check_is_no_callback(zeros: bytes) -> None:
    assert MAINTENANCE_ACCOUNT_ID == 9223372036854775807
    assert callback_account(b"POST", b"/api/subscriptions/%s%d" % (zeros, MAINTENANCE_ACCOUNT_ID)) is None


@pytest.mark.parametrize(
    "target",
    [
        b"/inbox",
        b"/inbox/",
        b"//inbox?x=1",
        b"https://qdon.example/inbox",
        b"/users/alice/inbox",
        b"/users/\\xE3\\x81\\x82/inbox",
        b"/users//alice/inbox/",
        b"/users/inbox/inbox",
        b"/actor/inbox",
        b"/ap/users/115/inbox",
    ],
)
def test_a_post_to_an_inbox_is_a_delivery(target: bytes) -> None:
    assert is_inbox_delivery(b"POST", target)
    assert not is_inbox_delivery(b"GET", target)


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"/inbox2",
        b"/inbox.php",
        b"/f/inbox",
        b"/users/inbox",
        b"/users//inbox",
        b"/users/a/b/inbox",
        b"/users/alice/outbox",
        b"/users/a?/inbox",
        b"/ap/users/alice/inbox",
        b"/actor/",
        b"inbox",
        b"/Inbox",
    ],
)
def test_a_post_elsewhere_is_no_delivery(target: bytes) -> None:
    assert not is_inbox_delivery(b"POST", target)


@given(st.binary())
def test_a_path_has_no_query_no_doubled_slash_and_no_trailing_one(target: bytes) -> None:
    found = path(target)
    assert b"?" not in found
    assert b"//" not in found
    assert not found.endswith(b"/")

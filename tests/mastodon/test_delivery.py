"""What a sender makes of each answer."""

from collections.abc import Mapping

import pytest

from exporter.mastodon.delivery import Delivery, DeliveryAnswer, Verdict, is_from_mastodon, judge

CALLBACK = Delivery("POST", to_inbox=False)
VERIFICATION = Delivery("GET", to_inbox=False)
INBOX = Delivery("POST", to_inbox=True)
ALL = (CALLBACK, VERIFICATION, INBOX)
RAILS = {"x-request-id": "0b2a4a4e-6c1c-4f0e-9d2b-111111111111", "x-runtime": "0.01"}


def verdict(
    delivery: Delivery, status: int, headers: Mapping[str, str] | None = None, takes_subscriptions: bool | None = True
) -> Verdict:
    return judge(delivery, DeliveryAnswer(status, headers or {}), takes_subscriptions).verdict


@pytest.mark.parametrize("delivery", ALL)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 599])
def test_what_is_tried_again_does_no_harm(delivery: Delivery, status: int) -> None:
    assert verdict(delivery, status) is Verdict.SAFE


@pytest.mark.parametrize("delivery", ALL)
@pytest.mark.parametrize(
    "status", [200, 202, 204, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 410, 499]
)
def test_what_nginx_answers_by_itself_and_is_not_tried_again_does_harm(delivery: Delivery, status: int) -> None:
    assert verdict(delivery, status, {"server": "nginx"}) is Verdict.HARM


@pytest.mark.parametrize("delivery", ALL)
@pytest.mark.parametrize("status", [200, 201, 202, 400, 401, 403, 404, 410])
def test_what_mastodon_itself_answers_does_no_harm(delivery: Delivery, status: int) -> None:
    assert verdict(delivery, status, RAILS) is Verdict.SAFE


@pytest.mark.parametrize("delivery", ALL)
def test_a_redirect_does_harm_whoever_wrote_it(delivery: Delivery) -> None:
    assert verdict(delivery, 301, RAILS) is Verdict.HARM


def test_501_loses_a_message_but_not_a_subscription() -> None:
    assert verdict(INBOX, 501) is Verdict.HARM
    assert verdict(CALLBACK, 501) is Verdict.SAFE


def test_503_without_retry_after_is_safe_with_a_remark() -> None:
    without, told = (judge(INBOX, DeliveryAnswer(503, headers), True) for headers in ({}, {"retry-after": "300"}))
    assert "Retry-After" in without.detail
    assert "Retry-After" not in told.detail


@pytest.mark.parametrize("status", [200, 301, 404, 405])
def test_a_server_without_subscriptions_loses_none_but_still_loses_messages(status: int) -> None:
    assert verdict(CALLBACK, status, takes_subscriptions=False) is Verdict.SAFE
    assert verdict(VERIFICATION, status, takes_subscriptions=False) is Verdict.SAFE
    assert verdict(INBOX, status, takes_subscriptions=False) is Verdict.HARM


def test_where_the_version_is_not_known_callbacks_count_and_the_doubt_is_told() -> None:
    judgement = judge(CALLBACK, DeliveryAnswer(404, {}), None)
    assert judgement.verdict is Verdict.HARM
    assert "3.0" in judgement.detail
    assert "3.0" not in judge(CALLBACK, DeliveryAnswer(404, {}), True).detail
    assert "3.0" not in judge(INBOX, DeliveryAnswer(404, {}), None).detail


@pytest.mark.parametrize("status", [200, 301, 404])
def test_inboxes_are_not_asked_over_http_beside_https_and_callbacks_may_be(status: int) -> None:
    assert verdict(Delivery("POST", to_inbox=True, beside_https=True), status) is Verdict.SAFE
    assert verdict(Delivery("POST", to_inbox=False, beside_https=True), status) is Verdict.HARM


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-runtime": "0.002"}, True),
        ({"x-request-id": RAILS["x-request-id"]}, True),
        ({"server": "Mastodon"}, True),
        ({"x-runtime": "0.002", "x-request-id": "0123456789abcdef0123456789abcdef"}, True),
        ({"x-request-id": "0123456789abcdef0123456789abcdef"}, False),
        ({"x-request-id": ""}, False),
        ({"server": "nginx"}, False),
        ({"server": "cloudflare"}, False),
        ({}, False),
    ],
)
def test_who_wrote_an_answer_is_seen_by_its_headers(headers: dict[str, str], expected: bool) -> None:
    assert is_from_mastodon(headers) is expected

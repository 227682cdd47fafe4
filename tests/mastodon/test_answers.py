import pytest

from exporter.mastodon.answers import came_through, is_broken_callback, is_failed_delivery


@pytest.mark.parametrize("code", [300, 301, 308, 399, 400, 401, 404, 410, 428, 430, 499])
def test_a_redirect_or_a_refusal_breaks_a_subscription(code: int) -> None:
    assert is_broken_callback(code)


@pytest.mark.parametrize("code", [0, 9, 100, 200, 202, 299, 429, 500, 503, 599])
def test_success_too_many_requests_and_a_server_that_fails_do_not_break_it(code: int) -> None:
    assert not is_broken_callback(code)


@pytest.mark.parametrize("code", [0, 9, 100, 199, 300, 301, 400, 401, 402, 405, 413, 422, 429, 499, 500, 502, 503])
def test_a_delivery_has_failed_unless_the_inbox_meant_its_answer(code: int) -> None:
    assert is_failed_delivery(code)


@pytest.mark.parametrize("code", [200, 202, 299, 403, 404, 410])
def test_a_delivery_taken_or_refused_on_purpose_has_not_failed(code: int) -> None:
    assert not is_failed_delivery(code)


@pytest.mark.parametrize(("code", "expected"), [(199, False), (200, True), (299, True), (300, False), (0, False)])
def test_only_2xx_came_through(code: int, expected: bool) -> None:
    assert came_through(code) is expected

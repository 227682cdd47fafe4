import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import InvalidValue
from exporter.third_party_url import redirected_url, third_party_url


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://hub.example/api/push", "https://hub.example/api/push"),
        ("HTTPS://Hub.Example/API", "https://hub.example/API"),
        ("http://hub.example", "http://hub.example/"),
        ("http://hub.example:8080/?a=b%20c#top", "http://hub.example:8080/?a=b%20c"),
        (
            "https://독도.example/허브?이름=값",
            "https://xn--hq1bb.example/%ED%97%88%EB%B8%8C?%EC%9D%B4%EB%A6%84=%EA%B0%92",
        ),
        ("http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/"),
    ],
)
def test_a_url_is_asked_in_ascii(text: str, sent: str) -> None:
    assert third_party_url(text) == sent


@given(st.text(max_size=60))
def test_any_text_is_a_url_in_ascii_or_invalid(text: str) -> None:
    for candidate in (text, f"http://{text}", f"https://hub.example/{text}"):
        try:
            sent = third_party_url(candidate)
        except InvalidValue:
            continue
        assert sent.isascii()
        assert sent.isprintable()
        assert sent.startswith(("http://", "https://"))
        assert "@" not in sent.split("/")[2]


@given(st.text(max_size=60))
def test_any_location_is_a_url_or_invalid(location: str) -> None:
    try:
        target = redirected_url("https://hub.example/api/push", location)
    except InvalidValue:
        return
    assert target.startswith(("http://", "https://"))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/other", "https://hub.example/other"),
        ("//other.example/hub", "https://other.example/hub"),
        ("?again", "https://hub.example/api/push?again"),
    ],
)
def test_a_location_may_be_relative(location: str, target: str) -> None:
    assert redirected_url("https://hub.example/api/push", location) == target

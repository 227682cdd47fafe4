import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probes.result import Failure
from exporter.probes.urls import canonical, follow, make_unique, shown, without_nonce


@pytest.mark.parametrize(
    "url", ["https://a.example/", "https://a.example/x?a=1&b=2", "https://a.example/?resource=acct%3Aa%40b"]
)
def test_a_unique_url_differs_by_one_parameter_that_can_be_taken_off_again(url: str) -> None:
    unique = make_unique(url, "abc")
    assert unique.startswith(url)
    assert unique.endswith("mastodon_exporter=abc")
    assert without_nonce(unique) == url


def test_a_url_is_made_unique_once() -> None:
    unique = make_unique("https://a.example/", "abc")
    assert make_unique(unique, "def") == unique


@pytest.mark.parametrize("query", ["X-Amz-Signature=ab", "x=1&Signature=ab", "sv=1&sig=ab"])
def test_a_signed_url_stays_as_it_is_because_its_signature_covers_the_query(query: str) -> None:
    assert make_unique(f"https://a.example/x?{query}", "abc") == f"https://a.example/x?{query}"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "https://a.example/b"),
        ("//b.example/c", "https://b.example/c"),
        ("https://B.Example./c#part", "https://b.example/c"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://user:secret@b.example/", "https://b.example/"),
        ("?x=1", "https://a.example/start?x=1"),
        ("/with space", "https://a.example/with%20space"),
        ("/grün?x=ü", "https://a.example/gr%C3%BCn?x=%C3%BC"),
        ("/%41?a=%zz&b=c%20d", "https://a.example/%41?a=%zz&b=c%20d"),
        ("https://b.example:8443", "https://b.example:8443/"),
        ("http://[2001:db8::1]:80/x", "http://[2001:db8::1]:80/x"),
    ],
)
def test_a_location_is_resolved_against_where_it_was_found(location: str, target: str) -> None:
    assert follow("https://a.example/start", location) == target


@pytest.mark.parametrize(
    "location",
    [
        "",
        "mailto:a@b.example",
        "http://a b/",
        "http://%31/",
        "http://[::1",
        "http://a.example:0/",
        "http://a.example:x/",
    ],
)
def test_a_location_that_leads_nowhere_is_a_failure(location: str) -> None:
    assert isinstance(follow("https://a.example/start", location), Failure)


def test_an_enormous_location_is_not_followed() -> None:
    assert isinstance(
        follow("https://a.example/", "https://" + "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 100_000), Failure
    )


@given(st.text())
def test_any_location_is_either_a_failure_or_an_address_in_plain_ascii(location: str) -> None:
    target = follow("https://a.example/start", location)
    assert isinstance(target, Failure) or (target.isascii() and target.isprintable() and " " not in target)


def test_what_grants_access_is_masked() -> None:
    masked = shown("https://a.example/x?X-Amz-Signature=abc&X-Amz-Credential=def&part=1")
    assert "abc" not in masked
    assert "def" not in masked
    assert "part=1" in masked
    assert shown("https://a.example/x?resource=acct%3Aa") == "https://a.example/x?resource=acct%3Aa"


def test_only_http_and_https_are_asked() -> None:
    assert canonical("file:///etc/passwd") is None
    assert canonical("http://a.example:99999/") is None
    assert canonical("https://a.example") == "https://a.example/"

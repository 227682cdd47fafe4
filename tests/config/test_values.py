import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Keyword, Subscriptions, server_url
from exporter.config.hosts import domain, host_name, ip_address, listen_address, page_url, streaming_url
from exporter.config.values import (
    account_name,
    choice,
    duration_seconds,
    instance_name,
    keyword_expression,
    label_value,
    nearest,
    substitute,
    timeout_seconds,
    unknown,
    web_path,
    whole_number,
)
from exporter.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("8s", 8.0), ("500ms", 0.5), ("1m", 60.0), ("1m30s", 90.0), ("1.5s", 1.5), ("2h", 7200.0), ("1m500ms", 60.5)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "8", "8 s", "-8s", "8S", "1e3s", ".5s", "8s ", "8sec", "\u0668s", "nans", "infs"]
)
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidValue):
        duration_seconds(text)


@pytest.mark.parametrize(
    ("text", "good"), [("120s", True), ("2m", True), ("1ms", True), ("120.001s", False), ("0ms", False)]
)
def test_a_timeout_is_above_nothing_and_at_most_two_minutes(text: str, good: bool) -> None:
    if good:
        assert 0 < timeout_seconds(text) <= 120
        return
    with pytest.raises(InvalidValue, match="at most 120s"):
        timeout_seconds(text)


def test_a_number_too_large_for_a_float_is_only_too_long_a_timeout() -> None:
    with pytest.raises(InvalidValue, match="at most 120s"):
        timeout_seconds("9" * 400 + "s")


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("QDON.Example", "qdon.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("큐돈.example", "xn--lq1b145c.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("mastodon_web", "mastodon_web"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("\uff11\uff19\uff12.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        (f"{'a' * 63}.example", f"{'a' * 63}.example"),
    ],
)
def test_a_host_is_returned_as_it_is_sent(text: str, host: str) -> None:
    assert host_name(text) == host


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "a..b", ".a", "a.", "-a", "a-", "a/b", "a@b", "a%b", "127.1", "2130706433", "0x7f000001", "a.0x1"),
        *("192.0.2.256", "fe80::1%eth0", ":::"),
        *("a b", "a\tb", f"{'a' * 64}.example", ".".join(["a" * 60] * 5), "ü" * 64, "a\u200db.example"),
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        host_name(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://qdon.example", "https://qdon.example"),
        ("HTTPS://QDON.example:443/", "https://qdon.example"),
        ("http://qdon.example:80", "http://qdon.example"),
        ("http://qdon.example:443", "http://qdon.example:443"),
        ("https://bücher.example:8443", "https://xn--bcher-kva.example:8443"),
        ("https://[2001:DB8::1]:3000", "https://[2001:db8::1]:3000"),
        ("http://127.0.0.1:65535", "http://127.0.0.1:65535"),
        ("https://qdon.example:00443", "https://qdon.example"),
    ],
)
def test_the_url_of_a_server_becomes_its_origin(text: str, url: str) -> None:
    assert server_url(text) == url
    assert server_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "https:",
            "https:/qdon.example",
            "https:///path",
            "//qdon.example",
            "javascript://x",
            "file:///etc/passwd",
        ),
        *("https://qdon.example?", "https://qdon.example#", "https://qdon.example//", "https://qdon.example:"),
        *("https://:80", "https://a@qdon.example", "https://@qdon.example", "https://qdon.example\\@evil.example"),
        *("https://[::1", "https://::1", "https://[::1]x", "https://[qdon.example]", "https://qdon.example:-1"),
        *("https://qdon.example:1_0", "\thttps://qdon.example", "https://qdon.example\n", "https://qdon\u2100.example"),
        *("https://qdon.example:\u0661", "https://qdon.example:999999"),
    ],
)
def test_what_is_no_url_of_a_server_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        server_url(text)


def test_other_urls_are_kept_as_written_but_for_an_international_host() -> None:
    assert page_url("HTTPS://Files.QDON.example:443/a?b=c") == "HTTPS://Files.QDON.example:443/a?b=c"
    assert page_url("https://bücher.example:443/ü?b=c#d") == "https://xn--bcher-kva.example:443/ü?b=c#d"
    assert [streaming_url(f"{scheme}://a.example") for scheme in ("wss", "ws", "https", "http")]


@given(st.text(min_size=1, max_size=20).filter(lambda text: not set(text) & set("/?#@\\")))
def test_a_password_in_a_url_is_in_no_message(password: str) -> None:
    secret = f"hunter2{password}"
    for parse in (server_url, page_url, streaming_url, domain, listen_address):
        with pytest.raises(InvalidValue) as caught:
            parse(f"https://admin:{secret}@qdon.example")
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("QDON.example", "qdon.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("localhost:3000", "localhost:3000"),
        ("[::1]:3000", "[::1]:3000"),
    ],
)
def test_a_domain_is_a_host_that_may_have_a_port(text: str, expected: str) -> None:
    assert domain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:10747", ("127.0.0.1", 10747)),
        ("[::1]:10747", ("::1", 10747)),
        (":10747", ("", 10747)),
        ("localhost:0", ("localhost", 0)),
        ("0.0.0.0:65535", ("0.0.0.0", 65535)),
    ],
)
def test_an_address_to_listen_on_is_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert listen_address(text) == expected


def test_an_address_is_returned_in_its_shortest_form() -> None:
    assert ip_address("2001:0DB8:0000::0001") == "2001:db8::1"
    with pytest.raises(InvalidValue, match="must be an IP address"):
        ip_address("localhost")


@pytest.mark.parametrize("text", ["qdon", "큐돈", "my server", "a.example:3000", "👩\u200d🔬", "a=b"])
def test_a_name_may_hold_nearly_everything(text: str) -> None:
    assert instance_name(text) == text


@pytest.mark.parametrize("text", ["", " ", "a ", "\ta", "a/b", "a\nb", "a\x7f", "a\u2028b", "a\u0085b"])
def test_a_name_that_would_break_a_label_or_a_target_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        instance_name(text)


def test_a_label_may_hold_what_a_target_may_not() -> None:
    assert label_value("/var/log/nginx/access.log") == "/var/log/nginx/access.log"
    for text in ("", " a", "a ", "a\nb", "a\x7fb", "a\u2028b"):
        with pytest.raises(InvalidValue):
            label_value(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("500", 500), ("0500", 500), ("100000", 100_000)])
def test_a_whole_number_lies_between_its_bounds(text: str, number: int) -> None:
    assert whole_number(1, 100_000, text) == number


@pytest.mark.parametrize("text", ["", "0", "100001", "-1", "+1", "1.0", "1e3", "1_000", "0x10", "\u0661", "9" * 5000])
def test_anything_else_is_no_whole_number(text: str) -> None:
    with pytest.raises(InvalidValue, match="must be a whole number from 1 to 100000"):
        whole_number(1, 100_000, text)


def test_a_choice_is_one_of_the_words_as_they_are_written() -> None:
    assert choice(Subscriptions, "off") is Subscriptions.OFF
    for text in ("Off", "false", "", "auto "):
        with pytest.raises(InvalidValue, match="must be `auto`, `on` or `off`"):
            choice(Subscriptions, text)


def test_an_account_is_a_local_name() -> None:
    assert [account_name(text) for text in ("qdon_support", "Bob", "a.b-c", "_")] == [
        "qdon_support",
        "Bob",
        "a.b-c",
        "_",
    ]


@pytest.mark.parametrize(("text", "hint"), [("@bob", "write `bob`"), ("@bob@a.example", "write `bob`"), ("@a b", "")])
def test_an_account_with_at_sign_gets_the_hint_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        account_name(text)
    assert caught.value.hint == hint


def test_a_path_stays_on_the_server() -> None:
    assert web_path("/about/more") == "/about/more"
    for text in ("", "about", "//evil.example", "/a b", "/a\r\nHost: x", "/a?b", "/a#b", "/ü"):
        with pytest.raises(InvalidValue):
            web_path(text)


def test_an_expression_that_cannot_be_compiled_gives_the_reason_and_writes_nothing_itself(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(InvalidValue, match=re.escape("RE2 says: missing ]: [a")):
        keyword_expression("[a")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("text", ["", "a*", ".*", "(a|)", "a?b*", "(?s).*", r"\b|"])
def test_an_expression_that_every_page_matches_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="every page"):
        keyword_expression(text)


@pytest.mark.parametrize("text", ["a+", "^$", r"^\s*$", "[^x]", r"(?i)OK\z"])
def test_an_expression_that_some_page_does_not_match_is_taken(text: str) -> None:
    assert str(keyword_expression(text)) == f"/{text}/"


def test_expressions_are_equal_when_their_texts_are_and_never_equal_plain_keywords() -> None:
    assert keyword_expression("a+") == keyword_expression("a+")
    assert keyword_expression("a+") != keyword_expression("a+b")
    assert keyword_expression("a") != Keyword("a")


def test_an_expression_has_a_longest_length() -> None:
    assert keyword_expression("a" * 1000).text == "a" * 1000
    with pytest.raises(InvalidValue, match="must not be longer than 1000 characters"):
        keyword_expression("a" * 1001)


def test_an_expression_takes_linear_time_and_any_text() -> None:
    assert not keyword_expression("(a+)+$").found_in("a" * 100_000 + "b")
    assert not keyword_expression("x").found_in("\ud800")


def test_a_variable_stands_anywhere_and_its_value_is_not_looked_into() -> None:
    assert substitute("${A}-${B}-${A}", {"A": "${B}", "B": "2"}) == "${B}-2-${B}"
    assert substitute("$A ${} ${1} ${A-b} $${A} $", {"A": "1"}) == "$A ${} ${1} ${A-b} $1 $"


def test_all_variables_that_are_not_set_are_named_once() -> None:
    with pytest.raises(InvalidValue, match=r"not set in the environment: `B`, `A`$"):
        substitute("${B}${A}${B}${C}", {"C": ""})


def test_a_near_miss_gets_a_guess_and_a_far_one_the_list() -> None:
    assert nearest("Keywrod", ("keyword", "path")) == "keyword"
    assert nearest("keyword" * 100, ("keyword",)) is None
    assert unknown("key", "keywrod", ("keyword", "path")) == "unknown key `keywrod`, did you mean `keyword`?"
    assert unknown("check", "smtp", ("web", "api")) == "unknown check `smtp`; known here: web, api"
    assert unknown("key", "a\nb" + "x" * 80, ("web",)).startswith("unknown key `a\\nb" + "x" * 56 + "…`")

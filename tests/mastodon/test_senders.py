"""Who sent a request, as the user agent tells it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.mastodon.senders import CALLBACK_AGENTS, callback_agent, sending_host


@pytest.mark.parametrize(
    ("agent", "host"),
    [
        ("http.rb/2.2.2 (Mastodon/1.5.0; +https://a.example/)", "a.example"),
        ("http.rb/5.1.1 (Mastodon/4.2.9+glitch; +https://a.example/)", "a.example"),
        ("http.rb/2.2.2 (Mastodon/1.4.7; +http://a.example/)", "a.example"),
        ("Mastodon/4.3.1 (http.rb/5.2.0; +https://a.example/)", "a.example"),
        ("Pleroma 2.6.0; https://a.example <admin@b.example>", "a.example"),
        ("Akkoma 3.10.4-0-gebfb617; https://a.example <admin@b.example>", "a.example"),
        ("Misskey/2024.11.0 (https://a.example)", "a.example"),
        ("Sharkey/2024.9.4 (https://a.example)", "a.example"),
        ("Lemmy/0.19.5; +https://a.example", "a.example"),
        ("gotosocial (+https://a.example) gotosocial/0.17.3", "a.example"),
        ("(Pixelfed/0.12.3; +https://a.example)", "a.example"),
        ("PeerTube/6.3.3 (+https://a.example)", "a.example"),
        ("python-httpx/0.27.0 (Takahe/0.11.0; +https://a.example/)", "a.example"),
        ("WordPress/6.6.2; https://a.example/blog; ActivityPub", "a.example"),
        ("Ghost/5.0 (Fedify/1.3.0; Node.js/v20.18.0; +https://a.example/)", "a.example"),
        ("Fedify/1.3.0 (Deno/2.0.6)", None),
        ("DiasporaFederation/0.2.8", None),
        ("Mastodon/PubSubHubbub", None),
        ("-", None),
        ("", None),
    ],
)
def test_the_host_is_found_in_every_known_form(agent: str, host: str | None) -> None:
    assert sending_host(agent) == host


@pytest.mark.parametrize(
    ("agent", "host"),
    [
        ("x (+https://first.example/) https://last.example/", "last.example"),
        ("HTTPS://A.Example:8443/path?query#fragment", "a.example"),
        ("https://user:pass@a.example/", "a.example"),
        ("https://a.example?x", "a.example"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://BÜCHER。example/", "xn--bcher-kva.example"),
        ("https://a.example.", "a.example"),
        ("https://under_score.example", "under_score.example"),
        ("https://single/", None),
        ("https://192.0.2.1/", None),
        ("https://[2001:db8::1]/", None),
        ("https://0x7f.1", None),
        ("https://127.0.0.0x1", None),
        ("https://a..example", None),
        ("https://-a.example", None),
        (f"https://{'a' * 64}.example", None),
        (f"https://{'a.' * 130}example", None),
        (f"https://{'ü' * 300}.example", None),
        ("https://\udcff.example", None),
        ("https://a.example/ https://", None),
        ("ftp://a.example/", None),
        ("https://a.example/" + " " * 2048, None),
    ],
)
def test_the_host_is_a_name_of_dns_or_there_is_none(agent: str, host: str | None) -> None:
    assert sending_host(agent) == host


@given(st.text(st.characters(), max_size=60), st.text(max_size=20))
def test_no_text_raises_and_every_host_is_a_plain_name(before: str, host: str) -> None:
    found = sending_host(f"{before}https://{host}")
    assert found is None or (found.isascii() and found == found.lower() and "." in found and len(found) <= 253)


@given(st.text(max_size=20))
def test_only_the_end_of_a_long_agent_is_looked_at(agent: str) -> None:
    assert sending_host("https://a.example/" * 1000 + agent.rjust(2048)) == sending_host(agent)


@pytest.mark.parametrize(
    ("agent", "kind"),
    [
        ("Mastodon/PubSubHubbub", "mastodon"),
        ("http.rb/2.2.2 (Mastodon/1.5.0; +https://a.example/)", "mastodon"),
        ("Mastodon/4.3.1 (http.rb/5.2.0; +https://a.example/)", "mastodon"),
        ("GNU social/1.2.0-beta4 (Not decided yet)", "gnusocial"),
        ("GNUsocial/2.0", "gnusocial"),
        ("curl/8.0 https://Mastodon/", "other"),
        ("NotMastodon/1.0", "other"),
        ("-", "other"),
        ("", "other"),
    ],
)
def test_an_agent_is_of_one_of_three_kinds(agent: str, kind: str) -> None:
    assert callback_agent(agent) == kind
    assert kind in CALLBACK_AGENTS

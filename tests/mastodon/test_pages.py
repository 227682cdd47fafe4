import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.mastodon.pages import is_main_page, names_account

STATE = '<script id="initial-state" type="application/json">{{"meta": {{"domain": "{}"}}}}</script>'
OLD = "<meta content='Mastodon hosted on {}' property='og:site_name'><link href='/packs/css/common.css'>"


@pytest.mark.parametrize(
    "page",
    [
        STATE,
        STATE.replace('"initial-state"', "initial-state"),
        STATE.replace('"initial', "'initial").replace('state"', "state'"),
        OLD,
    ],
)
@pytest.mark.parametrize("domain", ["qdon.example", "QDON.example"])
def test_a_main_page_is_known_by_its_state_or_its_site_name_beside_mastodons_assets(page: str, domain: str) -> None:
    assert is_main_page(page.format("qdon.example"), domain)


@pytest.mark.parametrize(
    "page",
    [
        STATE.format("other.example"),
        OLD.format("other.example"),
        OLD.format("qdon.example").replace("/packs/", "/assets/"),
        "qdon.example /packs/",
        STATE.format("other.example") + OLD.format("qdon.example"),
    ],
)
def test_another_servers_page_is_not_this_servers(page: str) -> None:
    assert not is_main_page(page, "qdon.example")


@pytest.mark.parametrize("named", ["localhost:3000", "localhost"])
def test_a_port_may_be_named_or_left_out(named: str) -> None:
    assert is_main_page(STATE.format(named), "localhost:3000")


def test_escaped_json_is_read_as_browsers_read_it() -> None:
    assert is_main_page(STATE.format("qdon\\u002eexample"), "qdon.example")


@given(st.text())
def test_no_page_makes_the_reader_raise(page: str) -> None:
    assert not is_main_page(page, "qdon.example")
    assert not names_account(page, "admin", "qdon.example")


def test_an_account_is_named_in_any_case_and_in_either_spelling_of_its_domain() -> None:
    assert names_account("<title>Admin (@Admin@QDON.example)</title>", "admin", "qdon.example")
    assert names_account("admin@bücher.example", "admin", "xn--bcher-kva.example")
    assert not names_account("/@admin", "admin", "qdon.example")

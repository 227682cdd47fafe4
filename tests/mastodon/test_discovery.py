import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.mastodon.discovery import (
    NotXml,
    WebfingerAnswer,
    fill_template,
    is_activity_type,
    is_actor,
    is_http_url,
    nodeinfo_url,
    read_webfinger,
    webfinger_template,
)

TEMPLATE = "https://web.example/.well-known/webfinger?resource={uri}"
XRD = '<?xml version="1.0"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">{}</XRD>'


def test_the_template_of_the_lrdd_link_is_found() -> None:
    links = (
        '<Link rel="other" template="https://x.example/{uri}"/>'
        f'<Link rel="lrdd" type="application/xrd+xml" template="{TEMPLATE}"/>'
    )
    assert webfinger_template(XRD.format(links).encode()) == TEMPLATE


@pytest.mark.parametrize(
    "link",
    [
        "",
        '<Link rel="lrdd"/>',
        '<Link rel="lrdd" template="https://x.example/"/>',
        '<Link rel="lrdd" template="file:///{uri}"/>',
        '<Link rel="lrdd" template="/relative?{uri}"/>',
    ],
)
def test_a_document_without_a_usable_template_has_none(link: str) -> None:
    assert webfinger_template(XRD.format(link).encode()) is None


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaa">'
    + "".join(f'<!ENTITY a{n} "&a{n - 1};&a{n - 1};">' for n in range(1, 30))
    + "]><XRD>&a29;</XRD>"
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "<XRD>",
        BOMB,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><XRD/>',
        '<?xml version="1.0" encoding="zebra"?><XRD/>',
    ],
)
def test_what_is_not_plain_xml_is_told_as_such(text: str) -> None:
    assert isinstance(webfinger_template(text.encode()), NotXml)


@given(st.binary())
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    assert isinstance(webfinger_template(data), NotXml)


def test_the_resource_is_encoded_into_the_template() -> None:
    assert (
        fill_template(TEMPLATE, "acct:a@b.example:3000")
        == "https://web.example/.well-known/webfinger?resource=acct%3Aa%40b.example%3A3000"
    )


@pytest.mark.parametrize(
    "media_type", ["application/activity+json", 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"']
)
def test_the_self_link_is_found_among_others(media_type: str) -> None:
    links = [
        {"rel": "self", "type": "text/html", "href": "https://a.example/"},
        {"rel": "self", "type": media_type, "href": "https://a.example/ap/users/1"},
    ]
    answer = read_webfinger(json.dumps({"subject": "acct:a@b.example", "links": links}))
    assert answer == WebfingerAnswer("acct:a@b.example", "https://a.example/ap/users/1")


@pytest.mark.parametrize("text", ["", "[]", "7"])
def test_a_webfinger_answer_is_an_object(text: str) -> None:
    assert read_webfinger(text) is None


@pytest.mark.parametrize(("text", "told"), [('{"id":"x","type":"Person"}', True), ('{"id":"x"}', False), ("[]", False)])
def test_an_actor_has_an_id_and_a_type(text: str, told: bool) -> None:
    assert is_actor(text) is told


def test_the_newest_schema_nodeinfo_offers_is_found_whatever_stands_beside_it() -> None:
    links = ["x", {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "https://a.example/nodeinfo/2.0"}]
    assert nodeinfo_url(json.dumps({"links": links})) == "https://a.example/nodeinfo/2.0"
    assert nodeinfo_url("{}") is None


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "https://", "https://[", "a.example", "https://a.example:0/", "https://a.example:99999/"]
)
def test_what_is_no_web_address_is_told_as_such(url: str) -> None:
    assert not is_http_url(url)


def test_parameters_of_a_media_type_do_not_matter() -> None:
    assert is_activity_type("Application/Activity+JSON; charset=utf-8")
    assert not is_activity_type(None)

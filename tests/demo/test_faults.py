import time
from collections import Counter
from itertools import permutations, product

import pytest

from exporter.config.model import CHECK_NAMES
from exporter.demo import SampleServer
from exporter.demo.answers import Answer, Request
from exporter.demo.effects import Exchange, Part, apply
from exporter.demo.faults import EVERY_CHECK, FAULTS, Fault, find_fault
from exporter.demo.hosts import HEALTHY
from exporter.demo.site import Site
from exporter.errors import UnknownFault
from exporter.probes.result import Reason
from tests.demo.checks import CHECKS, Announced, failing
from tests.demo.client import BODY_CAP_BYTES, REDIRECTS, Client

PATIENCE_SECONDS = 20.0
BREAKING_ONE = [fault for fault in FAULTS if fault.breaks in CHECK_NAMES]
BREAKING_ALL = [fault for fault in FAULTS if fault.breaks == EVERY_CHECK]
BREAKING_NONE = [fault for fault in FAULTS if fault.breaks is None]
WEBFINGER = "/.well-known/webfinger?resource=acct:admin@main.example"
PATHS = ("/", "/about", "/@admin", "/users/admin", "/api/v1/instance", "/health", "/.well-known/host-meta", WEBFINGER)
ACCEPTED = ("*/*", "application/json", "application/xrd+xml")
WAITING = {fault.name for fault in FAULTS if fault.reason == "timeout"} | {"slow"}


def each(faults: list[Fault]) -> list[object]:
    slow = (pytest.mark.slow,)
    return [pytest.param(fault, id=fault.name, marks=slow if fault.name in WAITING else ()) for fault in faults]


def test_every_name_is_there_once() -> None:
    assert [name for name, count in Counter(fault.name for fault in FAULTS).items() if count > 1] == []


def test_there_are_at_least_26_faults_that_break_one_check() -> None:
    assert len(BREAKING_ONE) >= 26


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_every_check_is_broken_in_at_least_three_ways_for_three_reasons(check: str) -> None:
    reasons = {fault.reason for fault in FAULTS if fault.breaks == check}
    assert len(reasons) >= 3


def test_every_reason_is_one_that_checks_give() -> None:
    assert {fault.reason for fault in FAULTS if fault.breaks} <= {reason.value for reason in Reason}


def test_a_fault_without_a_broken_check_has_no_reason() -> None:
    assert [fault.name for fault in BREAKING_NONE if fault.reason is not None] == []


def test_every_check_is_named_as_the_configuration_names_it() -> None:
    assert {fault.breaks for fault in FAULTS} == {*CHECK_NAMES, EVERY_CHECK, None}


def test_a_healthy_server_fails_no_check(client: Client, healthy: SampleServer, announced: Announced) -> None:
    assert failing(client, announced) == {}


@pytest.mark.parametrize("fault", each(BREAKING_ONE))
def test_a_fault_breaks_its_check_for_its_reason_and_no_other(
    fault: Fault, client: Client, healthy: SampleServer, announced: Announced
) -> None:
    healthy.switch(fault.name, on=True)

    assert failing(client, announced) == {fault.breaks: fault.reason}


@pytest.mark.parametrize("fault", each(BREAKING_NONE))
def test_a_fault_that_breaks_nothing_leaves_every_check_green(
    fault: Fault, healthy: SampleServer, announced: Announced
) -> None:
    healthy.switch(fault.name, on=True)

    assert failing(Client(healthy.ca_file, PATIENCE_SECONDS), announced) == {}


@pytest.mark.parametrize("fault", each(BREAKING_ALL))
def test_a_fault_that_breaks_everything_breaks_every_check_for_one_reason(
    fault: Fault, client: Client, healthy: SampleServer, announced: Announced
) -> None:
    healthy.switch(fault.name, on=True)

    assert failing(client, announced) == dict.fromkeys(CHECKS, fault.reason)


def test_a_fault_that_is_switched_off_leaves_nothing_behind(
    client: Client, healthy: SampleServer, announced: Announced
) -> None:
    for fault in FAULTS:
        healthy.switch(fault.name, on=True)
    for fault in FAULTS:
        healthy.switch(fault.name, on=False)

    assert failing(client, announced) == {}


def test_a_closed_port_opens_again_where_it_was(client: Client, healthy: SampleServer, announced: Announced) -> None:
    healthy.switch("everything_down", on=True)
    healthy.switch("streaming_down", on=True)
    healthy.switch("everything_down", on=False)

    assert failing(client, announced) == {"streaming": "connect"}


def test_faults_of_different_checks_add_up(client: Client, healthy: SampleServer, announced: Announced) -> None:
    healthy.switch("web_500", on=True)
    healthy.switch("storage_certificate_untrusted", on=True)

    assert failing(client, announced) == {"web": "http_status", "storage": "tls"}


def test_two_faults_of_one_answer_are_both_in_it(client: Client, healthy: SampleServer, announced: Announced) -> None:
    healthy.switch("api_empty_version", on=True)
    healthy.switch("api_stale_cache", on=True)

    seen = client.get(f"{announced.url}/api/v2/instance")

    assert (seen.json["version"], seen.headers["x-cached"]) == ("", "STALE")


@pytest.mark.parametrize("check", CHECK_NAMES)
def test_any_two_faults_of_a_check_can_be_on_at_once(check: str) -> None:
    site = Site("2.9.4", "main.example", "streaming.example", "storage.example")
    asked = [Request("GET", path, {"accept": accept}) for path, accept in product(PATHS, ACCEPTED)]
    pairs = permutations([fault.effect for fault in FAULTS if fault.breaks in {check, None}], 2)

    for pair, part, request in product(pairs, Part, asked):
        outcome = apply(Exchange(part, site, request, HEALTHY[part](site, request)), pair)
        assert isinstance(outcome, Answer) or callable(outcome)


def test_an_unknown_fault_cannot_be_switched(healthy: SampleServer) -> None:
    with pytest.raises(UnknownFault, match='no fault "web_501"'):
        healthy.switch("web_501", on=True)


def test_an_unknown_fault_is_not_found() -> None:
    assert find_fault("web_501") is None


@pytest.mark.parametrize(("fault", "path", "seconds"), [("slow", "/health", 1.0), ("web_slow", "/about", 0.33)])
def test_a_slow_answer_takes_its_time(fault: str, path: str, seconds: float, healthy: SampleServer) -> None:
    healthy.switch(fault, on=True)
    started = time.monotonic()

    assert Client(healthy.ca_file, PATIENCE_SECONDS).get(healthy.url + path).status == 200
    assert time.monotonic() - started >= seconds


@pytest.mark.parametrize("fault", ["web_gzip_bomb", "web_endless_body"])
def test_an_oversized_page_says_nothing_before_the_cap(fault: str, client: Client, healthy: SampleServer) -> None:
    healthy.switch(fault, on=True)

    body = client.get(f"{healthy.url}/about").text

    assert len(body) > BODY_CAP_BYTES // 2
    assert not any(mark in body for mark in ("initial-state", healthy.domain, "mastodon", "/packs"))


def test_a_parking_page_names_the_domain_and_repeats_the_url(client: Client, healthy: SampleServer) -> None:
    healthy.switch("web_parking_page", on=True)

    body = client.get(f"{healthy.url}/about?<script>").text

    assert f"{healthy.url}/about" in body
    assert "<script>" not in body


def test_an_open_listing_names_the_objects(client: Client, healthy: SampleServer, announced: Announced) -> None:
    healthy.switch("storage_listing_open", on=True)

    seen = client.get(f"{announced.storage_url}/")

    assert seen.status == 200
    assert "<Key>check.txt</Key>" in seen.text


def test_secure_mode_asks_for_a_signature(client: Client, healthy: SampleServer) -> None:
    healthy.switch("secure_mode", on=True)

    seen = client.get(f"{healthy.url}/users/admin", "application/activity+json")

    assert (seen.status, seen.json) == (401, {"error": "Request not signed"})


def test_a_chain_of_redirects_never_comes_back_to_an_address(client: Client, healthy: SampleServer) -> None:
    healthy.switch("health_redirect_chain", on=True)

    seen = client.get(f"{healthy.url}/health?hop=3")

    assert (seen.failure, seen.headers["location"]) == ("redirect", f"{healthy.url}/health?hop={3 + REDIRECTS + 1}")

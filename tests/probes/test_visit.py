"""Caches, redirects and the address rule: what holds for every request of every check."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from exporter.config.model import Instance
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.probes.resolver import Resolver
from exporter.probes.result import InstanceReport, ProbeResult, Reason
from exporter.probes.urls import NONCE
from tests.probes import mastodon_site
from tests.probes.conftest import by_name, failures, instance_at
from tests.probes.site import Reply, Site, document, page, redirect, say_nothing, send
from tests.probes.test_resolver import NameServer, entry

Look = Callable[..., InstanceReport]
ResultOf = Callable[..., ProbeResult]


def test_every_request_of_a_healthy_probe_passes(look: Look) -> None:
    report = look()
    assert failures(report) == {}
    assert len(report.results) == 7


@pytest.mark.parametrize("shape", [mastodon_site.before_4, mastodon_site.before_3])
def test_older_servers_pass_unchanged(site: Site, look: Look, shape: Callable[[Site], dict[str, Reply]]) -> None:
    site.routes = shape(site)
    assert failures(look()) == {}


def test_no_two_requests_share_a_query_so_that_no_cache_answers(site: Site, look: Look) -> None:
    look()
    look()
    seen = [(asked.path, tuple(asked.query[NONCE])) for asked in site.asked]
    assert len(seen) == len(set(seen))


def test_the_language_is_fixed_and_the_agent_says_who_asks(site: Site, look: Look) -> None:
    look()
    assert {asked.headers["accept-language"] for asked in site.asked} == {"en"}
    assert all(asked.headers["user-agent"].startswith("mastodon-exporter/") for asked in site.asked)


def test_proxy_variables_are_ignored(site: Site, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert failures(look()) == {}


@pytest.mark.parametrize(
    ("name", "value", "cached", "reason"),
    [
        ("X-Cached", "MISS", False, None),
        ("X-Cached", "EXPIRED", False, None),
        ("X-Cached", "HIT", True, None),
        ("X-Cached", "UPDATING", True, None),
        ("X-Cached", "STALE", True, Reason.CACHED_STALE),
        ("X-Cache-Status", "STALE", True, Reason.CACHED_STALE),
        ("X-Cache", "Hit from cloudfront", True, None),
        ("X-Cache", "TCP_HIT", True, None),
        ("X-Cache", "Miss from cloudfront", False, None),
        ("CF-Cache-Status", "DYNAMIC", False, None),
        ("CF-Cache-Status", "stale", True, Reason.CACHED_STALE),
    ],
)
def test_what_a_cache_says_is_read(
    site: Site, result_of: ResultOf, name: str, value: str, cached: bool, reason: Reason | None
) -> None:
    site.routes["/about"] = site.routes["/about"].with_header(name, value)
    result = result_of("web")
    assert (result.cached, result.reason) == (cached, reason)


def test_a_stale_redirect_on_the_way_counts_as_stale(site: Site, result_of: ResultOf) -> None:
    site.routes["/old"] = site.routes["/about"]
    site.routes["/about"] = redirect("/old").with_header("X-Cached", "STALE")
    assert result_of("web").reason is Reason.CACHED_STALE


FORBIDDEN = [
    "http://169.254.169.254/latest/meta-data/",
    "http://10.1.2.3/",
    "http://192.168.0.1/",
    "http://100.64.0.1/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:10.1.2.3]/",
    "http://[64:ff9b::a01:203]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://169.254.43518/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
]


@pytest.mark.parametrize("location", FORBIDDEN)
def test_a_redirect_to_an_address_of_another_kind_is_refused(site: Site, result_of: ResultOf, location: str) -> None:
    site.routes["/about"] = redirect(location.format(port=site.port))
    assert result_of("web").reason is Reason.ADDRESS


def test_a_server_on_loopback_may_lead_to_loopback(site: Site, other_site: Site, result_of: ResultOf) -> None:
    other_site.routes["/about"] = mastodon_site.main_page_4(site.domain)
    site.routes["/about"] = redirect(f"{other_site.url}/about")
    assert result_of("web").success


def serving_as(site: Site, address: str, **names: str) -> Prober:
    """Return a prober for which the site's own name resolves to an address, and others to theirs."""

    def lookup(host: str, *_: object) -> list[object]:
        return [entry(names.get(host.partition(".")[0], address))]

    return Prober(Memory(None), Resolver(lookup))


def test_a_target_that_is_not_listed_may_not_lie_on_loopback_itself(site: Site, prober: Prober) -> None:
    report = prober.probe(instance_at(site, listed=False), None, 5.0)
    assert set(failures(report).values()) <= {"address", "discovery"}
    assert site.asked == []


def test_a_discovered_host_of_another_kind_is_refused(site: Site, result_of: ResultOf) -> None:
    announced = mastodon_site.instance_v2(site)
    announced["configuration"] = {"urls": {"streaming": "wss://169.254.169.254"}}
    announced["thumbnail"] = {"url": "http://10.0.0.1/thumbnail.png"}
    site.routes["/api/v2/instance"] = document(announced)
    assert result_of("streaming").reason is Reason.ADDRESS
    assert result_of("storage").reason is Reason.ADDRESS


def test_a_webfinger_template_of_another_kind_is_refused(site: Site, result_of: ResultOf) -> None:
    site.routes["/.well-known/host-meta"] = mastodon_site.host_meta("http://192.168.0.1/webfinger?resource={uri}")
    assert result_of("activitypub").reason is Reason.ADDRESS


def test_a_name_that_resolves_elsewhere_the_second_time_leads_nowhere_else(site: Site, other_site: Site) -> None:
    """DNS rebinding: the first answer is the site's address, all later ones would be a private address."""
    answers = iter(["127.0.0.1"])

    def lookup(_host: str, *_: object) -> list[object]:
        return [entry(next(answers, "10.0.0.1"))]

    site.routes |= {"/about": redirect(f"http://rebind.test:{site.port}/again"), "/again": page("the same server")}
    with Prober(Memory(None), Resolver(lookup)) as prober:
        instance = Instance("test", f"http://rebind.test:{site.port}", "rebind.test")
        result = prober.probe(instance, ["web"], 5.0).results[0]
    assert result.reason is Reason.KEYWORD
    assert {hop.address for hop in result.trace} == {"127.0.0.1"}


def test_a_redirect_to_a_name_with_a_forbidden_address_is_refused_at_the_socket(site: Site) -> None:
    site.routes["/about"] = redirect("http://inside.test/")
    with serving_as(site, "127.0.0.1", inside="10.9.8.7") as prober:
        instance = Instance("test", f"http://own.test:{site.port}", "own.test")
        assert failures(prober.probe(instance, ["web"], 5.0)) == {"web": "address"}


def test_of_several_addresses_only_permitted_ones_are_connected_to(site: Site, other_site: Site) -> None:
    def lookup(host: str, *_: object) -> list[object]:
        return [entry("10.9.8.7"), entry("127.0.0.1")] if host == "mixed.test" else [entry("127.0.0.1")]

    other_site.routes["/about"] = mastodon_site.main_page_4(site.domain)
    site.routes["/about"] = redirect(f"http://mixed.test:{other_site.port}/about")
    with Prober(Memory(None), Resolver(lookup)) as prober:
        instance = Instance("test", f"http://own.test:{site.port}", site.domain)
        result = prober.probe(instance, ["web"], 5.0).results[0]
    assert (result.success, result.trace[-1].address) == (True, "127.0.0.1")


def test_what_was_announced_before_serves_while_the_api_is_down(
    site: Site, other_site: Site, look: Look, tmp_path: Path
) -> None:
    announced = mastodon_site.instance_v2(site)
    announced["configuration"] = {"urls": {"streaming": other_site.url.replace("http", "ws", 1)}}
    site.routes["/api/v2/instance"] = document(announced)
    other_site.routes["/api/v1/streaming/health"] = page("OK")
    assert failures(look()) == {}
    site.routes["/api/v2/instance"] = page("down", 500)
    assert failures(look()) == {"api": "http_status"}
    with Prober(Memory(tmp_path)) as restarted:
        assert failures(restarted.probe(instance_at(site), None, 5.0)) == {"api": "http_status"}


def test_a_slow_api_leaves_the_other_checks_their_time(site: Site, look: Look) -> None:
    look()
    site.routes["/api/v2/instance"] = Reply(misbehave=say_nothing)
    assert failures(look(timeout_seconds=1.5)) == {"api": "timeout"}


def test_a_fault_of_the_exporter_fails_one_check_only(
    look: Look, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from exporter.probes import runner

    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(runner.CHECKS, "health", broken)
    assert failures(look()) == {"health": "internal"}
    assert "health" in {getattr(record, "check", None) for record in caplog.records}


def test_phases_and_durations_add_up(look: Look) -> None:
    for result in look().results:
        total = sum(getattr(result.phases, name) for name in ("resolve", "connect", "tls", "processing", "transfer"))
        assert 0 < total <= result.duration_seconds * 1.01


def test_nothing_is_asked_of_a_check_that_is_switched_off(site: Site, look: Look) -> None:
    from exporter.config.model import CheckSettings

    report = look("web", "health", checks={"web": CheckSettings(enabled=False)})
    assert list(by_name(report)) == ["health"]
    assert site.asked_for("/about") == []


def test_an_unused_name_server_is_never_asked(site: Site) -> None:
    server = NameServer("10.0.0.1")
    with Prober(Memory(None), Resolver(server)) as prober:
        instance = instance_at(site, url=f"http://named.test:{site.port}", resolve={"named.test": "127.0.0.1"})
        assert prober.probe(instance, ["health"], 5.0).success
    assert server.asked == []


def test_one_check_keeps_its_connection_and_shares_it_with_no_other(site: Site, look: Look) -> None:
    site.keep_alive = True
    look("activitypub", account="admin")
    assert (len(site.visitors), len(site.asked)) == (1, 3)
    site.visitors.clear()
    look("web", "health")
    assert len(site.visitors) == 2
    look("web", "health")
    assert len(site.visitors) == 4


def test_a_time_out_on_a_kept_connection_says_that_no_answer_came(site: Site, result_of: ResultOf) -> None:
    site.keep_alive = True
    site.routes["/.well-known/webfinger"] = Reply(misbehave=say_nothing)
    result = result_of("activitypub", account="admin", timeout_seconds=1.0)
    assert (result.reason, result.detail) == (Reason.TIMEOUT, "webfinger: connected, but no answer came")
    assert (len(site.visitors), result.phases.connect < 0.5, result.phases.processing > 0.5) == (1, True, True)


def test_a_server_that_closes_a_kept_connection_is_asked_over_a_new_one(site: Site, result_of: ResultOf) -> None:
    site.keep_alive = True
    meta = site.routes["/.well-known/host-meta"]
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {meta.content_type}\r\nContent-Length: {len(meta.body)}\r\n\r\n"
    site.routes["/.well-known/host-meta"] = Reply(misbehave=send(head.encode() + meta.body))
    assert result_of("activitypub", account="admin").success
    assert len(site.visitors) == 2


def test_a_kept_connection_is_no_way_around_the_address_rule(site: Site) -> None:
    """The server's name has a public address beside the loopback one, so that a redirect must not end on loopback."""

    def lookup(_host: str, *_: object) -> list[object]:
        return [entry("127.0.0.1"), entry("192.0.2.1")]

    site.keep_alive = True
    site.routes["/about"] = redirect("/secret")
    with Prober(Memory(None), Resolver(lookup)) as prober:
        instance = Instance("test", f"http://mixed.test:{site.port}", "mixed.test")
        assert failures(prober.probe(instance, ["web"], 2.0)) == {"web": "address"}
    assert site.asked_for("/secret") == []


def test_what_is_kept_of_a_probe_for_people_is_bounded(site: Site, look: Look) -> None:
    flood = (("Server", "x" * 60_000), ("X-Cached", "y" * 60_000), ("Age", "z" * 60_000))
    site.routes = {path: Reply(200, b"a" * 100_000, headers=flood) for path in site.routes}
    kept = sum(len(repr(result)) for result in look().results)
    assert kept < 50_000


def test_a_header_that_looks_like_a_status_line_hides_nothing(site: Site, result_of: ResultOf) -> None:
    site.routes["/health"] = Reply(
        misbehave=send(b"HTTP/1.1 200 OK\r\nX-Cached: STALE\r\nHTTP/foo: bar\r\nContent-Length: 2\r\n\r\nOK")
    )
    assert result_of("health").reason is Reason.CACHED_STALE


def test_trailers_hide_nothing(site: Site, result_of: ResultOf) -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Cached: STALE\r\nTransfer-Encoding: chunked\r\n\r\n"
    site.routes["/health"] = Reply(misbehave=send(head + b"2\r\nOK\r\n0\r\nX-Cached: MISS\r\n\r\n"))
    assert result_of("health").reason is Reason.CACHED_STALE


SLOW_BODIES = {
    "/.well-known/host-meta": b"<x>" + b"<a/>" * 500_000 + b"</x>",
    "/api/v2/instance": b"[" + b"[]," * 690_000 + b"0]",
    "/about": b"<meta property='og:site_name' content='" + b"&aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" * 60_000 + b"'>/packs/",
}


def test_bodies_made_to_be_slow_do_not_hold_up_the_probe_of_another_server(
    site: Site, other_site: Site, prober: Prober
) -> None:
    site.routes |= {path: Reply(body=body) for path, body in SLOW_BODIES.items()}
    other_site.routes.update(mastodon_site.newest(other_site))
    with ThreadPoolExecutor(4) as pool:
        hostile = [pool.submit(prober.probe, instance_at(site), None, 5.0) for _ in range(3)]
        healthy = pool.submit(prober.probe, instance_at(other_site, name="other"), None, 2.0)
        assert failures(healthy.result()) == {}
    assert "internal" not in {reason for probe in hostile for reason in failures(probe.result()).values()}

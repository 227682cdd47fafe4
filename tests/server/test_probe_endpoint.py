import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from exporter.config import CHECK_NAMES, Instance
from exporter.probes.debug import debug_text
from exporter.probes.metrics import exposition
from exporter.probes.result import InstanceReport, Reason
from exporter.server.probe_endpoint import probe_timeout_seconds
from tests.probes.sample_reports import QDON, bad, good, mixed_report, report
from tests.server.client import Client
from tests.server.conftest import Serve
from tests.server.fake_prober import Asked, FakeProber
from tests.server.serving import config

PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def test_a_probe_answers_with_the_metrics_of_its_report(client: Client, prober: FakeProber) -> None:
    prober.answer = lambda _asked: mixed_report()
    answer = client.get("/probe?target=qdon")
    assert answer.content == exposition(mixed_report())
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_a_failed_check_is_no_failed_request(client: Client, prober: FakeProber) -> None:
    prober.answer = lambda _asked: report(bad("web", Reason.TIMEOUT))
    answer = client.get("/probe?target=qdon")
    assert answer.status_code == 200
    assert "probe_success 0.0" in answer.text


def test_prometheus_gets_the_same_samples_in_the_format_it_asks_for(client: Client, prober: FakeProber) -> None:
    prober.answer = lambda _asked: mixed_report()
    plain = client.get("/probe?target=qdon").text
    answer = client.get("/probe?target=qdon", headers={"Accept": PROMETHEUS_ACCEPTS})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    expected = [sample for family in text_string_to_metric_families(plain) for sample in family.samples]
    families = openmetrics_families(answer.text)  # type: ignore[no-untyped-call]  # prometheus_client's
    found = [sample for family in families for sample in family.samples]
    assert [(one.name, one.labels, one.value) for one in found] == [
        (one.name, one.labels, one.value) for one in expected
    ]


def test_debug_shows_the_report_in_words(client: Client, prober: FakeProber) -> None:
    prober.answer = lambda _asked: mixed_report()
    answer = client.get("/probe?target=qdon&debug=true")
    assert answer.text == debug_text(mixed_report())
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "target",
    ["qdon", "https://qdon.example", "https://qdon.example/", "HTTPS://QDON.Example", "https://qdon.example:443/"],
)
def test_an_instance_is_found_by_name_and_by_url(client: Client, prober: FakeProber, target: str) -> None:
    assert client.get("/probe", params={"target": target}).status_code == 200
    assert [asked.instance for asked in prober.asked] == [QDON]


def test_a_name_is_looked_up_before_it_is_taken_for_a_url(serve: Serve, prober: FakeProber) -> None:
    named_as_url = replace(QDON, name="https:", url="https://other.example")
    serve(config(instances=(QDON, named_as_url))).get("/probe", params={"target": "https:"})
    assert prober.asked[0].instance is named_as_url


def test_an_unlisted_url_is_refused_and_not_asked(client: Client, prober: FakeProber) -> None:
    answer = client.get("/probe?target=https://other.example/")
    assert answer.status_code == 403
    assert "https://other.example is not in the configuration" in answer.text
    assert prober.asked == []


def test_an_unlisted_url_is_probed_with_every_default_where_that_is_allowed(serve: Serve, prober: FakeProber) -> None:
    client = serve(config(allow_unlisted_targets=True))
    assert client.get("/probe?target=https://Other.example:8443/").status_code == 200
    url = "https://other.example:8443"
    assert prober.asked[0].instance == Instance(name=url, url=url, domain="other.example:8443", listed=False)


@pytest.mark.parametrize(
    ("query", "checks"),
    [
        ("", None),
        ("&check=storage,web", ("web", "storage")),
        ("&check=storage&check=web", ("web", "storage")),
        ("&check=web,web", ("web",)),
        ("&check=" + ",".join(CHECK_NAMES), CHECK_NAMES),
    ],
)
def test_only_the_checks_that_are_named_run(
    client: Client, prober: FakeProber, query: str, checks: tuple[str, ...] | None
) -> None:
    assert client.get(f"/probe?target=qdon{query}").status_code == 200
    assert prober.asked[0].checks == checks


def test_an_unknown_check_is_told_the_known_ones(client: Client, prober: FakeProber) -> None:
    answer = client.get("/probe?target=qdon&check=database")
    assert (answer.status_code, prober.asked) == (400, [])
    assert "'database'" in answer.text
    assert ", ".join(CHECK_NAMES) in answer.text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 8), ("10", 8), ("8.5", 8), ("5", 4.5), ("1.5", 1), ("1.0", 0.5), ("0.2", 0.1), ("1e3", 8), (" 5 ", 4.5)],
)
def test_a_probe_ends_before_the_scrape_and_within_its_own_limit(header: str | None, seconds: float) -> None:
    assert probe_timeout_seconds(header, 8) == pytest.approx(seconds)


def test_the_limit_of_the_instance_holds_for_the_shortest_scrape() -> None:
    assert probe_timeout_seconds("1", 0.1) == 0.1


def test_the_deadline_of_prometheus_reaches_the_prober(client: Client, prober: FakeProber) -> None:
    client.get("/probe?target=qdon", headers={"X-Prometheus-Scrape-Timeout-Seconds": "3"})
    assert prober.asked[0].timeout_seconds == 2.5


def test_more_instances_than_spare_workers_are_probed_side_by_side(serve: Serve, prober: FakeProber) -> None:
    instances = tuple(Instance(f"i{number}", f"https://i{number}.example", "x") for number in range(20))
    client = serve(config(instances=instances))
    together = threading.Barrier(len(instances))

    def wait_for_the_others(asked: Asked) -> InstanceReport:
        together.wait(timeout=5)
        return report(good("web"), instance=asked.instance)

    prober.answer = wait_for_the_others
    with ThreadPoolExecutor(len(instances)) as scrapes:
        answers = list(scrapes.map(lambda one: client.get(f"/probe?target={one.name}"), instances))
    assert [answer.status_code for answer in answers] == [200] * len(instances)


def test_the_exporter_answers_while_every_instance_is_being_probed(serve: Serve, prober: FakeProber) -> None:
    client = serve(config())
    probing, done = threading.Event(), threading.Event()

    def take_long(asked: Asked) -> InstanceReport:
        probing.set()
        done.wait(timeout=5)
        return report(instance=asked.instance)

    prober.answer = take_long
    with ThreadPoolExecutor(1) as scrapes:
        scrape = scrapes.submit(client.get, "/probe?target=qdon")
        assert probing.wait(timeout=5)
        assert client.get("/-/healthy").status_code == 200
        assert not scrape.done()
        done.set()
    assert scrape.result().status_code == 200

"""Every address and every path is the same wherever it is written: in compose, configurations, units and docs."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import demo
from exporter.config import DEFAULT_LISTEN_HOST, DEFAULT_LISTEN_PORT
from exporter.state import SYSTEM_STATE_FOLDER
from tests.alerts.rule_files import ALERTS
from tests.compose_file import PROJECT, SERVICES, example_settings, mounts, published_port
from tests.programs import need_program

PAGE = (PROJECT / "docs" / "installation.md").read_text()
DOCS = [PROJECT / "README.md", PROJECT / ".env.example", *sorted((PROJECT / "docs").rglob("*.md"))]
UNITS = sorted((PROJECT / "deploy" / "systemd").iterdir())
DOCKERFILE = (PROJECT / "Dockerfile").read_text()

PORTS = {
    "exporter": DEFAULT_LISTEN_PORT,
    "prometheus": 9090,
    "alertmanager": 9093,
    "grafana": 3000,
    "demo": demo.CONTROL_PORT,
    "flower": 5555,
}


def read(path: str) -> Any:
    return yaml.safe_load((PROJECT / path).read_text())


def text_of(document: object) -> str:
    return json.dumps(document, default=str)


# Addresses


def test_compose_and_the_page_give_each_service_its_port() -> None:
    assert {name: published_port(name) for name, service in SERVICES.items() if "ports" in service} == PORTS
    assert [int(port) for port in re.findall(r"^\| .* \| http://127\.0\.0\.1:(\d+)/ \|", PAGE, re.MULTILINE)] == [
        *PORTS.values()
    ]


@pytest.mark.parametrize("name", PORTS)
def test_a_service_is_reached_where_it_listens(name: str) -> None:
    (port,) = SERVICES[name]["ports"]
    assert port.split(":")[1:] == [str(PORTS[name])] * 2


def test_the_exporter_listens_where_everybody_looks_for_it() -> None:
    address = f"{DEFAULT_LISTEN_HOST}:{DEFAULT_LISTEN_PORT}"
    assert set(re.findall(r"[\w.]+:\d{4,5}", text_of(read("prometheus.yml")["scrape_configs"]))) == {address}
    assert f"EXPOSE {DEFAULT_LISTEN_PORT}\n" in DOCKERFILE
    assert f'"--listen", "0.0.0.0:{DEFAULT_LISTEN_PORT}"' in DOCKERFILE


def test_prometheus_hands_its_alerts_to_alertmanager() -> None:
    assert read("prometheus.yml")["alerting"] == {
        "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{PORTS['alertmanager']}"]}]}]
    }


def test_links_in_messages_lead_to_where_prometheus_and_alertmanager_are() -> None:
    for name in ("prometheus", "alertmanager"):
        assert f"--web.external-url=http://127.0.0.1:{PORTS[name]}/" in SERVICES[name]["command"]


def test_alerts_link_grafana_where_it_is_and_a_dashboard_that_there_is() -> None:
    grafana = f"http://127.0.0.1:{PORTS['grafana']}"
    assert SERVICES["grafana"]["environment"]["GF_SERVER_ROOT_URL"] == f"{grafana}/"
    dashboards = {path.stem for path in (PROJECT / "dashboards").glob("*.json")}
    for alert in ALERTS:
        match = re.match(re.escape(grafana) + r"/d/([\w-]+)({{|\?|$)", alert.annotations["dashboard_url"])
        assert match is not None, alert.name
        assert match[1] in dashboards


def test_every_loopback_address_in_the_docs_is_one_of_these() -> None:
    # Mastodon's own, and what its neighbours listen on; any free one is port 0.
    others = {0, 80, 443, 3000, 4000, 5432, 6379, 6432, 8080, 8333, 9000}
    for page in DOCS:
        named = {int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost):(\d+)", page.read_text())}
        assert named <= {*PORTS.values(), *others}, page.name


# Prometheus


def test_prometheus_in_compose_has_the_same_file_with_the_names_of_containers() -> None:
    text = text_of(read("prometheus.yml"))
    for name in ("exporter", "alertmanager"):
        text = text.replace(f"127.0.0.1:{PORTS[name]}", f"{name}:{PORTS[name]}")
    assert read("deploy/compose/prometheus.yml") == json.loads(text)


def test_prometheus_in_compose_finds_the_rules_beside_its_file() -> None:
    mounted = mounts("prometheus")
    (config,) = [word.partition("=")[2] for word in SERVICES["prometheus"]["command"] if "config.file" in word]
    (rules,) = read("prometheus.yml")["rule_files"]
    assert mounted[config] == ("./deploy/compose/prometheus.yml", False)
    assert mounted[str((Path(config).parent / rules).parent)] == ("./alerts", False)
    assert [*PROJECT.glob(rules)] != []


def test_promtool_takes_both_files_and_the_second_exporter_of_the_page(tmp_path: Path) -> None:
    targets, job = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    two = read("prometheus.yml")
    two["scrape_configs"][0]["static_configs"] += targets
    two["scrape_configs"] += job
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(two))
    for config in (PROJECT / "prometheus.yml", PROJECT / "deploy" / "compose" / "prometheus.yml", path):
        arguments = [need_program("promtool"), "check", "config", str(config)]
        result = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_second_exporter_of_the_page_is_asked_as_the_first_is() -> None:
    _, (second,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
    *relabelled, job = second.pop("relabel_configs")
    assert job == {"target_label": "job", "replacement": "mastodon"}
    (first,) = [one for one in read("prometheus.yml")["scrape_configs"] if one["job_name"] == "mastodon"]
    text = text_of(first).replace("127.0.0.1:10747", "exporter.example:10747")
    assert json.loads(text) == second | {"job_name": "mastodon", "relabel_configs": relabelled}


# Alertmanager


def test_alertmanager_in_compose_finds_its_secrets_beside_its_file() -> None:
    (config,) = [word.partition("=")[2] for word in SERVICES["alertmanager"]["command"] if "config.file" in word]
    files = set(re.findall(r"secrets/[\w-]+", text_of(read("alertmanager.yml"))))
    mounted = mounts("alertmanager")
    assert mounted[config] == ("./alertmanager.yml", False)
    assert {str((Path(config).parent / file).parent) for file in files} <= mounted.keys()


# Grafana


def test_grafana_finds_prometheus_by_the_variable_that_it_is_given() -> None:
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    variable = source["url"].removeprefix("$")
    assert SERVICES["grafana"]["environment"][variable] == f"http://prometheus:{PORTS['prometheus']}"
    assert f"echo {variable}=http://127.0.0.1:{PORTS['prometheus']} |" in PAGE


def test_grafana_counts_rates_over_several_scrapes() -> None:
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["jsonData"]["timeInterval"] == read("prometheus.yml")["global"]["scrape_interval"]


def test_grafana_finds_the_dashboards_and_begins_with_one_of_them() -> None:
    (provider,) = read("grafana/provisioning/dashboards/mastodon.yml")["providers"]
    folder = provider["options"]["path"]
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert mounts("grafana")[folder] == ("./dashboards", False)
    assert mounts("grafana")["/etc/grafana/provisioning"] == ("./grafana/provisioning", False)
    assert str(home.parent) == folder
    assert (PROJECT / "dashboards" / home.name).exists()
    assert f"dashboards/*.json {folder}/" in PAGE


# Paths and users


def test_the_state_is_where_the_program_keeps_it() -> None:
    for name in ("exporter", "demo", "worker"):
        assert mounts(name)[str(SYSTEM_STATE_FOLDER)] == ("exporter-state", True)
    assert f"VOLUME {SYSTEM_STATE_FOLDER}\n" in DOCKERFILE
    assert f"`{SYSTEM_STATE_FOLDER}`" in PAGE


def test_the_configuration_is_mounted_where_the_image_reads_it() -> None:
    (config,) = re.findall(r'"--config", "([^"]+)"', DOCKERFILE)
    assert str(Path(config).parent) in mounts("exporter")
    assert SERVICES["worker"]["command"][-2:] == ["-c", config]
    assert str(Path(config).parent) in mounts("worker")
    assert set(re.findall(r"-c (/etc/mastodon-exporter/\S+?)`?(?=[\s`])", PAGE)) == {config}


def test_images_that_are_built_here_run_as_the_user_of_the_image() -> None:
    (user,) = re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)
    assert {service["user"] for service in SERVICES.values() if "build" in service} == {user}
    assert f"the user {user.partition(':')[0]} there" in PAGE


def test_without_containers_there_is_one_path_of_the_configuration() -> None:
    texts = [path.read_text() for path in [*DOCS, *UNITS]]
    assert {path for text in texts for path in re.findall(r"/etc/mastodon-exporter[\w-]*\.\w+", text)} == {
        "/etc/mastodon-exporter.yml"
    }


def test_what_the_page_installs_is_there() -> None:
    named = re.findall(
        r"(?:^|\s|\()((?:deploy|grafana|dashboards|alerts)/[\w./*-]+|(?:prometheus|alertmanager|config\.example)\.yml)",
        PAGE,
    )
    assert len(named) > 10
    assert [pattern for pattern in named if not [*PROJECT.glob(pattern)]] == []


def test_every_unit_and_setting_that_the_docs_name_is_there() -> None:
    text = "\n".join(page.read_text() for page in DOCS)
    units = set(re.findall(r"\bmastodon-(?:exporter|subscriptions)[\w-]*\.(?:service|timer)\b", text))
    assert units <= {unit.name for unit in UNITS}
    assert {unit.name for unit in UNITS if unit.suffix == ".timer"} <= units
    settings = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`(?: of `\.env`| in `\.env`|,| and| is|:)", PAGE))
    assert settings <= example_settings().keys()
    assert len(settings) > 3

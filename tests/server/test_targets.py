import json

from exporter.config import Config, Instance
from exporter.server.targets import targets_document
from tests.server.client import Client


def test_each_instance_is_a_target_group_as_prometheus_reads_them(client: Client) -> None:
    answer = client.get("/targets")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == [
        {
            "targets": ["qdon"],
            "labels": {"__meta_mastodon_url": "https://qdon.example", "__meta_mastodon_domain": "qdon.example"},
        }
    ]


def test_a_name_in_any_script_stays_readable() -> None:
    document = targets_document(Config(instances=(Instance('ヨセフ"x', "https://a.example", "a.example"),)))
    assert "ヨセフ" in document.decode()
    assert json.loads(document)[0]["targets"] == ['ヨセフ"x']


def test_no_instance_is_an_empty_list() -> None:
    assert json.loads(targets_document(Config(instances=()))) == []

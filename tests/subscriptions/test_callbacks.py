"""Where hubs reach our server."""

import pytest

from exporter.config import Config, DatabaseSettings, Instance
from exporter.errors import ConfigError
from exporter.subscriptions.callbacks import callback_url, own_instance

ONE = Instance("one", "https://one.example", "one.example")
TWO = Instance("two", "https://two.example:8443", "two.example")


def test_the_callback_lies_on_the_web_domain() -> None:
    assert callback_url(TWO.url, 107) == "https://two.example:8443/api/subscriptions/107"


def test_the_only_instance_is_the_databases_own() -> None:
    assert own_instance(Config((ONE,), database=DatabaseSettings())) == ONE


def test_of_several_instances_the_one_that_the_database_names_is_its_own() -> None:
    assert own_instance(Config((ONE, TWO), database=DatabaseSettings(instance="two"))) == TWO


@pytest.mark.parametrize(
    ("instances", "words"),
    [((ONE, TWO), "database.instance: which instance"), ((), "instances: hubs answer to this server's own address")],
)
def test_without_a_clear_instance_it_is_said_what_to_write(instances: tuple[Instance, ...], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        own_instance(Config(instances, database=DatabaseSettings()))

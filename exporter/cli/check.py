"""`mastodon-exporter check`: one look now."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import click

from exporter.cli.arguments import Command, everywhere, read_named_config
from exporter.cli.check_maintenance import tell_harm
from exporter.cli.ending import FAILED
from exporter.cli.service import raise_file_limit
from exporter.cli.table import json_document, print_tables
from exporter.config import CHECK_NAMES, Config, Instance, config_from_flags, origin
from exporter.mastodon.discovery import is_http_url
from exporter.probes.debug import debug_text
from exporter.probes.memory import Memory
from exporter.probes.prober import Prober
from exporter.probes.result import InstanceReport
from exporter.state import state_folder

AT_ONCE = 32
_Report = TypeVar("_Report")


@click.command("check", cls=Command)
@click.argument("targets", metavar="[NAME|URL]...", nargs=-1)
@click.option("--check", "checks", type=click.Choice(CHECK_NAMES), multiple=True, help="Only this check; repeatable.")
@click.option(
    "--maintenance", is_flag=True, help="Look instead at what senders of deliveries are answered: would it do harm?"
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--debug", is_flag=True, help="Show what was asked and what came back, step by step.")
@everywhere
def check(  # noqa: PLR0913 click hands over each option as an argument
    *, targets: tuple[str, ...], checks: tuple[str, ...], maintenance: bool, form: str, debug: bool
) -> int:
    """Look once, now, at the configured instances or at those named.

    Ends with 0 if all is good, 1 if something is down (with --maintenance: would do harm), 2 if used wrongly.

    \b
    Example: mastodon-exporter check https://mastodon.example
    """
    config = read_named_config()
    instances = _chosen(config, targets)
    if maintenance:
        if checks or debug:
            raise click.UsageError("--maintenance takes neither --check nor --debug")
        return tell_harm(ask_all(config, instances, Prober.look_for_harm), form)
    reports = probe_all(config, instances, checks or None)
    if form == "json":
        click.echo(json_document(reports))
        _tell_what_is_absent(reports)
    elif debug:
        click.echo("\n".join(debug_text(report) for report in reports))
    else:
        print_tables(reports)
    return 0 if all(report.success for report in reports) else FAILED


def probe_all(
    config: Config | None, instances: Sequence[Instance], checks: Sequence[str] | None
) -> list[InstanceReport]:
    """Return a report for each instance, in their order; without a configuration nothing is remembered."""
    return ask_all(config, instances, lambda prober, one: prober.probe(one, checks, one.timeout_seconds))


def ask_all(
    config: Config | None, instances: Sequence[Instance], ask: Callable[[Prober, Instance], _Report]
) -> list[_Report]:
    """Return what comes of asking for each instance, in their order; they are asked side by side."""
    raise_file_limit()
    memory = Memory(state_folder(config, os.environ) if config else None)
    with Prober(memory) as prober, ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda instance: ask(prober, instance), instances))


def _chosen(config: Config | None, targets: Sequence[str]) -> list[Instance]:
    if targets:
        return [_find(config, target) for target in targets]
    if config is None or not config.instances:
        raise click.UsageError("name a server, such as https://mastodon.example, or a configuration with -c")
    return list(config.instances)


def _find(config: Config | None, target: str) -> Instance:
    instances = config.instances if config else ()
    url = origin(target) if is_http_url(target) else None
    found = next((one for one in instances if target == one.name or url == one.url), None)
    if found is None and url is None:
        known = ", ".join(one.name for one in instances)
        listed = f"; the configuration has: {known}" if known else ""
        raise click.UsageError(f"{target!r} is neither an instance nor a URL such as https://mastodon.example{listed}")
    return found or config_from_flags(None, instances=[target], listen=None).instances[0]


def _tell_what_is_absent(reports: Sequence[InstanceReport]) -> None:
    for report in reports:
        for absent in report.absent:
            click.echo(f"{report.instance}: {absent.check} is not checked: {absent.why}", err=True)

"""`mastodon-exporter serve`: watch, and let Prometheus scrape."""

import os

import click

from exporter.cli.arguments import Command, config_path, everywhere, load_config
from exporter.cli.service import run_service, signals_held
from exporter.server import Running
from exporter.state import state_folder


@click.command("serve", cls=Command)
@click.option("--instance", "instances", metavar="[NAME=]URL", multiple=True, help="A server to watch; repeatable.")
@click.option("--access-log", "access_logs", metavar="PATH", multiple=True, help="A log of nginx to count; repeatable.")
@click.option("--listen", metavar="HOST:PORT", help="Where to listen (default: 127.0.0.1:10747).")
@everywhere
def serve(instances: tuple[str, ...], access_logs: tuple[str, ...], listen: str | None) -> int:
    """Serve /metrics and /probe; a landing page at / shows the last results.

    Needs no file: the instances may all be named here. SIGHUP reads the configuration again.

    \b
    Example: mastodon-exporter serve --instance https://mastodon.example
    """
    path = config_path()
    with signals_held():
        running = Running(lambda: load_config(path, instances, listen, access_logs))
        return run_service(running, state_folder(running.config, os.environ))

"""`mastodon-exporter demo`: a sample server, and the exporter watching it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from exporter.cli.arguments import Command, everywhere
from exporter.cli.service import run_service, signals_held
from exporter.config import Config, Instance, config_from_flags
from exporter.server import Running

if TYPE_CHECKING:
    from exporter.demo import SampleServer

CONTROL_PORT = 10748


@click.command("demo", cls=Command)
@click.option("--listen", metavar="HOST:PORT", help="Where the exporter listens (default: 127.0.0.1:10747).")
@click.option("--faults-port", default=CONTROL_PORT, show_default=True, help="Where faults are switched on and off.")
@click.option("--version", "mastodon_version", default="4.6.0", show_default=True, help="What the server says it is.")
@everywhere
def demo(listen: str | None, faults_port: int, mastodon_version: str) -> int:
    """Start a sample Mastodon-like server on this machine, and the exporter watching it.

    Nothing else is needed: no root, no network. Ctrl-C ends both.

    \b
    Example: mastodon-exporter demo
    """
    # Imported here, because the other commands must not pay for what only this one needs.
    from exporter.demo import SampleServer

    with signals_held(), TemporaryDirectory(prefix="mastodon-exporter-demo-") as name:
        folder = Path(name)
        with SampleServer(folder, version=mastodon_version, control_port=faults_port) as sample:
            running = Running(lambda: _config(sample, listen))
            return run_service(running, folder, lambda: _introduce(sample, running.config))


def _config(sample: "SampleServer", listen: str | None) -> Config:
    instance = Instance("demo", sample.url, sample.domain, ca_file=sample.ca_file)
    return config_from_flags(Config((instance,)), instances=(), listen=listen)


def _introduce(sample: "SampleServer", config: Config) -> None:
    exporter = f"http://{config.web.host}:{config.web.port}"
    click.echo(f"The sample server       {sample.url}/about")
    click.echo(f"The exporter            {exporter}/")
    click.echo(f"Look at every check     {exporter}/probe?target=demo&debug=true")
    click.echo(f"Switch faults on        {sample.control_url}")
    click.echo(f"or from a shell         curl {sample.control_url}faults/streaming_down/on")
    click.echo("Ctrl-C ends both.")

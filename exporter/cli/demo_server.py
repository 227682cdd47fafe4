"""`mastodon-exporter demo-server`: the sample server alone, for an exporter in another container."""

import signal
from pathlib import Path

import click

from exporter.cli.arguments import Command, everywhere
from exporter.cli.demo import CONTROL_PORT
from exporter.cli.ending import INTERRUPTED
from exporter.cli.service import signals_held

PORT = 10749


@click.command("demo-server", cls=Command)
@click.argument("name")
@click.option("--port", default=PORT, show_default=True, help="Where the sample server listens, on all addresses.")
@click.option("--faults-port", default=CONTROL_PORT, show_default=True, help="Where faults are switched on and off.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path(), help="Where sample-ca.pem is written (default: here)."
)
@everywhere
def demo_server(name: str, port: int, faults_port: int, folder: Path) -> int:
    """Start the sample Mastodon-like server alone, to be reached as https://NAME:PORT.

    The exporter that watches it needs `ca_file: sample-ca.pem` in its configuration. Whoever reaches
    this machine can reach it; the page of faults answers only to 127.0.0.1 and the like.

    \b
    Example: mastodon-exporter demo-server demo --folder /var/lib/mastodon-exporter/demo
    """
    # Imported here, because the other commands must not pay for what only this one needs.
    from exporter.demo import SampleServer

    with signals_held(), SampleServer(folder, name=name, port=port, control_port=faults_port) as sample:
        click.echo(f"The sample server       {sample.url}/about")
        click.echo(f"Its authority           {sample.ca_file}")
        click.echo(f"Switch faults on        {sample.control_url}")
        received = signal.sigwait({signal.SIGINT, signal.SIGTERM})
        return INTERRUPTED if received == signal.SIGINT else 0

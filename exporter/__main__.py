"""`python -m exporter` is `mastodon-exporter`."""

from exporter.cli.watch import main

main()

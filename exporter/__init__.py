"""Prometheus exporter for people who run Mastodon servers."""

__version__ = "0.1.0"

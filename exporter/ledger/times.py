"""Moments as they are shown."""

from datetime import UTC, datetime


def utc_text(timestamp_seconds: float) -> str:
    """Return a moment for people: `2017-04-20 14:11:08 UTC`."""
    return datetime.fromtimestamp(timestamp_seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

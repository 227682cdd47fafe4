"""Which store is meant: what was moved into one bucket says nothing of another."""

import hashlib
import json

from exporter.config.media_model import S3Settings

_DIGITS = 16


def destination_digest(settings: S3Settings) -> str:
    """Return the name under which the ledger keeps what is known of a destination, whichever keys open it."""
    return hashlib.sha256(json.dumps(settings.place).encode()).hexdigest()[:_DIGITS]

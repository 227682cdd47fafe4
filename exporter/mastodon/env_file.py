"""The server's own settings, as Mastodon's `.env.production` holds them."""

import os
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from exporter.errors import EnvFileError

LARGEST_FILE_BYTES = 1024 * 1024


def read_env_file(path: Path, prefixes: tuple[str, ...]) -> Mapping[str, str]:
    """Return the settings whose names begin with one of the prefixes; the others are not kept, for they hold secrets.

    Raises EnvFileError when the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(LARGEST_FILE_BYTES)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise EnvFileError(f"{path} cannot be read: {reason}; let this user read it, or configure a `url`") from error
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None and name.startswith(prefixes)}

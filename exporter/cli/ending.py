"""How a command ends: one of the three places that catch everything."""

import logging
import os
import sys
from typing import NoReturn

import click

from exporter.errors import ConfigError, MastodonExporterError, StateError, StoreError, TargetError, UnclearLog

FAILED = 1
USED_WRONGLY = 2
INTERRUPTED = 130

_USAGE_ERRORS = (ConfigError, StateError, TargetError, UnclearLog)
_log = logging.getLogger(__name__)


def run(command: click.Command, name: str) -> NoReturn:
    """Run a command and end the program with its exit code; every error becomes a sentence on standard error."""
    sys.exit(_run(command, name))


def leave_at_once(code: int) -> NoReturn:
    """End the program without waiting for its threads; what is written stays."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def exit_code_of(error: MastodonExporterError) -> int:
    """Return the code with which a command ends that an error has ended."""
    used_wrongly = isinstance(error, _USAGE_ERRORS) and not isinstance(error, StoreError)
    return USED_WRONGLY if used_wrongly else FAILED


def _run(command: click.Command, name: str) -> int:
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except MastodonExporterError as error:
        click.echo(f"{name}: {error}", err=True)
        return exit_code_of(error)
    except BrokenPipeError:
        # Whoever read the output has gone; without this Python complains once more while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001 one of the three catch points
        _log.debug("the fault in full", exc_info=True)
        click.echo(f"{name}: a fault of its own: {type(error).__name__}; --log-level debug shows where", err=True)
        return FAILED
    return code if isinstance(code, int) else 0

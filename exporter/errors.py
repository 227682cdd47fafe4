"""Every exception this program raises on purpose.

MastodonExporterError
├── ConfigError              the configuration cannot be used; carries every problem found
├── InvalidValue             one value breaks its rule; caught where the configuration is read
├── StateError               the state folder cannot be used
│   └── StoreError           what is kept in it cannot be read or written
├── DatabaseError            Mastodon's database cannot be used
│   ├── EnvFileError         the server's own settings cannot be read
│   └── UnknownShape         the database is not one of Mastodon
├── RedisError               Mastodon's Redis cannot be used
├── JobRunning               the same repair is under way already
├── BackupError              a backup of subscriptions cannot be written, or cannot be trusted
├── MediaStoreError          a store of media objects does not do what was asked
│   ├── StoreUnavailable     it may do so later: throttled, cut off, timed out, in trouble itself
│   └── StoreRefused         it will not: forbidden, no such bucket, wrong keys; or it cannot be trusted with objects
│       └── StoreShut        nor will it for any other object
├── ListenError              the address to listen on cannot be used
├── RequestRefused           an HTTP request that gets no answer but an error; carries the status
├── TargetError              a probe was asked for something it will not do
│   ├── UnknownTarget        no such instance, or not a URL
│   ├── UnlistedTarget       a URL that the configuration does not list
│   └── UnknownCheck         no such check
├── LogChanged               a log's file is no longer the one that was found; caught by the follower, which looks again
├── LogDamaged               a compressed log breaks off; caught by the follower
├── UnreadableLog            a log named on the command line cannot be read to its end
├── UnclearLog               which log is meant, or how it was written, is not clear
├── NothingCounted           the exporter has not counted any log yet
├── UnknownFault             the sample server has no such fault to switch
└── CheckFailed              a check ends with a failure; caught by the probe runner only

What is expected to fail (a server that is down) is a result, not an exception.
The tree is caught in three places: the probe runner, the collector wrapper and
the command line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus


class MastodonExporterError(Exception):
    """Something the user can mend; the message says how."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a configuration file: where it stands, and what to do."""

    message: str
    key_path: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key_path, self.message) if part)


class ConfigError(MastodonExporterError):
    """The configuration cannot be used; `problems` holds everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvalidValue(MastodonExporterError):
    """One value breaks its rule. `hint` may quote the value, so it is left out where that may be a secret."""

    def __init__(self, rule: str, hint: str = "") -> None:
        self.rule = rule
        self.hint = hint
        super().__init__(f"{rule}; {hint}" if hint else rule)


class StateError(MastodonExporterError):
    """The state folder cannot be used."""


class StoreError(StateError):
    """What is kept in the state folder cannot be read or written: damaged, or no space."""


class DatabaseError(MastodonExporterError):
    """Mastodon's database cannot be used."""


class EnvFileError(DatabaseError):
    """The server's own settings cannot be read."""


class UnknownShape(DatabaseError):
    """The database is not one of Mastodon."""


class RedisError(MastodonExporterError):
    """Mastodon's Redis cannot be used."""


class JobRunning(MastodonExporterError):
    """The same repair is under way already; the message names it."""


class BackupError(MastodonExporterError):
    """A backup of subscriptions cannot be written, or what was named is none that can be trusted."""


class MediaStoreError(MastodonExporterError):
    """A store of media objects does not do what was asked; the message tells which store, and what it answered."""


class StoreUnavailable(MediaStoreError):
    """The store may do so later; it was tried as often as is allowed. Never means that an object is not there."""


class StoreRefused(MediaStoreError):
    """The store will not do so until somebody changes a setting."""


class StoreShut(StoreRefused):
    """The store will not do so for any object: the keys, the bucket, the account, the quota, the clock."""


class ListenError(MastodonExporterError):
    """The address to listen on cannot be used."""


class RequestRefused(MastodonExporterError):
    """An HTTP request that gets no answer but an error; the message is the body of that answer."""

    def __init__(self, status: HTTPStatus, message: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.status = status
        self.headers = tuple(headers)
        super().__init__(message)


class TargetError(MastodonExporterError):
    """A probe was asked for something it will not do."""


class UnknownTarget(TargetError):
    """The target is neither the name of an instance nor the URL of a server."""


class UnlistedTarget(TargetError):
    """The target is a URL that the configuration does not list."""


class UnknownCheck(TargetError):
    """There is no check of that name."""


class LogChanged(MastodonExporterError):
    """The name of a log's file leads to another file by now."""


class LogDamaged(MastodonExporterError):
    """A compressed log is cut off or is not what it seems."""


class UnreadableLog(MastodonExporterError):
    """A log named on the command line cannot be read to its end."""


class UnclearLog(MastodonExporterError):
    """Which log is meant, or how it was written, is not clear."""


class NothingCounted(MastodonExporterError):
    """The exporter has not counted any log yet."""


class UnknownFault(MastodonExporterError):
    """The sample server has no fault of that name."""

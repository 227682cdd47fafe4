"""Mastodon's Redis: short questions with time-outs, keys by Mastodon's own names, errors as sentences.

The package `redis` is optional, and imported nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from exporter.config import RedisSettings
from exporter.errors import RedisError
from exporter.mastodon.redis_address import RedisAddress, redis_addresses

if TYPE_CHECKING:
    import redis

TIMEOUT_SECONDS = 5.0
BATCH = 1000
LONGEST_MESSAGE = 200

_MISSING = "the Python package `redis` is not installed; run `pip install 'mastodon-exporter[redis]'`"

Command = tuple[str | int, ...]
"""A command of Redis; where it names a key, the key comes second and has no prefix."""


class Keys:
    """One Redis database with the server's namespace taken off its keys.

    Every method raises redis-py's errors, which `RedisServer` turns into sentences.
    """

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """Return the answers to commands, sent in one round trip; None for a key of another type."""
        import redis

        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*self._with_prefix(command))  # type: ignore[no-untyped-call] # redis-py types it not
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, redis.RedisError) and not _is_wrong_type(answer):
                raise answer
        return [None if isinstance(answer, Exception) else answer for answer in answers]

    def names(self, pattern: str, limit: int) -> Scan:
        """Scan the names of keys that fit a pattern."""
        return Scan(self, ("SCAN",), f"{self._prefix}{pattern}", limit)

    def members(self, key: str, limit: int, pattern: str = "*") -> Scan:
        """Scan the members of a set."""
        return Scan(self, ("SSCAN", key), pattern, limit)

    def ranked(self, key: str, limit: int, pattern: str = "*") -> Scan:
        """Scan the members of a sorted set, without their scores."""
        return Scan(self, ("ZSCAN", key), pattern, limit)

    def without_prefix(self, key: str) -> str:
        """Return a key as Mastodon names it."""
        return key.removeprefix(self._prefix)

    def _with_prefix(self, command: Command) -> Command:
        name, *rest = command
        if not rest or name == "SCAN":
            return command
        return (name, f"{self._prefix}{rest[0]}", *rest[1:])


class Scan:
    """What a scan finds, in batches, so that Redis is never held up; `complete` tells whether it came to the end.

    It looks at `limit` entries at most, whether or not they fit. An entry may be found twice.
    """

    def __init__(self, keys: Keys, command: Command, pattern: str, limit: int) -> None:
        self._keys = keys
        self._command = command
        self._pattern = pattern
        self._rounds = -(-limit // BATCH)
        self.complete = False

    def __iter__(self) -> Iterator[str]:
        """Yield the entries; those of a key of another type are none."""
        position = "0"
        for _ in range(self._rounds):
            (answer,) = self._keys.ask([(*self._command, position, "MATCH", self._pattern, "COUNT", BATCH)])
            position, found = answer or ("0", [])
            yield from self._entries(found)
            if str(position) == "0":
                self.complete = True
                return

    def _entries(self, found: Sequence[Any]) -> Iterator[str]:
        for entry in found:
            # redis-py gives the members of a sorted set with their scores.
            text = entry[0] if isinstance(entry, tuple) else entry
            yield self._keys.without_prefix(text) if self._command == ("SCAN",) else text


class RedisServer:
    """The server's Redis, and Sidekiq's where that is another. Connects when first asked; thread-safe.

    Both methods raise RedisError, here and for whatever goes wrong in their block.
    """

    def __init__(self, settings: RedisSettings, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._clients: dict[RedisAddress, redis.Redis] = {}

    @contextmanager
    def application(self) -> Iterator[Keys]:
        """Give the keys of the server itself."""
        with self._keys(redis_addresses(self._settings).application) as keys:
            yield keys

    @contextmanager
    def sidekiq(self) -> Iterator[Keys]:
        """Give the keys of Sidekiq and its scheduler."""
        with self._keys(redis_addresses(self._settings).sidekiq) as keys:
            yield keys

    def close(self) -> None:
        """Close the connections; asking again opens them anew."""
        while self._clients:
            self._clients.popitem()[1].close()

    @contextmanager
    def _keys(self, address: RedisAddress) -> Iterator[Keys]:
        try:
            import redis
        except ImportError as error:
            raise RedisError(_MISSING) from error
        try:
            yield Keys(self._client(address), address.key_prefix)
        except redis.RedisError as error:
            raise RedisError(self._in_words(error, address)) from error

    def _client(self, address: RedisAddress) -> redis.Redis:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        if address not in self._clients:
            try:
                self._clients[address] = redis.Redis.from_url(
                    address.url.text,
                    decode_responses=True,
                    encoding_errors="replace",
                    protocol=2,  # the answers of every version have one shape
                    retry=Retry(NoBackoff(), 0),
                    socket_connect_timeout=self._timeout_seconds,
                    socket_timeout=self._timeout_seconds,
                )
            except ValueError as error:
                # Its message quotes the URL, which may hold a password.
                raise RedisError("the URL of Redis is not one; write `redis://127.0.0.1:6379/0`") from error
        return self._clients[address]

    def _in_words(self, error: redis.RedisError, address: RedisAddress) -> str:
        import redis

        said = str(error).partition("\n")[0][:LONGEST_MESSAGE] or type(error).__name__
        if isinstance(error, redis.AuthenticationError):
            return f"Redis at {address} refuses the password: {said}"
        if isinstance(error, redis.TimeoutError):
            return f"Redis at {address} did not answer within {self._timeout_seconds:g} s"
        if isinstance(error, redis.ConnectionError):
            return f"Redis at {address} cannot be reached: {said}"
        return f"Redis at {address} refuses: {said}"


def _is_wrong_type(error: redis.RedisError) -> bool:
    return str(error).startswith("WRONGTYPE")

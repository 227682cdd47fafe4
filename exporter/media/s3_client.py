"""Asks one bucket: signs, sends, and tries again as long as that may help."""

import hashlib
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.errors import StoreRefused, StoreShut, StoreUnavailable
from exporter.media.connection import Admit, Answer, Broken, Connection, Outgoing, Timeouts, printable
from exporter.media.pace import Pace
from exporter.media.s3_address import S3Address, encoded, query_of
from exporter.media.s3_answer import Kind, Setback, is_not_found, setback_of
from exporter.media.signature import EMPTY_PAYLOAD_SHA256, UNSIGNED_PAYLOAD, Signer, Unsigned

_DOUBTFUL_TRIES = 3
_TRIES_BEFORE_ANY_ANSWER = 4  # it is rather not there, or another place, than in trouble

Result = TypeVar("Result")


def _nobody_asks() -> None:
    """Take no notice of a lost answer."""


@dataclass(frozen=True)
class Patience:
    """How often and how long something is tried. Between two tries lies a random part of a time that doubles.

    `sleep` may end early: then nothing more is tried sooner than it would be, but for that pause. What is under way
    some seconds after `stopping` has been set is broken off.
    """

    attempts: int = 10
    first_wait_seconds: float = 0.1
    longest_wait_seconds: float = 20.0
    timeouts: Timeouts = Timeouts()
    timeouts_of_long_work: Timeouts = Timeouts(stall_seconds=600.0, whole_seconds=900.0)
    sleep: Callable[[float], object] = time.sleep
    stopping: threading.Event = field(default_factory=threading.Event)
    part: Callable[[], float] = random.random
    clock: Callable[[], float] = time.time

    def wait(self, attempt: int) -> None:
        """Wait after a try that came to nothing; the first has the number 1."""
        longest = min(self.longest_wait_seconds, self.first_wait_seconds * 2.0 ** (attempt - 1))
        self.sleep(longest * self.part())


@dataclass(frozen=True, slots=True)
class S3Request:
    """What to ask. An empty key stands for the bucket. Names of headers are lower case.

    `is_long_work`: the store may be silent for minutes before it answers.
    """

    method: str
    key: str = ""
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    admit: Admit | None = None
    is_long_work: bool = False


class S3Client:
    """Asks one bucket. Thread-safe: each thread has connections of its own. Without a signer it asks as anybody.

    `is_absence_bare`: the store is known to say of what is not there 404, and not a word more.
    """

    def __init__(self, address: S3Address, signer: Signer | None, pace: Pace, patience: Patience) -> None:
        self.address = address
        self.patience = patience
        self.is_absence_bare = False
        self._signer = signer
        self._pace = pace
        self._own = threading.local()
        self._has_answered = False

    def ask(
        self,
        request: S3Request,
        judge: Callable[[Answer], Result | Setback],
        lost: Callable[[], None] = _nobody_asks,
    ) -> Result:
        """Return what `judge` makes of the answer; a Setback is tried again where that may help.

        `lost` is told of each try that may have been done although no answer came. Raises StoreUnavailable or
        StoreRefused when it did not help.
        """
        attempt = 1
        while isinstance(outcome := self._tried(request, judge, lost), Setback):
            if outcome.kind is Kind.THROTTLED:
                self._pace.slow_down(outcome.wait_seconds)
            if not self._may_try_again(outcome.kind, attempt):
                raise self.failure(request, outcome)
            self.patience.wait(attempt)
            attempt += 1
        self._pace.went_well()
        return outcome

    def failure(self, request: S3Request, setback: Setback) -> StoreUnavailable | StoreRefused:
        """Return the error for what was tried in vain."""
        what = f"{request.method} of {printable(request.key)}" if request.key else f"{request.method} of the bucket"
        kind = StoreRefused if setback.kind in (Kind.DOUBTFUL, Kind.FINAL) else StoreUnavailable
        kind = StoreShut if setback.is_shut else kind
        return kind(f"{self.address.name}, {what}: {setback.text}")

    def unwanted(self, answer: Answer) -> Setback:
        """Return what an answer with an unwanted status stands for."""
        return setback_of(answer, self.patience.clock())

    def is_missing(self, answer: Answer) -> bool:
        """Tell whether the store says that there is no such object."""
        return is_not_found(answer, "NoSuchKey", is_bare_enough=self.is_absence_bare)

    def is_upload_gone(self, answer: Answer) -> bool:
        """Tell whether the store says that there is no such upload in parts."""
        return is_not_found(answer, "NoSuchUpload", is_bare_enough=self.is_absence_bare)

    def _may_try_again(self, kind: Kind, attempt: int) -> bool:
        if kind is Kind.DOUBTFUL:
            return attempt < min(_DOUBTFUL_TRIES, self.patience.attempts)
        attempts = (
            self.patience.attempts if self._has_answered else min(_TRIES_BEFORE_ANY_ANSWER, self.patience.attempts)
        )
        return kind in (Kind.PASSING, Kind.THROTTLED) and attempt < attempts

    def _tried(
        self, request: S3Request, judge: Callable[[Answer], Result | Setback], lost: Callable[[], None]
    ) -> Result | Setback:
        self._pace.take_turn()
        try:
            outgoing = self._outgoing(request)
        except StoreUnavailable as error:  # keys that are lent for a time could not be renewed
            return Setback(str(error))
        answer = self._connection(request).send(outgoing)
        if isinstance(answer, Broken):
            if answer.may_be_done:
                lost()
            return Setback(answer.text, Kind.PASSING if answer.may_pass else Kind.FINAL)
        self._has_answered = True
        return judge(answer)

    def _outgoing(self, request: S3Request) -> Outgoing:
        address = self.address
        path, query = address.path(request.key), query_of(request.query)
        headers = self._signed(request, path, query)
        lines = [encoded(f"{name}: {value}") for name, value in headers.items()]
        if "content-type" not in headers:
            lines.append(b"Content-Type:")  # libcurl would add one
        url = f"{address.origin}{path}?{query}" if query else f"{address.origin}{path}"
        return Outgoing(request.method, url, lines, request.body, request.admit)

    def _signed(self, request: S3Request, path: str, query: str) -> Mapping[str, str]:
        headers = {"host": self.address.host, **request.headers}
        if self._signer is None:
            return headers
        return self._signer.sign(Unsigned(request.method, path, query, headers, self._payload_hash(request.body)))

    def _payload_hash(self, body: bytes) -> str:
        if not body:
            return EMPTY_PAYLOAD_SHA256
        return UNSIGNED_PAYLOAD if self.address.is_encrypted else hashlib.sha256(body).hexdigest()

    def _connection(self, request: S3Request) -> Connection:
        name = "patient" if request.is_long_work else "usual"
        connection: Connection | None = getattr(self._own, name, None)
        if connection is None:
            patience = self.patience
            timeouts = patience.timeouts_of_long_work if request.is_long_work else patience.timeouts
            connection = Connection(timeouts, self.address.ca_file, patience.stopping)
            setattr(self._own, name, connection)
        return connection

"""All that is counted of one log. Nothing here reads a file or a clock: the log's own time is what counts."""

from collections import Counter
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TypeVar

from exporter.accesslog.accounts import Accounts
from exporter.accesslog.counts import Counted, Counts, Series
from exporter.accesslog.domains import OTHER, FailingDomain, FailingDomains, LearntDomains, SendingDomains
from exporter.accesslog.scan import Observation, Scan
from exporter.accesslog.timestamps import read_time
from exporter.config import DEFAULT_DOMAIN_CAP
from exporter.mastodon.answers import came_through, is_broken_callback, is_failed_delivery
from exporter.mastodon.routes import account_id
from exporter.mastodon.senders import callback_agent, sending_host

AGENTS_REMEMBERED = 10_000
"""How many user agents are remembered with what they mean, and how many deliveries that need nothing more."""

LONGEST_AGENT_REMEMBERED_BYTES = 256

_CODES = {b"%03d" % code: code for code in range(1000)}
_TAKEN_CODES = frozenset(text for text, code in _CODES.items() if came_through(code))
_BROKEN_CODES = frozenset(text for text, code in _CODES.items() if is_broken_callback(code))
_FAILED_CODES = frozenset(text for text, code in _CODES.items() if is_failed_delivery(code))

_Meaning = TypeVar("_Meaning")

_LINES = Series(Counted.LINES)
_BROKEN = Series(Counted.CALLBACKS_BROKEN)
_DROPPED = Series(Counted.ACCOUNTS_DROPPED)
_OTHER_FAILURES = Series(Counted.FAILURES, (OTHER,))


@dataclass(frozen=True)
class TallySettings:
    """How a log is counted. `agent_text` undoes the log's escapes; `judged`: a broken callback means harm."""

    agent_text: Callable[[bytes], str]
    domain_cap: int = DEFAULT_DOMAIN_CAP
    judged: bool = True


@dataclass(frozen=True)
class TallyState:
    """What a tally goes on from. It takes `accounts` and `learnt` as its own, so that a state serves one tally."""

    counts: Counts = field(default_factory=dict)
    last_line_timestamp_seconds: float | None = None
    accounts: Accounts = field(default_factory=Accounts)
    learnt: LearntDomains = field(default_factory=LearntDomains)
    failing: tuple[FailingDomain, ...] = ()


class Tally:
    """The counters of one log, and what they need to go on: accounts and domains. For one thread.

    Counters never go down, save that a domain's series may end, and begin anew later.
    """

    def __init__(self, settings: TallySettings, state: TallyState | None = None) -> None:
        before = state or TallyState()
        self.accounts = before.accounts
        self.accounts.dropped = before.counts.get(_DROPPED, 0)
        self.last_line_timestamp_seconds = before.last_line_timestamp_seconds
        self._counts = Counter(before.counts)
        self._domains = SendingDomains(before.learnt, FailingDomains(settings.domain_cap))
        for place in before.failing:
            self._domains.failing.restore(place)
        self._settled = _Settled(self._take)
        self._callbacks: list[Observation] = []
        self._domain_of = _Remembered(lambda agent: sending_host(settings.agent_text(agent)))
        self._class_of = _Remembered(lambda agent: callback_agent(settings.agent_text(agent)))
        self.judge(judged=settings.judged)

    def apply(self, scan: Scan) -> None:
        """Count what a block of lines came to. The time of its last line is taken for the time of them all."""
        self._counts[_LINES] += scan.lines
        for reason, lines in scan.unparsed.items():
            self._counts[Series(Counted.UNPARSED, (reason.value,))] += lines
        self._tell_time(scan.last_time)
        codes = Counter(map(self._settled.__getitem__, scan.observations))
        codes.pop(b"", None)  # callbacks
        for code, deliveries in codes.items():
            self._counts[Series(Counted.DELIVERIES, (code.decode(),))] += deliveries
        self._take_callbacks()

    def count(self, counted: Counted) -> None:
        """Count one of what the lines do not tell: a rotation, a truncation, a file lost before its end was read."""
        self._counts[Series(counted)] += 1

    def judge(self, *, judged: bool) -> None:
        """Say whether broken callbacks mean harm; where they do not, no account is broken."""
        self._judged = judged
        if not judged:
            self.accounts.forget()

    def list_known_domains(self, domains: AbstractSet[str]) -> None:
        """Say which domains are known whatever they send."""
        self._domains.list_known(domains)
        self._settled.clear()

    @property
    def learnt(self) -> LearntDomains:
        """The domains known because a delivery of theirs was answered 2xx."""
        return self._domains.learnt

    @property
    def failing(self) -> FailingDomains:
        """The domains that have a series of failed deliveries."""
        return self._domains.failing

    def counts(self) -> dict[Series, int]:
        """Return all counters, save those of domains that have a series of their own (see `failing`)."""
        return {**self._counts, _DROPPED: self.accounts.dropped}

    def clear_changes(self) -> None:
        """Take the accounts and domains that have changed so far as written down."""
        self.accounts.clear_changes()
        self.learnt.clear_changes()

    def _tell_time(self, raw: bytes) -> None:
        time = read_time(raw)
        if time is not None:
            self.last_line_timestamp_seconds = time.timestamp_seconds

    def _take(self, observation: Observation) -> bytes:
        """Note what an observation tells beyond its code, and return that; empty for a callback."""
        code, agent = observation[:2]
        if not code:
            self._callbacks.append(observation)
            return code
        domain = self._domain_of[agent]
        if code in _FAILED_CODES:
            if domain is None or not self._domains.fail(domain, self.last_line_timestamp_seconds or 0.0):
                self._counts[_OTHER_FAILURES] += 1
            return code
        if domain is not None and code in _TAKEN_CODES and self._domains.come_through(domain):
            self._settled.clear()
        self._settle(observation)
        return code

    def _settle(self, observation: Observation) -> None:
        """Remember a delivery that has no effect when it is seen again, beyond its code."""
        if len(observation[1]) > LONGEST_AGENT_REMEMBERED_BYTES:
            return
        if len(self._settled) == AGENTS_REMEMBERED:
            self._settled.clear()
        self._settled[observation] = observation[0]

    def _take_callbacks(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for (method, code), calls in Counter(map(itemgetter(3, 5), callbacks)).items():
            self._counts[Series(Counted.CALLBACKS, (method.decode(), code.decode()))] += calls
            self._counts[_BROKEN] += calls * (self._judged and code in _BROKEN_CODES)
        for agent, calls in Counter(map(self._class_of.__getitem__, map(itemgetter(6), callbacks))).items():
            self._counts[Series(Counted.CALLBACK_AGENTS, (agent,))] += calls
        if self._judged:
            self._judge_accounts(callbacks)

    def _judge_accounts(self, callbacks: Iterable[Observation]) -> None:
        for _, _, time, _, digits, code, _, _ in callbacks:
            if code in _TAKEN_CODES:
                account = account_id(digits)
                if account is not None and account in self.accounts:
                    self.accounts.answer(account, int(code))
            elif code in _BROKEN_CODES:
                account = account_id(digits)
                if account is not None:
                    self.accounts.answer(account, int(code), read_time(time))


class _Settled(dict[Observation, bytes]):
    """The codes of deliveries that tell nothing more; `take` is asked for that of any other observation."""

    def __init__(self, take: Callable[[Observation], bytes]) -> None:
        super().__init__()
        self._take = take

    def __missing__(self, observation: Observation) -> bytes:
        return self._take(observation)


class _Remembered(dict[bytes, _Meaning]):
    """What user agents mean. Only short ones are kept, and only so many, so that no sender fills the memory."""

    def __init__(self, read: Callable[[bytes], _Meaning]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, agent: bytes) -> _Meaning:
        meaning = self._read(agent)
        if len(agent) <= LONGEST_AGENT_REMEMBERED_BYTES:
            if len(self) == AGENTS_REMEMBERED:
                self.clear()
            self[agent] = meaning
        return meaning

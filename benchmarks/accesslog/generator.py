"""Logs to measure with, and the true figures of each: the same lines for the same seed, on any machine.

Of the ordinary lines about 35 % are deliveries to inboxes, 5 % callbacks, the rest page views.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random

from benchmarks.accesslog.figures import OTHER, Figures
from benchmarks.accesslog.strange_lines import STRANGE_LINES, StrangeLine

SEED = 20170418
STRANGE_EVERY = 500
DOMAINS = tuple(f"server{number}.example" for number in range(3000))

_ACCOUNTS = 40_000
_LINES_A_SECOND = 300
_DELIVERIES, _CALLBACKS = 0.35, 0.05
_LINES_AT_ONCE = 10_000

_SENDERS = (
    "Mastodon/4.5.1 (http.rb/5.2.0; +https://{}/)",
    "http.rb/5.1.1 (Mastodon/4.2.9; +https://{}/)",
    "Misskey/2024.11.0 (https://{})",
    "Pleroma 2.6.0; https://{} <admin@{}>",
    "Mastodon/4.4.0 (http.rb/5.2.0; +https://{}/)",
    "Lemmy/0.19.5; +https://{}",
    "gotosocial (+https://{}) gotosocial/0.17.3",
    "WordPress/6.7; https://{}; ActivityPub",
)
_HUBS = (
    "Mastodon/PubSubHubbub",
    "http.rb/2.2.2 (Mastodon/1.5.0; +https://{}/)",
    "GNU social/1.2.0-beta4 (https://{}/)",
)
_BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15",
    "Tusky/27.0 Android/15 OkHttp/4.12.0",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)
_REFERERS = ("-", "https://mastodon.example/web/timelines/home", "https://mastodon.example/")
_VERIFICATION = (
    "?hub.mode=subscribe&hub.topic=https%3A%2F%2Fserver1.example%2Fusers%2Fa.atom"
    "&hub.challenge=0123456789abcdef&hub.lease_seconds=604800"
)


@dataclass(frozen=True)
class Truth:
    """What a log holds: its figures, and the accounts whose last delivery broke and none came through since."""

    figures: Figures
    broken_accounts: frozenset[int]


def write_log(path: Path, lines: int, strange_every: int = STRANGE_EVERY) -> Truth:
    """Write a log of so many lines, every 500th of them a strange one, and return the truth about it."""
    writing = _Writing(Random(SEED), strange_every)
    every_line = writing.every_line()
    with path.open("wb") as file:
        for _ in range(0, lines, _LINES_AT_ONCE):
            file.writelines(islice(every_line, min(_LINES_AT_ONCE, lines - writing.lines)))
    return writing.truth()


def write_broken_log(path: Path, accounts: int) -> None:
    """Write a log of one broken callback for each of so many accounts."""
    time = _time(0)
    with path.open("w") as file:
        for account in range(1, accounts + 1):
            file.write(
                f'203.0.113.9 - - [{time}] "POST /api/subscriptions/{account} HTTP/1.1" 404 0 "-" "{_HUBS[0]}"\n'
            )


@dataclass
class _Writing:
    """Makes lines, and counts as it goes."""

    random: Random
    strange_every: int
    lines: int = 0
    unparsed: int = 0
    broken: int = 0
    callbacks: Counter[tuple[str, str]] = field(default_factory=Counter)
    deliveries: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    broken_accounts: set[int] = field(default_factory=set)

    def truth(self) -> Truth:
        figures = Figures(self.lines, self.unparsed, self.callbacks, self.broken, self.deliveries, self.failures)
        return Truth(figures, frozenset(self.broken_accounts))

    def every_line(self) -> Iterator[bytes]:
        """Yield lines without end."""
        while True:
            self.lines += 1
            number, strange = divmod(self.lines, self.strange_every)
            line = self._ordinary() if strange else self._strange(STRANGE_LINES[number % len(STRANGE_LINES)])
            yield line + b"\n"

    def _strange(self, line: StrangeLine) -> bytes:
        self.unparsed += line.unparsed
        if line.callback:
            self._count_callback(*line.callback, account=107)
        if line.delivery:
            self._count_delivery(*line.delivery)
        return line.numbered(self.lines)

    def _ordinary(self) -> bytes:
        kind = self.random.random()
        if kind < _DELIVERIES:
            rest = self._delivery()
        elif kind < _DELIVERIES + _CALLBACKS:
            rest = self._callback()
        else:
            rest = self._page_view()
        address = f"203.0.{self.random.randrange(256)}.{self.random.randrange(256)}"
        return f"{address} - - [{_time(self.lines)}] {rest}".encode()

    def _delivery(self) -> str:
        place = min(int(self.random.expovariate(1 / 400)), len(DOMAINS) - 1)
        agent = _SENDERS[place % len(_SENDERS)].replace("{}", DOMAINS[place])
        shared = self.random.random() < 0.8
        path = "/inbox" if shared else f"/users/user{self.random.randrange(200)}/inbox"
        code = self._one_of({"202": 930, "401": 40, "503": 10, "410": 5, "404": 5, "502": 10})
        self._count_delivery(code, DOMAINS[place])
        return f'"POST {path} HTTP/1.1" {code} 0 "-" "{agent}"'

    def _callback(self) -> str:
        verifies = self.random.random() < 0.1
        method, query = ("GET", _VERIFICATION) if verifies else ("POST", "")
        code = self._one_of({"200": 90, "404": 3, "301": 2, "429": 3, "502": 2})
        account = self.random.randrange(1, _ACCOUNTS)
        agent = self.random.choice(_HUBS).replace("{}", self.random.choice(DOMAINS))
        self._count_callback(method, code, account)
        return f'"{method} /api/subscriptions/{account}{query} HTTP/1.1" {code} 0 "-" "{agent}"'

    def _page_view(self) -> str:
        chance = self.random
        path = chance.choice(_PAGES).format(small=chance.randrange(500), status=chance.randrange(10**17, 10**18))
        code = self._one_of({"200": 80, "304": 10, "404": 8, "499": 2})
        size = chance.randrange(50_000)
        return f'"GET {path} HTTP/2.0" {code} {size} "{chance.choice(_REFERERS)}" "{chance.choice(_BROWSERS)}"'

    def _one_of(self, weights: dict[str, int]) -> str:
        return self.random.choices(tuple(weights), tuple(weights.values()))[0]

    def _count_callback(self, method: str, code: str, account: int) -> None:
        self.callbacks[method, code] += 1
        if code[0] in "34" and code != "429":
            self.broken += 1
            self.broken_accounts.add(account)
        elif code[0] == "2":
            self.broken_accounts.discard(account)

    def _count_delivery(self, code: str, domain: str | None) -> None:
        self.deliveries[code] += 1
        if code[0] != "2" and code not in ("403", "404", "410"):
            self.failures[domain or OTHER] += 1


_PAGES = (
    "/@user{small}/{status}",
    "/api/v1/timelines/home?since_id={status}",
    "/packs/js/application-abcdef0123456789.js",
    "/system/accounts/avatars/000/{small:03d}/010/original/abcdef0123456789.png",
    "/about",
    "/api/v1/streaming?stream=user",
    "/.well-known/webfinger?resource=acct:user{small}@mastodon.example",
    "/users/user{small}/statuses/{status}",
)


def _time(line: int) -> str:
    seconds = line // _LINES_A_SECOND
    return f"20/Nov/2026:{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} +0900"

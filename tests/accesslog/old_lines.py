"""Lines of old logs for tests, in the formats that can be found out."""

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies

HOST = "qdon.example"


@dataclass(frozen=True)
class Answer:
    """One request and what it was answered, `second` seconds after the log began."""

    account: int | str = 107
    code: int | str = 404
    second: int = 0
    method: str = "POST"
    path: str = "/api/subscriptions/{}"
    host: str = HOST

    @property
    def request(self) -> str:
        return f"{self.method} {self.path.format(self.account)} HTTP/1.1"

    @property
    def time(self) -> str:
        return f"2017-04-20T23:{self.second // 60:02}:{self.second % 60:02}+09:00"

    def combined(self) -> str:
        time = f"20/Apr/2017:{self.time[11:19]} +0900"
        return f'192.0.2.7 - - [{time}] "{self.request}" {self.code} 0 "-" "Mastodon/PubSubHubbub"\n'

    def as_json(self) -> str:
        members = {"time_iso8601": self.time, "request": self.request, "status": str(self.code), "host": self.host}
        return json.dumps(members) + "\n"


def combined_log(path: Path, *answers: Answer) -> str:
    """Write a log and return its name."""
    path.write_text("".join(answer.combined() for answer in answers))
    return str(path)


def compressed_log(path: Path, *answers: Answer) -> str:
    """Write a log as gzip and return its name."""
    path.write_bytes(gzip.compress("".join(answer.combined() for answer in answers).encode()))
    return str(path)


PATHS = (
    "/api/subscriptions/{}", "//api//subscriptions/{}/", "/api/subscriptions/{}?hub.mode=subscribe", "/inbox",
    "/api/subscriptions/{}/x", "http://qdon.example/api/subscriptions/{}", "/about?q=/api/subscriptions/{}",
    "/api/subscriptions/{}//", "/api/subscriptions/", "/users/subscriptions/inbox",
)  # fmt: skip

answers = strategies.builds(
    Answer,
    account=strategies.sampled_from([0, 1, 2, 3, "0001", 2**63 - 2, 2**63 - 1, 10**30]),
    code=strategies.sampled_from([200, 202, 301, 404, 410, 429, 499, 502, "000"]),
    second=strategies.integers(0, 3599),
    method=strategies.sampled_from(["GET", "POST", "POST", "POST ", "HEAD"]),
    path=strategies.sampled_from(PATHS),
    host=strategies.sampled_from([HOST, "QDON.example:443", "other.example"]),
)
odd_lines = strategies.sampled_from(
    ["\n", "subscriptions\n", "garbage\n", '"POST /api/subscriptions/1 HTTP/1.1" 404\n', '{"request": "GET"}\n']
)

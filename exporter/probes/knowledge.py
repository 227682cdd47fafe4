"""What the other checks need to know of a server: its streaming host, its stored media, an account."""

import asyncio
from dataclasses import dataclass

from exporter.config.model import Instance
from exporter.mastodon.documents import is_error, parse_json
from exporter.mastodon.instance import Announcement, read_announcement
from exporter.mastodon.versions import Version, parse_version
from exporter.probes.exchange import NOT_FOUND, UNAUTHORIZED, Exchange
from exporter.probes.memory import Remembered, essence
from exporter.probes.result import Failure, Reason
from exporter.probes.verdict import unless_keywords
from exporter.probes.visit import Ask, Visit

_TRY_V1 = frozenset({NOT_FOUND, UNAUTHORIZED})
_JSON = Ask(accept="application/json", trusted=True)
_SHARE_WITH_MEMORY = 1 / 3
_SHARE_WITHOUT_MEMORY = 2 / 3


@dataclass(frozen=True)
class ApiAnswer:
    """What the instance API came to. `closed` = it is there, but answers signed-in people only."""

    announcement: Announcement | None = None
    failure: Failure | None = None
    closed: bool = False
    path: str = ""


async def ask_instance_api(visit: Visit, instance: Instance) -> ApiAnswer:
    """Ask /api/v2/instance, and /api/v1/instance where v2 is not there (before 4.0) or closed."""
    path = "/api/v2/instance"
    exchange = await visit.get(instance.url + path, _JSON)
    if exchange.failure is None and exchange.status in _TRY_V1:
        path = "/api/v1/instance"
        exchange = await visit.get(instance.url + path, _JSON)
    if exchange.failure is None and exchange.status == UNAUTHORIZED and is_error(exchange.text):
        return ApiAnswer(closed=True, path=path)
    return _judge(exchange, instance, path)


def _judge(exchange: Exchange, instance: Instance, path: str) -> ApiAnswer:
    failure = exchange.unless_whole()
    if failure is not None:
        return ApiAnswer(failure=failure, path=path)
    document = parse_json(exchange.text)
    if not isinstance(document, dict):
        return ApiAnswer(failure=Failure(Reason.JSON, "the answer is not a JSON object"), path=path)
    announcement = read_announcement(document, instance.url)
    if announcement.version is None:
        return ApiAnswer(failure=Failure(Reason.JSON, "the answer has no `version`, or an empty one"), path=path)
    return ApiAnswer(announcement, unless_keywords(exchange, instance.settings("api")), path=path)


@dataclass(frozen=True)
class Knowledge:
    """What is known of a server. `learnt` False: it has never told, and `account` and `media` cannot be trusted."""

    learnt: bool = False
    streaming: str | None = None
    account: str | None = None
    media: tuple[str, ...] = ()
    version: Version | None = None


@dataclass(frozen=True)
class TimeSpan:
    """When a look begins and ends, in the event loop's time."""

    begins: float
    ends: float


class Learning:
    """Gives what a server announces now, else what it announced before.

    The API is asked once a probe. A slow one is waited for during a third of the time, or two thirds
    where nothing is remembered: the checks that need it must have time left for their own questions.
    """

    def __init__(self, remembered: Remembered | None, asking: "asyncio.Task[ApiAnswer]", time: TimeSpan) -> None:
        self._remembered = remembered
        self._asking = asking
        share = _SHARE_WITHOUT_MEMORY if remembered is None else _SHARE_WITH_MEMORY
        self._wait_until = time.begins + (time.ends - time.begins) * share

    async def knowledge(self) -> Knowledge:
        """Return what is known, as soon as the API has answered or been waited for long enough."""
        answer = await self._answer()
        if answer is not None and answer.announcement is not None:
            return _known(essence(answer.announcement))
        if self._remembered is not None:
            return _known(self._remembered)
        return Knowledge(learnt=answer is not None and answer.closed)

    async def _answer(self) -> ApiAnswer | None:
        try:
            async with asyncio.timeout_at(self._wait_until):
                return await asyncio.shield(self._asking)
        except TimeoutError:
            return None


def _known(remembered: Remembered) -> Knowledge:
    version = parse_version(remembered.version) if remembered.version else None
    return Knowledge(True, remembered.streaming, remembered.account, remembered.media, version)

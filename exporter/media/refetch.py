"""Files that are missing, from the servers that they first came from."""

import threading
from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from exporter.addresses import known_address
from exporter.errors import InvalidValue
from exporter.mastodon.attachments import MediaObject
from exporter.media.copying import NotFetched
from exporter.media.file_kind import may_bear_name
from exporter.media.pace import Held
from exporter.media.remote_file import Asker, RemoteAnswer, RemoteFile
from exporter.third_party_connection import address_refusal
from exporter.third_party_url import redirected_url, third_party_url

MAX_REDIRECTS = 3
GIVEN_UP_AFTER = 3
"""A server that could not be reached so often in a row is not asked again in this run."""
HOSTS_REMEMBERED = 10_000

_REDIRECTS = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.SEE_OTHER,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)


class UnreachableHosts:
    """The hosts that could not be reached of late, so that thousands of files do not wait for each of them in turn."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def is_given_up(self, host: str) -> bool:
        """Tell whether a host is not worth asking."""
        with self._lock:
            return self._failures.get(host, 0) >= GIVEN_UP_AFTER

    def tell(self, host: str, *, is_unreachable: bool) -> None:
        """Remember how it went."""
        with self._lock:
            if not is_unreachable:
                self._failures.pop(host, None)
                return
            self._failures[host] = self._failures.pop(host, 0) + 1
            if len(self._failures) > HOSTS_REMEMBERED:
                self._failures.popitem(last=False)


@dataclass(frozen=True)
class Refetch:
    """Asks other servers for files; any thread may use it. `rejected`: the domains whose media are not wanted here."""

    asker: Asker
    rejected: Container[str]
    hosts: UnreachableHosts = field(default_factory=UnreachableHosts)

    def fetch(self, media_object: MediaObject, largest_bytes: int, held: Held) -> bytes | NotFetched:
        """Return the file, if its first bytes are what the name of the object promises. Raises nothing."""
        if media_object.remote_url is None:
            return NotFetched("")
        domain = media_object.attachment.domain
        if domain and domain in self.rejected:
            return NotFetched(f"media of {domain} are not wanted here")
        answer = self._followed(media_object.remote_url, largest_bytes, held)
        if answer.trouble or answer.http_status != HTTPStatus.OK:
            return NotFetched(answer.trouble or f"its own server answered {answer.http_status}")
        if not may_bear_name(answer.body, media_object.key):
            return NotFetched("what its own server has is a file of another type: `tootctl media refresh` converts it")
        return answer.body

    def _followed(self, text: str, largest_bytes: int, held: Held) -> RemoteAnswer:
        try:
            url = third_party_url(text)
            for _ in range(MAX_REDIRECTS + 1):
                answer = self._asked(url, largest_bytes, held)
                if answer.http_status not in _REDIRECTS:
                    return answer
                url = redirected_url(url, answer.location)
        except InvalidValue as error:
            return RemoteAnswer(trouble=f"its remote URL cannot be used: {error.rule}")
        return RemoteAnswer(trouble="its own server redirects in a circle")

    def _asked(self, url: str, largest_bytes: int, held: Held) -> RemoteAnswer:
        host = urlsplit(url).hostname or ""
        address = known_address(host)
        if address is not None and not self.asker.rule.permits(address):
            return RemoteAnswer(trouble=f"{host}: {address_refusal(address, 'servers')}")
        if host in self.rejected:
            return RemoteAnswer(trouble=f"media of {host} are not wanted here")
        if self.hosts.is_given_up(host):
            return RemoteAnswer(trouble=f"{host} could not be reached before")
        with RemoteFile(url, self.asker, largest_bytes, held.grow_to) as remote:
            answer = remote.get()
        self.hosts.tell(host, is_unreachable=answer.is_unreachable)
        return answer

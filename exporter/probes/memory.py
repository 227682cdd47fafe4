"""What servers announced the last time they could.

It is kept in the state folder, so that an API that is down takes no other check with it.
"""

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from exporter.config.model import Instance
from exporter.mastodon.documents import lookup, lookup_text, parse_json
from exporter.mastodon.instance import Announcement
from exporter.state import write_atomically

SCHEMA = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Remembered:
    """The part of an announcement that other checks need; None or empty = the server told of none."""

    streaming: str | None = None
    account: str | None = None
    media: tuple[str, ...] = ()
    version: str | None = None


def essence(announcement: Announcement) -> Remembered:
    """Return the part of an announcement that is worth remembering."""
    return Remembered(announcement.streaming, announcement.account, announcement.media, announcement.version)


class Memory:
    """Remembers announcements per instance; without a folder, only as long as the program runs.

    Of unlisted targets nothing is kept: whoever names them would choose how much.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder / "announced" if folder else None
        self._known: dict[tuple[str, str], Remembered | None] = {}

    def recall(self, instance: Instance) -> Remembered | None:
        """Return what was last learnt of this instance at this URL, or None; a damaged file counts as nothing."""
        if not instance.listed:
            return None
        key = (instance.name, instance.url)
        if key not in self._known:
            self._known[key] = self._read(instance)
        return self._known[key]

    def learn(self, instance: Instance, announcement: Announcement) -> None:
        """Keep what an instance announces; a folder that cannot be written to costs only the memory over a restart."""
        learnt = essence(announcement)
        if not instance.listed or learnt == self.recall(instance):
            return
        self._known[instance.name, instance.url] = learnt
        if self._folder is not None:
            self._write(self._path(instance), {"schema": SCHEMA, "url": instance.url, **asdict(learnt)})

    def _read(self, instance: Instance) -> Remembered | None:
        path = self._path(instance)
        try:
            text = path.read_text(encoding="utf-8") if path else ""
        except (OSError, UnicodeDecodeError):
            return None
        document = parse_json(text)
        if lookup(document, "schema") != SCHEMA or lookup(document, "url") != instance.url:
            return None
        media = lookup(document, "media")
        return Remembered(
            streaming=lookup_text(document, "streaming"),
            account=lookup_text(document, "account"),
            media=tuple(url for url in media if isinstance(url, str)) if isinstance(media, list) else (),
            version=lookup_text(document, "version"),
        )

    def _path(self, instance: Instance) -> Path | None:
        if self._folder is None:
            return None
        # A digest, because a name may hold what a file system does not take.
        return self._folder / f"{hashlib.sha256(instance.name.encode()).hexdigest()[:32]}.json"

    def _write(self, path: Path | None, document: dict[str, object]) -> None:
        if path is None:
            return
        try:
            path.parent.mkdir(mode=0o2770, exist_ok=True)
            write_atomically(path, json.dumps(document))
        except OSError as error:
            _log.warning(
                "what a server announced could not be kept", extra={"file": path.name, "error": error.strerror}
            )

"""What is wrong at a destination, object by object; kept in a file, for there may be millions."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from exporter.ledger.media_record import Trouble
from exporter.ledger.names import REOPENED
from exporter.mastodon.attachments import MediaObject


class What(StrEnum):
    """In what an object differs from what it should be."""

    SIZE = "size"
    MD5 = "md5"
    CONTENT_TYPE = "content_type"
    CACHE_CONTROL = "cache_control"
    ACL = "acl"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `whole_key` is where the object should be; `what` None: it is not there."""

    media_object: MediaObject
    whole_key: str
    what: What | None = None

    def trouble(self) -> Trouble:
        """Return what the ledger has to know, so that the object is moved once more."""
        of = self.media_object.attachment
        detail = f"its {self.what.replace('_', ' ')} differed" if self.what else "it was not there"
        key, is_wrong = self.media_object.key, self.what is not None
        return Trouble(of.media_class, of.record_id, key, REOPENED, of.domain, detail, is_wrong)

    def document(self) -> dict[str, object]:
        """Return it as JSON tells of it."""
        if self.what:
            return {"key": self.whole_key, "what": self.what.value}
        of = self.media_object.attachment
        return {"key": self.whole_key, "class": of.media_class.value, "id": of.record_id, "domain": of.domain}


class FindingFile:
    """Documents of findings, in the order in which they were added; on disk, and gone with the program."""

    def __init__(self) -> None:
        self._file = TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 closed by __exit__
        self.count = 0

    def add(self, findings: Iterable[Finding]) -> None:
        """Keep some more."""
        for finding in findings:
            self._file.write(json.dumps(finding.document()) + "\n")
            self.count += 1

    def __iter__(self) -> Iterator[dict[str, object]]:
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

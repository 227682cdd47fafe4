import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.config import MediaSettings, Secret
from exporter.config.media_model import AclChoice, FolderSettings, LazySecret, S3Settings
from exporter.mastodon.media_env import MediaStores
from exporter.media.sides import open_sides
from exporter.media.store import Acl
from tests.end_to_end.log_storm import wait_until
from tests.media.scripted_store import Asked, ScriptedStore, answer, error, scripted_store


class Bucket:
    """Keeps objects, until it is busy."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.is_busy = False

    def __call__(self, asked: Asked) -> bytes:
        if self.is_busy:
            return error(503, "SlowDown", retry_after="120")
        if asked.method == "PUT":
            self.kept[asked.path] = asked.body
            return answer(200)
        if asked.method == "DELETE":
            self.kept.pop(asked.path, None)
            return answer(204)
        body = self.kept.get(asked.path)
        return error(404, "NoSuchKey") if body is None else answer(200, body)


def settings_of(store: ScriptedStore, prefix: str = "") -> S3Settings:
    key = LazySecret(text=Secret("key"), named="access_key")
    return S3Settings("media", store.endpoint, "us-east-1", access_key=key, secret_key=key, prefix=prefix)


@pytest.mark.parametrize("side", ["source", "destination"])
def test_nobody_waits_for_a_busy_store_once_the_run_is_stopped(side: str) -> None:
    stopping, busy = threading.Event(), {"source": Bucket(), "destination": Bucket()}
    with scripted_store() as source, scripted_store() as destination, ThreadPoolExecutor(1) as threads:
        source.script, destination.script = busy["source"], busy["destination"]
        stores = MediaStores(settings_of(source), settings_of(destination))
        sides = open_sides(stores, MediaSettings(stores.destination), stopping)
        asked = len({"source": source, "destination": destination}[side].asked)
        busy[side].is_busy = True
        heading = threads.submit((sides.source if side == "source" else sides.destination).head, "key")
        wait_until(lambda: len({"source": source, "destination": destination}[side].asked) > asked)
        time.sleep(0.5)  # until it waits for two minutes
        assert not heading.done()
        stopped = time.monotonic()
        stopping.set()
        assert heading.exception(timeout=10) is not None
        assert time.monotonic() - stopped < 5


def test_a_folder_has_no_prefix_and_the_destination_has_its_own(tmp_path: Path) -> None:
    with scripted_store() as destination:
        destination.script = Bucket()
        stores = MediaStores(FolderSettings(tmp_path), settings_of(destination, prefix="new"))
        sides = open_sides(stores, MediaSettings(stores.destination), threading.Event())
    assert (sides.source_prefix, sides.placing.prefix) == ("", "new")


@pytest.mark.parametrize(("choice", "acl"), [(AclChoice.NONE, None), (AclChoice.PRIVATE, Acl.PRIVATE)])
def test_who_may_read_is_what_the_destination_is_configured_for(choice: AclChoice, acl: Acl | None) -> None:
    with scripted_store() as source, scripted_store() as destination:
        source.script, destination.script = Bucket(), Bucket()
        stores = MediaStores(settings_of(source), replace(settings_of(destination), acl=choice))
        sides = open_sides(stores, MediaSettings(stores.destination), threading.Event())
    assert (sides.placing.public_acl, sides.placing.private_acl) == (acl, acl)

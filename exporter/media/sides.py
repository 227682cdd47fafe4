"""Both sides of a move, opened and tried."""

import threading
from dataclasses import dataclass

from exporter.config import FolderSettings, MediaSettings
from exporter.mastodon.media_env import MediaStores
from exporter.media.open_stores import open_destination, open_source
from exporter.media.placing import Placing
from exporter.media.s3_client import Patience
from exporter.media.store import Destination, Source
from exporter.media.store_pace import StorePace


@dataclass(frozen=True)
class Sides:
    """Where objects come from, and where and how they go. `notes` are sentences that the user should read."""

    source: Source
    source_prefix: str
    destination: Destination
    placing: Placing
    notes: tuple[str, ...]


def open_sides(stores: MediaStores, settings: MediaSettings, stopping: threading.Event) -> Sides:
    """Return both sides; nobody waits for a turn, to try again, or for a slow store, once `stopping` is set.

    Raises StoreUnavailable, StoreRefused where one cannot be relied on, and ConfigError for a key that is not there.
    """
    patience = Patience(sleep=stopping.wait, stopping=stopping)
    source_pace = StorePace(settings.source_requests_per_second, sleep=stopping.wait)
    source = open_source(stores.source, source_pace, patience)
    destination_pace = StorePace(settings.destination_requests_per_second, sleep=stopping.wait)
    destination = open_destination(stores.destination, destination_pace, settings.memory_bytes, patience)
    prefix, choice = stores.destination.prefix, stores.destination.acl
    return Sides(
        source=source.store,
        source_prefix="" if isinstance(stores.source, FolderSettings) else stores.source.prefix,
        destination=destination.store,
        placing=Placing.chosen(prefix, choice, store_takes_acl=destination.abilities.takes_acl),
        notes=(*source.notes, *destination.abilities.notes),
    )

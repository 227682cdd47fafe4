"""Which way to tell what is there already: the one that was asked for, else the one that costs least."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from exporter.errors import StoreRefused
from exporter.ledger.media_record import MediaRecord, Scope
from exporter.mastodon.attachments import MediaClass
from exporter.media.listing_window import Listing, ListingWindow
from exporter.media.placing import Placing, whole_key
from exporter.media.plan import Part
from exporter.media.skipping import KnownRanges, Lookup, SkipBy, Skipping

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Knowledge:
    """What there is to tell by: the ledger, of a destination by its name there, and the destination itself."""

    record: MediaRecord
    destination_name: str
    destination: Listing
    placing: Placing

    def skipping(self, choice: SkipBy | None, classes: Iterable[MediaClass]) -> Skipping:
        """Return how to tell; without a choice by the ledger, and by a listing what that does not know.

        Nothing is listed where nothing is there; then the ledger, if it says otherwise, is not believed. Raises
        StateError, and MediaStoreError where the destination fails.
        """
        known = {
            (str(media_class), str(part)): KnownRanges(self.record.finished(self._scope(media_class, part)))
            for media_class in classes
            for part in Part
        }
        by_ledger = choice in (None, SkipBy.LEDGER)
        holds_anything = self._holds_anything() if choice is None or (by_ledger and any(known.values())) else None
        is_emptied = holds_anything is False and any(known.values())
        if is_emptied:
            _log.warning(
                "the destination holds nothing under its prefix, though the ledger says that objects were moved there;"
                " the ledger is not believed, and all of them are moved again"
            )
        is_listed = choice is SkipBy.LIST or (choice is None and holds_anything)
        return Skipping(
            placing=self.placing,
            troubles_of=lambda keys: self.record.troubles_of(self.destination_name, keys),
            hidden_of=lambda keys: self.record.hidden_of(self.destination_name, keys),
            known=known,
            trusts_ledger=by_ledger and not is_emptied,
            listing=self._window() if is_listed else None,
            asks_for_each=choice is SkipBy.HEAD,
        )

    def _scope(self, media_class: MediaClass, part: Part) -> Scope:
        return Scope(self.destination_name, media_class, part)

    def _window(self) -> Lookup:
        return ListingWindow(self.destination, self.placing.prefix).find

    def _holds_anything(self) -> bool | None:
        """Tell whether anything lies under the prefix; None where that may not be asked."""
        try:
            return next(self.destination.list_from(whole_key(self.placing.prefix, "")), None) is not None
        except StoreRefused as error:
            _log.warning("the destination may not be listed, so what is there is told by the ledger alone: %s", error)
            return None

"""What a worker does with one object: it looks whether it has to be moved, and moves it."""

from dataclasses import dataclass

from exporter.errors import MediaStoreError
from exporter.ledger.names import MediaResult
from exporter.media.access import Access, Righted
from exporter.media.comparing import Comparing
from exporter.media.copying import Copying, Outcome, failed
from exporter.media.skipping import Open


@dataclass(frozen=True)
class Mover:
    """Sees to objects; any thread may use it."""

    comparing: Comparing
    access: Access
    copying: Copying

    def see_to(self, one: Open) -> Outcome:
        """Return what became of an object; that a store fails is an outcome too. Raises DatabaseError."""
        try:
            is_there = self._is_there(one)
        except MediaStoreError as error:
            return failed(error)
        if not is_there:
            return self.copying.copy(one.media_object, is_wrong=one.is_wrong)
        return Outcome(MediaResult.PRESENT, hidden_key=self.access.placing.hidden_key(one.media_object))

    def _is_there(self, one: Open) -> bool:
        there = self.comparing.found(one)
        if there is None or not one.is_access_in_doubt:
            return there is not None
        return self.access.put_right(one.media_object, there) is Righted.RIGHT

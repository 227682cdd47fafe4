"""What a worker does with one object: it looks whether it has to be moved, and moves it."""

from dataclasses import dataclass

from exporter.errors import MediaStoreError
from exporter.ledger.names import MediaResult
from exporter.media.comparing import Comparing
from exporter.media.copying import Copying, Outcome, failed
from exporter.media.skipping import Open


@dataclass(frozen=True)
class Mover:
    """Sees to objects; any thread may use it."""

    comparing: Comparing
    copying: Copying

    def see_to(self, one: Open) -> Outcome:
        """Return what became of an object; that a store fails is an outcome too. Raises DatabaseError."""
        try:
            is_there = self.comparing.is_there(one)
        except MediaStoreError as error:
            return failed(error)
        return Outcome(MediaResult.PRESENT) if is_there else self.copying.copy(one.media_object)

from collections.abc import Iterator

from exporter.ledger.media_record import IdRange
from exporter.mastodon.attachments import Attachment, MediaClass
from exporter.media.keys import keys_asked_for, keys_at_source
from exporter.media.plan import Page, Part
from exporter.media.whereabouts import Searched, Whereabouts
from tests.media.kept_objects import KeptObjects

EMOJI = "custom_emojis/images/000/000"


def _pages(*row_ids: int) -> Iterator[Page]:
    for row_id in row_ids:
        emoji = Attachment(
            MediaClass.CUSTOM_EMOJIS, row_id, "image", "a.gif", is_remote=row_id > 1, storage_schema_version=1
        )
        yield Page(MediaClass.CUSTOM_EMOJIS, Part.ALL, IdRange(row_id - 1, row_id, 0.0), 1, (emoji,), None)


def test_the_keys_of_every_style_come_in_the_order_of_rows_behind_the_prefix() -> None:
    assert list(keys_asked_for(_pages(1, 2), "new")) == [
        f"new/{EMOJI}/001/original/a.gif",
        f"new/{EMOJI}/001/static/a.png",
        f"new/cache/{EMOJI}/002/original/a.gif",
        f"new/cache/{EMOJI}/002/static/a.png",
    ]


def test_the_keys_at_the_source_are_those_where_something_lies() -> None:
    store = KeptObjects()
    store.put(f"{EMOJI}/001/original/a.gif")
    store.put(f"{EMOJI}/002/static/a.png")
    assert list(keys_at_source(_pages(1, 2, 3), Whereabouts(Searched(store, "", store)).find)) == [
        f"{EMOJI}/001/original/a.gif",
        f"{EMOJI}/002/static/a.png",
    ]

"""What the answers that our server gave to its peers mean for them, by status code."""

_CAME_THROUGH = range(200, 300)
_TOO_MANY_REQUESTS = 429
_BROKEN = frozenset(range(300, 500)) - {_TOO_MANY_REQUESTS}
_REFUSALS = frozenset({403, 404, 410})


def came_through(code: int) -> bool:
    """Tell whether a request was taken."""
    return code in _CAME_THROUGH


def is_broken_callback(code: int) -> bool:
    """Tell whether a hub that gets this answer to a delivery gives the subscription up.

    Mastodon 1.1 to 1.3 drop it on 3xx and 4xx, save 429, and retry everything else
    (app/workers/pubsubhubbub/delivery_worker.rb, commit bda37489a). 499 is nginx's word for a hub that hung up.
    """
    return code in _BROKEN


def is_failed_delivery(code: int) -> bool:
    """Tell whether an inbox failed a delivery that it should have taken.

    403 (the sender is blocked), 404 (no such user) and 410 (the user is gone) are what an inbox is
    meant to say (app/controllers/activitypub/inboxes_controller.rb and the concerns it includes).
    """
    return not came_through(code) and code not in _REFUSALS

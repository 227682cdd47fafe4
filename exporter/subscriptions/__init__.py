"""PubSubHubbub: ask a hub for a subscription again and see it confirmed; back up, restore, undelete a hub's own."""

"""Deliveries to other servers: whom ours has given up, whom it fails at, and how to begin again."""

"""Moves a server's media from one store to another: plan, transfer, record."""

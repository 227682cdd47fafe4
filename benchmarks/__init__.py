"""Measurements beside named peers. Each module is a command that prints figures and a ratio; none is a test."""

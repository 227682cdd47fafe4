"""A sample server with faults to switch, for people who want to look before they point the exporter at their own."""

from exporter.demo.server import SampleServer

__all__ = ["SampleServer"]

"""The HTTP endpoints of the exporter."""

from exporter.server.exporter_server import ExporterServer
from exporter.server.prober import Prober
from exporter.server.reload import Running
from exporter.server.web_config import read_web_config

__all__ = ["ExporterServer", "Prober", "Running", "read_web_config"]

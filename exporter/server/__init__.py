"""The HTTP endpoints of the exporter."""

from exporter.server.access_logs import AccessLogs
from exporter.server.exporter_server import ExporterServer, Sources
from exporter.server.prober import Prober
from exporter.server.reload import Running
from exporter.server.stores import Stores
from exporter.server.web_config import read_web_config

__all__ = ["AccessLogs", "ExporterServer", "Prober", "Running", "Sources", "Stores", "read_web_config"]

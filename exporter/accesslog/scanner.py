"""The scanner of a log: the fast one for formats that allow it."""

from exporter.accesslog.block_scanner import block_scanner
from exporter.accesslog.json_line import read_json
from exporter.accesslog.line import line_reader
from exporter.accesslog.line_scanner import LineScanner
from exporter.accesslog.scan import Scanner
from exporter.config.log_format import Escaping, LogFormat


def scanner(log_format: LogFormat, host: str | None = None) -> Scanner:
    """Return a scanner of lines of one format; with `host`, only requests on that host are observed.

    Lines that tell no host are taken for requests on it. The other figures of a scan are of all lines.
    """
    wanted = None if host is None else host.lower().encode("utf-8", "surrogateescape")
    if log_format.is_json_object:
        return LineScanner(read_json, Escaping.NONE, wanted)
    lines = LineScanner(line_reader(log_format).read, log_format.escaping, wanted)
    return block_scanner(log_format, lines) or lines

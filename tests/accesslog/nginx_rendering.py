"""What nginx writes for given values, by its rules of escaping, and hostile lines for the tests of reading."""

from collections.abc import Mapping
from random import Random

from hypothesis import strategies as st

from exporter.config.log_format import COMBINED, Escaping, LogFormat, Variable

_JSON_NAMES = {0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r", 0x22: b'\\"', 0x5C: b"\\\\"}

WITH_HOST_AND_TIMES = LogFormat(
    "with_host",
    (*COMBINED.pieces[:-1], '" ', Variable("host"), " ", Variable("request_time"), " ", Variable("upstream_status")),
)
AGENT_FIRST = LogFormat(
    "agent_first",
    (
        Variable("msec"),
        "|",
        Variable("host"),
        '|"',
        Variable("http_user_agent"),
        '"|',
        Variable("status"),
        '|"',
        Variable("request"),
        '"',
    ),
)
QUOTED_TIME_LAST = LogFormat(
    "quoted_time_last",
    ('"', Variable("request"), '" ', Variable("status"), ' "', Variable("host"), '" "', Variable("time_local"), '"'),
)


def rendered(log_format: LogFormat, values: Mapping[str, bytes]) -> bytes:
    """Return the line that nginx writes, without its line feed."""
    return b"".join(
        escaped(values[piece.name], log_format.escaping) if isinstance(piece, Variable) else piece.encode()
        for piece in log_format.pieces
    )


def escaped(value: bytes, escaping: Escaping) -> bytes:
    """Return a value as nginx escapes it."""
    if escaping is Escaping.NONE:
        return value
    escape_byte = _default_escape if escaping is Escaping.DEFAULT else _json_escape
    return b"".join(map(escape_byte, value))


def _default_escape(byte: int) -> bytes:
    return b"\\x%02X" % byte if byte < 0x20 or byte in b'"\\' or byte > 0x7E else bytes((byte,))


def _json_escape(byte: int) -> bytes:
    if byte in _JSON_NAMES:
        return _JSON_NAMES[byte]
    return b"\\u%04X" % byte if byte < 0x20 else bytes((byte,))


_SLASHES = (b"/", b"/", b"/", b"//", b"///")
_WORDS = (
    b"inbox",
    b"users",
    b"actor",
    b"ap",
    b"api",
    b"subscriptions",
    b"7",
    b"0042",
    b"9223372036854775807",
    b"a b",
    b"",
)
_ENDS = (b"", b"", b"/", b"//", b"?", b"?a=/inbox", b"/?x", b"#", b"\x00", b"\r", b"\xff")
_PATHS = (
    b"/inbox",
    b"/users/a/inbox",
    b"/actor/inbox",
    b"/ap/users/12/inbox",
    b"/api/subscriptions/12",
    b"/api/subscriptions/09223372036854775807",
    b"/api/subscriptions/92233720368547758070",
    b"/@somebody",
)
_METHODS = (b"POST", b"GET", b"POST", b"GET", b"HEAD", b"post", b"")
_ORIGINS = (b"", b"", b"", b"http://a.example", b"HTTPS://a.example:80", b"x://", b"://")
_GAPS = (b" ", b" ", b" ", b"  ", b"\t", b"")
_PROTOCOLS = (b" HTTP/1.1", b" HTTP/2.0", b"", b" ", b" x HTTP/1.0")
_FORGED = b'POST /inbox HTTP/1.1" 404 5 "-" "http.rb (Mastodon/4.2; +https://forged.example/)'
_ODD_VALUES = (b"", b"-", b'"', b'""', b"\x00", b"\\", b'\\"', b" ", b"a b", b"\xff", b"\r", _FORGED, b'" 200 0 "-" "')
_USUAL_VALUES = {
    "remote_addr": (b"192.0.2.1", b"2001:db8::1", b"unix:"),
    "remote_user": (b"-", b"-", b"alice"),
    "time_local": (b"20/Apr/2017:23:11:08 +0900", b"31/Foo/2017:99:11:08 +0900", b'" 200 0 "-" "-" [2017]   '),
    "status": (b"200", b"202", b"404", b"000", b"009", b"20", b"2000"),
    "body_bytes_sent": (b"0", b"512", b"-"),
    "http_referer": (b"-", b"https://a.example/"),
    "http_user_agent": (b"-", b"http.rb/2.2.2 (Mastodon/1.5.0; +https://a.example/)"),
    "host": (b"a.example", b"b.example", b"A.example", b"a.example:443", b"a.example.org", b"xa.example"),
    "request_time": (b"0.001",),
    "upstream_status": (b"200", b"-", b"502, 200"),
    "msec": (b"1492697468.123",),
}


def odd_request(random: Random) -> bytes:
    """Return a request line near to the ones that count, in an odd spelling."""
    words = random.choices(_WORDS, k=random.randrange(6))
    path = random.choice((b"".join(random.choice(_SLASHES) + word for word in words), *_PATHS))
    around = (_METHODS, _GAPS, _ORIGINS), (_ENDS, _PROTOCOLS)
    before, after = (b"".join(map(random.choice, choices)) for choices in around)
    return before + path + after


def hostile_line(log_format: LogFormat, random: Random) -> bytes:
    """Return a line and its line feed: escaped as nginx would, or not at all, or cut, or of quotes only."""
    values = {
        name: random.choice(random.choice((usual,) * 6 + (_ODD_VALUES,))) for name, usual in _USUAL_VALUES.items()
    }
    values["request"] = random.choice((odd_request(random),) * 9 + (random.choice(_ODD_VALUES),))
    escaping = random.choice((Escaping.DEFAULT, Escaping.DEFAULT, Escaping.NONE))
    line = rendered(LogFormat("hostile", log_format.pieces, escaping), values)
    last_quote = line.rfind(b'"')
    cut = (line[:last_quote], line[: last_quote + 1], line[: len(line) // 2], line[len(line) // 2 :], b"")
    multiplied = (line + b'"', line + line, b'"' * line.count(b'"'))
    return random.choice((line,) * 8 + cut + multiplied) + b"\n"


def hostile_lines(log_format: LogFormat) -> st.SearchStrategy[bytes]:
    """Draw from some thousand hostile lines of a format, the same ones in every run."""
    random = Random(log_format.name)
    return st.sampled_from([hostile_line(log_format, random) for _ in range(5000)])

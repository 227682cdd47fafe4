r"""Lines that no ordinary client causes: some do not fit the format, some only try to look like something else.

Every side reads them alike, grep included: a broken callback holds `/api/subscriptions/` as it stands,
and nothing else both holds it and was answered 3xx or 4xx. In nginx's log a quote is always `\x22`.
All is ASCII without NULs, as nginx writes it: at the first NUL grep without -a takes the rest of a log for
binary and prints no more of it, and mtail 3.0.0-rc50 may not get past a byte that is not UTF-8.
"""

from dataclasses import dataclass

KNOWN_SENDER = "server1.example"

_NUMBER = b"NUMBER"
_BEGINNING = b"198.51.100.7 - - [20/Nov/2026:00:00:00 +0900] "
_SENDER = b'"Mastodon/4.5.1 (http.rb/5.2.0; +https://server1.example/)"'


@dataclass(frozen=True)
class StrangeLine:
    """A line and what is to be counted of it.

    `callback` is method and code of one on account 107; `delivery` is code and sender, None for an unknown one.
    `text` may hold NUMBER, in whose place each occurrence has another number.
    """

    text: bytes
    unparsed: bool = False
    callback: tuple[str, str] | None = None
    delivery: tuple[str, str | None] | None = None

    def numbered(self, number: int) -> bytes:
        """Return the line without its line feed."""
        return self.text.replace(_NUMBER, b"%d" % number)


def _unparsed(text: bytes) -> StrangeLine:
    return StrangeLine(text, unparsed=True)


def _uncounted(rest: bytes) -> StrangeLine:
    return StrangeLine(_BEGINNING + rest)


def _callback(method: str, code: str, request: bytes) -> StrangeLine:
    return StrangeLine(_BEGINNING + b'"%s" %s 0 "-" "-"' % (request, code.encode()), callback=(method, code))


def _delivery(code: str, path: bytes) -> StrangeLine:
    request = b"POST %s HTTP/1.1" % path
    text = _BEGINNING + b'"%s" %s 0 "-" %s' % (request, code.encode(), _SENDER)
    return StrangeLine(text, delivery=(code, KNOWN_SENDER))


def _delivery_of_nobody(code: str, agent: bytes) -> StrangeLine:
    text = _BEGINNING + b'"POST /inbox HTTP/1.1" %s 0 "-" "%s"' % (code.encode(), agent)
    return StrangeLine(text, delivery=(code, None))


STRANGE_LINES = (
    _unparsed(b""),
    _callback("POST", "404", b"POST /api/subscriptions/107"),
    _delivery_of_nobody("401", b"Mastodon/4.5.1 (http.rb/5.2.0; +https://nNUMBER.attacker.invalid/)"),
    _uncounted(rb'"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03" 400 157 "-" "-"'),
    _unparsed(_BEGINNING + b'"GET /about HT'),
    _delivery("202", b"//users//user7//inbox/"),
    _uncounted(rb'"GET / HTTP/1.1" 200 9 "-" "\x22 404 0 \x22-\x22 \x22\x0A\x22POST /api/subscriptions/1"'),
    _unparsed(b"2026/11/20 00:00:00 [error] 812#812: *5 connect() failed (111: Connection refused)"),
    _callback("GET", "404", b"GET /api/subscriptions/107/?hub.mode=subscribe&hub.challenge=1 HTTP/1.1"),
    _delivery_of_nobody("503", b"a delivery that names nobody"),
    _uncounted(b'"" 400 0 "-" "-"'),
    _unparsed(_BEGINNING + b'"GET / HTTP/1.1" 2000 9 "-" "-"'),
    _delivery("503", b"/ap/users/116234567890123456/inbox?page=1"),
    _uncounted(rb'"GET /\xFF\xFE\xC3 HTTP/1.1" 200 9 "-" "\xF0\x9F\x90\x98 \xED\xA0\x80"'),
    _unparsed(b"(END)"),
    _callback("POST", "301", b"POST http://mastodon.example/api/subscriptions/107 HTTP/1.1"),
    _delivery_of_nobody("502", b"x +https://server1.example/ +https://server1.example@attacker.invalid/"),
    _unparsed(b'{"request": "POST /inbox HTTP/1.1", "status": 202}'),
    _delivery("000", b"/actor/inbox"),
    _uncounted(b'"GET /" 009 5 "-" "-"'),
    _callback("POST", "200", b"POST //api//subscriptions/107 HTTP/1.1"),
    _unparsed(_BEGINNING + b'"GET / HTTP/1.1" 200 9 "-" "raw " quote"'),
    _uncounted(b'"post /inbox HTTP/1.1" 405 0 "-" %s' % _SENDER),
    _unparsed(b"A" * 8192),
    StrangeLine(b'198.51.100.7 - two words [20/Nov/2026:00:00:00 +0900] "GET / HTTP/1.1" 401 9 "-" "-"'),
    _uncounted(b'"HEAD /api/subscriptions/107 HTTP/1.1" 200 0 "-" "-"'),
    _delivery("410", b"https://mastodon.example/users/user7/inbox"),
    _uncounted(b'"GET /%s HTTP/1.1" 414 0 "-" "-"' % (b"a" * 4096)),
)

"""Hosts, ports and URLs as a configuration may write them, and as they are sent."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import idna

from exporter.config.model import origin
from exporter.errors import InvalidValue

_LONGEST_HOST = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(:(?P<port>[0-9]{1,5}))?")
_LARGEST_PORT = 65535
_HOST_RULE = "the host must be a name, such as `mastodon.example`, or an IP address"

_HTTP = ("https", "http")
_STREAMING = ("wss", "ws", "https", "http")


def ip_address(text: str) -> str:
    """Return an IP address in its shortest form."""
    return _address(text, "must be an IP address, such as `192.0.2.1` or `2001:db8::1`")


def host_name(text: str) -> str:
    """Return a host as it is sent: a name in lower case and ASCII (A-labels), or an IP address."""
    name = _ascii(text.lower())
    labels = name.split(".")
    if ":" in name or _NUMBER.fullmatch(labels[-1]):
        return _address(name)
    if len(name) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidValue(_HOST_RULE)
    return name


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return the host of `HOST` or `HOST:PORT`, without brackets, and the port if there is one."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not match["host"]:
        raise InvalidValue("must be HOST or HOST:PORT, an IPv6 address in brackets")
    port = None if match["port"] is None else _port(int(match["port"]))
    return _bracketed_or_name(match["host"]), port


def domain(text: str) -> str:
    """Return what stands after the @ of a server's accounts, ready to be compared: lower case, A-labels."""
    if "://" in text or "/" in text:
        raise InvalidValue("must be a domain, not a URL", _plain_hint(text.partition("://")[2] or text))
    if "@" in text:
        raise InvalidValue("must be a domain without `@`", _plain_hint(text.rpartition("@")[2]))
    host, port = host_and_port(text)
    return _joined(host, port)


def listen_address(text: str) -> tuple[str, int]:
    """Return host and port to listen on. The host is empty for all addresses, the port 0 for any free one."""
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or match["port"] is None:
        raise InvalidValue("must be HOST:PORT, such as `127.0.0.1:10747`, `[::1]:10747` or `:10747`")
    port = int(match["port"])
    if port > _LARGEST_PORT:
        raise InvalidValue(f"the port must lie between 0 and {_LARGEST_PORT}")
    return _bracketed_or_name(match["host"]) if match["host"] else "", port


def server_url(text: str) -> str:
    """Return the origin of a server's URL: http or https, a host, perhaps a port, and nothing more."""
    parts = _split(text, _HTTP)
    clean = origin(_with_host(parts).geturl())
    if parts.path not in ("", "/") or "?" in text or "#" in text:
        raise InvalidValue("must end after the host and port: no path, query or fragment", f"write `{clean}`")
    return clean


def page_url(text: str) -> str:
    """Return an http or https URL as written, its host in ASCII."""
    return _as_written(text, _split(text, _HTTP))


def streaming_url(text: str) -> str:
    """Return a URL of a streaming server (wss, ws, https, http) as written, its host in ASCII."""
    return _as_written(text, _split(text, _STREAMING))


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise InvalidValue("must be a URL without spaces or control characters")
    if "://" not in text:
        raise InvalidValue(f"must be a URL that begins with {_listed(schemes)}", _scheme_hint(text, schemes))
    parts = _parts(text)
    if "@" in parts.netloc:
        raise InvalidValue("must not hold a user name or password")
    if parts.scheme not in schemes:
        raise InvalidValue(f"must begin with {_listed(schemes)}")
    _check_netloc(parts.netloc)
    return parts


def _parts(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:  # its message would quote the host's part of the URL, which may hold a password
        raise InvalidValue(_HOST_RULE) from None


def _check_netloc(netloc: str) -> None:
    if not netloc or netloc.startswith(":"):
        raise InvalidValue("must have a host")
    if not _HOST_AND_PORT.fullmatch(netloc):
        raise InvalidValue("must have a host, perhaps followed by `:` and a port number")
    host_and_port(netloc)


def _with_host(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=_joined(*host_and_port(parts.netloc)))


def _as_written(text: str, parts: SplitResult) -> str:
    return text if parts.netloc.isascii() else _with_host(parts).geturl()


def _address(text: str, rule: str = _HOST_RULE) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidValue(rule) from None
    if "%" in text:
        raise InvalidValue("must be an IP address without a zone (`%…`)")
    return address.compressed


def _ascii(name: str) -> str:
    if name.isascii() or len(name) > _LONGEST_HOST:
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise InvalidValue("the host is not a valid internationalised name") from None


def _bracketed_or_name(host: str) -> str:
    return _address(host[1:-1]) if host.startswith("[") else host_name(host)


def _joined(host: str, port: int | None) -> str:
    shown_host = f"[{host}]" if ":" in host else host
    return shown_host if port is None else f"{shown_host}:{port}"


def _port(number: int) -> int:
    if not 1 <= number <= _LARGEST_PORT:
        raise InvalidValue(f"the port must lie between 1 and {_LARGEST_PORT}")
    return number


def _listed(schemes: tuple[str, ...]) -> str:
    return ", ".join(f"`{scheme}://`" for scheme in schemes[:-1]) + f" or `{schemes[-1]}://`"


def _scheme_hint(text: str, schemes: tuple[str, ...]) -> str:
    try:
        host, port = host_and_port(text.rstrip("/"))
    except InvalidValue:
        return ""
    return f"write `{schemes[0]}://{_joined(host, port)}`"


def _plain_hint(text: str) -> str:
    try:
        host, port = host_and_port(text.partition("/")[0])
    except InvalidValue:
        return ""
    return f"write `{_joined(host, port)}`"

"""The exporters' usual web config file: TLS, who may come in, headers of every answer."""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from exporter.config.document import Fields, Scalar, Value, parse_document
from exporter.config.problems import Place, Problems, shown

HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)
"""The headers that the file may set, as in every exporter."""

TLS_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
"""Older versions are broken, and today's OpenSSL refuses them whatever it is told."""

CLIENT_AUTH_TYPES = {
    "NoClientCert": ssl.CERT_NONE,
    "RequestClientCert": ssl.CERT_NONE,  # a certificate that nobody verifies and nobody reads need not be asked for
    "RequireAnyClientCert": None,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""Go's names, which the file uses; None where this program cannot do what the name says."""

_SECTIONS = ("tls_server_config", "basic_auth_users", "http_server_config")
_TLS_KEYS = ("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version")
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-6])\$[./A-Za-z0-9]{53}")


_Choice = TypeVar("_Choice")


@dataclass(frozen=True)
class WebConfig:
    """A whole web config file that has passed every rule: keys and certificates are loaded."""

    tls: ssl.SSLContext | None = None
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()


def read_web_config(path: Path) -> WebConfig:
    """Return what a web config file says; ConfigError carries every problem of the file.

    Relative paths in it start from the file's own folder.
    """
    problems = Problems(str(path))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise problems.fatal(Place(), f"cannot be read: {_reason(error)}") from error
    web_config = _Reader(path.parent, problems).read(parse_document(text, problems))
    if problems:
        raise problems.error()
    return web_config


class _Reader:
    """Reads one file; what is wrong goes to the problems, and reading goes on."""

    def __init__(self, folder: Path, problems: Problems) -> None:
        self._folder = folder
        self._problems = problems

    def read(self, document: Value) -> WebConfig:
        sections = self._mapping(document, _SECTIONS)
        return WebConfig(
            self._tls(sections["tls_server_config"]) if "tls_server_config" in sections else None,
            self._users(sections.get("basic_auth_users")),
            self._headers(sections.get("http_server_config")),
        )

    def _users(self, section: Value | None) -> dict[str, bytes]:
        users = {}
        for name, value in self._mapping(section).items():
            hashed = self._text(value)
            if ":" in name or not name:
                self._problems.add(value.place, "a user name must not be empty or hold a colon")
            elif not _BCRYPT.fullmatch(hashed):
                # The value is not repeated: it may be a password somebody put there by mistake.
                self._problems.add(
                    value.place, "not a bcrypt hash of cost 4 to 16; make one with `htpasswd -nBC 10 NAME`"
                )
            users[name] = hashed.encode()
        return users

    def _headers(self, section: Value | None) -> tuple[tuple[str, str], ...]:
        server = self._mapping(section, ("headers",))
        headers = []
        for name, value in self._mapping(server.get("headers"), HEADERS).items():
            text = self._text(value)
            if not (text.isascii() and text.isprintable()):
                self._problems.add(value.place, "a header value may hold printable ASCII only")
            headers.append((name, text))
        return tuple(headers)

    def _tls(self, section: Value) -> ssl.SSLContext | None:
        settings = self._mapping(section, _TLS_KEYS)
        if not {"cert_file", "key_file"} <= settings.keys():
            self._problems.add(section.place, "TLS needs both cert_file and key_file")
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load_certificate(context, settings)
        self._set_versions(context, settings)
        self._set_client_auth(context, settings)
        return context

    def _load_certificate(self, context: ssl.SSLContext, settings: Mapping[str, Value]) -> None:
        certificate, key = self._path(settings["cert_file"]), self._path(settings["key_file"])
        if certificate is None or key is None:
            return
        self._load(
            settings["cert_file"].place,
            "the certificate and its key cannot be loaded",
            # Without a password of its own, OpenSSL would ask for one at the terminal.
            lambda: context.load_cert_chain(certificate, key, password=""),
        )

    def _set_versions(self, context: ssl.SSLContext, settings: Mapping[str, Value]) -> None:
        minimum = self._choice(settings.get("min_version"), TLS_VERSIONS, ssl.TLSVersion.TLSv1_2)
        maximum = self._choice(settings.get("max_version"), TLS_VERSIONS, ssl.TLSVersion.TLSv1_3)
        if minimum > maximum:
            self._problems.add(settings["max_version"].place, "max_version is older than min_version (default TLS12)")
        context.minimum_version, context.maximum_version = minimum, maximum

    def _set_client_auth(self, context: ssl.SSLContext, settings: Mapping[str, Value]) -> None:
        mode = self._choice(settings.get("client_auth_type"), CLIENT_AUTH_TYPES, ssl.CERT_NONE)
        authorities = settings.get("client_ca_file")
        if mode is None:
            place = settings["client_auth_type"].place
            self._problems.add(
                place,
                "not supported: a certificate that nobody verifies keeps nobody out; "
                "use RequireAndVerifyClientCert with client_ca_file",
            )
        elif mode != ssl.CERT_NONE and authorities is None:
            self._problems.add(settings["client_auth_type"].place, "needs client_ca_file to verify certificates with")
        elif mode == ssl.CERT_NONE and authorities is not None:
            self._problems.add(
                authorities.place,
                "has no effect with this client_auth_type; use RequireAndVerifyClientCert, or leave it out",
            )
        elif authorities is not None:
            context.verify_mode = mode
            self._load_authorities(context, authorities)

    def _load_authorities(self, context: ssl.SSLContext, value: Value) -> None:
        path = self._path(value)
        if path is not None:
            self._load(
                value.place, "the certificate authorities cannot be loaded", lambda: context.load_verify_locations(path)
            )

    def _load(self, place: Place, failure: str, load: Callable[[], None]) -> None:
        try:
            load()
        except OSError as error:  # ssl.SSLError is one
            self._problems.add(place, f"{failure}: {_reason(error)}")

    def _mapping(self, value: Value | None, known: tuple[str, ...] | None = None) -> dict[str, Value]:
        if value is None or (isinstance(value, Scalar) and value.is_null):
            return {}
        if not isinstance(value, Fields):
            self._problems.add(value.place, "must be a mapping of keys to values")
            return {}
        for key, entry in value.entries.items():
            if known is not None and key not in known:
                self._problems.add(entry.place, f"unknown or unsupported key; known here: {', '.join(known)}")
        return {key: entry.value for key, entry in value.entries.items() if known is None or key in known}

    def _text(self, value: Value) -> str:
        if isinstance(value, Scalar) and not value.is_null:
            return value.written
        self._problems.add(value.place, "must be a text")
        return ""

    def _path(self, value: Value) -> Path | None:
        text = self._text(value)
        if not text or "\0" in text:
            self._problems.add(value.place, "must be the path of a file")
            return None
        return self._folder / text

    def _choice(self, value: Value | None, choices: Mapping[str, _Choice], default: _Choice) -> _Choice:
        if value is None:
            return default
        text = self._text(value)
        if text not in choices:
            self._problems.add(value.place, f"{shown(text)!r} is none of {', '.join(choices)}")
        return choices.get(text, default)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)

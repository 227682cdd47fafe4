import ssl
from pathlib import Path

import bcrypt
import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.errors import ConfigError
from exporter.server.web_config import WebConfig, read_web_config
from tests.server.certificates import Authority

HASH = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()
SECRET = "a-password-put-here-by-mistake"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"


@pytest.fixture(autouse=True)
def _certificates(tmp_path: Path) -> None:
    ours = Authority.in_folder(tmp_path)
    ours.issue("server")
    ours.issue("other")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "web.yml"


def read(file: Path, text: str) -> WebConfig:
    file.write_text(text, encoding="utf-8")
    return read_web_config(file)


def problems(file: Path, text: str) -> list[str]:
    """Return what is wrong with a text, without the path of the file."""
    with pytest.raises(ConfigError) as caught:
        read(file, text)
    return [str(problem).removeprefix(str(file)) for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "basic_auth_users:\n", "http_server_config: {headers: }"])
def test_a_file_that_asks_for_nothing_changes_nothing(file: Path, text: str) -> None:
    assert read(file, text) == WebConfig()


def test_paths_start_from_the_folder_of_the_file(file: Path) -> None:
    assert isinstance(read(file, TLS).tls, ssl.SSLContext)


def test_paths_may_be_absolute(file: Path) -> None:
    folder = file.parent
    text = f"tls_server_config: {{cert_file: {folder}/server.pem, key_file: {folder}/server.key}}"
    assert read(file, text).tls is not None


def test_a_file_as_other_exporters_use_it_is_understood(file: Path) -> None:
    web = read(
        file,
        TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: authority.pem\n"
        "  min_version: TLS12\n  max_version: TLS13\n"
        f"basic_auth_users:\n  prometheus: {HASH}\n"
        "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n",
    )
    assert web.users == {"prometheus": HASH.encode()}
    assert web.headers == (("Strict-Transport-Security", "max-age=31536000"),)
    assert web.tls is not None
    assert web.tls.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("NoClientCert", ssl.CERT_NONE),
        ("RequestClientCert", ssl.CERT_NONE),
        ("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL),
        ("RequireAndVerifyClientCert", ssl.CERT_REQUIRED),
    ],
)
def test_gos_names_for_client_certificates_are_understood(file: Path, name: str, mode: ssl.VerifyMode) -> None:
    authorities = "" if mode is ssl.CERT_NONE else "  client_ca_file: authority.pem\n"
    web = read(file, f"{TLS}  client_auth_type: {name}\n{authorities}")
    assert web.tls is not None
    assert web.tls.verify_mode is mode


BAD_FILES = {
    "a list": ("- a\n", [":1: must be a mapping of keys to values"]),
    "an unknown section": (
        "tls_config: {}\n",
        [
            (
                ":1: tls_config: unknown or unsupported key; "
                "known here: tls_server_config, basic_auth_users, http_server_config"
            )
        ],
    ),
    "an unsupported key": (
        TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
        [
            (
                ":4: tls_server_config.cipher_suites: unknown or unsupported key; "
                "known here: cert_file, key_file, client_auth_type, client_ca_file, min_version, max_version"
            )
        ],
    ),
    "TLS without a key": (
        "tls_server_config:\n  cert_file: server.pem\n",
        [":2: tls_server_config: TLS needs both cert_file and key_file"],
    ),
    "empty TLS": ("tls_server_config:\n", [":1: tls_server_config: TLS needs both cert_file and key_file"]),
    "a certificate that is not there": (
        TLS.replace("server.pem", "gone.pem"),
        [":2: tls_server_config.cert_file: the certificate and its key cannot be loaded: No such file or directory"],
    ),
    "an empty path": (
        TLS.replace("server.pem", '""'),
        [":2: tls_server_config.cert_file: must be the path of a file"],
    ),
    "a version that is none": (
        TLS + "  min_version: TLS10\n",
        [":4: tls_server_config.min_version: 'TLS10' is none of TLS12, TLS13"],
    ),
    "versions the wrong way round": (
        TLS + "  min_version: TLS13\n  max_version: TLS12\n",
        [":5: tls_server_config.max_version: max_version is older than min_version (default TLS12)"],
    ),
    "a way to authenticate that is none": (
        TLS + "  client_auth_type: Always\n",
        [
            (
                ":4: tls_server_config.client_auth_type: 'Always' is none of NoClientCert, RequestClientCert, "
                "RequireAnyClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert"
            )
        ],
    ),
    "a way to authenticate that is not supported": (
        TLS + "  client_auth_type: RequireAnyClientCert\n",
        [
            (
                ":4: tls_server_config.client_auth_type: not supported: a certificate that nobody verifies keeps "
                "nobody out; use RequireAndVerifyClientCert with client_ca_file"
            )
        ],
    ),
    "client certificates without an authority": (
        TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
        [":4: tls_server_config.client_auth_type: needs client_ca_file to verify certificates with"],
    ),
    "an authority without client certificates": (
        TLS + "  client_ca_file: authority.pem\n",
        [
            (
                ":4: tls_server_config.client_ca_file: has no effect with this client_auth_type; "
                "use RequireAndVerifyClientCert, or leave it out"
            )
        ],
    ),
    "an authority that is not there": (
        TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: gone.pem\n",
        [
            (
                ":5: tls_server_config.client_ca_file: the certificate authorities cannot be loaded: "
                "No such file or directory"
            )
        ],
    ),
    "a password in the clear": (
        f"basic_auth_users:\n  prometheus: {SECRET}\n",
        [":2: basic_auth_users.prometheus: not a bcrypt hash of cost 4 to 16; make one with `htpasswd -nBC 10 NAME`"],
    ),
    "a hash that would take a day": (
        f"basic_auth_users:\n  prometheus: {HASH.replace('$04$', '$31$')}\n",
        [":2: basic_auth_users.prometheus: not a bcrypt hash of cost 4 to 16; make one with `htpasswd -nBC 10 NAME`"],
    ),
    "a user without a name": (
        f'basic_auth_users:\n  "": {HASH}\n',
        [":2: basic_auth_users.: a user name must not be empty or hold a colon"],
    ),
    "users in a list": ("basic_auth_users: [a]\n", [":1: basic_auth_users: must be a mapping of keys to values"]),
    "a header that is not for this file": (
        "http_server_config:\n  headers:\n    Server: x\n",
        [
            (
                ":3: http_server_config.headers.Server: unknown or unsupported key; known here: "
                "Content-Security-Policy, Strict-Transport-Security, "
                "X-Content-Type-Options, X-Frame-Options, X-XSS-Protection"
            )
        ],
    ),
    "a header with a line break": (
        'http_server_config:\n  headers:\n    X-Frame-Options: "a\\r\\nSet-Cookie: b"\n',
        [":3: http_server_config.headers.X-Frame-Options: a header value may hold printable ASCII only"],
    ),
    "several mistakes at once": (
        f"{TLS}  min_version: x\nbasic_auth_users: {{a: b}}\nhttp_server_config: 1\n",
        [
            ":4: tls_server_config.min_version: 'x' is none of TLS12, TLS13",
            ":5: basic_auth_users.a: not a bcrypt hash of cost 4 to 16; make one with `htpasswd -nBC 10 NAME`",
            ":6: http_server_config: must be a mapping of keys to values",
        ],
    ),
}


@pytest.mark.parametrize(("text", "messages"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_told_where_and_what_to_do(file: Path, text: str, messages: list[str]) -> None:
    assert problems(file, text) == messages


def test_a_key_of_another_certificate_is_refused(file: Path) -> None:
    (message,) = problems(file, TLS.replace("server.key", "other.key"))
    assert message.startswith(":2: tls_server_config.cert_file: the certificate and its key cannot be loaded: ")


def test_a_key_that_needs_a_passphrase_is_refused_and_not_asked_for(
    file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    key = file.parent / "server.key"
    opened = load_pem_private_key(key.read_bytes(), password=None)
    key.write_bytes(opened.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase")))
    assert len(problems(file, TLS)) == 1
    assert capfd.readouterr() == ("", "")


def test_a_password_put_there_by_mistake_is_not_repeated(file: Path) -> None:
    assert SECRET not in str(problems(file, f"basic_auth_users: {{prometheus: {SECRET}}}"))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yml: cannot be read: No such file or directory$"):
        read_web_config(tmp_path / "gone.yml")


def test_a_file_that_is_not_text_says_so(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read: "):
        read_web_config(file)

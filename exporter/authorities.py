"""Which certificate authorities are trusted where a configuration names none."""

import ssl
from pathlib import Path

import certifi

SYSTEM_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/ssl/cert.pem"),
)
"""Where Debian and Alpine, Red Hat, and others keep what an administrator may add an authority to."""


def trusted_authorities() -> str:
    """Return the file of authorities that SSL_CERT_FILE names, else the system's, else the one of certifi."""
    configured = ssl.get_default_verify_paths().cafile
    if configured:
        return configured
    return next((str(bundle) for bundle in SYSTEM_BUNDLES if bundle.is_file()), certifi.where())

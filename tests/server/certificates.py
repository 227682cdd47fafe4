"""Certificates for the loopback address, and web config files that name them."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Authority:
    """A certificate authority whose files lie in a folder."""

    folder: Path
    authority: trustme.CA

    @classmethod
    def in_folder(cls, folder: Path) -> "Authority":
        """Make an authority and a folder for it."""
        folder.mkdir(exist_ok=True)
        made = cls(folder, trustme.CA())
        made.authority.cert_pem.write_to_path(made.file)
        return made

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def issue(self, name: str, identity: str = "127.0.0.1") -> tuple[Path, Path]:
        """Write NAME.pem and NAME.key and return them."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued = self.authority.issue_cert(identity)
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key

    def web_config(self, *more_lines: str) -> Path:
        """Issue a server's certificate and write a web config file that uses it."""
        certificate, key = self.issue("server")
        file = self.folder / "web.yml"
        lines = ("tls_server_config:", f"  cert_file: {certificate.name}", f"  key_file: {key.name}", *more_lines)
        file.write_text("\n".join(lines) + "\n")
        return file

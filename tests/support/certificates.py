"""Certificates that nobody but a test trusts."""

import ssl
import subprocess
from pathlib import Path

from tests.support.tables import words


def make_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate of two days for localhost. Returns its file and the context of a server that shows it."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = words("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context

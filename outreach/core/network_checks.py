"""Questions to other servers, for the checks of an installation: a certificate's end, an answer of a gateway."""

import http.client
import socket
import ssl
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

TIMEOUT_S = 5.0
_PORTS = {"https": 443, "smpps": 3550, "http": 80, "smpp": 2775}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: `fault` is "certificate", "connection", or empty, then with an HTTP status and its clock."""

    fault: str = ""
    status: int = 0
    date: datetime | None = None


def ask(url: str, *, login: tuple[str, str] | None = None, trust: str | None = None) -> Answer:
    """Ask a server by GET with a basic login, or only connect where it does not speak HTTP. `trust`: a file of its CA."""
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context(cafile=trust) if parts.scheme in ("https", "smpps") else None
    try:
        if parts.scheme.startswith("smpp"):
            with socket.create_connection((host, port), TIMEOUT_S) as plain:
                if context:
                    context.wrap_socket(plain, server_hostname=host).close()
            return Answer()
        secure = partial(http.client.HTTPSConnection, context=context)
        connection = (secure if context else http.client.HTTPConnection)(host, port, timeout=TIMEOUT_S)
        try:
            basic = b64encode(":".join(login).encode()).decode() if login else ""
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            connection.request("GET", path, headers={"Authorization": f"Basic {basic}"} if basic else {})
            response = connection.getresponse()
            return Answer(status=response.status, date=_read_date(response.headers.get("Date")))
        finally:
            connection.close()
    except ssl.SSLCertVerificationError:
        return Answer("certificate")
    except (OSError, http.client.HTTPException):
        return Answer("connection")


def _read_date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def certificate_left(url: str, *, now: datetime, trust: str | None = None) -> timedelta | None:
    """Return how long the certificate of an https URL is valid, None where it is not. Raises OSError."""
    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    context = ssl.create_default_context(cafile=trust)
    try:
        with (
            socket.create_connection((host, parts.port or 443), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            ends = str((secure.getpeercert() or {})["notAfter"])
    except ssl.SSLCertVerificationError:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) - now

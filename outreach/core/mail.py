"""Plain-text mail by SMTP, with attachments.

The server's URL holds everything: host, login, encryption, sender.
"""

import logging
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

log = logging.getLogger(__name__)
# Shorter than a job's time limit; a server that is silent for so long will not answer later.
TIMEOUT_S = 20.0
MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class Attachment:
    """File attached to a mail."""

    name: str
    mime: str  # application/pdf
    content: bytes


def send_mail(
    smtp_url: str,
    *,
    to: Sequence[str],
    subject: str,
    body: str,
    attachments: Sequence[Attachment] = (),
    message_id: str = "",
) -> int:
    """Send a mail to each recipient separately. Returns how many were accepted.

    `smtp_url` is `smtp://user:password@host:587/?from=loa@example.vn` (STARTTLS wherever the server offers it,
    required before a password is sent) or `smtps://…` (encrypted from the start). An address that is none, or that
    the server rejects (5xx), is skipped. `message_id` is the part before the @: the same for a mail that may have been sent
    already, so that a mail program shows it once. Raises smtplib.SMTPException or OSError when the server is unavailable,
    and an error recognised by `is_about_one_mail` when it accepted none and asked to try again later.
    """
    parts = urlsplit(smtp_url)
    host, user = parts.hostname or "localhost", unquote(parts.username or "")
    sender = parse_qs(parts.query).get("from", [user if "@" in user else f"loa@{host}"])[0]
    # Names of campaigns are in subjects: Python decodes encoded words in them, and up to 3.11.9 writes their line ends as such.
    subject = " ".join(subject.split()).replace("=?", "= ?")
    with _open(smtp_url) as server:
        accepted, temporary_error = 0, None
        for address in to:
            try:
                mail = EmailMessage()
                own_id = f"<{message_id}@{host}>" if message_id else make_msgid(domain=host)
                mail["From"], mail["To"], mail["Subject"] = sender, address, subject
                mail["Date"], mail["Message-ID"] = formatdate(localtime=True), own_id
                mail["Auto-Submitted"] = "auto-generated"
                mail.set_content(body)
                for file in attachments:
                    main, _slash, sub = file.mime.partition("/")
                    mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
                server.send_message(mail)
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
                if isinstance(error, smtplib.SMTPDataError):
                    code = error.smtp_code
                else:
                    code = next(code for code, _message in error.recipients.values())
                log.warning("mail.refused code=%d", code)
                # RFC 5321, 4.2.1: below 500 the same mail may be accepted later (greylisting, a full mailbox).
                temporary_error = error if code < 500 else temporary_error
            except (ValueError, smtplib.SMTPNotSupportedError):
                log.warning("mail.no_address")  # nor ever one: who comes after it is written to all the same
            else:
                accepted += 1
        if temporary_error is not None and not accepted:
            raise temporary_error
        return accepted


def check_server(smtp_url: str) -> None:
    """Connect and sign in as for a mail, and send none. Raises smtplib.SMTPException or OSError."""
    with _open(smtp_url) as server:
        server.noop()


@contextmanager
def _open(smtp_url: str) -> Iterator[smtplib.SMTP]:
    """Connect to the server of an URL and sign in."""
    parts = urlsplit(smtp_url)
    user = unquote(parts.username or "")
    with _connect(parts.scheme, parts.hostname or "localhost", parts.port) as server:
        if user:
            if not isinstance(server.sock, ssl.SSLSocket):
                raise smtplib.SMTPNotSupportedError("no encryption, so no password")
            server.login(user, unquote(parts.password or ""))
        yield server


def is_about_one_mail(error: Exception) -> bool:
    """Check whether the server works and only put off this mail, so that it may accept another one."""
    return isinstance(
        error, (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)
    )


class _Lines:
    """Lines of answers, MOST_LINES of each: smtplib reads on until a server says that one is the last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.close, self.left = file, file.close, MOST_LINES

    def readline(self, most: int) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise OSError("an answer without end")
        return self._file.readline(most)


class _Server(smtplib.SMTP):
    file: Any

    def getreply(self) -> tuple[int, bytes]:
        self.file = self.file or _Lines(self.sock.makefile("rb"))  # type: ignore[union-attr]  # connected by now
        self.file.left = MOST_LINES
        return super().getreply()


class _SecureServer(smtplib.SMTP_SSL, _Server):
    pass


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return _SecureServer(host, port or 465, timeout=TIMEOUT_S, context=context)
    server = _Server(host, port or 25, timeout=TIMEOUT_S)
    try:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
    except Exception:
        server.close()
        raise
    return server

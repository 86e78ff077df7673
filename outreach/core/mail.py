"""Plain-text mail by SMTP, with files where there are any. The address of the server says everything: host, login, encryption, sender."""

from __future__ import annotations

import logging
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import parse_qs, unquote, urlsplit

log = logging.getLogger(__name__)
# A job's whole limit is longer; a server that says nothing for so long will not say it later.
TIMEOUT_S = 20.0
_FINAL = 500


@dataclass(frozen=True, slots=True)
class Attachment:
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
    """Send one mail, each recipient in an envelope of their own, none seeing the others; how many were taken.

    `smtp_url` is `smtp://user:password@host:587/?from=loa@example.vn` (STARTTLS wherever the server offers it,
    demanded before a password is sent) or `smtps://…` (encrypted from the start). An address that the server
    does not take (5xx) is passed over. `message_id`: the part before the @, the same for a mail that may have gone out
    already, so that a mail program shows it once. Raises smtplib.SMTPException or OSError when the server is away,
    and what `is_about_one_mail` tells apart when it took none and asked to be tried again later.
    """
    parts = urlsplit(smtp_url)
    host, user = parts.hostname or "localhost", unquote(parts.username or "")
    sender = parse_qs(parts.query).get("from", [user if "@" in user else f"loa@{host}"])[0]
    with _connect(parts.scheme, host, parts.port) as server:
        if user:
            if not isinstance(server.sock, ssl.SSLSocket):
                raise smtplib.SMTPNotSupportedError("no encryption, so no password")
            server.login(user, unquote(parts.password or ""))
        taken, later = 0, None
        for address in to:
            mail = EmailMessage()
            mail["From"], mail["To"], mail["Subject"] = sender, address, subject
            mail["Date"], mail["Message-ID"] = formatdate(localtime=True), _message_id(message_id, host)
            mail["Auto-Submitted"] = "auto-generated"
            mail.set_content(body)
            for each in attachments:
                main, _slash, sub = each.mime.partition("/")
                mail.add_attachment(each.content, maintype=main, subtype=sub, filename=each.name)
            try:
                server.send_message(mail)
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
                code = _code_of(error)
                log.warning("mail.refused code=%d", code)
                # RFC 5321, 4.2.1: below 500 the same mail may be taken another time (greylisting, a full mailbox).
                later = error if code < _FINAL else later
            else:
                taken += 1
        if later is not None and not taken:
            raise later
        return taken


def is_about_one_mail(error: Exception) -> bool:
    """Whether a server that works has put off this mail, so that it may well take another one."""
    return isinstance(
        error, (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError)
    )


def _code_of(error: smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError) -> int:
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code
    return next(code for code, _said in error.recipients.values())


def _message_id(own: str, host: str) -> str:
    return f"<{own}@{host}>" if own else make_msgid(domain=host)


def _connect(scheme: str, host: str, port: int | None) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_S, context=context)
    server = smtplib.SMTP(host, port or 25, timeout=TIMEOUT_S)
    try:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
    except Exception:
        server.close()
        raise
    return server

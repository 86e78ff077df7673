"""A real mail server on this machine that keeps what it takes."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """What a mail server took; one address it never takes, others not while they are `put_off`: at RCPT, or at DATA."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, EmailMessage]] = []
        self.url = ""
        self.put_off: dict[str, str] = {}
        self.put_off_at_data: dict[str, str] = {}

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such mailbox"
        if address in self.put_off:
            return self.put_off[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        for address in envelope.rcpt_tos:
            if address in self.put_off_at_data:
                return self.put_off_at_data[address]
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails += [(address, mail) for address in envelope.rcpt_tos]
        return "250 OK"

    def take(self) -> list[tuple[str, EmailMessage]]:
        """What came since the last time."""
        taken, self.mails = self.mails, []
        return taken


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """A server that runs as long as the block."""
    box = MailServer()
    with socket.socket() as taken:  # aiosmtpd cannot choose a port itself
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    box.url = f"smtp://127.0.0.1:{port}/?from=loa@loa.example"
    yield box
    server.stop()

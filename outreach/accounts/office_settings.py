"""The settings that an administrator makes on the page of the office: saved beneath the variables, which win, and tried."""

from collections.abc import Mapping
from datetime import datetime
from smtplib import SMTPException
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.core.mail import send_mail
from outreach.core.settings import OFFICE, Settings
from outreach.core.signed_tokens import seal_secret
from outreach.models.accounts import User
from outreach.models.office import OfficeSetting
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime, read_office_values
from outreach.use_cases import use_case

_SEALED = frozenset({"smtp_url"})  # it holds a password
_SUBJECT = "Loa: thư thử"
_BODY = """Kính gửi đồng chí,

Đây là thư thử từ trang Cài đặt của Loa. Nhận được thư này là máy chủ thư đã hoạt động.
"""


class MailServer(NamedTuple):
    """A mail server as the page has it; as an URL it is the setting SMTP_URL."""

    host: str = ""
    port: int | None = None
    is_tls: bool = False  # encrypted from the start, else by STARTTLS
    login: str = ""
    password: str = ""
    sender: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        parts = urlsplit(url)
        login, password = unquote(parts.username or ""), unquote(parts.password or "")
        sender = parse_qs(parts.query).get("from", [""])[0]
        return cls(parts.hostname or "", parts.port, parts.scheme == "smtps", login, password, sender)

    def as_url(self) -> str:
        """Return the setting. Raises BadInput."""
        host = self.host.strip().lower()
        if not host or urlsplit(f"//{host}").hostname != host or any(map(str.isspace, host)):
            raise BadInput("mail_host_wrong")
        if self.port is not None and not 0 < self.port < 65536:
            raise BadInput("mail_port_wrong")
        if self.sender and "@" not in self.sender[1:-1]:
            raise BadInput("mail_sender_wrong")
        login = f"{quote(self.login, safe='')}:{quote(self.password, safe='')}@" if self.login else ""
        port = f":{self.port}" if self.port else ""
        sender = f"/?{urlencode({'from': self.sender}, safe='@')}" if self.sender else ""
        return f"{'smtps' if self.is_tls else 'smtp'}://{login}{host}{port}{sender}"


@use_case
def save_mail_server(
    session: Session, *, server: MailServer, settings: Settings, user: User, now: datetime
) -> None:
    """Set the mail server, without a host none. An empty password keeps the one that is stored for this host and login.

    Raises NotAllowed, BadInput, and WrongState where SMTP_URL is set.
    """
    stored = MailServer.of(read_office_values(session, settings).get("smtp_url", ""))
    if server.login and not server.password:
        # A kept password would go to whatever address is typed: nobody may get it out that way.
        if stored.password and stored._replace(password="", sender=server.sender) != server:
            raise BadInput("gateway_secret_again")
        if not stored.password:
            raise BadInput("mail_password_missing")
        server = server._replace(password=stored.password)
    url = server.as_url() if server.host.strip() else ""
    save_office_settings(session, texts={"smtp_url": url}, settings=settings, user=user, now=now)


@use_case
def save_office_settings(
    session: Session, *, texts: Mapping[str, str], settings: Settings, user: User, now: datetime
) -> None:
    """Set fields of OFFICE, each written as its variable is; "" takes what was set away.

    Raises NotAllowed, WrongState where the variable is set, and BadInput `office_setting_wrong` with the field's name and the reason.
    """
    require_role(user)
    before = read_office_values(session, settings)
    rows = {row.name: row for row in session.scalars(select(OfficeSetting).with_for_update())}
    changes: dict[str, tuple[Any, Any]] = {}
    for name in OFFICE:
        if (text := texts.get(name)) is None or text == before.get(name, ""):
            continue
        if name in settings.given:
            raise WrongState("office_setting_given", name=name.upper())
        try:
            if text:
                settings.variables()[name].metadata["parse"](text)
        except BadInput as error:
            raise BadInput("office_setting_wrong", name=name, reason=error) from error
        changes[name] = (_loggable(name, before.get(name, "")), _loggable(name, text))
        row = rows.get(name) or OfficeSetting(name=name)
        if not text:
            session.delete(row)
            continue
        session.add(row)
        row.is_sealed = name in _SEALED
        row.value = seal_secret(text, keys=settings.keys_of(Purpose.GATEWAYS)) if row.is_sealed else text
        row.changed_by, row.changed_at = user.id, now
    if changes:
        audit.record_change(session, "office.save", "office_settings:0", user, now, changes)


def _loggable(name: str, text: str) -> str:
    """Return a value as the audit log has it: without a password, an image by its length alone."""
    if name == "office_logo":
        return f"{len(text)}" if text else ""
    return MailServer.of(text)._replace(password="").as_url() if name in _SEALED and text else text


def send_test_mail(runtime: Runtime, *, user: User, now: datetime) -> str:
    """Send a mail to who asks, over the server of now. Returns the address. Raises NotAllowed, and BadInput if it was not sent."""
    with runtime.db.read() as session:
        require_role(user := session.get_one(User, user.id))
    runtime.refresh(at_once=True)
    if not runtime.settings.smtp_url:
        raise BadInput("check_mail_none")
    try:
        sent = send_mail(runtime.settings.smtp_url, to=[user.email], subject=_SUBJECT, body=_BODY)
    except (OSError, SMTPException) as error:
        raise BadInput("mail_test_failed", error=type(error).__name__) from error
    if not sent:
        raise BadInput("mail_test_refused", address=user.email)
    with runtime.db.write() as session:
        audit.record(session, "office.test_mail", "office_settings:0", user.id, now)
    return user.email

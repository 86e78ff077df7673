"""The end of the audit log's chain, outside the database: in a file, a mail or the system's log, each day.

That the log's end was cut off together with the chain's end is found by an end that was noted before. `audit verify`
compares with the files.
"""

import logging
import os
import smtplib
import syslog
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.orm import Session

from outreach.accounts.audit import Anchor, read_anchor, read_head
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.models.accounts import AuditHead
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
EVERY = timedelta(days=1)
_SUBJECT = "Loa: mốc cuối của nhật ký"
_BODY = """Kính gửi đồng chí,

Mốc cuối của nhật ký lúc {at}:

{head}

Hãy giữ thư này. Khi kiểm tra nhật ký (audit verify --anchor), mốc này phải còn trong nhật ký.
"""


def is_due(session: Session, settings: Settings, *, now: datetime) -> bool:
    """Return whether the chain's end has to go outside now."""
    head = session.get(AuditHead, 1) if settings.audit_head_to else None
    return head is not None and head.last_id > 0 and (head.sent_at is None or head.sent_at <= now - EVERY)


def send_head(runtime: Runtime, *, now: datetime) -> int:
    """Send the chain's end to all places. Returns to how many; it counts as sent if it reached one."""
    with runtime.db.read() as session:
        head = read_head(session)
    reached = 0
    for place in runtime.settings.audit_head_to:
        kind, _, where = place.partition(":")
        try:
            if kind == "file":
                _append(Path(where), f"{now.isoformat(timespec='seconds')} {head}\n")
            elif kind == "syslog":
                syslog.openlog("loa")
                syslog.syslog(syslog.LOG_NOTICE | syslog.LOG_AUTHPRIV, f"audit head {head}")
            else:
                body = _BODY.format(at=now.isoformat(timespec="seconds"), head=head)
                if not send_mail(runtime.settings.smtp_url, to=[where], subject=_SUBJECT, body=body):
                    raise smtplib.SMTPRecipientsRefused({})
        except (OSError, smtplib.SMTPException) as error:
            log.error("audit.head_not_sent to=%s error=%s", kind, type(error).__name__)
        else:
            reached += 1
    if reached:
        with runtime.db.write() as session:
            session.execute(update(AuditHead).where(AuditHead.id == 1).values(sent_at=now))
    return reached


def read_outside_heads(settings: Settings) -> list[Anchor]:
    """Return the ends that the files hold. Raises BadInput for a file that cannot be read: its ends count."""
    heads = []
    for place in settings.audit_head_to:
        kind, _, where = place.partition(":")
        if kind == "file":
            try:
                lines = Path(where).read_text("utf-8").splitlines()
            except FileNotFoundError:
                raise BadInput("audit_file_missing", path=where) from None
            heads += [read_anchor(line.rpartition(" ")[2]) for line in lines if line.strip()]
    return heads


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

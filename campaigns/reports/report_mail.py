"""The report's mail: written down in the transaction of what it is about, sent afterwards, tried again until it is taken.

A mail is claimed before it is sent, so that two processes never send it at once. One that may have gone out when its
process was killed is sent again with the same Message-ID: twice is better than not at all before 14:00.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from campaigns.report.mail.letters import letter_of
from campaigns.report.models import Purpose, ReportMail
from campaigns.windows import VIETNAM
from outreach.bulk import add_missing
from outreach.errors import NotFound
from outreach.mail import is_about_one_mail, send_mail
from outreach.runtime import Runtime

# Longer than a server may take for one mail; then whoever claimed it has ended.
CLAIMED_FOR = timedelta(minutes=3)
# Between two tries while the server is away.
PAUSE = timedelta(seconds=60)
_KEEPS_TRYING = timedelta(days=2)


def write_to(
    session: Session,
    addresses: Iterable[str],
    purpose: Purpose,
    *,
    day: str,
    now: datetime,
    issue_id: int | None = None,
    organisation_id: int | None = None,
    link_id: int | None = None,
    until: datetime | None = None,
    again: str = "",
) -> int:
    """Write a mail to each address; those that are written already stay as they are. How many addresses.

    `until`: of no use afterwards. `again`: what tells a mail that is sent once more from the first one.
    """
    rows = [
        {
            "key": f"{day}:{purpose}:{issue_id or organisation_id or 0}:{again}:{address.lower()}",
            "day": day,
            "purpose": purpose,
            "issue_id": issue_id,
            "organisation_id": organisation_id,
            "link_id": link_id,
            "address": address,
            "next_at": now,
            "expires_at": until or now + _KEEPS_TRYING,
            "tries": 0,
            "error": "",
        }
        for address in dict.fromkeys(addresses)
    ]
    if rows:
        add_missing(session, ReportMail, rows)
    return len(rows)


def waiting(day: str, *, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """The condition of a day's mails that may be sent now."""
    return (
        ReportMail.day == day,
        ReportMail.sent_at.is_(None),
        ReportMail.refused_at.is_(None),
        ReportMail.next_at <= now,
        ReportMail.expires_at > now,
    )


def is_delivered(session: Session, day: str) -> bool:
    """Whether everybody the report is for was mailed it, at whichever try; without anybody it was not.

    A correction holds the whole report.
    """
    address = func.lower(ReportMail.address)
    of_day = select(address).where(ReportMail.day == day)
    everybody = set(session.scalars(of_day.where(ReportMail.purpose == Purpose.REPORT)))
    reached = session.scalars(
        of_day.where(
            ReportMail.purpose.in_((Purpose.REPORT, Purpose.CORRECTION)), ReportMail.sent_at.is_not(None)
        )
    )
    return bool(everybody) and everybody <= set(reached)


def deliver(runtime: Runtime, day: str, *, now: datetime) -> int:
    """Send a day's mails that are due, the report before all others; how many.

    A server that is away gets a pause; one that puts off a mail is asked about the others.
    """
    if not runtime.settings.smtp_url:
        return 0
    sent = 0
    while True:
        with runtime.db.write() as session:
            mail = _claim(session, day, now=now)
        if mail is None:
            return sent
        try:
            taken = _send(runtime, mail)
        except (OSError, smtplib.SMTPException) as error:
            with runtime.db.write() as session:
                session.execute(
                    update(ReportMail)
                    .where(ReportMail.id == mail.id)
                    .values(next_at=now + PAUSE, error=type(error).__name__)
                )
                if is_about_one_mail(error):
                    continue
                # The others would meet the same server: they wait, too, and nobody waits for them.
                session.execute(update(ReportMail).where(*waiting(day, now=now)).values(next_at=now + PAUSE))
            return sent
        outcome = {"sent_at": now, "error": ""} if taken else {"refused_at": now, "error": "refused"}
        with runtime.db.write() as session:
            session.execute(update(ReportMail).where(ReportMail.id == mail.id).values(**outcome))
        sent += taken


def _claim(session: Session, day: str, *, now: datetime) -> ReportMail | None:
    """The next mail, whose turn is moved on in the same transaction."""
    mail = session.scalar(
        select(ReportMail)
        .where(*waiting(day, now=now))
        .order_by(ReportMail.purpose.desc(), ReportMail.tries, ReportMail.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if mail is not None:
        mail.next_at, mail.tries = now + CLAIMED_FOR, mail.tries + 1
    return mail


def _send(runtime: Runtime, mail: ReportMail) -> int:
    with runtime.db.read() as session:
        try:
            letter = letter_of(session, mail, runtime.settings)
        except NotFound:
            return 0
    return send_mail(
        runtime.settings.smtp_url,
        to=[mail.address],
        subject=letter.subject,
        body=letter.body,
        attachments=letter.attachments,
        message_id=f"loa-report-{mail.id}-{mail.day}",
    )


def end_of(day: str, clock: str) -> datetime:
    """A moment of a day in Vietnam."""
    return datetime.fromisoformat(f"{day}T{clock}:00").replace(tzinfo=VIETNAM)

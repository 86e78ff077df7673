"""Cases are opened, and closed again where the resident takes the request back. In the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import Answer, Case, Reply
from campaigns.rules.cases import CaseKind, CaseOutcome
from outreach.models.contacts import ContactList


def open_help_case(
    session: Session,
    recipient: Recipient,
    *,
    now: datetime,
    answer: Answer | None = None,
    reply: Reply | None = None,
) -> Case:
    """The recipient's open request for help, or a new one. The phone's row must be locked."""
    case = find_open_help(session, recipient.id)
    if case is None:
        reply_id = reply.id if reply else answer.reply_id if answer else None
        case = open_case(
            session,
            CaseKind.HELP,
            recipient=recipient,
            phone_id=recipient.phone_id,
            reply_id=reply_id,
            now=now,
        )
    asked = session.get(Answer, case.answer_id) if case.answer_id else None
    if answer and (asked is None or asked.undone_at is not None):
        case.answer_id = answer.id
    session.flush()
    return case


def find_open_help(session: Session, recipient_id: int) -> Case | None:
    return session.scalar(
        select(Case).where(
            Case.recipient_id == recipient_id, Case.kind == CaseKind.HELP, Case.done_at.is_(None)
        )
    )


def open_case(
    session: Session,
    kind: CaseKind,
    *,
    recipient: Recipient | None,
    phone_id: int | None,
    now: datetime,
    reply_id: int | None = None,
) -> Case:
    """A new case. It belongs to the organisation whose list brought the recipient, else to the campaign's."""
    case = Case(
        kind=kind,
        phone_id=phone_id,
        recipient_id=recipient.id if recipient else None,
        campaign_id=recipient.campaign_id if recipient else None,
        organisation_id=_owner(session, recipient) if recipient else None,
        area_code=recipient.area_code if recipient else None,
        reply_id=reply_id,
        opened_at=now,
        note="",
    )
    session.add(case)
    session.flush()
    return case


def _owner(session: Session, recipient: Recipient) -> int | None:
    if recipient.list_id is not None:
        return session.scalar(select(ContactList.organisation_id).where(ContactList.id == recipient.list_id))
    return session.scalar(select(Campaign.organisation_id).where(Campaign.id == recipient.campaign_id))


def withdraw_help_case(session: Session, answer: Answer, *, now: datetime) -> None:
    """Close the request that this answer made: it has been taken back. One that is done stays as it is."""
    session.execute(
        update(Case)
        .where(Case.answer_id == answer.id, Case.kind == CaseKind.HELP, Case.done_at.is_(None))
        .values(done_at=now, outcome=CaseOutcome.WITHDRAWN)
    )

"""Opening of cases, and closing when the resident withdraws the request. In the caller's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import BY_ANYBODY, Answer, Case, Reply, ReplyChannel, ReplyState
from campaigns.rules.cases import URGENT_WAITS, CaseKind, CaseOutcome
from outreach.core.db import find_row, id_of
from outreach.models.contacts import ContactList

MOST_CRIES = 5  # of one page that have a case each


def open_help_case(
    session: Session,
    recipient: Recipient,
    *,
    now: datetime,
    answer: Answer | None = None,
    reply: Reply | None = None,
) -> Case:
    """Return the recipient's open help case, or open one. The phone's row must be locked."""
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
    cause = find_row(session, Answer, case.answer_id)
    if answer and (cause is None or cause.undone_at is not None):
        case.answer_id = answer.id
    session.flush()
    return case


def open_help_again(
    session: Session, recipient: Recipient | None, answers: Sequence[Answer], *, now: datetime
) -> None:
    """Open a help case again for the last of the answers, given once more, unless a case was done after it: then it has come late."""
    if recipient is None or not answers:
        return
    done = select(Case.id).where(
        Case.recipient_id == recipient.id, Case.kind == CaseKind.HELP, Case.done_at >= now
    )
    if session.scalar(done.limit(1)) is None:
        case = open_help_case(session, recipient, now=now)  # the reply of that answer has had its case
        case.answer_id = case.answer_id or answers[-1].id


def open_number_case(
    session: Session,
    event: Campaign | None,
    phone_id: int,
    *,
    area_code: str | None,
    now: datetime,
    reply_id: int | None = None,
) -> Case:
    """Return the open help case of a number that nobody is written to on, in an event or in none, or open one. The phone's row must be locked."""
    case = session.scalar(
        select(Case).where(
            Case.campaign_id == event.id if event else Case.campaign_id.is_(None),
            Case.phone_id == phone_id,
            Case.kind == CaseKind.HELP,
            Case.done_at.is_(None),
        )
    )
    if case is None:
        opened = open_case(
            session, CaseKind.HELP, recipient=None, phone_id=phone_id, reply_id=reply_id, now=now
        )
        if event:
            opened.campaign_id, opened.organisation_id = event.id, event.organisation_id
        opened.area_code = area_code
        session.flush()
        return opened
    return case


def find_open_help(session: Session, recipient_id: int) -> Case | None:
    """Return the recipient's open help case, if any."""
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
    """Open a case for the organisation of the recipient's list, else for that of the campaign."""
    case = Case(
        kind=kind,
        phone_id=phone_id,
        recipient_id=id_of(recipient),
        campaign_id=recipient.campaign_id if recipient else None,
        organisation_id=owner_of(session, recipient) if recipient else None,
        area_code=recipient.area_code if recipient else None,
        reply_id=reply_id,
        opened_at=now,
        note="",
    )
    session.add(case)
    session.flush()
    return case


def owner_of(session: Session, recipient: Recipient) -> int | None:
    """Return the organisation whose cases a recipient's are."""
    if recipient.list_id is not None:
        return session.scalar(select(ContactList.organisation_id).where(ContactList.id == recipient.list_id))
    return session.scalar(select(Campaign.organisation_id).where(Campaign.id == recipient.campaign_id))


def note_cry(case: Case, *, now: datetime) -> None:
    """Mark a case as urgent. A further cry in it is told anew: it may be worse, and who took the case may have left."""
    last = case.urgent_at
    is_told = case.alerted_at is not None or case.escalated_at is not None
    # Nobody was there to be told: cries of long ago are told no more (`DutyContacts`), and this one would not be.
    waits = URGENT_WAITS if is_told else timedelta(days=1)
    if last is None or now >= last + waits:
        case.urgent_at, case.alerted_at, case.escalated_at = now, None, None


def tell_once(session: Session, case: Case, reply: Reply, *, now: datetime) -> None:
    """Let no officer be told of a cry that has a case of its own, where they are of another by its sender, of minutes ago, that is open.

    A number's sure cries join in one case; these have one each, and hundreds of alerts would hide everybody else's. What others
    may have written for a number keeps nobody from hearing of its own.
    """
    others = (Case.id != case.id, Case.urgent_at > now - URGENT_WAITS)
    is_told = or_(Case.alerted_at.is_(None), Case.alerted_at != Case.urgent_at)
    if session.scalar(_open_cries(reply).where(*others, is_told).limit(1)):
        case.alerted_at = case.escalated_at = case.urgent_at


def tell_next(session: Session, settled: Case) -> None:
    """Let officers be told of the latest cry of a number that `tell_once` kept from them, as the one that they knew of is settled."""
    is_kept = (Case.alerted_at == Case.urgent_at, Case.escalated_at == Case.urgent_at)
    of_number = (Case.phone_id == settled.phone_id, Case.id != settled.id, Case.done_at.is_(None))
    kept = select(Case).where(*is_kept, *of_number).order_by(Case.id.desc()).limit(1)
    if case := session.scalar(kept):
        case.alerted_at = case.escalated_at = None


def join_full(session: Session, reply: Reply) -> Case | None:
    """Return the newest open case of a page's cries where MOST_CRIES have one each: a further one joins it.

    Nothing is paid for on a page, and hundreds would stand before everybody else's. Its words are in the conversation of each.
    """
    is_own_page = reply.channel is ReplyChannel.PAGE and not reply.gateway_id.startswith(BY_ANYBODY)
    if not (reply.is_urgent and is_own_page):
        return None
    cases = session.scalars(_open_cries(reply).order_by(Case.id.desc()).limit(MOST_CRIES)).all()
    if len(cases) < MOST_CRIES:
        return None
    reply.state = ReplyState.APPLIED
    return cases[0]


def _open_cries(reply: Reply) -> Select[Case]:
    """Select the open cases of cries that a reply's sender wrote by the same way."""
    theirs = (Reply.sender == reply.sender, Reply.channel == reply.channel)
    is_open = (Case.urgent_at.is_not(None), Case.done_at.is_(None))
    of_reply = select(Case).join(Reply, Reply.id == Case.reply_id)
    return of_reply.where(*theirs, *is_open, ~Reply.gateway_id.startswith(BY_ANYBODY))


def withdraw_help_case(session: Session, *opened_by: ColumnElement[bool], now: datetime) -> None:
    """Close the help case opened by what was undone. One already closed, or with a cry for help, stays as it is."""
    session.execute(
        update(Case)
        .where(*opened_by, Case.kind == CaseKind.HELP, Case.done_at.is_(None), Case.urgent_at.is_(None))
        .values(done_at=now, outcome=CaseOutcome.WITHDRAWN)
    )

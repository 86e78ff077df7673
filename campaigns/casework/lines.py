"""Cases as an officer reads them: who asks, what they wrote, where they live, who has it in hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from campaigns.answers.models import Answer, Handling, OfficerEntry, Reply, Source
from campaigns.casework.kinds import LEADS_ON, held_until
from campaigns.casework.models import Case
from campaigns.casework.texting import Sent, sent_for
from campaigns.models import Campaign, Recipient
from campaigns.replies.classifier import Label
from outreach.access.models import Organisation, User
from outreach.people.models import Contact, Phone
from outreach.places.models import Area


@dataclass(frozen=True, slots=True)
class Line:
    """A case with what an officer needs to know of it.

    `held_until`: while it is somebody's alone. `given`: the label that a person gave its reply. `sent`: the
    messages that answered it. `asked_through`: how help was asked for; `entry`: what an officer wrote with it.
    """

    case: Case
    reply: Reply | None
    sender: str
    person: str
    contact_id: int | None
    village: str
    place: str
    campaign: str
    kind: str  # of the campaign
    organisation: str
    taken_by: str
    done_by: str
    held_until: datetime | None
    said_since: Label | None
    given: Label | None
    texts_since: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    asked_through: Source | None = None
    entry: OfficerEntry | None = None
    entered_by: str = ""

    @property
    def means(self) -> Label | None:
        """What the case's kind says of its reply; None while the label is in doubt."""
        return next((label for label, kind in LEADS_ON.items() if kind is self.case.kind), None)


def read_lines(session: Session, ids: list[int], areas: dict[str, Area], *, now: datetime) -> list[Line]:
    """These cases in this order. The caller has looked to it that the user may see them."""
    taker, doer, recorder = aliased(User), aliased(User), aliased(User)
    rows: list[Any] = list(
        session.execute(
            select(
                Case,
                Reply,
                Recipient,
                Contact,
                Phone.e164,
                Campaign.name,
                Campaign.kind,
                Organisation.name,
                taker,
                doer,
                Answer.source,
                OfficerEntry,
                recorder,
            )
            .outerjoin(Answer, Answer.id == Case.answer_id)
            .outerjoin(OfficerEntry, OfficerEntry.answer_id == Case.answer_id)
            .outerjoin(recorder, recorder.id == OfficerEntry.recorded_by)
            .outerjoin(Reply, Reply.id == Case.reply_id)
            .outerjoin(Recipient, Recipient.id == Case.recipient_id)
            .outerjoin(Contact, Contact.id == Recipient.contact_id)
            .outerjoin(Phone, Phone.id == Case.phone_id)
            .outerjoin(Campaign, Campaign.id == Case.campaign_id)
            .outerjoin(Organisation, Organisation.id == Case.organisation_id)
            .outerjoin(taker, taker.id == Case.taken_by)
            .outerjoin(doer, doer.id == Case.done_by)
            .where(Case.id.in_(ids))
        )
    )
    later = _texts_since(session, [row[0] for row in rows])
    given = _labels_given(session, [row[0] for row in rows])
    sent = sent_for(session, [row[0] for row in rows])
    lines = {
        row[0].id: _line(*row, areas=areas, later=later, given=given, sent=sent, now=now) for row in rows
    }
    return [lines[case_id] for case_id in ids]


def _line(
    case: Case,
    reply: Reply | None,
    recipient: Recipient | None,
    contact: Contact | None,
    e164: str | None,
    campaign: str | None,
    kind: str | None,
    organisation: str | None,
    taker: User | None,
    doer: User | None,
    source: Source | None,
    entry: OfficerEntry | None,
    recorder: User | None,
    *,
    areas: dict[str, Area],
    later: dict[int, list[str]],
    given: dict[int | None, Label],
    sent: dict[int, list[Sent]],
    now: datetime,
) -> Line:
    asked_at = reply.received_at if reply else case.opened_at
    is_newer = recipient and recipient.answered_at and recipient.answered_at > asked_at
    area = areas.get(case.area_code or "")
    above = areas.get(area.parent_code or "") if area else None
    return Line(
        case=case,
        reply=reply,
        sender=e164 or (reply.sender if reply else ""),
        person=contact.name if contact else "",
        contact_id=contact.id if contact else None,
        village=contact.village if contact else "",
        place=", ".join(f"{each.kind} {each.name}" for each in (area, above) if each),
        campaign=campaign or "",
        kind=kind or "",
        organisation=organisation or "",
        taken_by=_name(taker),
        done_by=_name(doer),
        held_until=None if case.done_at else held_until(case.taken_at, now=now),
        said_since=recipient.answer if recipient and is_newer and case.done_at is None else None,
        given=given.get(case.reply_id),
        texts_since=later.get(case.id, []),
        sent=sent.get(case.id, []),
        asked_through=source,
        entry=entry,
        entered_by=_name(recorder),
    )


def _name(user: User | None) -> str:
    return user.name or user.email if user else ""


def _labels_given(session: Session, cases: list[Case]) -> dict[int | None, Label]:
    rows = session.execute(
        select(Handling.reply_id, Handling.label)
        .where(Handling.reply_id.in_([case.reply_id for case in cases]), Handling.undone_at.is_(None))
        .order_by(Handling.id)
    )
    return dict(rows.all())


def _texts_since(session: Session, cases: list[Case]) -> dict[int, list[str]]:
    """What each recipient wrote after the case was opened, by case."""
    waiting = [case for case in cases if case.recipient_id and case.done_at is None]
    if not waiting:
        return {}
    found: dict[int, list[str]] = {}
    for reply in session.scalars(
        select(Reply)
        .where(
            Reply.recipient_id.in_({case.recipient_id for case in waiting}),
            Reply.received_at >= min(case.opened_at for case in waiting),
        )
        .order_by(Reply.received_at, Reply.id)
    ):
        for case in waiting:
            is_theirs = case.recipient_id == reply.recipient_id and case.reply_id != reply.id
            if is_theirs and reply.received_at >= case.opened_at:
                found.setdefault(case.id, []).append(reply.body)
    return found

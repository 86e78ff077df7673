"""Replies that wait for a person, listed within a user's scope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Reply, ReplyState
from campaigns.models import Campaign, Recipient
from campaigns.replies.classifier import Label
from outreach.access.models import Organisation, User
from outreach.access.users import visible_to
from outreach.errors import NotFound
from outreach.people.models import Contact, ContactList
from outreach.places.areas import areas_within
from outreach.places.models import Area


@dataclass(frozen=True, slots=True)
class Waiting:
    """A reply for a person to look at. `said_since` is what the phone answered after it."""

    id: int
    body: str
    sender: str
    received_at: datetime
    label: Label
    confidence: float
    campaign: str
    person: str
    village: str
    area: str
    organisation: str
    said_since: Label | None


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page of it, how many there are by label, and the districts they come from."""

    items: list[Waiting]
    by_label: dict[Label, int]
    districts: list[tuple[str, str]]  # code, name

    @property
    def total(self) -> int:
        return sum(self.by_label.values())


def count_waiting(session: Session, user: User) -> dict[Label, int]:
    """How many replies wait, by the label they seem to be."""
    rows = session.execute(
        _within(select(Reply.label, func.count()), session, user)
        .where(Reply.state == ReplyState.INBOX)
        .group_by(Reply.label)
    )
    return dict(rows.all())


def read_worklist(
    session: Session, user: User, *, label: Label | None, district: str | None, limit: int
) -> Worklist:
    """The oldest first. Call it inside one `db.read()`."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    waiting = Reply.state == ReplyState.INBOX
    there: list[ColumnElement[bool]] = []
    if district:
        there = [Recipient.area_code.in_(areas_within(session, [district]))]
    by_label = session.execute(
        _within(select(Reply.label, func.count()), session, user).where(waiting, *there).group_by(Reply.label)
    )
    codes = session.scalars(_within(select(Recipient.area_code), session, user).where(waiting).distinct())
    districts = {parent for code in codes if (parent := _parent(code, areas))}
    query = _within(
        select(Reply, Campaign.name, Contact.name, Contact.village, Organisation.name, Recipient),
        session,
        user,
    )
    rows = session.execute(
        query.outerjoin(Contact, Contact.id == Recipient.contact_id)
        .outerjoin(Organisation, Organisation.id == ContactList.organisation_id)
        .where(waiting, *there, *([Reply.label == label] if label else []))
        .order_by(Reply.received_at, Reply.id)
        .limit(limit)
    )
    return Worklist(
        items=[_waiting(*row, areas=areas) for row in rows],
        by_label=dict(by_label.all()),
        districts=sorted(((code, areas[code].name) for code in districts), key=lambda pair: pair[1]),
    )


def _waiting(
    reply: Reply,
    campaign: str | None,
    person: str | None,
    village: str | None,
    organisation: str | None,
    recipient: Recipient | None,
    *,
    areas: dict[str, Area],
) -> Waiting:
    is_newer = recipient and recipient.answered_at and recipient.answered_at > reply.received_at
    area = areas.get(recipient.area_code or "") if recipient else None
    above = areas.get(area.parent_code or "") if area else None
    return Waiting(
        id=reply.id,
        body=reply.body,
        sender=reply.sender,
        received_at=reply.received_at,
        label=reply.label,
        confidence=reply.confidence,
        campaign=campaign or "",
        person=person or "",
        village=village or "",
        area=", ".join(f"{each.kind} {each.name}" for each in (area, above) if each),
        organisation=organisation or "",
        said_since=recipient.answer if is_newer and recipient else None,
    )


def _parent(code: str | None, areas: dict[str, Area]) -> str | None:
    area = areas.get(code or "")
    return area.parent_code if area and area.parent_code in areas else None


def _within(query: Any, session: Session, user: User) -> Any:
    """From replies, joined as far as whose they are, those within the user's scope.

    A reply of a number that is in no campaign belongs to those who see everything.
    """
    return (
        query.select_from(Reply)
        .outerjoin(Recipient, Recipient.id == Reply.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .outerjoin(Campaign, Campaign.id == Reply.campaign_id)
        .where(
            or_(
                visible_to(session, user, ContactList.organisation_id),
                visible_to(session, user, Campaign.organisation_id),
            )
        )
    )


def find_reply(session: Session, reply_id: int, *, user: User) -> Reply:
    """A reply that the user may see. Raises NotFound."""
    reply: Reply | None = session.scalar(_within(select(Reply), session, user).where(Reply.id == reply_id))
    if reply is None:
        raise NotFound("Không có câu trả lời này, hoặc nằm ngoài phạm vi của bạn.")
    return reply

"""After a campaign's time is over: what is personal in it goes, figures and hashed suppressions stay.

The rules of erasing one person, in bulk (`erasing`), but for one: nobody asked for it, so a list that brings a person
anew is no question. People stay in the directory who stand in the audience or in a list of a campaign that is in use or
ended later, whom an import or a correction has touched since, and who wait for an answer about their data: until none of
it holds any more, so an ended campaign is gone through again each day while people of its audience are left.
(Law 91/2025/QH15: no longer than the purpose needs; the days are a setting.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Select,
    String,
    and_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session, aliased

from campaigns.answers.models import Answer, OfficerEntry, Reply
from campaigns.casework.kinds import Outcome
from campaigns.casework.models import Case
from campaigns.messages import Attempt, Message
from campaigns.models import Campaign, CampaignList, Recipient
from campaigns.rights.erasing import ON_ITS_WAY, forget_messages, forget_numbers
from campaigns.rights.models import PersonRequest
from campaigns.states import CampaignState, MessageState
from outreach.access import audit
from outreach.access.models import AuditEvent
from outreach.bulk import UNSYNCED, listed
from outreach.db import Database
from outreach.people.models import Contact, ContactPhone, ListImport, Membership, Phone
from outreach.people.own_numbers import RemovedPhone

SLICE = 1000
_AGAIN = timedelta(days=1)


@dataclass(slots=True)
class Cleared:
    """What goes with a campaign, or went: people and numbers out of the directory, texts out of messages, replies and
    notes. `kept` people of its audience stay in the directory."""

    people: int = 0
    kept: int = 0
    numbers: int = 0
    messages: int = 0
    replies: int = 0
    notes: int = 0


def campaigns_due(session: Session, *, days: int, now: datetime) -> list[int]:
    """Campaigns that ended so many days ago and still hold what is personal, without a message that is on its way."""
    under_way = exists().where(Attempt.lane == Campaign.id, Attempt.state.in_(ON_ITS_WAY))
    were_kept = exists().where(Recipient.campaign_id == Campaign.id, Recipient.contact_id.is_not(None))
    return list(
        session.scalars(
            select(Campaign.id)
            .where(
                Campaign.ended_at < now - timedelta(days=days),
                or_(Campaign.cleared_at.is_(None), and_(Campaign.cleared_at <= now - _AGAIN, were_kept)),
                ~under_way,
            )
            .order_by(Campaign.id)
        )
    )


def campaigns_in_use(cutoff: datetime) -> Select[Any]:
    """The ids of campaigns that need their people: under way, with a date, ended since then, or not left lying since then
    as a draft, before or after its approval, or paused. What is done to one is in the audit.
    """
    done_since = exists().where(
        AuditEvent.subject == literal("campaigns:") + cast(Campaign.id, String),
        AuditEvent.action.startswith("campaign."),
        AuditEvent.at >= cutoff,
    )
    not_over = Campaign.state.not_in((CampaignState.COMPLETED, CampaignState.CANCELLED))
    goes_on = Campaign.state.in_((CampaignState.SENDING, CampaignState.SCHEDULED))
    return select(Campaign.id).where(
        or_(
            goes_on,
            Campaign.ended_at >= cutoff,
            and_(not_over, or_(Campaign.created_at >= cutoff, done_since)),
        )
    )


def foresee(session: Session, campaign_id: int, *, days: int, now: datetime) -> Cleared:
    """What `clear` would come to now; nothing is changed."""
    leaves = _leaving(campaign_id, cutoff=now - timedelta(days=days)).subquery()
    theirs = select(leaves.c.contact_id)
    stays = aliased(ContactPhone)
    numbers = union(
        *(
            select(held.phone_id).where(
                held.contact_id.in_(theirs),
                ~exists().where(stays.phone_id == held.phone_id, stays.contact_id.not_in(theirs)),
            )
            for held in (ContactPhone, RemovedPhone)
        )
    )
    people = _count(session, select(leaves.c.contact_id))
    audience = select(Recipient.contact_id).where(
        Recipient.campaign_id == campaign_id, Recipient.contact_id.is_not(None)
    )
    return Cleared(
        people=people,
        kept=_count(session, audience) - people,
        numbers=_count(session, numbers),
        **{name: _count(session, found) for name, found in _texts(campaign_id).items()},
    )


def clear(db: Database, campaign_id: int, *, days: int, now: datetime) -> Cleared:
    """Remove what is personal, a slice of people a transaction: one that was broken off is gone on with."""
    cutoff = now - timedelta(days=days)
    with db.read() as session:
        done = foresee(session, campaign_id, days=days, now=now)
    done.people = done.numbers = 0
    while True:
        with db.write() as session:
            people = session.scalars(_leaving(campaign_id, cutoff=cutoff).limit(SLICE)).all()
            if people:
                done.numbers += _forget_people(session, people, now=now)
        done.people += len(people)
        if not people:
            break
    with db.write() as session:
        _forget_texts(session, campaign_id, now=now)
        cleared_before = session.scalar(select(Campaign.cleared_at).where(Campaign.id == campaign_id))
        session.execute(
            update(Campaign).where(Campaign.id == campaign_id).values(cleared_at=now),
            execution_options=UNSYNCED,
        )
        gone = {what: count for what, count in asdict(done).items() if what != "kept"}
        if cleared_before is None or any(gone.values()):
            audit.record(
                session,
                actor_id=None,
                action="campaign.clear",
                subject=f"campaigns:{campaign_id}",
                now=now,
                **asdict(done),
            )
    return done


def _count(session: Session, found: Select[Any] | CompoundSelect[Any]) -> int:
    return session.scalar(select(func.count()).select_from(found.subquery())) or 0


def _leaving(campaign_id: int, *, cutoff: datetime) -> Select[Any]:
    """Of a campaign's audience the people whom nothing else keeps in the directory."""
    other, listing = aliased(Recipient), aliased(Membership)
    in_use = campaigns_in_use(cutoff)
    used = exists().where(other.contact_id == Contact.id, other.campaign_id.in_(in_use))
    in_a_list_in_use = exists().where(
        listing.contact_id == Contact.id,
        CampaignList.list_id == listing.list_id,
        CampaignList.campaign_id.in_(in_use),
    )
    brought_since = exists().where(
        listing.contact_id == Contact.id,
        or_(ListImport.id == listing.import_id, ListImport.id == listing.last_import_id),
        ListImport.imported_at >= cutoff,
        ListImport.undone_at.is_(None),
    )
    asks = exists().where(PersonRequest.contact_id == Contact.id, PersonRequest.done_at.is_(None))
    return (
        select(Recipient.contact_id)
        .join(Contact, Contact.id == Recipient.contact_id)
        .where(
            Recipient.campaign_id == campaign_id,
            Contact.updated_at < cutoff,
            ~used,
            ~in_a_list_in_use,
            ~brought_since,
            ~asks,
        )
        .order_by(Recipient.contact_id)
    )


def _forget_people(session: Session, people: Sequence[int], *, now: datetime) -> int:
    """Out of the directory, with the numbers that nobody else has; how many numbers. What a campaign that was left lying
    has for them does not leave any more.
    """
    theirs = listed(session, people, BigInteger)
    phones = session.scalars(
        union(
            select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(theirs)),
            select(RemovedPhone.phone_id).where(RemovedPhone.contact_id.in_(theirs)),
        )
    ).all()
    held = select(Phone.id).where(Phone.id.in_(listed(session, phones, BigInteger))).order_by(Phone.id)
    session.execute(held.with_for_update()).all()
    recipients = select(Recipient.id).where(Recipient.contact_id.in_(theirs))
    waiting = select(Message.id).where(
        Message.recipient_id.in_(recipients), Message.state == MessageState.QUEUED
    )
    forget_messages(session, session.scalars(waiting).all())
    audit.forget(session, [f"contacts:{contact_id}" for contact_id in people], now=now)
    session.execute(delete(Contact).where(Contact.id.in_(theirs)), execution_options=UNSYNCED)
    on_its_way = exists().where(Attempt.phone_id == Phone.id, Attempt.state.in_(ON_ITS_WAY))
    shared = exists().where(ContactPhone.phone_id == Phone.id)
    gone = session.scalars(held.where(~shared, ~on_its_way)).all()
    forget_numbers(session, gone)
    return len(gone)


def _texts(campaign_id: int) -> dict[str, Select[Any]]:
    """The ids of what still says something of somebody."""
    recipients = select(Recipient.id).where(Recipient.campaign_id == campaign_id)
    return {
        "messages": select(Attempt.id)
        .join(Message, Message.id == Attempt.message_id)
        .where(Message.campaign_id == campaign_id, Attempt.body != ""),
        "replies": select(Reply.id).where(
            or_(Reply.campaign_id == campaign_id, Reply.recipient_id.in_(recipients)),
            or_(Reply.body != "", Reply.sender != ""),
        ),
        "notes": select(Case.id).where(Case.campaign_id == campaign_id, Case.note != ""),
    }


def _forget_texts(session: Session, campaign_id: int, *, now: datetime) -> None:
    texts = _texts(campaign_id)
    for table, ids, values in (
        (Attempt, texts["messages"], {"body": ""}),
        (Reply, texts["replies"], {"body": "", "sender": ""}),
        (Case, texts["notes"], {"note": ""}),
    ):
        session.execute(update(table).where(table.id.in_(ids)).values(values), execution_options=UNSYNCED)
    session.execute(
        update(Message)
        .where(Message.campaign_id == campaign_id, Message.text.is_not(None), Message.text != "")
        .values(text=""),
        execution_options=UNSYNCED,
    )
    answers = select(Answer.id).where(Answer.campaign_id == campaign_id)
    session.execute(
        update(OfficerEntry).where(OfficerEntry.answer_id.in_(answers)).values(note=""),
        execution_options=UNSYNCED,
    )
    session.execute(
        update(Case)
        .where(Case.campaign_id == campaign_id, Case.done_at.is_(None))
        .values(outcome=Outcome.WITHDRAWN, done_at=now),
        execution_options=UNSYNCED,
    )

"""How far a campaign came: installs by day, and recipients at each step from written to, to installed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta

from redis import Redis
from sqlalchemy import ColumnElement, distinct, exists, func, select, true
from sqlalchemy.orm import Session

from campaigns.answers.models import Counter, InstallReport
from campaigns.figures.seldom import seldom
from campaigns.figures.share import Share, share_of
from campaigns.messages import Message
from campaigns.models import Campaign, Opening, Recipient, Step
from campaigns.replies.classifier import Label
from campaigns.states import MessageState
from campaigns.windows import VIETNAM
from outreach.people.models import ContactList

# Less than anybody looks twice in.
AGAIN_S = 0.5

# With the gateway, whatever became of it there.
TAKEN = (
    MessageState.ACCEPTED,
    MessageState.SENT,
    MessageState.DELIVERED,
    MessageState.UNDELIVERED,
    MessageState.NO_REPORT,
)


@dataclass(frozen=True, slots=True)
class Reach:
    """Recipients, each once. `delivered` is None while no report of delivery has come.

    `opened` is unverified: programs that look at links ask for the page as well. `clicked` pressed "install".
    `share` is of those who were written to and have not said that they have no smartphone: only theirs
    are the installs and the denominator. `counted_at` is when.
    """

    sent: int
    delivered: int | None
    opened: int
    clicked: int
    share: Share
    counted_at: datetime


def read_days(
    session: Session, campaign: Campaign, seen: ColumnElement[bool], *, now: datetime
) -> list[tuple[date, int]]:
    """Reports that stood at the end of each day in Vietnam, from the launch to today or to the end.

    `seen` is the condition on ContactList.organisation_id under which a row may be read.
    """
    if campaign.launched_at is None:
        return []
    changes = {
        date.fromisoformat(day or ""): int(count)
        for day, count in session.execute(
            select(Counter.day, func.sum(Counter.installed))
            .outerjoin(ContactList, ContactList.id == Counter.list_id)
            .where(Counter.campaign_id == campaign.id, Counter.day.is_not(None), seen)
            .group_by(Counter.day)
        )
    }
    day = min([campaign.launched_at.astimezone(VIETNAM).date(), *changes])
    last = max([(campaign.ended_at or now).astimezone(VIETNAM).date(), *changes])
    days, standing = [], 0
    while day <= last:
        standing += changes.get(day, 0)
        days.append((day, standing))
        day += timedelta(days=1)
    return days


def read_reach_seldom(
    session: Session,
    campaign_id: int,
    seen: ColumnElement[bool],
    *,
    reader_id: int,
    redis: Redis,
    now: datetime,
) -> Reach:
    """As `read_reach`, or what it said to the same reader a moment ago: messages have no counters by person."""
    data = seldom(
        redis,
        f"loa:reach:{campaign_id}:{reader_id}",
        lambda: asdict(read_reach(session, campaign_id, seen, now=now)),
        at_least_s=AGAIN_S,
    )
    share, counted_at = Share(**data.pop("share")), datetime.fromisoformat(data.pop("counted_at"))
    return Reach(**data, share=share, counted_at=counted_at)


def read_reach(session: Session, campaign_id: int, seen: ColumnElement[bool], *, now: datetime) -> Reach:
    """Each recipient once, however many steps wrote to them."""
    steps = select(Step.id).where(Step.campaign_id == campaign_id)
    query = select(
        func.count(distinct(Message.recipient_id)).filter(Message.state.in_(TAKEN)),
        func.count(distinct(Message.recipient_id)).filter(Message.state == MessageState.DELIVERED),
    ).where(Message.campaign_id == campaign_id, Message.step_id.in_(steps))
    if not seen.compare(true()):
        query = (
            query.join(Recipient, Recipient.id == Message.recipient_id)
            .outerjoin(ContactList, ContactList.id == Recipient.list_id)
            .where(seen)
        )
    sent, delivered = session.execute(query).one()
    was_written_to = exists().where(
        Message.recipient_id == Recipient.id, Message.step_id.in_(steps), Message.state.in_(TAKEN)
    )
    among = (
        select(func.count())
        .select_from(Recipient)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(Recipient.campaign_id == campaign_id, was_written_to, seen)
    )
    installed = among.join(InstallReport, InstallReport.recipient_id == Recipient.id).where(
        InstallReport.campaign_id == campaign_id, InstallReport.withdrawn_at.is_(None)
    )
    share = share_of(
        installed=session.scalar(installed) or 0,
        recipients=sent,
        no_smartphone=session.scalar(among.where(Recipient.answer == Label.NO_SMARTPHONE)) or 0,
        entered=None,
    )
    whose = (
        select(func.count())
        .select_from(Recipient)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(Recipient.campaign_id == campaign_id, seen)
    )
    opened = select(func.count()).select_from(Opening).where(Opening.campaign_id == campaign_id)
    if not seen.compare(true()):
        opened = (
            opened.join(Recipient, Recipient.id == Opening.recipient_id)
            .outerjoin(ContactList, ContactList.id == Recipient.list_id)
            .where(seen)
        )
    return Reach(
        sent=sent,
        delivered=delivered or None,
        opened=session.scalar(opened) or 0,
        clicked=session.scalar(whose.where(Recipient.clicked_at.is_not(None))) or 0,
        share=share,
        counted_at=now,
    )

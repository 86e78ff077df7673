"""Read events behind the writers, buffer, store.

What has happened since last time, put into line for whoever wants to know.

Read behind those who write: answers, installs and opt-outs by their number, campaigns by how they stand. Whoever records an
answer or sends a message does nothing for it, and with no subscription nothing is read at all.

A number is given to a row before its transaction ends, so rows may appear behind one that was read already. `note` writes
down the newest number and PostgreSQL's next transaction; once every transaction before that one has ended, all rows up to
the number are there that will ever be, and `gather` reads them. SQLite has one writer: there it holds at once.

Events into the lines of those who subscribed to their kind and whose they are.

Where events are read from, and what is told of them: ids, labels and counts, never numbers, names or texts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import AttemptTotal
from campaigns.models.replies import Answer, InstallReport
from campaigns.models.webhooks import Delivery, EventPosition, Subscription
from campaigns.rules.states import AttemptState, CampaignState
from campaigns.rules.webhooks import EventKind
from outreach.accounts.permissions import organisations_of
from outreach.core.db import Database
from outreach.models.accounts import Role, User
from outreach.models.contacts import ContactList, ContactPhone, Membership, Suppression, SuppressionReason

_ONE = 1
_BOTH_ENDS = text(
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"
)


def start_from_now(session: Session, *, now: datetime) -> None:
    """From now on: what happened before the first subscription is told to nobody."""
    mark = _hold(session)
    if mark is None:
        mark = EventPosition(id=_ONE, positions={})
        session.add(mark)
    positions: dict[str, Any] = {}
    for name, source in BY_NUMBER.items():
        newest = session.scalar(select(func.max(source.column))) or 0
        positions[name] = [newest, newest, 0]
    nobody = EventBuffer(session, [], now=now)
    positions["withdrawn"] = now.isoformat()
    positions["campaigns"] = collect_campaigns(nobody, None)
    positions["finals"] = collect_finals(nobody, None)
    mark.positions = positions
    session.flush()


def has_subscribers(session: Session) -> bool:
    """Whether a subscription stands."""
    return session.scalar(select(Subscription.id).where(Subscription.ended_at.is_(None)).limit(1)) is not None


def collect_events(db: Database, *, now: datetime) -> int:
    """One round, in its two transactions; how many events were put into line."""
    with db.write() as session:
        mark_position(session)
    with db.write() as session:
        return gather(session, now=now)


def mark_position(session: Session) -> None:
    """The first half of a round, in a transaction of its own: up to where the second may read."""
    mark = _hold(session)
    if mark is None:
        return
    _earliest, next_one = _transactions(session)
    positions = dict(mark.positions)
    for name, source in BY_NUMBER.items():
        position, ceiling, _horizon = positions[name]
        if position >= ceiling:
            positions[name] = [position, session.scalar(select(func.max(source.column))) or 0, next_one]
    mark.positions = positions


def gather(session: Session, *, now: datetime) -> int:
    """The second half: put what happened into the subscribers' lines, in the caller's transaction; how many."""
    mark = _hold(session)
    subscribers = standing_subscriptions(session)
    if mark is None or not subscribers:
        return 0
    earliest, next_one = _transactions(session)
    buffer = EventBuffer(session, subscribers, now=now)
    positions = dict(mark.positions)
    for name, source in BY_NUMBER.items():
        position, ceiling, horizon = positions[name]
        # A horizon beyond the next transaction is another cluster's: the database was restored.
        if position < ceiling and (horizon <= earliest or horizon > next_one):
            positions[name] = [source.collect(buffer, position, ceiling), ceiling, horizon]
    positions["withdrawn"] = collect_withdrawn(buffer, positions["withdrawn"])
    positions["campaigns"] = collect_campaigns(buffer, positions["campaigns"])
    positions["finals"] = collect_finals(buffer, positions["finals"])
    mark.positions = positions
    return buffer.write()


def _hold(session: Session) -> EventPosition | None:
    """The bookmark, ours until the transaction ends; None where there is none, or another worker has it."""
    held = select(EventPosition).where(EventPosition.id == _ONE).with_for_update(skip_locked=True)
    return session.scalar(held.execution_options(populate_existing=True))


def _transactions(session: Session) -> tuple[int, int]:
    """The earliest one still open, and the next to begin."""
    if session.get_bind().dialect.name != "postgresql":
        return 0, 0
    earliest, next_one = session.execute(_BOTH_ENDS).one()
    return int(earliest), int(next_one)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription that stands, with the organisations whose events it gets; None is all of them."""

    subscription: Subscription
    seen: set[int] | None

    def wants(self, kind: EventKind, at: datetime) -> bool:
        return kind in self.subscription.kinds and at >= self.subscription.made_at

    def sees(self, organisation_id: int | None) -> bool:
        return self.seen is None or organisation_id in self.seen


def standing_subscriptions(session: Session) -> list[Subscriber]:
    """Those that were not ended."""
    found = session.scalars(select(Subscription).where(Subscription.ended_at.is_(None)))
    return [
        Subscriber(
            each, organisations_of(session, User(role=Role.STAFF, organisation_id=each.organisation_id))
        )
        for each in found
    ]


class EventBuffer:
    """What is to be told, gathered and then written at once."""

    def __init__(self, session: Session, subscribers: Sequence[Subscriber], *, now: datetime) -> None:
        self.session, self.subscribers, self.now = session, subscribers, now
        self._deliveries: list[Delivery] = []

    def interests(self, *kinds: EventKind) -> bool:
        """Whether anybody wants to know of these."""
        return any(set(kinds) & set(each.subscription.kinds) for each in self.subscribers)

    def add(
        self, kind: EventKind, number: object, data: dict[str, Any], *, at: datetime, of: int | None
    ) -> None:
        """Something that an organisation's people or campaign did; `number` tells it from others of its kind."""
        for each in self.subscribers:
            if each.sees(of):
                self.add_for(each, kind, number, data, at=at)

    def add_for(
        self, to: Subscriber, kind: EventKind, number: object, data: dict[str, Any], *, at: datetime
    ) -> None:
        if to.wants(kind, at):
            self._deliveries.append(
                new_delivery(to.subscription, kind, f"{kind}:{number}", data, at=at, now=self.now)
            )

    def write(self) -> int:
        """All that is new; what was told before stays as it is. How many."""
        keys = {each.key for each in self._deliveries if each.kind == EventKind.INSTALL_WITHDRAWN}
        known = set(
            self.session.execute(select(Delivery.subscription_id, Delivery.key).where(Delivery.key.in_(keys)))
            if keys
            else ()
        )
        new = [each for each in self._deliveries if (each.subscription_id, each.key) not in known]
        self.session.add_all(new)
        self.session.flush()
        return len(new)


def new_delivery(
    subscription: Subscription,
    kind: EventKind,
    key: str,
    data: dict[str, Any],
    *,
    at: datetime,
    now: datetime,
) -> Delivery:
    """An event for one subscription, not yet stored. Its id is chance: a restored database must not give an old one anew."""
    return Delivery(
        subscription_id=subscription.id,
        event_id=f"evt_{secrets.token_hex(16)}",
        key=key,
        kind=kind.value,
        data=data,
        at=at,
        since=now,
        due_at=now,
    )


AT_ONCE = 2000  # rows of one kind in one round
# A moment is taken before its transaction ends: so far back it is looked again.
LOOKED_BACK = timedelta(minutes=15)
FINALS_EVERY = timedelta(seconds=30)
# So long after its end a campaign's messages may still be reported on.
REPORTED_FOR = timedelta(days=4)
_FINAL = (AttemptState.DELIVERED, AttemptState.UNDELIVERED, AttemptState.FAILED, AttemptState.NO_REPORT)


def collect_answers(buffer: EventBuffer, after: int, until: int) -> int:
    """Answers with these numbers; the last one told of."""
    rows = buffer.session.execute(
        select(Answer, ContactList.organisation_id)
        .outerjoin(Recipient, Recipient.id == Answer.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(Answer.id > after, Answer.id <= until)
        .order_by(Answer.id)
        .limit(AT_ONCE)
    ).all()
    for answer, owner in rows:
        data = {
            "answer": answer.id,
            "campaign": answer.campaign_id,
            "recipient": answer.recipient_id,
            "label": answer.label.value,
            "source": answer.source.value,
        }
        buffer.add(EventKind.ANSWER_RECORDED, answer.id, data, at=answer.at, of=owner)
    return rows[-1][0].id if len(rows) == AT_ONCE else until


def collect_installs(buffer: EventBuffer, after: int, until: int) -> int:
    """Installs reported, by number; the last one told of."""
    rows = buffer.session.execute(
        select(InstallReport, ContactList.organisation_id)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(InstallReport.id > after, InstallReport.id <= until)
        .order_by(InstallReport.id)
        .limit(AT_ONCE)
    ).all()
    for report, owner in rows:
        data = {**_describe(report), "source": report.source.value}
        buffer.add(EventKind.INSTALL_REPORTED, report.id, data, at=report.reported_at, of=owner)
    return rows[-1][0].id if len(rows) == AT_ONCE else until


def collect_opt_outs(buffer: EventBuffer, after: int, until: int) -> int:
    """Numbers that are left alone from now on, each with the people of the subscriber's lists who are on it."""
    rows = buffer.session.scalars(
        select(Suppression)
        .where(
            Suppression.id > after, Suppression.id <= until, Suppression.reason == SuppressionReason.OPT_OUT
        )
        .order_by(Suppression.id)
        .limit(AT_ONCE)
    ).all()
    people: dict[int, list[tuple[int, int]]] = {}
    for phone_id, contact_id, owner in buffer.session.execute(
        select(ContactPhone.phone_id, ContactPhone.contact_id, ContactList.organisation_id)
        .join(Membership, Membership.contact_id == ContactPhone.contact_id)
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(ContactPhone.phone_id.in_([each.phone_id for each in rows if each.phone_id]))
    ):
        people.setdefault(phone_id, []).append((contact_id, owner))
    for suppression in rows:
        known = people.get(suppression.phone_id or 0, [])
        for each in buffer.subscribers:
            theirs = sorted({contact for contact, owner in known if each.sees(owner)})
            if theirs or each.seen is None:
                data = {"suppression": suppression.id, "people": theirs, "source": suppression.source}
                buffer.add_for(each, EventKind.OPT_OUT, suppression.id, data, at=suppression.created_at)
    return rows[-1].id if len(rows) == AT_ONCE else until


class Source(NamedTuple):
    """A table whose rows are only added to."""

    column: InstrumentedAttribute[int]
    collect: Callable[[EventBuffer, int, int], int]


BY_NUMBER = {
    "answers": Source(Answer.id, collect_answers),
    "installs": Source(InstallReport.id, collect_installs),
    "opt_outs": Source(Suppression.id, collect_opt_outs),
}


def collect_withdrawn(buffer: EventBuffer, since: str) -> str:
    """Installs taken back since a moment, some of them told of before; from when to look the next time."""
    from_when = datetime.fromisoformat(since) - LOOKED_BACK
    if buffer.interests(EventKind.INSTALL_WITHDRAWN):
        for report, owner in buffer.session.execute(
            select(InstallReport, ContactList.organisation_id)
            .join(Recipient, Recipient.id == InstallReport.recipient_id)
            .outerjoin(ContactList, ContactList.id == Recipient.list_id)
            .where(InstallReport.withdrawn_at >= from_when)
            .order_by(InstallReport.withdrawn_at, InstallReport.id)
        ):
            at = report.withdrawn_at or buffer.now
            buffer.add(EventKind.INSTALL_WITHDRAWN, report.id, _describe(report), at=at, of=owner)
    return buffer.now.isoformat()


def collect_campaigns(buffer: EventBuffer, before: dict[str, str] | None) -> dict[str, str]:
    """Campaigns that stand elsewhere than before, by number; how they stand now."""
    now: dict[str, str] = {}
    for campaign_id, state, owner in buffer.session.execute(
        select(Campaign.id, Campaign.state, Campaign.organisation_id).order_by(Campaign.id)
    ):
        now[str(campaign_id)] = state.value
        was = (before or {}).get(str(campaign_id))
        if was == state.value or (was is None and state is CampaignState.DRAFT):
            continue
        data = {"campaign": campaign_id, "state": state.value, "before": was or CampaignState.DRAFT.value}
        number = f"{campaign_id}:{buffer.now.isoformat()}"
        buffer.add(EventKind.CAMPAIGN_STATE, number, data, at=buffer.now, of=owner)
    return now


def collect_finals(buffer: EventBuffer, before: dict[str, Any] | None) -> dict[str, Any]:
    """Campaigns of which more messages have come to an end than before: how many by state, and how many more.

    From the attempt totals, a few rows a campaign: no message is looked at.
    """
    recent = select(Campaign.id).where(
        Campaign.launched_at.is_not(None),
        (Campaign.ended_at.is_(None)) | (Campaign.ended_at > buffer.now - REPORTED_FOR),
    )
    counts: dict[int, dict[str, int]] = {}
    for stream_id, state, n in buffer.session.execute(
        select(AttemptTotal.stream_id, AttemptTotal.state, func.sum(AttemptTotal.n))
        .where(AttemptTotal.stream_id.in_(recent), AttemptTotal.state.in_(_FINAL))
        .group_by(AttemptTotal.stream_id, AttemptTotal.state)
    ):
        if n:
            counts.setdefault(stream_id, {})[state.value] = int(n)
    owners = dict(
        buffer.session.execute(
            select(Campaign.id, Campaign.organisation_id).where(Campaign.id.in_(counts))
        ).all()
    )
    told: dict[str, Any] = {}
    for campaign_id, states in counts.items():
        at, was = (before or {}).get(str(campaign_id), ["", {}])
        is_soon = at and buffer.now - datetime.fromisoformat(at) < FINALS_EVERY
        if states == was or is_soon:
            told[str(campaign_id)] = [at, was]
            continue
        told[str(campaign_id)] = [buffer.now.isoformat(), states]
        data = {
            "campaign": campaign_id,
            "messages": states,
            "more": {state: n - was.get(state, 0) for state, n in states.items()},
        }
        number = f"{campaign_id}:{buffer.now.isoformat()}"
        buffer.add(EventKind.MESSAGE_FINAL, number, data, at=buffer.now, of=owners.get(campaign_id))
    return told


def _describe(report: InstallReport) -> dict[str, Any]:
    return {"report": report.id, "campaign": report.campaign_id, "recipient": report.recipient_id}

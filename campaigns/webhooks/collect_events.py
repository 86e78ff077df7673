"""Collection of webhook events: what happened since the last round, stored as deliveries.

Events are read after they were written: answers, installs and opt-outs by their id, campaigns by their state. Code that
records an answer or sends a message does nothing for webhooks, and without a subscription nothing is read at all.

A row gets its id before its transaction ends, so rows may appear with ids below one that was read already. `mark_position`
stores the newest id and PostgreSQL's next transaction; once every transaction before that one has ended, all rows up to
that id are there that will ever be, and `store_marked` reads them. SQLite has one writer: there this holds at once.

An event contains ids, labels and counts, never numbers, names or texts.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, CompoundSelect, exists, false, func, or_, select, text, union
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import AttemptTotal, Message
from campaigns.models.replies import Answer, AnswerTotal, InstallReport
from campaigns.models.webhooks import Delivery, EventPosition, Subscription
from campaigns.rules.small_counts import FEWEST
from campaigns.rules.states import AttemptState, CampaignState, MessageState
from campaigns.rules.webhooks import EventKind
from outreach.accounts.permissions import organisations_of
from outreach.contacts.references import read_references
from outreach.core.db import Database, insert_new, is_postgresql
from outreach.models.accounts import Role, User
from outreach.models.contacts import ContactList, ContactPhone, Membership, Wish, WishNumber, WishPerson
from outreach.rules.wishes import EVERYTHING

_BOOKMARK_ID = 1
_OPEN_TRANSACTIONS = text(
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"
)


def start_from_now(session: Session, *, now: datetime) -> None:
    """Set the positions to now: events from before the first subscription are not sent."""
    session.execute(insert_new(session, EventPosition).values(id=_BOOKMARK_ID, positions={}))
    bookmark = session.get_one(EventPosition, _BOOKMARK_ID, with_for_update=True, populate_existing=True)
    positions: dict[str, Any] = {}
    for name, (table, _collect) in BY_NUMBER.items():
        newest = session.scalar(select(func.max(table.id))) or 0
        positions[name] = [newest, newest, 0]
    no_subscribers = EventBuffer(session, [], now=now)
    positions["withdrawn"] = now.isoformat()
    positions["campaigns"] = collect_campaigns(no_subscribers, None)
    positions["finals"] = collect_finals(no_subscribers, None)
    bookmark.positions = positions
    session.flush()


def has_subscribers(session: Session) -> bool:
    """Return whether there is an active subscription."""
    return session.scalar(select(Subscription.id).where(Subscription.ended_at.is_(None)).limit(1)) is not None


def collect_events(db: Database, *, now: datetime) -> int:
    """Run one round, in its two transactions. Returns how many deliveries were stored."""
    with db.write() as session:
        mark_position(session)
    with db.write() as session:
        return store_marked(session, now=now)


def mark_position(session: Session) -> None:
    """Mark the ids up to which the second half may read: the first half, a transaction of its own."""
    bookmark = _lock_bookmark(session)
    if bookmark is None:
        return
    _earliest, next_one = _transactions(session)
    positions = dict(bookmark.positions)
    for name, (table, _collect) in BY_NUMBER.items():
        position, ceiling, _horizon = positions[name]
        if position >= ceiling:
            positions[name] = [position, session.scalar(select(func.max(table.id))) or 0, next_one]
    bookmark.positions = positions


def store_marked(session: Session, *, now: datetime) -> int:
    """Store deliveries of events up to the marked ids; returns how many. In the caller's transaction."""
    bookmark = _lock_bookmark(session)
    active = session.scalars(select(Subscription).where(Subscription.ended_at.is_(None)))
    subscribers = [
        Subscriber(
            each, organisations_of(session, User(role=Role.STAFF, organisation_id=each.organisation_id))
        )
        for each in active
    ]
    if bookmark is None or not subscribers:
        return 0
    earliest, next_one = _transactions(session)
    buffer = EventBuffer(session, subscribers, now=now)
    positions = dict(bookmark.positions)
    for name, (_table, collect) in BY_NUMBER.items():
        position, ceiling, horizon = positions[name]
        # A horizon beyond the next transaction comes from another cluster: the database was restored.
        if position < ceiling and (horizon <= earliest or horizon > next_one):
            positions[name] = [collect(buffer, position, ceiling), ceiling, horizon]
    read_now = {name: (bookmark.positions[name][0], positions[name][0]) for name in BY_NUMBER}
    positions["withdrawn"] = collect_withdrawn(buffer, positions["withdrawn"], read_now)
    positions["campaigns"] = collect_campaigns(buffer, positions["campaigns"])
    positions["finals"] = collect_finals(buffer, positions["finals"])
    bookmark.positions = positions
    return buffer.write()


def _lock_bookmark(session: Session) -> EventPosition | None:
    """Lock and return the positions until the transaction ends. Returns None if there are none, or another worker has them."""
    query = select(EventPosition).where(EventPosition.id == _BOOKMARK_ID).with_for_update(skip_locked=True)
    return session.scalar(query.execution_options(populate_existing=True))


def _transactions(session: Session) -> tuple[int, int]:
    """Return the earliest transaction still open, and the next to begin."""
    if not is_postgresql(session):
        return 0, 0
    earliest, next_one = session.execute(_OPEN_TRANSACTIONS).one()
    return int(earliest), int(next_one)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An active subscription with the organisations whose events it gets. None: all of them."""

    subscription: Subscription
    seen: set[int] | None

    def wants(self, kind: EventKind, since: datetime) -> bool:
        return kind in self.subscription.kinds and since >= self.subscription.made_at

    def sees(self, organisation_id: int | None) -> bool:
        return self.seen is None or organisation_id in self.seen


class EventBuffer:
    """Buffer of deliveries, written at once."""

    def __init__(self, session: Session, subscribers: Sequence[Subscriber], *, now: datetime) -> None:
        self.session, self.subscribers, self.now = session, subscribers, now
        self._deliveries: list[Delivery] = []
        self._people: list[tuple[Delivery, int, list[int]]] = []
        self._untold: dict[int | None, set[int]] = {}  # campaigns by organisation, read with the first answer

    def is_wanted(self, *kinds: EventKind) -> bool:
        """Return whether any subscriber wants these kinds."""
        return any(set(kinds) & set(subscriber.subscription.kinds) for subscriber in self.subscribers)

    def add(
        self,
        kind: EventKind,
        number: object,
        data: dict[str, Any],
        *,
        at: datetime,
        of: int | None,
        answered: int | None = None,
        person: int | None = None,
        is_new: bool = False,
    ) -> None:
        """Add an event of an organisation's people or campaign for each subscriber that may see it.

        `number` tells it from other events of its kind. `answered` is the campaign where it is an answer, `person` whom the event's
        `reference` names. `is_new`: it became known in this round, whenever it happened: an answer at the door is entered hours later.
        """
        people = [person] if person else []
        for subscriber in self.subscribers:
            if subscriber.sees(of) and not (answered and self._is_untold(subscriber, answered)):
                self.add_for(subscriber, kind, number, data, at=at, people=people, is_new=is_new)

    def _is_untold(self, subscriber: Subscriber, campaign_id: int) -> bool:
        owner = subscriber.subscription.organisation_id
        if owner not in self._untold:
            untold = select(Campaign.id).where(~is_told(subscriber.seen))
            self._untold[owner] = set(self.session.scalars(untold))
        return campaign_id in self._untold[owner]

    def add_for(
        self,
        subscriber: Subscriber,
        kind: EventKind,
        number: object,
        data: dict[str, Any],
        *,
        at: datetime,
        people: list[int],
        is_new: bool = False,
    ) -> None:
        if subscriber.wants(kind, self.now if is_new else at):
            subscription = subscriber.subscription
            delivery = new_delivery(subscription, kind, f"{kind}:{number}", dict(data), at=at, now=self.now)
            self._deliveries.append(delivery)
            if people:
                self._people.append((delivery, subscription.organisation_id, people))

    def _name_people(self) -> None:
        """Add to the events what the subscribers' own systems call the people."""
        known = read_references(self.session, {person for _, _, people in self._people for person in people})
        for delivery, owner, people in self._people:
            names = [known[owner, person] for person in people if (owner, person) in known]
            if delivery.kind == EventKind.OPT_OUT:
                delivery.data["references"] = names
            else:
                delivery.data["reference"] = names[0] if names else None

    def write(self) -> int:
        """Store new deliveries, but none stored before. Returns how many."""
        self._name_people()
        read_twice = (EventKind.INSTALL_WITHDRAWN, EventKind.INSTALL_REPORTED)
        keys = {delivery.key for delivery in self._deliveries if delivery.kind in read_twice}
        known = set(
            self.session.execute(select(Delivery.subscription_id, Delivery.key).where(Delivery.key.in_(keys)))
            if keys
            else ()
        )
        new = [
            delivery for delivery in self._deliveries if (delivery.subscription_id, delivery.key) not in known
        ]
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
    """Create a delivery, not stored yet; its id is random, as a restore must not give an old one again."""
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
# `withdrawn_at` is taken before its transaction ends: each round reads this far back again.
OVERLAP = timedelta(minutes=15)
FINALS_EVERY = timedelta(seconds=30)
# For this time after a campaign's end its messages may still get reports.
REPORTED_FOR = timedelta(days=4)
_FINAL = (MessageState.DELIVERED, MessageState.UNDELIVERED, MessageState.FAILED, MessageState.NO_REPORT)
_ENDED = (AttemptState.PASSED, *(AttemptState(each.value) for each in _FINAL))


def is_told(seen: Collection[int] | None) -> ColumnElement[bool]:
    """Return the condition for the campaigns, or none, of whose answers a system is told that sees the lists of these organisations.

    None are about health where one of the drive has few people in these lists.
    """
    few, owned = aliased(Campaign), aliased(ContactList)
    drives = select(few.drive_id).join(AnswerTotal, AnswerTotal.campaign_id == few.id).where(few.is_health)
    if seen is not None:
        lists = select(owned.id).where(owned.organisation_id.in_(seen))
        drives = drives.where(AnswerTotal.list_id.in_(lists))
    people = func.sum(AnswerTotal.people)
    drives = drives.group_by(few.id, few.drive_id).having(people.between(1, FEWEST - 1))
    return or_(Campaign.id.is_(None), ~Campaign.is_health, Campaign.drive_id.not_in(drives))


# Reported installs, each with whose list it is of, whether it is about health, and the person.
_REPORTS = (
    select(InstallReport, ContactList.organisation_id, Campaign.is_health, Recipient.contact_id)
    .join(Campaign, Campaign.id == InstallReport.campaign_id)
    .join(Recipient, Recipient.id == InstallReport.recipient_id)
    .outerjoin(ContactList, ContactList.id == Recipient.list_id)
)


# Answers, in the same way.
_ANSWERS = (
    select(Answer, ContactList.organisation_id, Campaign.is_health, Recipient.contact_id)
    .outerjoin(Campaign, Campaign.id == Answer.campaign_id)
    .outerjoin(Recipient, Recipient.id == Answer.recipient_id)
    .outerjoin(ContactList, ContactList.id == Recipient.list_id)
)


def _read(buffer: EventBuffer, query: Any, after: int, until: int) -> tuple[Sequence[Any], int]:
    """Return the rows with these ids of their first entity, as many as a round takes, and the last id read."""
    number = query.column_descriptions[0]["entity"].id
    query = query.where(number > after, number <= until).order_by(number).limit(AT_ONCE)
    rows = buffer.session.execute(query).all()
    return rows, rows[-1][0].id if len(rows) == AT_ONCE else until


def collect_answers(buffer: EventBuffer, after: int, until: int) -> int:
    """Add answers with these ids. Returns the last id read."""
    rows, last = _read(buffer, _ANSWERS, after, until)
    for answer, owner, is_health, contact_id in rows:
        data, person = describe_answer(answer, is_health=bool(is_health)), None if is_health else contact_id
        at, kind, of = answer.at, EventKind.ANSWER_RECORDED, answer.campaign_id
        buffer.add(kind, answer.id, data, at=at, of=owner, answered=of, person=person, is_new=True)
    return last


def collect_installs(buffer: EventBuffer, after: int, until: int) -> int:
    """Add reported installs with these ids. Returns the last id read."""
    rows, last = _read(buffer, _REPORTS, after, until)
    for report, owner, is_health, contact_id in rows:
        data = {**_describe(report, is_health=is_health), "source": report.source.value}
        person = None if is_health else contact_id
        at, kind, of = report.reported_at, EventKind.INSTALL_REPORTED, report.campaign_id
        buffer.add(kind, report.id, data, at=at, of=owner, answered=of, person=person, is_new=True)
    return last


def collect_opt_outs(buffer: EventBuffer, after: int, until: int) -> int:
    """Add opt-outs with people of the subscriber's lists who have the number. Returns the last id read."""
    query = select(Wish).where(Wish.undoes_id.is_(None), Wish.scope == EVERYTHING)
    rows, last = _read(buffer, query, after, until)
    people = read_people_of(buffer.session, [wish.id for (wish,) in rows])
    for (wish,) in rows:
        known = people.get(wish.id, [])
        for subscriber in buffer.subscribers:
            theirs = [each for each in known if subscriber.sees(each.owner)]
            if theirs or subscriber.seen is None:
                data = describe_opt_out(wish, theirs)
                at, kind = wish.said_at, EventKind.OPT_OUT
                buffer.add_for(subscriber, kind, wish.id, data, at=at, people=data["people"], is_new=True)
    return last


def people_of_wishes() -> CompoundSelect[Any]:
    """Select the wish and the person of each wish: those whose it is, and those who have its number.

    `is_named`: only lists that name the person give them the number, and they alone are told (`is_told_to`).
    """
    having = select(WishNumber.wish_id, ContactPhone.contact_id, ContactPhone.is_named)
    return union(
        select(WishPerson.wish_id, WishPerson.contact_id, false().label("is_named")),
        having.join(ContactPhone, ContactPhone.phone_id == WishNumber.phone_id),
    )


def is_told_to(theirs: Any) -> ColumnElement[bool]:
    """Return the condition for the memberships by whose lists one of `people_of_wishes` is told of."""
    return (Membership.contact_id == theirs.c.contact_id) & or_(
        theirs.c.is_named.is_(False), Membership.stated.is_not(None)
    )


class NamedInList(NamedTuple):
    """A person in a list of an organisation, which only names them (`is_named`) where another one recorded them."""

    contact_id: int
    owner: int
    is_named: bool


def read_people_of(session: Session, wishes: Sequence[int]) -> dict[int, list[NamedInList]]:
    """Return the people of these wishes, by wish, as each list has them."""
    theirs = people_of_wishes().subquery()
    people: dict[int, list[NamedInList]] = {}
    is_named = Membership.stated.is_not(None)
    for wish_id, *listed in session.execute(
        select(theirs.c.wish_id, theirs.c.contact_id, ContactList.organisation_id, is_named)
        .join(Membership, is_told_to(theirs))
        .join(ContactList, ContactList.id == Membership.list_id)
        .where(theirs.c.wish_id.in_(wishes))
        .distinct()
    ):
        people.setdefault(wish_id, []).append(NamedInList._make(listed))
    return people


def describe_answer(answer: Answer, *, is_health: bool) -> dict[str, Any]:
    """Describe an answer; what is about health names no recipient. Who writes it adds the `reference`."""
    return {
        "answer": answer.id,
        "campaign": answer.campaign_id,
        "recipient": None if is_health else answer.recipient_id,
        "reference": None,
        "label": answer.label.value,
        "own_answer": answer.own_answer,
        "drive_only": answer.drive_only,
        "source": answer.source.value,
    }


def describe_opt_out(wish: Wish, people: Sequence[NamedInList]) -> dict[str, Any]:
    """Describe an opt-out from everything with its people, without its `source` where the lists only name them. Who writes it adds their `references`."""
    ids = sorted({each.contact_id for each in people})
    is_told = not people or not all(each.is_named for each in people)
    source = wish.source.value if is_told else ""
    return {"suppression": wish.id, "people": ids, "references": [], "source": source}


# Tables whose rows are only added, and what reads them.
BY_NUMBER: dict[str, tuple[Any, Callable[[EventBuffer, int, int], int]]] = {
    "answers": (Answer, collect_answers),
    "installs": (InstallReport, collect_installs),
    "opt_outs": (Wish, collect_opt_outs),
}


def collect_withdrawn(buffer: EventBuffer, since: str, read_now: dict[str, tuple[int, int]]) -> str:
    """Add installs withdrawn since a moment, some of them added before. Returns the moment from which to read the next time.

    `read_now`: the ids after and up to which answers and installs were read in this round. An answer heard hours ago withdraws as
    of then; a withdrawal is told after its install, which may be read later.
    """
    column, kind = InstallReport.withdrawn_at, EventKind.INSTALL_WITHDRAWN
    (after, until), (told, last) = read_now["answers"], read_now["installs"]
    by_answer = exists().where(Answer.recipient_id == InstallReport.recipient_id, Answer.at <= column)
    is_new = or_(by_answer.where(Answer.id > after, Answer.id <= until), InstallReport.id > told)
    is_late = column >= datetime.fromisoformat(since) - OVERLAP
    of_told = (column.is_not(None), InstallReport.id <= last)
    query = _REPORTS.add_columns(is_new).where(*of_told, or_(is_late, is_new))
    for report, owner, is_health, contact_id, by_new in (
        buffer.session.execute(query.order_by(column, InstallReport.id)) if buffer.is_wanted(kind) else ()
    ):
        data, person = _describe(report, is_health=is_health), None if is_health else contact_id
        at, of = report.withdrawn_at or buffer.now, report.campaign_id
        buffer.add(kind, report.id, data, at=at, of=owner, answered=of, person=person, is_new=by_new)
    return buffer.now.isoformat()


def collect_campaigns(buffer: EventBuffer, before: dict[str, str] | None) -> dict[str, str]:
    """Add campaigns whose state has changed. Returns the states now, by campaign id."""
    now: dict[str, str] = {}
    for campaign_id, state, owner in buffer.session.execute(
        select(Campaign.id, Campaign.state, Campaign.organisation_id).order_by(Campaign.id)
    ):
        now[str(campaign_id)] = state.value
        previous = (before or {}).get(str(campaign_id))
        if previous == state.value or (previous is None and state is CampaignState.DRAFT):
            continue
        data = {
            "campaign": campaign_id,
            "state": state.value,
            "before": previous or CampaignState.DRAFT.value,
        }
        number = f"{campaign_id}:{buffer.now.isoformat()}"
        buffer.add(EventKind.CAMPAIGN_STATE, number, data, at=buffer.now, of=owner)
    return now


def collect_finals(buffer: EventBuffer, before: dict[str, Any] | None) -> dict[str, Any]:
    """Add campaigns with more final messages: counts and growth. Returns those sent, with the attempt totals of then.

    Messages, of which each may have several attempts, are counted where a campaign's few rows of totals have changed.
    """
    recent = select(Campaign.id).where(
        Campaign.launched_at.is_not(None),
        (Campaign.ended_at.is_(None)) | (Campaign.ended_at > buffer.now - REPORTED_FOR),
    )
    ended: dict[int, dict[str, int]] = {}
    for stream_id, state, n in buffer.session.execute(
        select(AttemptTotal.stream_id, AttemptTotal.state, func.sum(AttemptTotal.n))
        .where(AttemptTotal.stream_id.in_(recent), AttemptTotal.state.in_(_ENDED))
        .group_by(AttemptTotal.stream_id, AttemptTotal.state)
    ):
        ended.setdefault(stream_id, {})[state.value] = int(n)
    # Those of campaigns that ended long ago are kept: a second wave may follow.
    reported: dict[str, Any] = dict(before or {})
    for campaign_id, totals in ended.items():
        at, previous, *then = reported.get(str(campaign_id), ["", {}])
        if then == [totals] or (at and buffer.now - datetime.fromisoformat(at) < FINALS_EVERY):
            continue
        of_steps = Message.campaign_id == campaign_id, Message.step_id.is_not(None)
        counted = select(Message.state, func.count()).where(*of_steps, Message.state.in_(_FINAL))
        states = {state.value: n for state, n in buffer.session.execute(counted.group_by(Message.state))}
        reported[str(campaign_id)] = [buffer.now.isoformat(), states, totals]
        if states == previous:
            continue
        data = {
            "campaign": campaign_id,
            "messages": states,
            # A late report takes a message out of the state that it had.
            "more": {each: states.get(each, 0) - previous.get(each, 0) for each in {**previous, **states}},
        }
        owner = buffer.session.get_one(Campaign, campaign_id).organisation_id
        number = f"{campaign_id}:{buffer.now.isoformat()}"
        buffer.add(EventKind.MESSAGE_FINAL, number, data, at=buffer.now, of=owner)
    return reported


def _describe(report: InstallReport, *, is_health: bool) -> dict[str, Any]:
    """Return a report's event. What is about health names no recipient, here and in `collect_answers`."""
    recipient_id = None if is_health else report.recipient_id
    return {"report": report.id, "campaign": report.campaign_id, "recipient": recipient_id, "reference": None}

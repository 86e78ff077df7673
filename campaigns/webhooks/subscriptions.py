"""Subscriptions to webhooks: created, read and ended by administrators; failed events sent again."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.rules.webhooks import EventKind, check_url
from campaigns.webhooks.collect_events import new_delivery, start_from_now
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.core.db import count_rows, set_columns
from outreach.models.accounts import Organisation, User
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.use_cases import enqueue_after_commit, enqueue_webhooks, use_case

LONGEST_NAME = 80
DELIVERIES_SHOWN = 50
OFFERED = tuple(kind for kind in EventKind if kind is not EventKind.PING)


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription with its organisation's name, and how many events wait and have failed."""

    subscription: Subscription
    organisation: str
    waiting: int
    failed: int


@use_case
def subscribe(
    session: Session,
    *,
    name: str,
    url: str,
    organisation_id: int,
    kinds: Collection[str],
    is_production: bool,
    user: User,
    now: datetime,
) -> Subscription:
    """Subscribe to events from now on. Raises BadInput, NotFound for the organisation, NotAllowed."""
    require_role(user)
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput("webhook_name_missing", most=LONGEST_NAME)
    if not kinds or not set(kinds) <= set(OFFERED):
        raise BadInput("webhook_events_missing")
    url = check_url(url, is_production=is_production)
    owner = find_visible(session, Organisation, organisation_id, user, NotFound("organisation_not_chosen")).id
    if not count_rows(session, Subscription, Subscription.ended_at.is_(None)):
        start_from_now(session, now=now)
    subscription = Subscription(
        name=name,
        url=url,
        organisation_id=owner,
        kinds=sorted(set(kinds)),
        salt=secrets.token_hex(16),
        made_by=user.id,
        made_at=now,
    )
    session.add(subscription)
    audit.record(session, "hook.create", subscription, user, now)
    return subscription


@use_case
def end_subscription(session: Session, subscription_id: int, *, user: User, now: datetime) -> None:
    """End a subscription. Raises NotFound, NotAllowed, WrongState if it was ended before."""
    enqueue_after_commit(session, enqueue_webhooks)
    require_role(user)
    subscription = find_subscription(session, subscription_id, user=user)
    if not close(session, subscription.id, now=now):
        raise WrongState("webhook_stopped_before")
    audit.record(session, "hook.end", subscription, user, now)


def close(session: Session, subscription_id: int, *, now: datetime) -> bool:
    """End a subscription and the events that wait for it. Returns False if it was ended before."""
    is_active = (Subscription.id == subscription_id, Subscription.ended_at.is_(None))
    ended = set_columns(session, Subscription, *is_active, ended_at=now, leased_until=None)
    waiting = (Delivery.subscription_id == subscription_id, Delivery.state == DeliveryState.WAITING)
    set_columns(session, Delivery, *waiting, state=DeliveryState.FAILED, ended_at=now)
    return ended == 1


@use_case
def send_again(
    session: Session, subscription_id: int, delivery_id: int, *, user: User, now: datetime
) -> None:
    """Make a failed event wait again, for another day. Raises NotFound, NotAllowed, WrongState."""
    enqueue_after_commit(session, enqueue_webhooks)
    require_role(user)
    subscription = find_subscription(session, subscription_id, user=user)
    has_failed = (Delivery.subscription_id == subscription.id, Delivery.state == DeliveryState.FAILED)
    waits = {"state": DeliveryState.WAITING, "since": now, "due_at": now, "tries": 0, "ended_at": None}
    updated = set_columns(session, Delivery, Delivery.id == delivery_id, *has_failed, **waits)
    if updated != 1 or subscription.ended_at:
        raise WrongState("webhook_not_failed")
    subscription.due_at, subscription.tries = None, 0
    audit.record(session, "hook.again", subscription, user, now)


@use_case
def send_ping(session: Session, subscription_id: int, *, user: User, now: datetime) -> None:
    """Send an event without meaning, as a test. Raises NotFound, NotAllowed, WrongState."""
    enqueue_after_commit(session, enqueue_webhooks)
    require_role(user)
    subscription = find_subscription(session, subscription_id, user=user)
    if subscription.ended_at:
        raise WrongState("webhook_stopped_before")
    key = f"{EventKind.PING}:{secrets.token_hex(8)}"
    session.add(new_delivery(subscription, EventKind.PING, key, {}, at=now, now=now))
    subscription.due_at, subscription.tries = None, 0


def find_subscription(session: Session, subscription_id: int, *, user: User) -> Subscription:
    """Return a subscription that the user may see. Raises NotFound."""
    return find_visible(session, Subscription, subscription_id, user, NotFound("webhook_not_found"))


def read_subscriptions(session: Session, user: User) -> list[SubscriptionRow]:
    """Return the subscriptions that a user may see, the newest first."""
    counts = (
        select(
            Delivery.subscription_id,
            func.sum(case((Delivery.state == DeliveryState.WAITING, 1), else_=0)).label("waiting"),
            func.sum(case((Delivery.state == DeliveryState.FAILED, 1), else_=0)).label("failed"),
        )
        .group_by(Delivery.subscription_id)
        .subquery()
    )
    rows = session.execute(
        select(Subscription, Organisation.name, counts.c.waiting, counts.c.failed)
        .join(Organisation, Organisation.id == Subscription.organisation_id)
        .outerjoin(counts, counts.c.subscription_id == Subscription.id)
        .where(visible_to(session, user, Subscription.organisation_id))
        .order_by(Subscription.id.desc())
    )
    return [
        SubscriptionRow(subscription, organisation, int(waiting or 0), int(failed or 0))
        for subscription, organisation, waiting, failed in rows
    ]


def read_deliveries(session: Session, subscription_id: int) -> list[Delivery]:
    """Return the last deliveries: failed ones first, then the newest first."""
    is_failed = case((Delivery.state == DeliveryState.FAILED, 0), else_=1)
    query = select(Delivery).where(Delivery.subscription_id == subscription_id)
    return list(session.scalars(query.order_by(is_failed, Delivery.id.desc()).limit(DELIVERIES_SHOWN)))

"""Subscriptions made, looked at and ended, and an event sent again, by administrators."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.rules.webhooks import EventKind, check_url
from campaigns.webhooks.collect_events import new_delivery, start_from_now
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import Organisation, User
from outreach.rules.errors import BadInput, NotFound, WrongState

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
    """A subscription to what happens from now on. Raises BadInput, NotFound for the organisation, NotAllowed."""
    require_role(user)
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput(f"Hãy đặt tên cho nơi nhận, tối đa {LONGEST_NAME} chữ.")
    if not kinds or not set(kinds) <= set(OFFERED):
        raise BadInput("Hãy chọn ít nhất một loại tin báo.")
    url = check_url(url, is_production=is_production)
    owner = session.scalar(
        select(Organisation.id).where(
            Organisation.id == organisation_id, visible_to(session, user, Organisation.id)
        )
    )
    if owner is None:
        raise NotFound("Không có tổ chức này. Hãy chọn tổ chức trong danh sách.")
    if session.scalar(select(func.count()).where(Subscription.ended_at.is_(None))) == 0:
        start_from_now(session, now=now)
    made = Subscription(
        name=name,
        url=url,
        organisation_id=owner,
        kinds=sorted(set(kinds)),
        salt=secrets.token_hex(16),
        made_by=user.id,
        made_at=now,
    )
    session.add(made)
    session.flush()
    _record(session, "hook.create", made.id, user=user, now=now)
    return made


def end_subscription(session: Session, subscription_id: int, *, user: User, now: datetime) -> None:
    """Nothing more is sent there. Raises NotFound, NotAllowed, WrongState where it was ended before."""
    require_role(user)
    found = find_subscription(session, subscription_id, user=user)
    if not close(session, found.id, now=now):
        raise WrongState("Nơi nhận này đã ngừng trước đó.")
    _record(session, "hook.end", found.id, user=user, now=now)


def close(session: Session, subscription_id: int, *, now: datetime) -> bool:
    """End it, and what waits for it; False where it was ended before."""
    ended = session.execute(
        update(Subscription)
        .where(Subscription.id == subscription_id, Subscription.ended_at.is_(None))
        .values(ended_at=now, leased_until=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Delivery)
        .where(Delivery.subscription_id == subscription_id, Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.FAILED, ended_at=now)
        .execution_options(synchronize_session=False)
    )
    return ended.rowcount == 1  # type: ignore[attr-defined]


def send_again(
    session: Session, subscription_id: int, delivery_id: int, *, user: User, now: datetime
) -> None:
    """Put a failed event back into the line, for another day. Raises NotFound, NotAllowed, WrongState."""
    require_role(user)
    found = find_subscription(session, subscription_id, user=user)
    again = session.execute(
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.subscription_id == found.id,
            Delivery.state == DeliveryState.FAILED,
        )
        .values(state=DeliveryState.WAITING, since=now, due_at=now, tries=0, ended_at=None)
        .execution_options(synchronize_session=False)
    )
    if again.rowcount != 1 or found.ended_at:  # type: ignore[attr-defined]
        raise WrongState("Tin báo này không còn ở trạng thái thất bại, hoặc nơi nhận đã ngừng.")
    found.due_at, found.tries = None, 0
    _record(session, "hook.again", found.id, user=user, now=now)


def send_ping(session: Session, subscription_id: int, *, user: User, now: datetime) -> None:
    """An event of no meaning, to see whether it arrives. Raises NotFound, NotAllowed, WrongState."""
    require_role(user)
    found = find_subscription(session, subscription_id, user=user)
    if found.ended_at:
        raise WrongState("Nơi nhận này đã ngừng trước đó.")
    key = f"{EventKind.PING}:{secrets.token_hex(8)}"
    session.add(new_delivery(found, EventKind.PING, key, {}, at=now, now=now))
    found.due_at, found.tries = None, 0


def find_subscription(session: Session, subscription_id: int, *, user: User) -> Subscription:
    """A subscription that the user may see. Raises NotFound."""
    found = session.scalar(
        select(Subscription).where(
            Subscription.id == subscription_id, visible_to(session, user, Subscription.organisation_id)
        )
    )
    if found is None:
        raise NotFound("Không có nơi nhận này.")
    return found


def read_subscriptions(session: Session, user: User) -> list[SubscriptionRow]:
    """All that a user may see, the newest first."""
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
        SubscriptionRow(each, organisation, int(waiting or 0), int(failed or 0))
        for each, organisation, waiting, failed in rows
    ]


def read_deliveries(session: Session, subscription_id: int) -> list[Delivery]:
    """The last ones, the newest first, those that failed before all."""
    is_failed = case((Delivery.state == DeliveryState.FAILED, 0), else_=1)
    return list(
        session.scalars(
            select(Delivery)
            .where(Delivery.subscription_id == subscription_id)
            .order_by(is_failed, Delivery.id.desc())
            .limit(DELIVERIES_SHOWN)
        )
    )


def _record(session: Session, action: str, subscription_id: int, *, user: User, now: datetime) -> None:
    audit.record(
        session,
        actor_id=user.id,
        action=action,
        subject=f"webhook_subscriptions:{subscription_id}",
        now=now,
    )

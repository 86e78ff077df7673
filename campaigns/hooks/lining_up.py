"""Events into the lines of those who subscribed to their kind and whose they are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.hooks.models import Delivery, Subscription
from campaigns.hooks.rules import EventKind
from outreach.access.models import Role, User
from outreach.access.users import organisations_of


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


class Line:
    """What is to be told, gathered and then written at once."""

    def __init__(self, session: Session, subscribers: Sequence[Subscriber], *, now: datetime) -> None:
        self.session, self.subscribers, self.now = session, subscribers, now
        self._deliveries: list[Delivery] = []

    def interests(self, *kinds: EventKind) -> bool:
        """Whether anybody wants to know of these."""
        return any(set(kinds) & set(each.subscription.kinds) for each in self.subscribers)

    def tell(
        self, kind: EventKind, number: object, data: dict[str, Any], *, at: datetime, of: int | None
    ) -> None:
        """Something that an organisation's people or campaign did; `number` tells it from others of its kind."""
        for each in self.subscribers:
            if each.sees(of):
                self.tell_one(each, kind, number, data, at=at)

    def tell_one(
        self, to: Subscriber, kind: EventKind, number: object, data: dict[str, Any], *, at: datetime
    ) -> None:
        if to.wants(kind, at):
            self._deliveries.append(put(to.subscription, kind, f"{kind}:{number}", data, at=at, now=self.now))

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


def put(
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

"""Subscriptions of other systems to events, the delivery of events to them, and the HTTP client for it.

Events go in order for each receiver, to several receivers at once, again until one takes it or a day is over.
A subscription is worked on under a lease. If a worker is killed before it has stored the receiver's answer, the event
waits on; when the lease has run out it is sent once more, under the same id: at least once, and a receiver can tell.

The HTTP client connects to no internal address, whatever name leads there, follows no redirect and waits only a limited
time. Names are resolved here and connected to as resolved, so that a name cannot lead elsewhere a moment later.
"""

import asyncio
import base64
import json
import logging
import secrets
import socket
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from sqlalchemy import ColumnElement, case, delete, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.models.webhooks import Delivery, DeliveryState, Subscription
from campaigns.rules.webhooks import (
    PREFIX,
    TRIED_FOR,
    DeliveryOutcome,
    EventKind,
    check_url,
    interpret_status,
    may_connect,
    secret_of,
    sign,
    try_again_at,
)
from campaigns.webhooks.collect_events import new_delivery, start_from_now
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.core.db import change_rows, count_rows, set_columns
from outreach.models.accounts import Organisation, User
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_webhooks, use_case

log = logging.getLogger(__name__)
RECEIVERS_AT_ONCE = 20
# Longer than a receiver may take to answer.
LEASE = timedelta(seconds=30)
KEEP_FOR = timedelta(days=30)


@dataclass(slots=True)
class DeliveryCounts:
    """Totals of one round. `in_vain`: tries that failed; `failed`: events given up."""

    delivered: int = 0
    in_vain: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class HttpReply:
    """Reply of a receiver: a status or the error; `asked_s`: when it wants the next try."""

    status: int | None
    error: str = ""
    asked_s: int = 0


def due_subscriptions(session: Session, *, now: datetime) -> list[int]:
    """Return the subscriptions that have an event due and are not leased."""
    has_due = exists().where(*_is_due(now), Delivery.subscription_id == Subscription.id)
    query = select(Subscription.id).where(*_is_free(now), has_due)
    return list(session.scalars(query.order_by(Subscription.id)))


async def deliver_events(
    runtime: Runtime, *, for_s: float, stop_requested: Callable[[], bool]
) -> DeliveryCounts:
    """Send what is due, for `for_s` seconds at most."""
    with runtime.db.read() as session:
        due = due_subscriptions(session, now=datetime.now(UTC))
    counts, ends_at = DeliveryCounts(), time.monotonic() + for_s
    if not due:
        return counts
    semaphore = asyncio.Semaphore(RECEIVERS_AT_ONCE)
    async with open_safe_client(is_production=runtime.settings.app_env == "production") as client:

        async def serve(subscription_id: int) -> None:
            async with semaphore:
                sender = _SubscriptionSender(runtime, client, subscription_id, counts)
                while time.monotonic() < ends_at and not stop_requested() and await sender.send_next():
                    pass
                sender.close()

        await asyncio.gather(*map(serve, due))
    return counts


def delete_old_deliveries(session: Session, *, now: datetime) -> int:
    """Delete deliveries that ended long ago. Returns how many."""
    deleted = change_rows(
        session,
        delete(Delivery).where(Delivery.state != DeliveryState.WAITING, Delivery.ended_at < now - KEEP_FOR),
    )
    return deleted.rowcount


class _SubscriptionSender:
    """Sender of one subscription's events, under a lease."""

    def __init__(
        self, runtime: Runtime, client: aiohttp.ClientSession, subscription_id: int, counts: DeliveryCounts
    ) -> None:
        self._runtime, self._client, self._id, self._counts = runtime, client, subscription_id, counts
        self._lease: datetime | None = None

    async def send_next(self) -> bool:
        """Send the first event and store the result. Returns whether there may be another."""
        leased = self._lease_next()
        if leased is None:
            return False
        subscription, delivery = leased
        settings = self._runtime.settings
        event = {"type": delivery.kind, "timestamp": delivery.at.isoformat(), "data": delivery.data}
        secret = secret_of(subscription.salt, secret_key=settings.secret_key)
        to, is_production = subscription.url, settings.app_env == "production"
        reply = await _post(
            self._client, to, delivery.event_id, event, secret=secret, is_production=is_production
        )
        return self._record(delivery.id, reply)

    def close(self) -> None:
        """Release the lease."""
        if self._lease is None:
            return
        with self._runtime.db.write() as session:
            has_lease = (Subscription.id == self._id, Subscription.leased_until == self._lease)
            set_columns(session, Subscription, *has_lease, leased_until=None)

    def _lease_next(self) -> tuple[Subscription, Delivery] | None:
        """Take or renew the lease. Returns the subscription and its first event due, or None."""
        now = datetime.now(UTC)
        lease = now + LEASE
        with self._runtime.db.write() as session:
            has_lease = Subscription.leased_until == self._lease if self._lease else None
            conditions = _is_free(now) if has_lease is None else (has_lease,)
            is_own = (Subscription.id == self._id, *conditions)
            if set_columns(session, Subscription, *is_own, leased_until=lease) != 1:
                self._lease = None
                return None
            self._lease = lease
            first = select(Delivery).where(Delivery.subscription_id == self._id, *_is_due(now))
            delivery = session.scalar(first.order_by(Delivery.id).limit(1))
            return (session.get_one(Subscription, self._id), delivery) if delivery else None

    def _record(self, delivery_id: int, reply: HttpReply) -> bool:
        """Store the result of a try. Returns whether the next event may be sent."""
        now, outcome = datetime.now(UTC), interpret_status(reply.status)
        with self._runtime.db.write() as session:
            subscription = session.get_one(Subscription, self._id, with_for_update=True)
            delivery = session.get_one(Delivery, delivery_id, with_for_update=True)
            if delivery.state is not DeliveryState.WAITING:  # the subscription was ended meanwhile
                return False
            delivery.tries += 1
            delivery.status, delivery.error = reply.status, reply.error[:60]
            if outcome is DeliveryOutcome.DELIVERED:
                delivery.state, delivery.ended_at = DeliveryState.DELIVERED, now
                subscription.tries, subscription.due_at = 0, None
                self._counts.delivered += 1
                return True
            self._counts.in_vain += 1
            log.warning(
                "webhook.in_vain subscription=%s delivery=%s status=%s error=%s",
                self._id, delivery_id, reply.status, reply.error,
            )  # fmt: skip
            if outcome is DeliveryOutcome.GONE:
                close(session, self._id, now=now)
                return False
            if outcome is DeliveryOutcome.REFUSED:
                delivery.due_at = try_again_at(delivery.tries, now=now)
                if now - delivery.since >= TRIED_FOR:
                    delivery.state, delivery.ended_at = DeliveryState.FAILED, now
                    self._counts.failed += 1
                return True
            subscription.tries += 1
            subscription.due_at = try_again_at(subscription.tries, now=now, asked_s=reply.asked_s)
            waits = (Delivery.subscription_id == self._id, Delivery.state == DeliveryState.WAITING)
            is_late, failed = Delivery.since <= now - TRIED_FOR, DeliveryState.FAILED
            self._counts.failed += set_columns(session, Delivery, *waits, is_late, state=failed, ended_at=now)
            return False


def _is_free(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Subscription.ended_at.is_(None),
        or_(Subscription.due_at.is_(None), Subscription.due_at <= now),
        or_(Subscription.leased_until.is_(None), Subscription.leased_until <= now),
    )


def _is_due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (Delivery.state == DeliveryState.WAITING, Delivery.due_at <= now)


ANSWERS_WITHIN_S = 10.0


class GuardedResolver(AbstractResolver):
    """Resolver that returns only the addresses of a name to which a webhook may connect."""

    def __init__(self, *, is_production: bool) -> None:
        self._inner, self._is_production = ThreadedResolver(), is_production

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a host. Raises OSError if no address is allowed."""
        addresses = await self._inner.resolve(host, port, family)
        allowed = [
            address
            for address in addresses
            if may_connect(ip_address(address["host"].partition("%")[0]), is_production=self._is_production)
        ]
        if not allowed:
            raise OSError("no public address")
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def post_event(
    url: str,
    *,
    event_id: str,
    kind: str,
    data: dict[str, Any],
    secret: str,
    is_production: bool,
    now: datetime,
) -> None:
    """Post one event at once, outside any subscription; with a secret it is signed. Raises OSError where it is not taken."""
    event = {"type": kind, "timestamp": now.isoformat(), "data": data}
    key = PREFIX + base64.b64encode(secret.encode()).decode() if secret else ""

    async def post() -> HttpReply:
        async with open_safe_client(is_production=is_production) as client:
            return await _post(client, url, event_id, event, secret=key, is_production=is_production)

    reply = asyncio.run(post())
    if interpret_status(reply.status) is not DeliveryOutcome.DELIVERED:
        raise OSError(f"webhook: {reply.error or reply.status}")


async def _post(
    client: aiohttp.ClientSession,
    url: str,
    event_id: str,
    event: dict[str, Any],
    *,
    secret: str,
    is_production: bool,
) -> HttpReply:
    """Post an event once, with a secret signed. An address that is not allowed is as one that refuses."""
    body = json.dumps(event, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "webhook-id": event_id}
    if secret:
        timestamp = int(time.time())
        headers["webhook-timestamp"] = str(timestamp)
        headers["webhook-signature"] = sign(secret, event_id=event_id, timestamp=timestamp, body=body)
    try:
        checked = check_url(url, is_production=is_production)
        async with client.post(checked, data=body, headers=headers, allow_redirects=False) as answer:
            asked = answer.headers.get("Retry-After", "")
            asked_s = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
            return HttpReply(answer.status, asked_s=asked_s)
    except BadInput:
        return HttpReply(403, "address")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return HttpReply(None, type(error).__name__)


def open_safe_client(*, is_production: bool) -> aiohttp.ClientSession:
    """Open the HTTP client of webhooks. The caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=GuardedResolver(is_production=is_production), limit=40),
        timeout=aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S),
        headers={"User-Agent": "Loa-Webhooks/1"},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


LONGEST_NAME = 80
DELIVERIES_SHOWN = 50
OFFERED = tuple(kind for kind in EventKind if kind is not EventKind.PING)


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


def read_subscriptions(session: Session, user: User) -> Sequence[Any]:
    """Return the subscriptions that a user may see, the newest first, with their organisation and how many events wait and have failed."""
    waiting, failed = (
        func.count(case((Delivery.state == state, 1))).label(state.value)
        for state in (DeliveryState.WAITING, DeliveryState.FAILED)
    )
    return session.execute(
        select(Subscription, Organisation.name.label("organisation"), waiting, failed)
        .join(Organisation, Organisation.id == Subscription.organisation_id)
        .outerjoin(Delivery, Delivery.subscription_id == Subscription.id)
        .where(visible_to(session, user, Subscription.organisation_id))
        .group_by(Subscription.id, Organisation.name)
        .order_by(Subscription.id.desc())
    ).all()


def read_deliveries(session: Session, subscription_id: int) -> list[Delivery]:
    """Return the last deliveries: failed ones first, then the newest first."""
    is_failed = case((Delivery.state == DeliveryState.FAILED, 0), else_=1)
    query = select(Delivery).where(Delivery.subscription_id == subscription_id)
    return list(session.scalars(query.order_by(is_failed, Delivery.id.desc()).limit(DELIVERIES_SHOWN)))

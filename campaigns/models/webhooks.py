"""Tables of webhooks: subscriptions, deliveries, and the position up to which events were read."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import BaseWithId, enum_type, partial_index


class Subscription(BaseWithId):
    """A subscription of an organisation to kinds of events, of its own and of organisations under it.

    `due_at` and `tries`: while the receiver is away its events wait in order. `leased_until`: a worker is sending.
    """

    __tablename__ = "webhook_subscriptions"

    name: Mapped[str] = mapped_column(String(80))
    url: Mapped[str] = mapped_column(String(500))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    kinds: Mapped[list[str]] = mapped_column(JSON)
    salt: Mapped[str] = mapped_column(String(32))  # salt of its secret
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None]


class DeliveryState(StrEnum):
    """State of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(BaseWithId):
    """One event for one subscription, and the state of its delivery. `event_id` is the same at every try."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("subscription_id", "key"),
        partial_index("ix_webhook_deliveries_waiting", "subscription_id", "id", where="state = 'waiting'"),
    )

    subscription_id: Mapped[int] = mapped_column(ForeignKey("webhook_subscriptions.id"))
    event_id: Mapped[str] = mapped_column(String(40), unique=True)
    key: Mapped[str] = mapped_column(String(80))  # identifies the event, so that it is delivered once
    kind: Mapped[str] = mapped_column(String(24))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)  # ids, labels and counts
    at: Mapped[datetime]  # when it happened
    since: Mapped[datetime]  # start of the day of tries
    due_at: Mapped[datetime]
    state: Mapped[DeliveryState] = mapped_column(enum_type(DeliveryState), default=DeliveryState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    status: Mapped[int | None]  # HTTP status of the last answer
    error: Mapped[str] = mapped_column(String(60), default="")  # if no answer came
    ended_at: Mapped[datetime | None]


class EventPosition(BaseWithId):
    """Position up to which events have been read, one row; see campaigns.webhooks.collect_events."""

    __tablename__ = "webhook_bookmark"

    positions: Mapped[dict[str, Any]] = mapped_column(JSON)

"""Table of gateway accounts: who carries messages, on which terms."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import BaseWithId, enum_type
from outreach.rules.gateway import Proof

# The account of the gateway that the environment names: SMS_GATEWAY and the variables with it.
ENVIRONMENT = 1


class GatewayState(StrEnum):
    """State of an account. Only an active one is given messages; a draining one still takes reports of those it had."""

    TESTING = "testing"
    ACTIVE = "active"
    DRAINING = "draining"
    CLOSED = "closed"


class GatewayKind(StrEnum):
    """Interface of an account. That of the environment is what SMS_GATEWAY says."""

    ENVIRONMENT = "environment"
    SMPP = "smpp"
    AGGREGATOR = "aggregator"


class GatewayAccount(BaseWithId):
    """An account at a gateway. Its secret is sealed by the keys of `Purpose.GATEWAYS`, which are not in the database."""

    __tablename__ = "gateway_accounts"

    name: Mapped[str] = mapped_column(String(60), unique=True)
    kind: Mapped[GatewayKind] = mapped_column(enum_type(GatewayKind))
    state: Mapped[GatewayState] = mapped_column(enum_type(GatewayState))
    position: Mapped[int] = mapped_column(default=1)  # in the order of choice, where prices are equal
    url: Mapped[str] = mapped_column(String(300), default="")  # without login and password
    login: Mapped[str] = mapped_column(String(120), default="")
    sealed_secret: Mapped[str | None] = mapped_column(Text)
    # Of SMPP: window, bind, long; of an aggregator: profile, notice_account.
    options: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    senders: Mapped[list[str]] = mapped_column(JSON, default=list)  # empty: all
    operators: Mapped[list[str]] = mapped_column(JSON, default=list)  # empty: all
    pace: Mapped[float | None]  # segments a second
    price_vnd: Mapped[int | None]  # of a segment; None: PRICE_PER_SEGMENT_VND, until it bills
    prices: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)  # by operator, where it differs
    has_unicode: Mapped[bool] = mapped_column(default=True)
    proof: Mapped[Proof] = mapped_column(enum_type(Proof), default=Proof.OPERATOR)
    rested_until: Mapped[datetime | None]
    rest_reason: Mapped[str] = mapped_column(String(200), default="")  # an error as JSON
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]

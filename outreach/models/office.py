"""Tables of an installation: settings made on the page, beneath the variables; backups; gateway accounts."""

import hashlib
import hmac
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base, BaseWithId, enum_type
from outreach.rules.gateway import Proof


class OfficeSetting(Base):
    """A field of `Settings` by its name, written as its variable is; sealed by the keys of `Purpose.GATEWAYS` if it is secret."""

    __tablename__ = "office_settings"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    is_sealed: Mapped[bool] = mapped_column(default=False)
    changed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]


class Backup(BaseWithId):
    """One backup: when it was taken, with which key, whether it was restored. It contains its own row, so a restore knows how old its data is."""

    __tablename__ = "backups"

    # Just before its snapshot: newer data is not in it.
    taken_at: Mapped[datetime]
    key_check: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[datetime | None]
    size: Mapped[int | None] = mapped_column(BigInteger)  # bytes
    restored_at: Mapped[datetime | None]


def check_of(secret_key: str) -> str:
    """Return a check value of the SECRET_KEY, which does not reveal it.

    Links and hashes in a backup are valid only with the key of its time.
    """
    return hmac.new(secret_key.encode(), b"backup", hashlib.sha256).hexdigest()[:16]


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

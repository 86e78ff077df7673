"""Tables: organisations, users, sessions, tokens, audit.

Who may do what: organisations, users with role and scope, and the record of what they did.

A token as it is kept: its hash, for whom it is, what it may do and until when.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.core.db import Base, BigId, UtcDateTime, enum_type


class OrganisationKind(StrEnum):
    FRONT = "front"
    MASS = "mass"
    AGENCY = "agency"


class Organisation(Base):
    """A Front committee, a mass organisation or an agency, with its place and the body above it."""

    __tablename__ = "organisations"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[OrganisationKind] = mapped_column(enum_type(OrganisationKind))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    STAFF = "staff"
    APPROVER = "approver"
    LEADER = "leader"
    AUDITOR = "auditor"


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(120), default="", server_default="")
    role: Mapped[Role] = mapped_column(enum_type(Role))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    password_hash: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # A second factor: what its secret is made of, the last half minute whose code was used, and wrong codes since.
    totp_nonce: Mapped[str | None] = mapped_column(String(32))
    totp_step: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    wrong_codes: Mapped[int] = mapped_column(default=0, server_default="0")
    wrong_code_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    organisation: Mapped[Organisation | None] = relationship()


class RecoveryCode(Base):
    """Stands in for a telephone that is lost, once; kept as a keyed hash."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class UserSession(Base):
    """Somebody signed in on some device. Its cookie opens nothing once the row has ended or is gone."""

    __tablename__ = "user_sessions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)  # in the signed cookie
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)  # to within some minutes
    address: Mapped[str] = mapped_column(String(64))
    device: Mapped[str] = mapped_column(String(60))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEvent(Base):
    """Who did what to which row, when and from where. Details hold ids and counts, never numbers, names or texts.

    An entry is never changed: its hash covers it and the entry before (trail/chain.py). It outlives what it is about.
    """

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "subject", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)  # without a gap
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_id: Mapped[int | None] = mapped_column(BigId)
    origin: Mapped[str] = mapped_column(String(64))  # an address, "command", or nothing
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(60))  # table:id
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    values_digest: Mapped[str] = mapped_column(String(64))  # salted; "" where there are no values
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditValues(Base):
    """Fields before and after a deed, kept beside the chain so that an erasure can empty them."""

    __tablename__ = "audit_values"

    event_id: Mapped[int] = mapped_column(ForeignKey("audit_events.id"), primary_key=True)
    salt: Mapped[str | None] = mapped_column(String(32))
    changes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # field: [before, after]
    emptied_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditHead(Base):
    """The chain's end, one row: whoever appends holds it, and entries cut off at the end are missed."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    last_id: Mapped[int] = mapped_column(BigId)
    hash: Mapped[str] = mapped_column(String(64))


class Right(StrEnum):
    CONTACTS_WRITE = "contacts:write"
    CAMPAIGNS_READ = "campaigns:read"
    FIGURES_READ = "figures:read"


class ApiToken(Base):
    """The token itself is nowhere: 256 random bits need no slow hash, and a row found by its hash tells nobody the time.

    `made_by` answers for what comes in by it.
    """

    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    rights: Mapped[list[str]] = mapped_column(JSON)
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # to the minute
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

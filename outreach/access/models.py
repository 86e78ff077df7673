"""Who may do what: organisations, users with role and scope, and the record of what they did."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.db import Base, BigId, UtcDateTime, one_of


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
    kind: Mapped[OrganisationKind] = mapped_column(one_of(OrganisationKind))
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
    role: Mapped[Role] = mapped_column(one_of(Role))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    password_hash: Mapped[str] = mapped_column(String(200))
    is_active: Mapped[bool] = mapped_column(Boolean, default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    organisation: Mapped[Organisation | None] = relationship()


class AuditEvent(Base):
    """Who did what to which row, when. Details hold ids and counts, never numbers, names or texts."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "actor_id", "id"), Index(None, "subject", "id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(60))  # table:id
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

"""A token as it is kept: its hash, for whom it is, what it may do and until when."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from outreach.db import Base, BigId, UtcDateTime


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

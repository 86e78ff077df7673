"""What agencies hand in, and the links by which somebody there does without an account."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.db import Base, BigId, UtcDateTime, one_of


class Road(StrEnum):
    """How figures came."""

    FORM = "form"  # an officer, signed in
    LINK = "link"
    FILE = "file"  # many agencies' figures
    ROSTER = "roster"  # its people by name


class AgencyLink(Base):
    """A personal link for handing in one agency's figures, until it expires or is ended."""

    __tablename__ = "agency_links"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), index=True)
    holder: Mapped[str] = mapped_column(String(120))  # who it was given to
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AgencyReport(Base):
    """An agency's figures of one day. A correction is a new row: of a day's rows the last one counts."""

    __tablename__ = "agency_reports"
    __table_args__ = (Index(None, "organisation_id", "day", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    day: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    staff: Mapped[int] = mapped_column(Integer)
    with_smartphone: Mapped[int | None] = mapped_column(Integer)  # unknown stays unknown, never zero
    installed: Mapped[int | None] = mapped_column(Integer)
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    road: Mapped[Road] = mapped_column(one_of(Road))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("agency_links.id"))
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""Tables of the checks of an installation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base, BaseWithId


class WriteProbe(Base):
    """A row that the health check writes again and again: whether the database can be written to."""

    __tablename__ = "write_probes"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    written_at: Mapped[datetime]


class LivePermit(BaseWithId):
    """A permission to send to real phones; the newest counts.

    `reason` is an administrator's word where a check was not passed; `findings` are the checks that were not, by name.
    `allowed_by` is None for an installation that sent before there was a checklist.
    """

    __tablename__ = "live_permits"

    allowed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    allowed_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text, default="")
    findings: Mapped[str] = mapped_column(Text, default="")

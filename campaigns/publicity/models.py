"""The outreach log. Rows are only added: a correction replaces a row, which says since when it no longer stands."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.publicity.entry import Kind
from outreach.db import Base, BigId, UtcDateTime, one_of


class Activity(Base):
    """A version of an entry; `entry_id` is the id of its first one, by which people know it.

    One that was entered in error is replaced by one that is withdrawn. `form_key` is the page's: a form that is sent
    twice is one entry.
    """

    __tablename__ = "activities"
    __table_args__ = (
        Index("ix_activities_entry", "entry_id", "id"),
        Index(
            "ix_activities_standing",
            "last",
            "id",
            postgresql_where=text("replaced_at IS NULL"),
            sqlite_where=text("replaced_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    entry_id: Mapped[int | None] = mapped_column(BigId)
    kind: Mapped[Kind] = mapped_column(one_of(Kind))
    first: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    last: Mapped[str] = mapped_column(String(10))
    times: Mapped[int] = mapped_column(SmallInteger)  # a day
    people: Mapped[int | None] = mapped_column(Integer)  # each time; unknown stays unknown
    who: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(String(200))
    about: Mapped[str] = mapped_column(String(200))
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    is_withdrawn: Mapped[bool] = mapped_column(Boolean, default=False)
    form_key: Mapped[str | None] = mapped_column(String(32), unique=True)
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    replaced_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

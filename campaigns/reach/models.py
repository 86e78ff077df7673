"""Counts of a campaign's reach, kept by step, organisation and place, as they were at one moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.reach.measures import Measure
from outreach.db import Base, BigId, UtcDateTime, one_of


class ReachCount(Base):
    """How many, of one measure and detail. All rows of a campaign were counted in one snapshot, `Counted.at`.

    Without foreign keys: they are replaced by the ten thousand, with what has just been read.
    """

    __tablename__ = "reach_counts"
    __table_args__ = (Index(None, "campaign_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigId)
    step_id: Mapped[int | None] = mapped_column(BigId)
    organisation_id: Mapped[int | None] = mapped_column(BigId)
    area_code: Mapped[str | None] = mapped_column(String(10))
    measure: Mapped[Measure] = mapped_column(one_of(Measure))
    detail: Mapped[str] = mapped_column(String(24))
    n: Mapped[int] = mapped_column(BigId)


class Counted(Base):
    """When a campaign's reach was counted, and how long that took."""

    __tablename__ = "reach_counted"

    campaign_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    took_s: Mapped[float] = mapped_column(Float)

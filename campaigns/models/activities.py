"""Sheets for rounds of visits, their lines, and what was brought back. Results are only added or undone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.answers.models import WroteSmartphone
from campaigns.rounds.visiting import Outcome, Why
from outreach.db import Base, BigId, UtcDateTime, one_of


class Round(Base):
    """A sheet: some people of one campaign, of an organisation's lists and one place or list."""

    __tablename__ = "rounds"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), index=True)
    list_id: Mapped[int | None] = mapped_column(ForeignKey("contact_lists.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    village: Mapped[str] = mapped_column(String(120))  # as most of its people have it; empty: the whole place
    officer: Mapped[str] = mapped_column(String(120))  # who goes
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class RoundLine(Base):
    """A person on a sheet. Names and numbers are not copied: they are read when the sheet is."""

    __tablename__ = "round_lines"
    __table_args__ = (UniqueConstraint("round_id", "n"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    n: Mapped[int] = mapped_column(SmallInteger)  # from 1
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"), index=True)
    why: Mapped[Why] = mapped_column(one_of(Why))


class RoundResult(WroteSmartphone, Base):
    """What was found at the door; of a line's results the last one that is not undone counts.

    `answer_id` is the answer it gave: none where it said what stood already, nobody was there, or there is no phone to
    count an answer for, or the person has said something else since `visited_at`. `entry` is one saving of the page,
    which is undone as a whole.
    """

    __tablename__ = "round_results"
    __table_args__ = (Index(None, "line_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("round_lines.id"))
    outcome: Mapped[Outcome | None] = mapped_column(
        one_of(Outcome)
    )  # None: what was entered before is taken back
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    entry: Mapped[int] = mapped_column(SmallInteger)  # from 1, for each sheet
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    visited_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: not asked for then
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

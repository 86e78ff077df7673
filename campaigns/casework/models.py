"""Cases: what waits for a person, who took it, and what came of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.casework.kinds import CaseKind, Outcome
from outreach.db import Base, BigId, UtcDateTime, one_of


class Case(Base):
    """One thing for an officer to do for one resident, from whichever road it came.

    Organisation, campaign and place are those of the recipient when it was opened, so that the list reads
    this table alone. `taken_by` stays when the time for which a case is held has passed.
    """

    __tablename__ = "cases"
    __table_args__ = (
        Index(
            "ix_cases_open",
            "opened_at",
            "id",
            postgresql_where=text("done_at IS NULL"),
            sqlite_where=text("done_at IS NULL"),
        ),
        # Whoever asks twice, by page and by SMS, is helped once.
        Index(
            "uq_cases_help",
            "recipient_id",
            unique=True,
            postgresql_where=text("kind = 'help' AND done_at IS NULL"),
            sqlite_where=text("kind = 'help' AND done_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    kind: Mapped[CaseKind] = mapped_column(one_of(CaseKind))
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id"))
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("replies.id"), unique=True)
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))  # by which help was asked for
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    done_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    done_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    outcome: Mapped[Outcome | None] = mapped_column(one_of(Outcome))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    result_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))  # what the resident then said
    message_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))  # the SMS that an officer wrote


class SavedText(Base):
    """An answer to use again. It is its organisation's, and of use to those below; without one it is for all."""

    __tablename__ = "saved_texts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    title: Mapped[str] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    changed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)

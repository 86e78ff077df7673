"""The books of goals and denominators. Rows are only added: of a subject's rows the last one counts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.goals.goal import Scope, Subject
from outreach.db import Base, BigId, UtcDateTime, one_of


class AboutSubject:
    """The columns that say whom a row is about; see campaigns.goals.goal."""

    kind: Mapped[str] = mapped_column(String(40))
    scope: Mapped[Scope] = mapped_column(one_of(Scope))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))

    @property
    def subject(self) -> Subject:
        return Subject(self.kind, self.scope, self.area_code, self.organisation_id, self.campaign_id)


class GoalEntry(AboutSubject, Base):
    """A goal as somebody set it. Without a share: there is none any more."""

    __tablename__ = "goals"
    __table_args__ = (Index(None, "kind", "scope"), Index(None, "campaign_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    share: Mapped[float | None] = mapped_column(Float)
    deadline: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    basis: Mapped[str] = mapped_column(String(200), default="", server_default="")
    entered_by: Mapped[int | None] = mapped_column(
        ForeignKey("users.id")
    )  # nobody: it was there before users could
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)


class DenominatorEntry(AboutSubject, Base):
    """How many people there are, as somebody entered it. Without a value: what was said of that day is taken back."""

    __tablename__ = "denominators"
    __table_args__ = (Index(None, "kind", "scope"), Index(None, "campaign_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    value: Mapped[int | None] = mapped_column(Integer)
    as_of: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    source: Mapped[str] = mapped_column(String(200))
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)

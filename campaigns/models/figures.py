"""Tables of figures: goals, denominators, agency links and reports, reach, official installs.

Rows of goals, denominators, agency reports and official installs are only added: of a subject's rows the last one
counts. Reach counts are replaced together, as counted at one moment.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.campaigns import OfDrive
from campaigns.rules.goals import GoalScope, GoalSubject
from campaigns.rules.reach import ReachMeasure
from outreach.core.db import Base, BaseWithId, BigId, enum_type


class AboutSubject(OfDrive):
    """Columns that say what a row is about; see campaigns.rules.goals."""

    scope: Mapped[GoalScope] = mapped_column(enum_type(GoalScope, name="scope"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))

    @property
    def subject(self) -> GoalSubject:
        return GoalSubject(self.drive_id, self.scope, self.area_code, self.organisation_id, self.campaign_id)


class GoalEntry(AboutSubject, BaseWithId):
    """A goal as a user set it. Without a share, the goal was removed."""

    __tablename__ = "goals"
    __table_args__ = (Index(None, "drive_id", "scope"), Index(None, "campaign_id"))

    share: Mapped[float | None]
    deadline: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    basis: Mapped[str] = mapped_column(String(200), default="", server_default="")
    # None: from before users could enter goals.
    entered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime]


class DenominatorEntry(AboutSubject, BaseWithId):
    """A number of people as a user entered it.

    Without a value, what was entered for that day is withdrawn.
    """

    __tablename__ = "denominators"
    __table_args__ = (Index(None, "drive_id", "scope"), Index(None, "campaign_id"))

    value: Mapped[int | None]
    as_of: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    source: Mapped[str] = mapped_column(String(200))
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime]


class ReportChannel(StrEnum):
    """Channel by which an agency's figures came."""

    FORM = "form"  # an officer, signed in
    LINK = "link"
    FILE = "file"  # a table of many agencies' figures
    ROSTER = "roster"  # a list of its people by name


class AgencyLink(OfDrive, BaseWithId):
    """A personal link for submitting one agency's figures, until it expires or is ended."""

    __tablename__ = "agency_links"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), index=True)
    holder: Mapped[str] = mapped_column(String(120))  # who it was given to
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]


class AgencyReport(OfDrive, BaseWithId):
    """An agency's figures of one day. A correction is a new row: of a day's rows the last one counts."""

    __tablename__ = "agency_reports"
    __table_args__ = (Index(None, "drive_id", "organisation_id", "day", "id"),)

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"))
    day: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    staff: Mapped[int]
    with_smartphone: Mapped[int | None]  # unknown stays unknown, never zero
    installed: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    channel: Mapped[ReportChannel] = mapped_column(enum_type(ReportChannel, name="road"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("agency_links.id"))
    reported_at: Mapped[datetime]


class ReachCount(BaseWithId):
    """A count of one reach measure and detail.

    The sum over a campaign's blocks, each counted in one snapshot, the oldest at `ReachSnapshot.at`. Without foreign keys: rows are replaced by
    the ten thousand, with what has just been read.
    """

    __tablename__ = "reach_counts"
    __table_args__ = (Index(None, "campaign_id"),)

    campaign_id: Mapped[int] = mapped_column(BigId)
    step_id: Mapped[int | None] = mapped_column(BigId)
    organisation_id: Mapped[int | None] = mapped_column(BigId)
    area_code: Mapped[str | None] = mapped_column(String(10))
    measure: Mapped[ReachMeasure] = mapped_column(enum_type(ReachMeasure, name="measure"))
    detail: Mapped[str] = mapped_column(String(24))
    n: Mapped[int] = mapped_column(BigId)


class ReachBlock(Base):
    """The counts of a large campaign's recipients of one block of ids, as they were at one moment.

    Reach counts are their sums.
    """

    __tablename__ = "reach_blocks"

    campaign_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    block: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    took_s: Mapped[float]
    counts: Mapped[list[list[Any]]] = mapped_column(JSON)  # as `ReachCount`
    operators: Mapped[list[list[Any]]] = mapped_column(JSON)  # as `count_by_operator` returns them


class ReachSnapshot(Base):
    """Moment from which on a campaign's reach was counted, block by block, and how long that took in all."""

    __tablename__ = "reach_counted"

    campaign_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    took_s: Mapped[float]
    operators: Mapped[list[list[Any]] | None] = mapped_column(JSON(none_as_null=True))


class OfficialInstalls(OfDrive, BaseWithId):
    """An official figure: installs in a place until the end of a day, by the app's maker or a department.

    Rows are only added: of a place's rows for a day the last one counts. Never added to what residents report.
    """

    __tablename__ = "official_installs"
    __table_args__ = (Index(None, "drive_id", "area_code", "day", "id"),)

    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    day: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    installed: Mapped[int]
    source: Mapped[str] = mapped_column(String(200))
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime]

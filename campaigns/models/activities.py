"""Tables of activities and visits: visit sheets, their lines, their results, and the activity log.

Rows of results are only added or undone. Rows of the activity log are only added: a correction replaces a row, and the
old row says since when it no longer counts.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.campaigns import OfDrive
from campaigns.models.replies import SmartphoneChange
from campaigns.rules.activities import ActivityKind
from campaigns.rules.replies.labels import Label
from campaigns.rules.visits import VisitFate, VisitOutcome, VisitReason
from outreach.core.db import BaseWithId, BigId, enum_type, partial_index


class VisitSheet(BaseWithId):
    """A visit sheet: some people of one campaign, from an organisation's lists and one place or list."""

    __tablename__ = "rounds"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), index=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), index=True)
    list_id: Mapped[int | None] = mapped_column(ForeignKey("contact_lists.id"))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    # As most people on the sheet have it; empty: the whole place.
    village: Mapped[str] = mapped_column(String(120))
    officer: Mapped[str] = mapped_column(String(120))  # who goes
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]


class VisitLine(BaseWithId):
    """A person on a visit sheet. Names and numbers are not copied: they are read with the sheet."""

    __tablename__ = "round_lines"
    __table_args__ = (UniqueConstraint("round_id", "n"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    n: Mapped[int] = mapped_column(SmallInteger)  # from 1
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"), index=True)
    why: Mapped[VisitReason] = mapped_column(enum_type(VisitReason, name="why"))


class VisitResult(SmartphoneChange, BaseWithId):
    """A result of a visit. Of a line's results the last one that is not undone counts.

    `answer_id`: the answer that the result gave. None if it repeated the current answer, nobody was at home, there is no
    phone to count an answer for, or the person has answered otherwise since `visited_at`. `entry`: one saving of the page,
    which is undone as a whole; 0: it came from a village officer's phone, which gave it its `key` and was told its `fate`.
    """

    __tablename__ = "round_results"
    __table_args__ = (
        Index(None, "line_id", "id"),
        Index("uq_round_results_key", "key", unique=True),  # sent again, it is still one result
    )

    line_id: Mapped[int] = mapped_column(ForeignKey("round_lines.id"))
    # None: withdraws the result entered before.
    outcome: Mapped[VisitOutcome | None] = mapped_column(enum_type(VisitOutcome, name="outcome"))
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    entry: Mapped[int] = mapped_column(SmallInteger)  # from 1, for each sheet
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime]
    visited_at: Mapped[datetime | None]  # None: the form did not ask for it then
    undone_at: Mapped[datetime | None]
    key: Mapped[str | None] = mapped_column(String(36))
    note: Mapped[str] = mapped_column(String(300), default="", server_default="")
    fate: Mapped[VisitFate | None] = mapped_column(enum_type(VisitFate, name="fate"))

    @property
    def at(self) -> datetime:
        """Return when the visit was, as far as it is known."""
        return self.visited_at or self.entered_at

    @property
    def label(self) -> Label | None:
        """Return the answer that the result is; None for nobody met and for a result withdrawn."""
        return self.outcome.label if self.outcome else None


class SheetOfficer(BaseWithId):
    """A sheet given to a village officer. It stays when it is taken back, as results may still come from the phone."""

    __tablename__ = "round_officers"
    __table_args__ = (UniqueConstraint("round_id", "user_id"),)

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    day: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam: when to go
    target: Mapped[int | None] = mapped_column(SmallInteger)  # people a day
    assigned_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    assigned_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Activity(OfDrive, BaseWithId):
    """A version of an activity. `entry_id` is the id of its first version, by which people know it.

    An activity entered in error is replaced by a withdrawn version. `form_key` is the page's: a form that is sent twice is
    one activity.
    """

    __tablename__ = "activities"
    __table_args__ = (
        Index("ix_activities_entry", "entry_id", "id"),
        partial_index("ix_activities_standing", "last", "id", where="replaced_at IS NULL"),
    )

    entry_id: Mapped[int | None] = mapped_column(BigId)
    kind: Mapped[ActivityKind] = mapped_column(enum_type(ActivityKind, name="kind"))
    first: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD, in Vietnam
    last: Mapped[str] = mapped_column(String(10))
    times: Mapped[int] = mapped_column(SmallInteger)  # a day
    people: Mapped[int | None]  # each time; unknown stays unknown
    who: Mapped[str] = mapped_column(String(200))
    place: Mapped[str] = mapped_column(String(200))
    about: Mapped[str] = mapped_column(String(200))
    area_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisations.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    is_withdrawn: Mapped[bool] = mapped_column(default=False)
    form_key: Mapped[str | None] = mapped_column(String(32), unique=True)
    entered_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    entered_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]

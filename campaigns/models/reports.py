"""Tables of the daily report: template, day, issues, files, mail and links.

Issues and files are never changed.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.models.campaigns import OfDrive
from outreach.core.db import Base, BaseWithId, enum_type


class ReportForm(OfDrive, BaseWithId):
    """Letterhead, wording and hours as a user saved them; the last row of a drive counts.

    See campaigns.rules.reports.template.
    """

    __tablename__ = "report_forms"

    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    saved_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    saved_at: Mapped[datetime]


class ReportDay(Base):
    """State of one day's report of a drive, and the lock under which each of its actions happens once.

    `marks` are the newest rows at the last two looks for late figures, `pending` the changes found that are not in an issue yet.
    """

    __tablename__ = "report_days"

    drive_id: Mapped[int] = mapped_column(ForeignKey("drives.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)  # YYYY-MM-DD, in Vietnam
    chased_at: Mapped[datetime | None]
    alarmed_at: Mapped[datetime | None]  # alarm that figures are missing
    # Alarm that the report is not issued.
    undelivered_at: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]  # last failure of freezing or issuing
    by_hand_at: Mapped[datetime | None]  # delivered some other way
    by_hand_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    marks: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    pending: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    looked_at: Mapped[datetime | None]  # last time that late figures were looked for


class ReportIssue(OfDrive, BaseWithId):
    """A report (`n` is 0) or one of its corrections (1, 2 …), with all that its documents are built from.

    It is frozen, prepared by an officer, approved by another, and issued. `document` is what was issued, as data; None
    until then, and in issues of earlier versions, of which the files are kept.
    """

    __tablename__ = "report_issues"
    __table_args__ = (UniqueConstraint("drive_id", "day", "n"),)

    day: Mapped[str] = mapped_column(String(10))
    n: Mapped[int]
    snapshot: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))
    form: Mapped[dict[str, Any]] = mapped_column(JSON)
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    written_on: Mapped[str] = mapped_column(String(10))  # the date in its heading
    frozen_at: Mapped[datetime]
    issued_at: Mapped[datetime | None]
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))  # None: frozen automatically
    notes: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    prepared_at: Mapped[datetime | None]
    prepared_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    document: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class FileKind(StrEnum):
    """File format of a report document."""

    DOCX = "docx"
    PDF = "pdf"
    XLSX = "xlsx"


class ReportFile(Base):
    """A document as it was issued."""

    __tablename__ = "report_files"

    issue_id: Mapped[int] = mapped_column(ForeignKey("report_issues.id"), primary_key=True)
    kind: Mapped[FileKind] = mapped_column(enum_type(FileKind), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[str] = mapped_column(String(64))


class Purpose(StrEnum):
    """Purpose of a mail."""

    CHASE = "chase"
    ALARM_MISSING = "alarm_missing"
    ALARM_UNDELIVERED = "alarm_undelivered"
    REPORT = "report"
    CORRECTION = "correction"


class ReportMail(OfDrive, BaseWithId):
    """A mail to one address. `key` says what it is about, so that it is written only once.

    `next_at`: not before. The sender moves it on before sending, so that two never send a mail at once.
    """

    __tablename__ = "report_mails"
    __table_args__ = (UniqueConstraint("key"), Index(None, "day"), Index(None, "sent_at", "next_at"))

    key: Mapped[str] = mapped_column(String(340))
    day: Mapped[str] = mapped_column(String(10))
    purpose: Mapped[Purpose] = mapped_column(enum_type(Purpose))
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("report_issues.id"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("agency_links.id"))
    address: Mapped[str] = mapped_column(String(254))
    next_at: Mapped[datetime]
    expires_at: Mapped[datetime]  # not sent any more after this
    tries: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(60), default="")
    refused_at: Mapped[datetime | None]  # the mail server refused the address
    sent_at: Mapped[datetime | None]

    def is_waiting(self, now: datetime) -> bool:
        return self.sent_at is None and self.refused_at is None and self.expires_at > now


class ReportLink(OfDrive, BaseWithId):
    """A link by which anybody who has it sees a day's report, until it expires or is ended."""

    __tablename__ = "report_links"

    day: Mapped[str] = mapped_column(String(10), index=True)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]


class UrgeChannel(StrEnum):
    """How an urging reaches its contact: by mail that Loa sends, or by SMS from the officer's own phone."""

    MAIL = "mail"
    SMS = "sms"


class Urging(OfDrive, BaseWithId):
    """A message that asks a place's or an agency's contact to catch up: one to an address a day, answered by a link.

    It is about the area or, where that is None, the organisation. A mail is not sent before `next_at`, which the sender moves
    on before sending; an SMS is sent when it is written.
    """

    __tablename__ = "urgings"
    __table_args__ = (
        UniqueConstraint("drive_id", "day", "address"),
        Index(None, "drive_id", "area_code"),
        Index(None, "sent_at", "next_at"),
    )

    day: Mapped[str] = mapped_column(String(10))
    area_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"))
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    channel: Mapped[UrgeChannel] = mapped_column(enum_type(UrgeChannel))
    contact: Mapped[str] = mapped_column(String(200))
    address: Mapped[str] = mapped_column(String(254))
    text: Mapped[str] = mapped_column(Text)
    written_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    written_at: Mapped[datetime]
    next_at: Mapped[datetime]
    error: Mapped[str] = mapped_column(String(60), default="")
    sent_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(Text, default="")
    answered_at: Mapped[datetime | None]

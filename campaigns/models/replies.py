"""Tables: replies, answers, installs, answer totals, cases, saved texts.

What came back: replies as received, answers as understood, and installs as counted.

Cases: what waits for a person, who took it, and what came of it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.replies.labels import Label
from outreach.core.db import Base, BigId, UtcDateTime, enum_type


class AnswerSource(StrEnum):
    """By which channel an answer came."""

    SMS = "sms"
    PAGE = "page"
    OFFICER = "officer"
    ROSTER = "roster"  # their agency says so


class ReplyChannel(StrEnum):
    """Which way a reply came to us."""

    TWILIO = "twilio"
    PUSH = "push"  # a domestic short code's operator
    PHONE = "phone"  # an Android phone with a SIM
    LOG = "log"  # a file that an operator or a phone exported


class ReplyState(StrEnum):
    """Who gave a reply its label."""

    APPLIED = "applied"  # nobody had to
    INBOX = "inbox"  # it is in doubt and waits for a person
    HANDLED = "handled"  # a person


class Reply(Base):
    """A resident's SMS as it came. `recipient_id` is the latest message's within 14 days, or nobody's."""

    __tablename__ = "replies"
    __table_args__ = (
        Index("ix_replies_inbox", "state", "received_at"),
        Index("ix_replies_sender_received_at", "sender", "received_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    gateway_id: Mapped[str] = mapped_column(String(64), unique=True)
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id"), index=True)
    sender: Mapped[str] = mapped_column(String(32))
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    body: Mapped[str] = mapped_column(Text)
    label: Mapped[Label] = mapped_column(enum_type(Label))
    confidence: Mapped[float] = mapped_column(Float)
    state: Mapped[ReplyState] = mapped_column(enum_type(ReplyState))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    channel: Mapped[ReplyChannel] = mapped_column(
        enum_type(ReplyChannel, name="road"), default=ReplyChannel.TWILIO, server_default="twilio"
    )


class Handling(Base):
    """What an officer made of a reply, so that it can be taken back exactly.

    `answer_id` is the answer recorded for it, `withdrawn_id` the one that the reply itself had given.
    """

    __tablename__ = "handlings"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reply_id: Mapped[int] = mapped_column(ForeignKey("replies.id"), index=True)
    label: Mapped[Label] = mapped_column(enum_type(Label))
    handled_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    handled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    withdrawn_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Answer(Base):
    """One thing that a phone told us in one campaign, by any channel; a later one outdates it."""

    __tablename__ = "answers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"))
    label: Mapped[Label] = mapped_column(enum_type(Label))
    source: Mapped[AnswerSource] = mapped_column(enum_type(AnswerSource, name="source"))
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("replies.id"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AnswerPlace(StrEnum):
    """Where an officer heard an answer."""

    HOME = "home"
    PHONE = "phone"
    MEETING = "meeting"
    ROSTER = "roster"  # an agency's list of its people


# What an officer may choose: the rest comes from a file.
HEARD = (AnswerPlace.HOME, AnswerPlace.PHONE, AnswerPlace.MEETING)


class SmartphoneChange:
    """Of an officer's entry: whether it changed what is known of the person's phone, and what was known before."""

    changed_smartphone: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    had_smartphone: Mapped[bool | None] = mapped_column(Boolean)


class OfficerEntry(SmartphoneChange, Base):
    """Who wrote an answer down for a resident, and where they heard it."""

    __tablename__ = "officer_entries"

    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"), primary_key=True)
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    place: Mapped[AnswerPlace] = mapped_column(enum_type(AnswerPlace, name="place"))
    note: Mapped[str] = mapped_column(Text, default="", server_default="")


class InstallReport(Base):
    """A self-reported install. Counts once a phone and campaign while it is not withdrawn."""

    __tablename__ = "install_reports"
    __table_args__ = (
        Index(
            "uq_install_reports_phone",
            "campaign_id",
            "phone_id",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
            sqlite_where=text("withdrawn_at IS NULL"),
        ),
        # Few are taken back: a report that stands is not in it.
        Index(
            "ix_install_reports_withdrawn",
            "withdrawn_at",
            postgresql_where=text("withdrawn_at IS NOT NULL"),
            sqlite_where=text("withdrawn_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("recipients.id"))
    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"))
    source: Mapped[AnswerSource] = mapped_column(enum_type(AnswerSource, name="source"))
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AnswerTotal(Base):
    """Where a campaign's recipients stand, as changes: by list, area and answer, and installs by their day besides.

    Written in the transaction that changes it and folded by the sweep; see answers.counters. A row counts
    `people` of an answer (`day` is NULL) or `installed` more or fewer on a day in Vietnam.
    """

    __tablename__ = "counters"
    __table_args__ = (
        Index(None, "campaign_id"),
        # A change takes somebody away from where they stood: what is folded already has no such row.
        Index(
            "ix_counters_unfolded",
            "campaign_id",
            postgresql_where=text("people < 0"),
            sqlite_where=text("people < 0"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigId)
    list_id: Mapped[int | None] = mapped_column(BigId)
    area_code: Mapped[str | None] = mapped_column(String(10))
    answer: Mapped[Label | None] = mapped_column(enum_type(Label))
    day: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD
    people: Mapped[int] = mapped_column(Integer)
    installed: Mapped[int] = mapped_column(Integer)


class Case(Base):
    """One thing for an officer to do for one resident, from whichever channel it came.

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
    kind: Mapped[CaseKind] = mapped_column(enum_type(CaseKind))
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
    outcome: Mapped[CaseOutcome | None] = mapped_column(enum_type(CaseOutcome, name="outcome"))
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

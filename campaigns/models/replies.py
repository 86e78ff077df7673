"""What came back: replies as received, answers as understood, and installs as counted."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.replies.classifier import Label
from outreach.db import Base, BigId, UtcDateTime, one_of


class Source(StrEnum):
    """By which road an answer came."""

    SMS = "sms"
    PAGE = "page"
    OFFICER = "officer"
    ROSTER = "roster"  # their agency says so


class Road(StrEnum):
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
    label: Mapped[Label] = mapped_column(one_of(Label))
    confidence: Mapped[float] = mapped_column(Float)
    state: Mapped[ReplyState] = mapped_column(one_of(ReplyState))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    road: Mapped[Road] = mapped_column(one_of(Road), default=Road.TWILIO, server_default="twilio")


class Handling(Base):
    """What an officer made of a reply, so that it can be taken back exactly.

    `answer_id` is the answer recorded for it, `withdrawn_id` the one that the reply itself had given.
    """

    __tablename__ = "handlings"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    reply_id: Mapped[int] = mapped_column(ForeignKey("replies.id"), index=True)
    label: Mapped[Label] = mapped_column(one_of(Label))
    handled_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    handled_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answer_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    withdrawn_id: Mapped[int | None] = mapped_column(ForeignKey("answers.id"))
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Answer(Base):
    """One thing that a phone told us in one campaign, by any road; a later one outdates it."""

    __tablename__ = "answers"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    recipient_id: Mapped[int | None] = mapped_column(ForeignKey("recipients.id"), index=True)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    phone_id: Mapped[int] = mapped_column(ForeignKey("phones.id"))
    label: Mapped[Label] = mapped_column(one_of(Label))
    source: Mapped[Source] = mapped_column(one_of(Source))
    reply_id: Mapped[int | None] = mapped_column(ForeignKey("replies.id"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Place(StrEnum):
    """Where an officer heard an answer."""

    HOME = "home"
    PHONE = "phone"
    MEETING = "meeting"
    ROSTER = "roster"  # an agency's list of its people


# What an officer may choose: the rest comes from a file.
HEARD = (Place.HOME, Place.PHONE, Place.MEETING)


class WroteSmartphone:
    """Of an officer's entry: whether it changed what is known of the person's phone, and what was known before."""

    changed_smartphone: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    had_smartphone: Mapped[bool | None] = mapped_column(Boolean)


class OfficerEntry(WroteSmartphone, Base):
    """Who wrote an answer down for a resident, and where they heard it."""

    __tablename__ = "officer_entries"

    answer_id: Mapped[int] = mapped_column(ForeignKey("answers.id"), primary_key=True)
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    place: Mapped[Place] = mapped_column(one_of(Place))
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
    source: Mapped[Source] = mapped_column(one_of(Source))
    reported_at: Mapped[datetime] = mapped_column(UtcDateTime)
    withdrawn_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Counter(Base):
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
    answer: Mapped[Label | None] = mapped_column(one_of(Label))
    day: Mapped[str | None] = mapped_column(String(10))  # YYYY-MM-DD
    people: Mapped[int] = mapped_column(Integer)
    installed: Mapped[int] = mapped_column(Integer)

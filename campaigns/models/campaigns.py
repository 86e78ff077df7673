"""What we say: a campaign with its steps and its frozen audience. Sending and answers stand beside."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import CampaignState, Exclusion
from outreach.core.db import Base, BigId, UtcDateTime, enum_type


class Step(Base):
    """One message to everybody. The first goes at once, the others days after it at a time of day."""

    __tablename__ = "steps"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    number: Mapped[int] = mapped_column(Integer)
    after_days: Mapped[int] = mapped_column(Integer, default=0)
    at: Mapped[str | None] = mapped_column(String(5))
    text: Mapped[str] = mapped_column(Text)
    text_b: Mapped[str | None] = mapped_column(Text)  # to be compared with `text`: half of the people get it
    texts: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")  # by language
    hold_out: Mapped[float] = mapped_column(Float, default=0.0, server_default="0")  # share left without it
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Of a message on average, as it was when the audience was frozen: what the budget puts aside for it.
    segments_each: Mapped[float | None] = mapped_column(Float)

    campaign: Mapped[Campaign] = relationship(back_populates="steps")


class Campaign(Base):
    """`content` is everything a resident reads and is asked; see campaigns.rules.content."""

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    state: Mapped[CampaignState] = mapped_column(enum_type(CampaignState), default=CampaignState.DRAFT)
    pause_reason: Mapped[str] = mapped_column(String(200), default="")
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"), index=True)
    sender: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(
        String(40), server_default="bluezone"
    )  # whose texts `content` started from
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    unaccented: Mapped[bool] = mapped_column(Boolean, default=False)
    areas: Mapped[list[str]] = mapped_column(JSON, default=list)  # codes; empty means everywhere
    # What people must be besides; see campaigns.rules.audience.
    conditions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    pace: Mapped[float | None] = mapped_column(Float)  # segments a second
    window_from: Mapped[str | None] = mapped_column(String(5))  # HH:MM, Asia/Ho_Chi_Minh
    window_to: Mapped[str | None] = mapped_column(String(5))
    cap_per_day: Mapped[int | None] = mapped_column(Integer)  # messages a number in 24 hours
    budget_vnd: Mapped[int | None] = mapped_column(Integer)
    price_vnd: Mapped[int | None] = mapped_column(
        Integer
    )  # of a segment, as it was when the audience was frozen
    # Segments claimed and not put back: what the budget is held against, under the campaign's lock.
    segments_taken: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    # What the gateway has billed: of the segments taken so many, and in all so much. Raised with the attempts' prices.
    priced_segments: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    priced_vnd: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    starts_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deadline: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    launched_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resumed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the last time
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    corrected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # its texts, once launched
    cleared_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # of what is personal
    # Of the lots by which people are held out of a step and texts are shared out; see planning.lots.
    seed: Mapped[int | None] = mapped_column(Integer)
    recipients: Mapped[int | None] = mapped_column(Integer)  # of the frozen audience; never changes again

    steps: Mapped[list[Step]] = relationship(order_by="Step.number", back_populates="campaign")


class CampaignList(Base):
    """A list that a campaign writes to: chosen itself, or one of an organisation that was chosen."""

    __tablename__ = "campaign_lists"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("contact_lists.id"), primary_key=True)
    is_chosen: Mapped[bool] = mapped_column(Boolean, default=True, server_default=true())


class Segment(Base):
    """An audience's description under a name, for an organisation's next campaigns."""

    __tablename__ = "segments"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str] = mapped_column(String(80))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)  # lists, areas and conditions, as in a campaign's file
    saved_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    saved_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Recipient(Base):
    """The frozen audience: each person of the lists once, with the phone used or the reason for none.

    Its id, enciphered, is the token of the personal link. `answer` is the latest thing the phone told us.
    Campaign, list and area are no foreign keys: one statement writes 300,000 rows with what it has just
    read, and PostgreSQL would look up each of them again, row by row.
    """

    __tablename__ = "recipients"
    __table_args__ = (
        Index(
            "uq_recipients_phone",
            "campaign_id",
            "phone_id",
            unique=True,
            postgresql_where=text("exclusion IS NULL"),
            sqlite_where=text("exclusion IS NULL"),
        ),
        UniqueConstraint("campaign_id", "contact_id"),
        Index(
            "ix_recipients_answered",
            "campaign_id",
            "answer",
            "contact_id",
            postgresql_where=text("answer IS NOT NULL"),
            sqlite_where=text("answer IS NOT NULL"),
        ),
        Index(
            "ix_recipients_clicked",
            "campaign_id",
            postgresql_where=text("clicked_at IS NOT NULL"),
            sqlite_where=text("clicked_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(BigId)
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    phone_id: Mapped[int | None] = mapped_column(ForeignKey("phones.id"), index=True)
    list_id: Mapped[int | None] = mapped_column(BigId)
    area_code: Mapped[str | None] = mapped_column(String(10))
    exclusion: Mapped[Exclusion | None] = mapped_column(enum_type(Exclusion))
    bucket: Mapped[int | None] = mapped_column(Integer)  # see planning.lots
    answer: Mapped[Label | None] = mapped_column(enum_type(Label))
    answered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    clicked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # pressed "install" on the page


class PageOpen(Base):
    """When a recipient's page was first asked for: by a person or by a program that looks at links, nobody knows.

    A table of its own, narrow and without foreign keys: thousands may come in a second.
    """

    __tablename__ = "openings"

    campaign_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    recipient_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class CampaignVersion(Base):
    """What an author submitted, each time: the approver sees what has changed since the last one."""

    __tablename__ = "campaign_versions"
    __table_args__ = (UniqueConstraint("campaign_id", "n"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    n: Mapped[int] = mapped_column(Integer)
    data: Mapped[dict[str, Any]] = mapped_column(JSON)  # as in a campaign's file
    submitted_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    submitted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # the request, to those who may approve


class CampaignDecision(Base):
    """What was decided on a version: approved, or sent back with a reason."""

    __tablename__ = "campaign_decisions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("campaign_versions.id"), index=True)
    approved: Mapped[bool] = mapped_column(Boolean)
    reason: Mapped[str] = mapped_column(Text, default="")
    decided_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class CampaignAuthor(Base):
    """Everyone who has written on a campaign; none of them may approve it."""

    __tablename__ = "campaign_authors"

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)


class Sender(Base):
    """A sender's name as registered with the operators; Vietnam demands it, with its templates."""

    __tablename__ = "senders"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    registered_on: Mapped[str | None] = mapped_column(String(10))
    pace: Mapped[float | None] = mapped_column(Float)  # segments a second, over all its campaigns
    note: Mapped[str] = mapped_column(Text, default="")


class Switch(Base):
    """The installation's switches; a row is there while the switch is on. `stop_all` ends all sending."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    turned_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    turned_at: Mapped[datetime] = mapped_column(UtcDateTime)

"""Tables of data protection: people's requests about their own data, their consents, and breaches."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import BaseWithId, enum_type, partial_index


class RequestKind(StrEnum):
    """Kind of privacy request."""

    EXPORT = "export"  # see the data that is kept
    CORRECT = "correct"
    OBJECT = "object"  # object to the use of the data
    ERASE = "erase"
    WITHDRAW = "withdraw"  # withdraw consent
    RESTRICT = "restrict"  # restrict processing


# The person is not written to or visited from the moment that one of these is recorded.
STOPPING = (RequestKind.OBJECT, RequestKind.WITHDRAW, RequestKind.RESTRICT)


class PersonRequest(BaseWithId):
    """A privacy request, from the day it was made to the day it was carried out.

    Two clocks run: it must be responded to by `due_at`, and carried out (`done_at`) by `carry_out_by`, which is None
    for requests from before that clock was kept.

    Once the person is erased it holds nothing else about them. `organisation_id` is that of the officer who recorded it;
    without one it is for users who see everything.
    """

    __tablename__ = "person_requests"
    __table_args__ = (partial_index("ix_person_requests_open", "due_at", where="done_at IS NULL"),)

    kind: Mapped[RequestKind] = mapped_column(enum_type(RequestKind))
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"), index=True)
    organisation_id: Mapped[int | None] = mapped_column(ForeignKey("organisations.id"))
    asked_by: Mapped[str] = mapped_column(String(120), default="", server_default="")
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    has_processor: Mapped[bool] = mapped_column(default=False, server_default=false())
    carry_out_by: Mapped[datetime | None]
    responded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    responded_at: Mapped[datetime | None]
    extended_at: Mapped[datetime | None]
    extension_reason: Mapped[str] = mapped_column(String(300), default="", server_default="")
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]
    done_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    done_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(Text, default="", server_default="")


class ConsentEvent(BaseWithId):
    """A person's consent to one purpose, given or withdrawn; the event of the latest day about it counts.

    `purpose` is a kind of campaign, or "" for all messages.
    """

    __tablename__ = "consent_events"
    __table_args__ = (Index(None, "contact_id", "id"),)

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(40))
    is_given: Mapped[bool]
    on: Mapped[str] = mapped_column(String(10))  # YYYY-MM-DD
    evidence: Mapped[str] = mapped_column(String(300))  # how it was said, and where that is proved
    guardian: Mapped[str] = mapped_column(
        String(120), default="", server_default=""
    )  # who consents for a child
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]


class Breach(BaseWithId):
    """A breach of personal data, from its discovery to the notice to the authority (`due_at`, the clock's end)."""

    __tablename__ = "breaches"

    found_at: Mapped[datetime]
    due_at: Mapped[datetime]
    what: Mapped[str] = mapped_column(Text)
    people: Mapped[int | None]  # how many are concerned; None while it is not known
    measures: Mapped[str] = mapped_column(Text, default="", server_default="")
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]
    notice: Mapped[str] = mapped_column(String(300), default="", server_default="")  # to whom, number and day
    reported_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reported_at: Mapped[datetime | None]

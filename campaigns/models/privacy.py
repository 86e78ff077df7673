"""Table of privacy requests: people's requests about their own data."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import BaseWithId, enum_type, partial_index


class RequestKind(StrEnum):
    """Kind of privacy request."""

    EXPORT = "export"  # see the data that is kept
    CORRECT = "correct"
    OBJECT = "object"  # object to the use of the data
    ERASE = "erase"


class PersonRequest(BaseWithId):
    """A privacy request, from the day it was made to its answer.

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
    recorded_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    recorded_at: Mapped[datetime]
    done_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    done_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(Text, default="", server_default="")

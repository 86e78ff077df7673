"""Tables of the checks of an installation, and of what its control phones got."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.rules.control_phones import ControlLook
from outreach.core.db import Base, BaseWithId, enum_type


class WriteProbe(Base):
    """A row that the health check writes again and again: whether the database can be written to."""

    __tablename__ = "write_probes"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    written_at: Mapped[datetime]


class LivePermit(BaseWithId):
    """A permission to send to real phones; the newest counts.

    `reason` is an administrator's word where a check was not passed; `findings` are the checks that were not, by name.
    `allowed_by` is None for an installation that sent before there was a checklist.
    """

    __tablename__ = "live_permits"

    allowed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    allowed_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(Text, default="")
    findings: Mapped[str] = mapped_column(Text, default="")


class ControlPhone(BaseWithId):
    """An office's own phone that gets a copy of each campaign's texts.

    `removed_at` once it gets none any more: then `e164` is only its series, which tells the operator.
    """

    __tablename__ = "control_phones"

    e164: Mapped[str] = mapped_column(String(16))
    holder: Mapped[str] = mapped_column(String(120))
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class ControlCopy(BaseWithId):
    """A copy of a step's text to a control phone, and what its holder said of it: when it came and how it looked."""

    __tablename__ = "control_copies"
    __table_args__ = (UniqueConstraint("campaign_id", "step", "variant", "control_phone_id"),)

    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    step: Mapped[int]  # its number
    control_phone_id: Mapped[int] = mapped_column(ForeignKey("control_phones.id"))
    variant: Mapped[str] = mapped_column(String(1))  # A, or B of a comparison
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))
    queued_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    came_at: Mapped[datetime | None]
    look: Mapped[ControlLook | None] = mapped_column(enum_type(ControlLook))

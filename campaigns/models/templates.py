"""Tables of registered templates: what the operators have accepted for a sender, and their state at each gateway."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from outreach.core.db import Base, BaseWithId, enum_type


class TemplateState(StrEnum):
    """State of a template at a gateway."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class RegisteredTemplate(BaseWithId):
    """A text with parameters, as it was sent to the operators; see `campaigns.rules.registered_templates`."""

    __tablename__ = "registered_templates"

    sender: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    made_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]

    states: Mapped[list[TemplateAtGateway]] = relationship(
        cascade="all, delete-orphan", order_by="TemplateAtGateway.account_id"
    )


class TemplateAtGateway(Base):
    """State of a template at one gateway account. `until` is its last day, YYYY-MM-DD; None: without an end."""

    __tablename__ = "template_states"

    template_id: Mapped[int] = mapped_column(
        ForeignKey("registered_templates.id", ondelete="CASCADE"), primary_key=True
    )
    account_id: Mapped[int] = mapped_column(ForeignKey("gateway_accounts.id"), primary_key=True)
    state: Mapped[TemplateState] = mapped_column(enum_type(TemplateState))
    until: Mapped[str | None] = mapped_column(String(10))

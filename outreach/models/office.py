"""Table of the office's settings: what an administrator has set on the page, beneath the variables."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base


class OfficeSetting(Base):
    """A field of `Settings` by its name, written as its variable is; sealed by the keys of `Purpose.GATEWAYS` if it is secret."""

    __tablename__ = "office_settings"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    is_sealed: Mapped[bool] = mapped_column(default=False)
    changed_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime]

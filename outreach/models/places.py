"""Table of areas: province, districts and communes, keyed by their GSO code, never by name."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base, enum_type


class AreaLevel(StrEnum):
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"


class Area(Base):
    """Province, district or commune."""

    __tablename__ = "areas"

    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))  # Xã, Phường, Thị trấn, Huyện, Thành phố, Tỉnh
    level: Mapped[AreaLevel] = mapped_column(enum_type(AreaLevel))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)

    @property
    def full_name(self) -> str:
        """Kind and name, as in "Xã Đắk Long"."""
        return f"{self.kind} {self.name}"

"""Areas: province, districts and communes by their GSO code. Codes are the key, never names."""

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
    __tablename__ = "areas"

    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))  # Xã, Phường, Thị trấn, Huyện, Thành phố, Tỉnh
    level: Mapped[AreaLevel] = mapped_column(enum_type(AreaLevel))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)

    @property
    def full_name(self) -> str:
        """Xã Đắk Long."""
        return f"{self.kind} {self.name}"

"""Tables of areas: provinces, districts and communes with their days, their successors, and who was moved to them."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base, BaseWithId, enum_type


class AreaLevel(StrEnum):
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"


class Area(Base):
    """Province, district or commune, from its first day to its last; both None where there is no end known.

    `code` is ours: that of the statistics office, except for a unit whose official code is in this table already as
    another, earlier unit ("23284-2025"). Days are YYYY-MM-DD; on `valid_to` the unit is no more.
    """

    __tablename__ = "areas"

    code: Mapped[str] = mapped_column(String(10), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))  # Xã, Phường, Đặc khu, Thị trấn, Huyện, Thành phố, Tỉnh
    level: Mapped[AreaLevel] = mapped_column(enum_type(AreaLevel))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)
    official_code: Mapped[str] = mapped_column(
        String(10), default=lambda row: row.get_current_parameters()["code"], server_default=""
    )
    valid_from: Mapped[str | None] = mapped_column(String(10))
    valid_to: Mapped[str | None] = mapped_column(String(10))

    @property
    def full_name(self) -> str:
        """Kind and name, as in "Xã Đắk Long"."""
        return f"{self.kind} {self.name}"

    def is_valid_on(self, day: str) -> bool:
        """Return whether the unit is one of that day's."""
        return (self.valid_from or "") <= day and (self.valid_to is None or day < self.valid_to)


class AreaSuccessor(Base):
    """Unit that all or a part of an ended unit became. `is_likely`: the only one, or what most of it became."""

    __tablename__ = "area_successors"

    old_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), primary_key=True)
    new_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), primary_key=True, index=True)
    is_likely: Mapped[bool]


class ContactMove(BaseWithId):
    """Change of a contact's commune because the commune ended, or by a decision about it: what was known before."""

    __tablename__ = "contact_moves"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"), index=True)
    from_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    to_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    moved_at: Mapped[datetime]

"""What was backed up when. A backup holds its own row, so that a restore knows how old its data is."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import Base, BigId, UtcDateTime


class Backup(Base):
    __tablename__ = "backups"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    # A moment before its snapshot: whatever is younger is not in it.
    taken_at: Mapped[datetime] = mapped_column(UtcDateTime)
    key_check: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    size: Mapped[int | None] = mapped_column(BigInteger)  # bytes
    restored_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def check_of(secret_key: str) -> str:
    """Tells one SECRET_KEY from another and nothing about it: links and hashes in a backup need its own."""
    return hmac.new(secret_key.encode(), b"backup", hashlib.sha256).hexdigest()[:16]

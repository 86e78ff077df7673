"""Table of backups. A backup contains its own row, so that a restore knows how old its data is."""

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from outreach.core.db import BaseWithId


class Backup(BaseWithId):
    """One backup: when it was taken, with which key, and whether it was restored."""

    __tablename__ = "backups"

    # Just before its snapshot: newer data is not in it.
    taken_at: Mapped[datetime]
    key_check: Mapped[str] = mapped_column(String(16))
    finished_at: Mapped[datetime | None]
    size: Mapped[int | None] = mapped_column(BigInteger)  # bytes
    restored_at: Mapped[datetime | None]


def check_of(secret_key: str) -> str:
    """Return a check value of the SECRET_KEY, which does not reveal it.

    Links and hashes in a backup are valid only with the key of its time.
    """
    return hmac.new(secret_key.encode(), b"backup", hashlib.sha256).hexdigest()[:16]

"""What the interface's rights are called in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from outreach.access.tokens.models import Right

WORDS: dict[str, Any] = {
    f"right.{right.value}": word
    for right, word in {
        Right.CONTACTS_WRITE: _l("gửi danh sách người vào"),
        Right.CAMPAIGNS_READ: _l("đọc chiến dịch"),
        Right.FIGURES_READ: _l("đọc số liệu"),
    }.items()
}

"""What the interface's rights and the events of webhooks are called in words."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from campaigns.hooks.rules import EventKind
from outreach.access.tokens.models import Right

WORDS: dict[str, Any] = {
    f"right.{right.value}": word
    for right, word in {
        Right.CONTACTS_WRITE: _l("gửi danh sách người vào"),
        Right.CAMPAIGNS_READ: _l("đọc chiến dịch"),
        Right.FIGURES_READ: _l("đọc số liệu"),
    }.items()
} | {
    f"event.{kind.value}": word
    for kind, word in {
        EventKind.ANSWER_RECORDED: _l("có câu trả lời"),
        EventKind.INSTALL_REPORTED: _l("có người báo đã xong"),
        EventKind.INSTALL_WITHDRAWN: _l("báo đã xong được rút lại"),
        EventKind.OPT_OUT: _l("có người xin thôi nhận tin"),
        EventKind.CAMPAIGN_STATE: _l("chiến dịch đổi trạng thái"),
        EventKind.MESSAGE_FINAL: _l("kết quả gửi tin, gộp từng lượt"),
        EventKind.PING: _l("tin thử"),
    }.items()
}

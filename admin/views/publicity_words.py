"""Words of the outreach log: by which way people were told."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from campaigns.publicity.entry import Kind

_KINDS = {
    Kind.RADIO: _l("Phát thanh"),
    Kind.TELEVISION: _l("Truyền hình"),
    Kind.NEWSPAPER: _l("Báo viết"),
    Kind.PORTAL: _l("Cổng thông tin, trang mạng"),
    Kind.LOUDSPEAKER: _l("Loa truyền thanh"),
    Kind.MEETING: _l("Họp thôn, tổ dân phố"),
    Kind.VISITS: _l("Đến từng nhà"),
}

WORDS: dict[str, Any] = {f"publicity.{kind.value}": words for kind, words in _KINDS.items()}

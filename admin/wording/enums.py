"""Words of the work list: what a case is about and how it ended; where an officer heard an answer."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from campaigns.agencies.models import Road
from campaigns.answers.models import Place
from campaigns.casework.kinds import CaseKind, Outcome
from campaigns.rights.models import RequestKind

_KINDS = {
    CaseKind.HELP: _l("Cần giúp"),
    CaseKind.QUESTION: _l("Câu hỏi"),
    CaseKind.OPT_OUT: _l("Từ chối cần kiểm tra"),
    CaseKind.UNCLEAR: _l("Chưa rõ ý"),
    CaseKind.UNMATCHED: _l("Chưa rõ người gửi"),
}
_OUTCOMES = {
    Outcome.CALLED: _l("Đã gọi điện"),
    Outcome.VISITED: _l("Đã đến tận nơi"),
    Outcome.MESSAGED: _l("Đã trả lời bằng tin nhắn"),
    Outcome.SOLVED: _l("Người dân đã tự làm được"),
    Outcome.UNREACHED: _l("Không liên lạc được"),
    Outcome.CLASSIFIED: _l("Đã phân loại"),
    Outcome.WITHDRAWN: _l("Người dân rút lại"),
}
_PLACES = {
    Place.HOME: _l("tại nhà"),
    Place.PHONE: _l("qua điện thoại"),
    Place.MEETING: _l("tại cuộc họp"),
    Place.ROSTER: _l("theo danh sách cơ quan"),
}
_REQUESTS = {
    RequestKind.EXPORT: _l("Xem dữ liệu về mình"),
    RequestKind.CORRECT: _l("Sửa dữ liệu"),
    RequestKind.OBJECT: _l("Phản đối việc xử lý dữ liệu"),
    RequestKind.ERASE: _l("Xóa dữ liệu"),
}
_ROADS = {
    Road.FORM: _l("cán bộ nhập"),
    Road.LINK: _l("qua liên kết"),
    Road.FILE: _l("từ tệp"),
    Road.ROSTER: _l("từ danh sách"),
}

WORDS: dict[str, Any] = {
    f"{family}.{value.value}": words
    for family, table in (
        ("case", _KINDS),
        ("outcome", _OUTCOMES),
        ("place", _PLACES),
        ("request", _REQUESTS),
        ("road", _ROADS),
    )
    for value, words in table.items()
}

"""Words of the sheets for visits: why somebody is on one, and what was found."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l

from campaigns.rounds.visiting import Outcome, Why

_WHY = {
    Why.NO_PHONE: _l("Chưa có số điện thoại"),
    Why.FAILED: _l("Tin không đến được"),
    Why.NO_ANSWER: _l("Chưa trả lời"),
}
_OUTCOMES = {
    Outcome.INSTALLED: _l("Đã cài"),
    Outcome.NOT_YET: _l("Chưa cài"),
    Outcome.NO_SMARTPHONE: _l("Không có điện thoại thông minh"),
    Outcome.NEED_HELP: _l("Cần giúp"),
    Outcome.REFUSE: _l("Không đồng ý"),
    Outcome.OPT_OUT: _l("Xin đừng nhắn, đừng đến nữa"),
    Outcome.ABSENT: _l("Không gặp"),
}

WORDS: dict[str, Any] = {
    **{f"why_visit.{why.value}": words for why, words in _WHY.items()},
    **{f"found.{outcome.value}": words for outcome, words in _OUTCOMES.items()},
}

"""Whether the words of an answer promise something rather than say that it is done."""

from __future__ import annotations

import re

from outreach.rules.segments import unaccent

# Each also without its accents, where the whole text has none.
_WILL = "sẽ|hứa|dự định|định đi|định đến|nhận lời|đồng ý|đăng ký|hẹn|ngày mai|tuần sau|hôm đó"
_ABLE = "có đến|có đi|đến được|đi được|dự được|tham gia được|tiêm được"
_DONE = "đã|rồi|xong|vừa"
_DONE_PROMISING = "đã (?:hẹn|hứa|nhận lời|đồng ý|đăng ký)"


def is_promise(text: str) -> bool:
    """Return whether a text promises: "Tôi sẽ đến", "Tôi đã đăng ký"; "Tôi đã tiêm theo hẹn" does not."""
    said = text.lower()

    def has(words: str) -> bool:
        spelled = unaccent(words) if said.isascii() else words
        return re.search(rf"\b(?:{spelled})\b", said) is not None

    return has("sẽ") or has(_DONE_PROMISING) or (has(f"{_WILL}|{_ABLE}") and not has(_DONE))

"""How many segments the gateway bills, counted as a gateway counts: on its own, by units.

Kept apart from `outreach.sms.text` on purpose: that module predicts the bill, this one writes it.
Source: 3GPP TS 23.038 (GSM 7-bit alphabet) and TS 23.040 (concatenation).
"""

from __future__ import annotations

import re

_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = "\f^{}\\[~]|€"
_IS_GSM = re.compile(f"[{re.escape(_GSM + _ESCAPED)}]*")
_IS_ESCAPED = re.compile(f"[{re.escape(_ESCAPED)}]")


def count_segments(body: str) -> int:
    """Segments of `body`: GSM-7 160 or 153 units a part, UCS-2 70 or 67; an empty body is one."""
    if _IS_GSM.fullmatch(body):
        widths = [2 if char in _ESCAPED else 1 for char in body] if _IS_ESCAPED.search(body) else None
        return _fill(len(body), widths, single=160, part=153)
    # A character outside the basic plane is two units, and they stay in one part.
    widths = [2 if ord(char) > 0xFFFF else 1 for char in body] if max(body) > "\uffff" else None
    return _fill(len(body), widths, single=70, part=67)


def _fill(length: int, widths: list[int] | None, *, single: int, part: int) -> int:
    if widths is None:
        return 1 if length <= single else -(-length // part)
    if sum(widths) <= single:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts

"""Vietnamese order of names: ă and â after a, đ after d, ê after e, ô and ơ after o, ư after u; tones last. Pure.

The databases' own order puts Đ behind Z, or makes no difference between Đ and D.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_LETTERS = {letter: n for n, letter in enumerate("aăâbcdđeêfghijklmnoôơpqrstuưvwxyz")}
_TONES = {"": 0, "\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # as dictionaries have them
_MARKS_OF_LETTERS = {"\u0302", "\u0306", "\u031b"}  # ^, breve, horn


@lru_cache(maxsize=20_000)
def vietnamese_order(text: str) -> tuple[tuple[tuple[int, int, str], ...], tuple[int, ...]]:
    """Return the key by which texts are sorted; numbers inside them count as numbers: Thôn 2 before Thôn 10."""
    letters: list[tuple[int, int, str]] = []
    tones: list[int] = []
    digits = ""
    for letter in unicodedata.normalize("NFC", text.lower()):
        if letter.isdecimal():
            digits += letter
            continue
        if digits:
            letters.append((1, int(digits), ""))
            digits = ""
        parts = unicodedata.normalize("NFD", letter)
        tone = next((mark for mark in parts if mark in _TONES), "")
        base = unicodedata.normalize(
            "NFC",
            "".join(mark for mark in parts if not unicodedata.combining(mark) or mark in _MARKS_OF_LETTERS),
        )
        known = _LETTERS.get(base)
        letters.append((0, 0, base) if known is None else (2, known, ""))
        tones.append(_TONES[tone])
    if digits:
        letters.append((1, int(digits), ""))
    return tuple(letters), tuple(tones)

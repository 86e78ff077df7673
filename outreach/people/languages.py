"""The languages that people of Kon Tum are written to in, by their ISO 639 code. Pure."""

from __future__ import annotations

import unicodedata

NAMES = {
    "vi": "Tiếng Việt",
    "sed": "Xơ Đăng",
    "bdq": "Ba Na",
    "jeh": "Giẻ Triêng",
    "jra": "Gia Rai",
    "brb": "Brâu",
    "rmx": "Rơ Măm",
}
_OTHER_SPELLINGS = {
    "kinh": "vi",
    "sedang": "sed",
    "bahnar": "bdq",
    "gietrieng": "jeh",
    "jeh": "jeh",
    "jrai": "jra",
    "giarai": "jra",
    "romam": "rmx",
}


def language_code(text: str) -> str | None:
    """The code of a language as lists write it ("tiếng Ba Na", "Xơ-đăng", "bdq"), or None."""
    if text.strip().lower() in NAMES:
        return text.strip().lower()
    key = _key(text)
    return _CODES.get(key.removeprefix("tieng")) or _CODES.get(key)


def _key(text: str) -> str:
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())


_CODES = {_key(name): code for code, name in NAMES.items()} | _OTHER_SPELLINGS | {"viet": "vi"}

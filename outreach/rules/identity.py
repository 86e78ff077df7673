"""Keys of names, language codes, masked numbers.

Keys of people's names: what spellings have in common, and the order of a directory.

The languages that people of Kon Tum are written to in, by their ISO 639 code. Pure.

Numbers as lists show them: enough to tell them apart, too little to call.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

_ALIKE = 85  # of 100; one letter in seven


def name_key(name: str) -> str:
    """What two spellings of one name have in common: letters, unaccented, lower case, no spaces."""
    return "".join(words_of(name))[:120]


def given_key(name: str) -> str:
    """The name's words from the last to the first: "Nguyễn Văn An" is "an van nguyen", as directories are ordered."""
    return " ".join(reversed(words_of(name)))[:160]


def may_be_renamed(before: str, now: str) -> bool:
    """May these be one person's name, written in full, put right or changed? The same name is not meant.

    Every word of one stands in the other ("Nguyễn Thị Hoa", "Nguyễn Thị Ngọc Hoa"), or hardly a letter differs.
    """
    first, second = words_of(before), words_of(now)
    if min(len(first), len(second)) < 2 or first == second:
        return False
    if set(first) <= set(second) or set(second) <= set(first):
        return True
    # The particles A and Y of family names are too short to tell anybody apart.
    return bool(fuzz.ratio("".join(first), "".join(second)) >= _ALIKE)


def words_of(name: str) -> list[str]:
    """A name's words, unaccented and in lower case, without any mark."""
    return [*filter(None, map(_plain, name.split()))]


@lru_cache(maxsize=20_000)
def _plain(word: str) -> str:
    apart = unicodedata.normalize("NFD", word.lower()).replace("đ", "d")
    return "".join(letter for letter in apart if letter.isalnum())


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


def mask_number(e164: str) -> str:
    """0905•••123; dots alone where the number was erased."""
    if not e164 or e164.startswith(ERASED):
        return "•••"
    national = "0" + e164.removeprefix("+84")
    return f"{national[:4]}•••{national[-3:]}"


# What stands in a number's place once everybody on it was erased: "#" and the row's id. Figures still count the row.
ERASED = "#"

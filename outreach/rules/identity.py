"""Keys of people's names and masked phone numbers. Pure.

A masked number shows enough to tell numbers apart, too little to call.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

_MIN_SIMILARITY = 85  # of 100; one letter in seven


def name_key(name: str) -> str:
    """Return the key shared by the spellings of a name: letters and digits, unaccented, lower case."""
    return "".join(words_of(name))[:120]


def given_key(name: str) -> str:
    """Return the key for sorting by given name: "Nguyễn Văn An" becomes "an van nguyen"."""
    return " ".join(reversed(words_of(name)))[:160]


def is_similar_name(before: str, now: str) -> bool:
    """Check whether two different names may be the same person's: completed, corrected or changed.

    Every word of one is in the other ("Nguyễn Thị Hoa", "Nguyễn Thị Ngọc Hoa"), or hardly a letter differs. Returns False
    for the same name.
    """
    first, second = words_of(before), words_of(now)
    if min(len(first), len(second)) < 2 or first == second:
        return False
    if set(first) <= set(second) or set(second) <= set(first):
        return True
    # Without spaces, as the particles A and Y of family names are too short to be compared alone.
    return bool(fuzz.ratio("".join(first), "".join(second)) >= _MIN_SIMILARITY)


def words_of(name: str) -> list[str]:
    """Return a name's words, unaccented, in lower case and without marks."""
    return [*filter(None, map(_plain, name.split()))]


@lru_cache(maxsize=20_000)
def _plain(word: str) -> str:
    apart = unicodedata.normalize("NFD", word.lower()).replace("đ", "d")
    return "".join(letter for letter in apart if letter.isalnum())


def mask_number(e164: str) -> str:
    """Return the number as 0905•••123; dots alone where it was erased."""
    if not e164 or e164.startswith(ERASED):
        return "•••"
    national = "0" + e164.removeprefix("+84")
    return f"{national[:4]}•••{national[-3:]}"


# An erased number: "#" and the row's id, once everybody with it was erased. The row is still counted.
ERASED = "#"

"""Vietnamese order of names: ă and â after a, đ after d, ê after e, ô and ơ after o, ư after u; tones last. Pure.

The databases' own order puts Đ behind Z, or makes no difference between Đ and D.
"""

import unicodedata
from functools import lru_cache
from itertools import product

from outreach.rules.identity import given_key, words_of

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


# In a stored key "~" follows a letter with a mark: behind all plain letters, and still within the base letter's range.
_MARKED = {"ă": "a~", "â": "a~~", "đ": "d~", "ê": "e~", "ô": "o~", "ơ": "o~~", "ư": "u~"}
_VARIANTS = {base: (base, *(code for code in _MARKED.values() if code[0] == base)) for base in "adeou"}
_LONGEST = 160, 80  # of the key, and of the order in it


def name_order(name: str) -> str:
    """Return the key by which databases sort people by given name in Vietnamese order, byte by byte.

    Each syllable from the last to the first with its tone behind it, then the words without marks: "Lê Đăng" becomes
    "d~a~ng0le~0", a tab and "dang le".
    """
    words = given_key(name)
    if not words:
        return ""
    order = "".join(_syllable(word) for word in reversed(name.split()))
    return f"{order[: _LONGEST[1]]}\t{words}"[: _LONGEST[0]]


@lru_cache(maxsize=20_000)
def _syllable(word: str) -> str:
    letters, tone = "", 0
    for letter in unicodedata.normalize("NFC", word.lower()):
        parts = unicodedata.normalize("NFD", letter)
        tone = next((_TONES[mark] for mark in parts if mark in _TONES), tone)
        toneless = unicodedata.normalize("NFC", "".join(mark for mark in parts if mark not in _TONES))
        letters += _MARKED.get(toneless) or "".join(words_of(letter))
    return f"{letters}{tone}" if letters else ""


def order_ranges(word: str, *, most: int) -> list[str]:
    """Return beginnings of `name_order` that have all given names which begin with a word without marks, in order.

    At most so many: of a long word the first letters alone, and then other names begin so, too.
    """
    parts: list[tuple[str, ...]] = []
    count = 1
    for letter in word[:-1]:
        variants = _VARIANTS.get(letter, (letter,))
        if count * len(variants) > most:
            break
        parts.append(variants)
        count *= len(variants)
    # What begins with the last letter also begins with it and a mark.
    last = word[len(parts) : len(parts) + 1]
    return sorted("".join(each) + last for each in product(*parts))

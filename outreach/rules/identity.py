"""Keys of people's names, the Vietnamese order of names, and masked phone numbers. Pure.

A masked number shows enough to tell numbers apart, too little to call.

In the order ă and â come after a, đ after d, ê after e, ô and ơ after o, ư after u; tones last. The databases' own order puts Đ
behind Z, or makes no difference between Đ and D.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Any

from rapidfuzz import fuzz

_WORD = re.compile(r"[^\W\d_]+")  # of a text in NFC
_MIN_SIMILARITY = 85  # of 100; one letter in seven


def name_key(name: str) -> str:
    """Return the key shared by the spellings of a name: letters and digits, unaccented, lower case."""
    return "".join(words_of(name))[:120]


def given_key(name: str) -> str:
    """Return the key for sorting by given name: "Nguyễn Văn An" becomes "an van nguyen"."""
    return " ".join(reversed(words_of(name)))[:160]


def soften_name(name: str) -> str:
    """Return a name that is written in one case alone with capital initials: "ĐỖ THỊ HOA" becomes "Đỗ Thị Hoa". Others stay as they are."""
    return _WORD.sub(lambda word: word[0].capitalize(), name) if name.isupper() or name.islower() else name


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


def is_same_person(
    known: Mapping[str, Any], stated: Mapping[str, Any], *, is_in_list: bool, has_number: bool
) -> bool:
    """Check whether two people with the same name are one, where a row states no number that could tell.

    Both are facts of a contact by name. Nothing may contradict. The same year of birth and place are enough. Without the
    year the same village is enough, unless the known one has a number: a stranger would be written to. `is_in_list`: an
    earlier file of the same list had the known one; a list has a person once.
    """
    years, sexes = ([facts[each] for facts in (known, stated)] for each in ("birth_year", "sex"))
    places = [facts["area_code"] or facts["place_question_id"] for facts in (known, stated)]
    villages = [_key_of_village(facts["village"] or "") for facts in (known, stated)]
    if any(all(told) and told[0] != told[1] for told in (years, sexes, places, villages)):
        return False
    if is_in_list:
        return True
    is_same_village = places[0] == places[1] and all(villages)
    if all(years):
        return is_same_village or all(places)
    return is_same_village and not has_number


_key_of_village = lru_cache(maxsize=20_000)(name_key)


class Likeness(StrEnum):
    """Why two people of the directory may be one, the surer reason first."""

    NAME_AND_NUMBER = "name_and_number"
    NAME_AND_BIRTH = "name_and_birth"  # and nothing that speaks against it, such as another commune
    NUMBER_AND_BIRTH = "number_and_birth"


def likeness(one: Mapping[str, Any], other: Mapping[str, Any], *, share_number: bool) -> Likeness | None:
    """Return why two people may be one, None if they are not alike. Both are facts of a contact by name, with `name`.

    Families share numbers, so that a number alone is no likeness; sex, year of birth and commune must not contradict.
    """
    if any(one[each] and other[each] and one[each] != other[each] for each in ("birth_year", "sex")):
        return None
    is_same_birth = bool(one["birth_year"]) and one["birth_year"] == other["birth_year"]
    is_named_alike = words_of(one["name"]) == words_of(other["name"]) or is_similar_name(
        one["name"], other["name"]
    )
    if share_number:
        if is_named_alike:
            return Likeness.NAME_AND_NUMBER
        return Likeness.NUMBER_AND_BIRTH if is_same_birth else None
    is_elsewhere = one["area_code"] and other["area_code"] and one["area_code"] != other["area_code"]
    return Likeness.NAME_AND_BIRTH if is_named_alike and is_same_birth and not is_elsewhere else None


def erased_as(key: str, birth_year: int | None, area_code: str | None) -> list[str]:
    """Return what an erased person is known by without a number: name, year of birth and commune, each of both also as any."""
    return list(_described(key, *((str(each), "any") if each else ("",) for each in (birth_year, area_code))))


def may_be_erased_as(key: str, birth_year: int | None, area_code: str | None) -> list[str]:
    """Return what of `erased_as` a row may be: a year or commune that one of both does not state contradicts nothing."""
    parts = ((str(each) if each else "any", "") for each in (birth_year, area_code))
    return list(_described(key, *parts))


def _described(key: str, years: tuple[str, ...], areas: tuple[str, ...]) -> Iterator[str]:
    return (f"{key}/{year}/{area}" for year, area in product(years, areas))


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

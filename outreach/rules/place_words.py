"""Spelling of places: keys under which Đắk, Đăk and Dak, Hoà and Hòa, Ia and Ya are one name. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_KINDS_OF_TWO_WORDS = {"thị trấn", "đặc khu", "thị xã", "thành phố"}
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_ODD_LETTERS = str.maketrans({"ƀ": "b", "ð": "đ", "'": None, "’": None, "‘": None, "`": None, "´": None})
_COMBINING = re.compile("[\u0300-\u036f]")
_NO_WORD = re.compile(r"[^\w]+|_")


def spelling_key(name: str) -> str:
    """Return one key for all spellings of a name, without spaces and accents.

    Đắk/Đăk/Dak/Đắc, Ngọk/Ngọc, Ia/Ya/Ea, Buk/But, Krong/Kroong, Xú/Sú, Blô/Plô have the same key.
    """
    return key_of(words_of(lower_text(name)))


def split_kind(name: str) -> tuple[str, str]:
    """Return kind and name of a unit whose kind is written in full: ("Thị trấn", "Đăk Hà")."""
    words = name.split()
    count = 2 if " ".join(words[:2]).lower() in _KINDS_OF_TWO_WORDS else 1
    return " ".join(words[:count]), " ".join(words[count:])


def key_of(words: Sequence[str]) -> str:
    """Return one key for all spellings of these words."""
    # After joining, so that "Rơ Ông" and "RơÔng" are one.
    return "".join(map(_spell, words)).replace("oo", "o")


@lru_cache(maxsize=50_000)
def _spell(word: str) -> str:
    word = bare_word(word)
    word = "ia" if word == "ea" else word
    word = word.replace("y", "i").replace("x", "s").replace("p", "b")
    word = re.sub(r"c(?!h)", "k", word)
    return f"{word[:-1]}k" if word.endswith("t") else word


@lru_cache(maxsize=50_000)
def bare_word(word: str) -> str:
    """Return a word without accents."""
    apart = unicodedata.normalize("NFD", word.replace("đ", "d"))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return (bare.lstrip("0") or "0") if bare.isdigit() else bare


@lru_cache(maxsize=50_000)
def exact_word(word: str) -> str:
    """Return a word with its accents, the tone mark behind: "hoà" and "hòa" are one.

    Đắk, Đăk and Đắc are written for one another and stay without.
    """
    bare = bare_word(word)
    if bare in ("dak", "dac"):
        return "dak"
    if bare.isdigit():
        return bare
    apart = unicodedata.normalize("NFD", word)
    tones = "".join(letter for letter in apart if letter in _TONES)
    return "".join(letter for letter in apart if letter not in _TONES) + tones


def lower_text(text: str) -> str:
    """Return the text in lower case, composed, without apostrophes and the accents that Vietnamese does not have."""
    text = unicodedata.normalize("NFC", text.lower()).translate(_ODD_LETTERS)
    if not _COMBINING.search(text):
        return text
    return "".join(letter for letter in text if not unicodedata.combining(letter))


def words_of(text: str) -> list[str]:
    """Return the words of a text, without punctuation."""
    return _NO_WORD.sub(" ", text).split()

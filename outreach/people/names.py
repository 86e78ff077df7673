"""Keys of people's names: what spellings have in common, and the order of a directory."""

from __future__ import annotations

import unicodedata


def name_key(name: str) -> str:
    """What two spellings of one name have in common: letters, unaccented, lower case, no spaces."""
    return "".join(words_of(name))[:120]


def given_key(name: str) -> str:
    """The name's words from the last to the first: "Nguyễn Văn An" is "an van nguyen", as directories are ordered."""
    return " ".join(reversed(words_of(name)))[:160]


def words_of(name: str) -> list[str]:
    """A name's words, unaccented and in lower case, without any mark."""
    plain = unicodedata.normalize("NFD", name.lower()).replace("đ", "d")
    words = ("".join(letter for letter in word if letter.isalnum()) for word in plain.split())
    return [word for word in words if word]

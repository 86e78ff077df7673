"""Cleaning of text where it comes in: forms, API, commands' files, lists, SMS. Pure."""

import re
from typing import Any

# Neither seen nor part of a word: control characters but tab and ends of lines, marks that turn the direction of writing,
# marks of no width but the joiners of emoji, what no XML or PostgreSQL stores.
_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\xad\\u061c\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ufffe\\uffff]"
)
_HALF = re.compile("[\\ud800-\\udfff]")


def clean_text(text: str) -> str:
    """Return a text without characters that nobody sees and that documents refuse; half a surrogate pair becomes U+FFFD."""
    if text.isascii() and text.isprintable():
        return text
    if _HALF.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _UNSEEN.sub("", text)


def clean_texts(value: Any) -> Any:
    """Return data, as of JSON, TOML or a document, with all its texts clean; the names of its parts stay."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {name: clean_texts(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(clean_texts, value))
    return value

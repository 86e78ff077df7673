"""Sentences of errors in Vietnamese and English, from the catalogues in `outreach/translations`."""

import gettext
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from deploy import LANGUAGES
from outreach.rules.errors import LoaError, error_from_json

DEFAULT_LANGUAGE = LANGUAGES[0]
_CATALOGUES = Path(__file__).parent.parent / "translations"


def word_error(error: LoaError, language: str = DEFAULT_LANGUAGE) -> str:
    """Return the sentence of an error.

    A placeholder `%(name)s` shows a number as people of the language write it, 1.234 or 1,234; `%(name)d` without
    signs, as ids, years and lines of a file are written. `%(^name)s` begins with a capital.
    """
    sentence = _catalogue(language).gettext(error.code)
    return sentence % _Shown({name: _show(value, language) for name, value in error.parameters.items()})


def word_stored(stored: str, language: str = DEFAULT_LANGUAGE) -> str:
    """Return the sentence of an error that was stored by `as_json`; an older row holds the sentence itself."""
    try:
        error = error_from_json(stored)
        return word_error(error, language) if error else stored
    except (
        KeyError,
        TypeError,
        ValueError,
    ):  # a text that only looks like an error, or one of another version
        return stored


class _Shown(dict[str, Any]):
    """Parameters as shown; `^name` is that of `name` with a capital."""

    def __missing__(self, key: str) -> str:
        text = str(self[key[1:]]) if key.startswith("^") else ""
        if not text:
            raise KeyError(key)
        return text[0].upper() + text[1:]


class _Grouped(int):
    """A number whose text has a sign between thousands."""

    sign = "."

    def __str__(self) -> str:
        return f"{int(self):,}".replace(",", self.sign)


class _GroupedEnglish(_Grouped):
    sign = ","


def _show(value: Any, language: str) -> Any:
    match value:
        case LoaError():
            return word_error(value, language)
        case list() | tuple():
            parts = [str(_show(part, language)) for part in value]
            if not any(isinstance(part, LoaError) for part in value):
                return ", ".join(parts)
            return ("" if parts[0].startswith("\n") else " " if parts[0].endswith(".") else "; ").join(parts)
        case int() if not isinstance(value, bool):
            return (_GroupedEnglish if language == "en" else _Grouped)(value)
        case date():
            return f"{value:%d/%m/%Y}"
    return value


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("errors", _CATALOGUES, [language])

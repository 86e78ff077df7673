"""A campaign's content taken apart into the single texts that have a field each, and put together again. Pure.

A text is named by its path: `title`, `app.button`, `answers.need_help.steps`, `languages.sed.page.ask`. What has no
path, such as the vocabulary, stays together and comes back as it was.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from campaigns.planning.page_words import PAGE_WORDS
from campaigns.replies.classifier import Label
from outreach.people.languages import NAMES as LANGUAGES

APP = ("name", "page", "android", "ios", "button")
WORDING = ("button", "thanks", "reply", "steps")
_ANSWERS = [f"answers.{label.value}.{part}" for label in Label for part in WORDING]
_PAGE = [f"page.{name}" for name in PAGE_WORDS]
_VIETNAMESE = [
    *("title", "question", "issuer", "why", "contact", "phone"),
    *(f"app.{part}" for part in APP),
    *_ANSWERS,
    *_PAGE,
]
_TRANSLATED = ["title", "question", "issuer", "why", "contact", "app.button", *_ANSWERS, *_PAGE]

# Every text's path.
PATHS = (
    *_VIETNAMESE,
    *(f"languages.{code}.{path}" for code in LANGUAGES if code != "vi" for path in _TRANSLATED),
)

_KNOWN = frozenset(PATHS)

# What is to be installed and from where: the approver's, and no text.
_ADDRESSES = frozenset(f"app.{part}" for part in APP if part != "button")


def is_correctable(path: str) -> bool:
    """Whether a launched campaign's text may still be corrected."""
    return path in _KNOWN and path not in _ADDRESSES


def is_steps(path: str) -> bool:
    """Whether a text is an answer's steps, a line each; the page has a heading of that name."""
    return path.endswith(".steps") and not path.endswith("page.steps")


def take_apart(content: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """The texts by path, steps as one line each, and whatever else there is."""
    texts: dict[str, str] = {}
    return texts, _rest(content, "", texts)


def put_together(
    texts: Mapping[str, str], rest: Mapping[str, Any], *, over: Container[str] = ()
) -> dict[str, Any]:
    """Content that `take_apart` takes apart into `texts` and `rest`.

    An empty text is left out, unless one of that path (`over`) stands below and would show through. An app without
    any text is none.
    """
    content = _copy(rest)
    for path, text in texts.items():
        if not text and path not in over:
            continue
        *tables, name = path.split(".")
        table = content
        for key in tables:
            below = table.get(key)
            table[key] = table = below if isinstance(below, dict) else {}
        table[name] = [line for line in text.splitlines() if line.strip()] if is_steps(path) else text
    if isinstance(content.get("app"), dict) and not any(content["app"].values()):
        content["app"] = False
    return content


# What is taken apart further.
_TABLES = frozenset(path[:at] for path in PATHS for at, letter in enumerate(path) if letter == ".")


def _rest(table: Mapping[str, Any], prefix: str, texts: dict[str, str]) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if path in _KNOWN and (text := _as_text(path, value)) is not None:
            texts[path] = text
        elif path in _TABLES and isinstance(value, Mapping):
            if below := _rest(value, f"{path}.", texts):
                rest[key] = below
        else:
            rest[key] = value
    return rest


def _as_text(path: str, value: Any) -> str | None:
    if is_steps(path):
        is_lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
        return "\n".join(value) if is_lines else None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _copy(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The tables copied, what stands in them shared."""
    return {
        key: _copy(value, f"{prefix}{key}.")
        if f"{prefix}{key}" in _TABLES and isinstance(value, Mapping)
        else value
        for key, value in table.items()
    }

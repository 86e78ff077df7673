"""Single texts of a campaign's content by path, and their checks.

The content is split into texts with one form field each, and joined again. A text is named by its path: `title`,
`app.button`, `answers.need_help.steps`, `languages.sed.page.ask`. Parts without a path, such as the vocabulary, stay
together and come back unchanged.

The checks apply only to texts that are saved now: a campaign saved earlier can still be read
(campaigns/rules/content.py).
"""

import re
from collections.abc import Container, Mapping
from typing import Any

from campaigns.rules.content import APP, PAGE_FIELDS, PAGE_WORDS, REPLY_FIELDS
from campaigns.rules.kind_words import read_words
from campaigns.rules.own_answers import NUMBERS
from campaigns.rules.promises import is_promise
from campaigns.rules.replies.labels import Label
from outreach.rules.errors import BadCampaign, BadTemplate, LoaError
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.phone_numbers import NumberKind, Reason, read_digits
from outreach.rules.segments import unaccent
from outreach.rules.sms_template import Template

ASKED = "asked"
WORDING = ("button", "thanks", "reply", "steps")
_ANSWERS = [f"answers.{label.value}.{part}" for label in Label for part in WORDING]
_PAGE = [f"page.{name}" for name in PAGE_WORDS]
OWN = ("text", "thanks", "reply")
_OWN = [f"own_answers.{number}.{part}" for number in NUMBERS for part in OWN]
_VIETNAMESE = [
    *("title", "question", "issuer", ASKED, "why", "contact", "phone"),
    *(f"app.{part}" for part in APP),
    *_ANSWERS,
    *_OWN,
    *_PAGE,
]
_TRANSLATED = ["title", "question", "issuer", "why", "contact", "app.button", *_ANSWERS, *_OWN, *_PAGE]
# The paths of all texts.
PATHS = (
    *_VIETNAMESE,
    *(f"languages.{code}.{path}" for code in LANGUAGES if code != "vi" for path in _TRANSLATED),
)
_KNOWN = frozenset(PATHS)
# The app's name and addresses need approval and cannot be corrected after the launch.
_ADDRESSES = frozenset(f"app.{part}" for part in APP if part != "button")


def is_correctable(path: str) -> bool:
    """Return whether a launched campaign's text may still be corrected."""
    return path in _KNOWN and path not in _ADDRESSES and path != ASKED


def is_steps(path: str) -> bool:
    """Return whether a text holds an answer's steps, one per line. The page's heading `steps` does not."""
    return path.endswith(".steps") and not path.endswith("page.steps")


def split_content(content: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the texts by path, with one line per step, and the rest of the content."""
    texts: dict[str, str] = {}
    return texts, _rest(content, "", texts)


def find_copied(
    content: Mapping[str, Any], source: Mapping[str, Any], *, standard: Container[str] = ()
) -> dict[str, str]:
    """Return the texts that still have words of the kind that they were copied from: path, words.

    Its words are what it asks for and, in texts that nobody changed, those of its vocabulary that the copy has dropped.
    A `standard` text, which other kinds have as well, is no kind's own.
    """
    done = read_words(source).done
    if done in read_words(content).done:
        return {}
    dropped = _vocabulary(source) - _vocabulary(content)
    unchanged = split_content(source)[0].items()
    found = {}
    for path, text in split_content(content)[0].items():
        if text in standard:
            continue
        words = [done, *sorted(dropped, key=len, reverse=True)] if (path, text) in unchanged else [done]
        # Without its marks one short syllable is another word: thẻ, thể.
        said = "|".join(
            re.escape(each) for word in words for each in ({word, unaccent(word)} if " " in word else {word})
        )
        if named := re.search(rf"\b(?:{said})\b", text, re.IGNORECASE):
            found[path] = named[0]
    return found


def _vocabulary(content: Mapping[str, Any]) -> set[str]:
    vocabulary = content.get("vocabulary") or {}
    app = (content.get("app") or {}).get("name")
    return {*vocabulary.get("verbs", ()), *vocabulary.get("things", ()), *([app] if app else [])}


def join_content(
    texts: Mapping[str, str], rest: Mapping[str, Any], *, over: Container[str] = ()
) -> dict[str, Any]:
    """Return the content that `split_content` splits into `texts` and `rest`.

    An empty text is left out, unless its path is in `over`: then the text it overrides would show through. An app
    without any text becomes False.
    """
    content = _copy(rest)
    for path, text in texts.items():
        if not text and path not in over:
            continue
        *tables, name = path.split(".")
        table = content
        for key in tables:
            current = table.get(key)
            table[key] = table = current if isinstance(current, dict) else {}
        table[name] = [line for line in text.splitlines() if line.strip()] if is_steps(path) else text
    if isinstance(content.get("app"), dict) and not any(content["app"].values()):
        content["app"] = False
    return content


# Paths of the tables that are split further.
_TABLES = frozenset(path[:at] for path in PATHS for at, letter in enumerate(path) if letter == ".")


def _rest(table: Mapping[str, Any], prefix: str, texts: dict[str, str]) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    for key, value in table.items():
        path = f"{prefix}{key}"
        if path in _KNOWN and (text := _as_text(path, value)) is not None:
            texts[path] = text
        elif path in _TABLES and isinstance(value, Mapping):
            if nested := _rest(value, f"{path}.", texts):
                rest[key] = nested
        else:
            rest[key] = value
    return rest


def _as_text(path: str, value: Any) -> str | None:
    if is_steps(path):
        is_lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
        return "\n".join(value) if is_lines else None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _copy(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Copy the nested tables; their values are shared."""
    return {
        key: _copy(value, f"{prefix}{key}.")
        if f"{prefix}{key}" in _TABLES and isinstance(value, Mapping)
        else value
        for key, value in table.items()
    }


_FIELD = re.compile(r"\{([^{}]*)\}")
_DIALLED = re.compile(r"(?:\+84|\(?0|1)[0-9 .()-]*")


def check_texts(content: Mapping[str, Any]) -> None:
    """Raise BadCampaign for the first wrong text."""
    for path, error in find_text_errors(content).items():
        raise BadCampaign("content_text_wrong", path=path, reason=error)


_DONE_BUTTON = f"answers.{Label.INSTALLED}.button"


def find_text_errors(content: Mapping[str, Any]) -> dict[str, LoaError]:
    """Return what is wrong, by the text's path."""
    texts, _rest = split_content(content)
    errors = {path: _text_error(path, text) for path, text in texts.items() if text.strip()}
    if any(text for path, text in texts.items() if path.startswith("app.")):
        for path in ("app.name", "app.page"):
            if not texts.get(path, "").strip():
                errors[path] = LoaError("app_incomplete")
    # Who presses this button counts as having done it.
    done, button = read_words(content).done, texts.get(_DONE_BUTTON, "")
    if is_promise(button) and not is_promise(done):
        errors[_DONE_BUTTON] = LoaError("button_promises", done=done)
    return {path: error for path, error in errors.items() if error}


def _text_error(path: str, text: str) -> LoaError | None:
    name = path.rpartition(".")[2]
    if path == "phone":
        return None if can_be_called(text) else LoaError("content_number_wrong")
    if name == "reply":
        try:
            Template.parse(text, allowed=REPLY_FIELDS)
        except BadTemplate as error:
            return error
    unknown = [each for each in _FIELD.findall(text) if each not in PAGE_FIELDS]
    if unknown and (name == "steps" or ".page." in f".{path}"):
        fields = [f"{{{each}}}" for each in sorted(PAGE_FIELDS)]
        return LoaError("field_unknown", name=unknown[0], fields=fields)
    return None


def can_be_called(text: str) -> bool:
    """Return whether a text is a number that phones in Vietnam can dial."""
    digits = text.strip()
    if not _DIALLED.fullmatch(digits):
        return False
    number = read_digits(re.sub(r"\D", "", digits), international=digits.startswith("+"))
    if number.reason is Reason.SERVICE_NUMBER:
        return True
    return number.kind in (NumberKind.MOBILE, NumberKind.LANDLINE) and not number.warnings

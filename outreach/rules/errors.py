"""Exceptions that a caller can act on, one class for each kind of failure.

An error says what is wrong as a code and parameters. Its sentence, in Vietnamese or English, is in the catalogues
`outreach/translations/*/LC_MESSAGES/errors.po` under the code; `word_error` of `outreach/core/sentences.py` puts it
together where somebody reads it.

LoaError
├── BadInput            the user's input is not valid
│   ├── BadList         a file of contacts that cannot be read
│   │   └── NoPhoneColumn   no column with phone numbers was found: the user may name it
│   ├── BadTemplate     a message text with an unknown field or an unclosed bracket
│   └── BadCampaign     a campaign file or form that is not valid
├── NotFound            no such row, or none that this user may see
├── NotAllowed          this user may not do this
└── WrongState          the row is no longer in the state that the action needs
"""

import json
from typing import Any, Self, TypeVar

T = TypeVar("T")


class LoaError(Exception):
    """Base class: a code in snake_case, the same for the same sentence, and the parameters of the sentence.

    A parameter is a text, a number, a day, a list of texts, another error that is a part of the sentence, or a list
    of those. `str()` is for logs.
    """

    def __init__(self, code: str, /, **parameters: Any) -> None:
        super().__init__(code)
        self.code = code
        # The part of the caller's body that is wrong, as in RFC 6901, where it is known.
        self.pointer: str | None = None
        self.parameters = parameters

    @classmethod
    def of(cls, other: "LoaError") -> Self:
        """Return an error of this class with another's sentence."""
        return cls(other.code, **other.parameters)

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{name}={_plain(value)}" for name, value in self.parameters.items())])

    def as_json(self) -> str:
        """Return the code and the parameters for a column; `error_from_json` reads them."""
        return json.dumps(self, default=_as_dict, ensure_ascii=False)


def error_from_json(stored: str) -> LoaError | None:
    """Return the error that `as_json` wrote, None for another text, such as a sentence of an earlier version."""
    error = json.loads(stored, object_hook=_from_dict) if stored.startswith('{"code": ') else None
    return error if isinstance(error, LoaError) else None


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, LoaError):
        return f"({value})"
    return ascii(value) if isinstance(value, str) else str(value)


def _as_dict(error: Any) -> dict[str, Any]:
    if isinstance(error, LoaError):
        return {"code": error.code, "parameters": error.parameters}
    raise TypeError(f"{type(error).__name__} cannot be stored with an error")


def _from_dict(data: dict[str, Any]) -> Any:
    return LoaError(data["code"], **data["parameters"]) if data.keys() == {"code", "parameters"} else data


class BadInput(LoaError):
    """Input of the user that is not valid. Nothing was stored."""


class BadList(BadInput):
    """A file of contacts that cannot be read."""


class NoPhoneColumn(BadList):
    """A list of people in which no column with phone numbers was found."""


class BadTemplate(BadInput):
    """A message text with an unknown field or a bracket that is not closed."""


class BadCampaign(BadInput):
    """A campaign file or form that is not valid."""


class NotFound(LoaError):
    """No such row, or none that this user may see: on purpose, one error for both."""


class NotAllowed(LoaError):
    """A signed-in user without the permission for this."""


class WrongState(LoaError):
    """A row that is no longer in the state that the action needs; read it again."""


def or_raise(value: T | None, error: LoaError) -> T:
    """Return what was looked for. Raises the error where there is none."""
    if value is None:
        raise error
    return value

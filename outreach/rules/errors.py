"""Exceptions that a caller can act on, one class for each kind of failure.

LoaError
├── BadInput            the user's input is not valid; `str()` is the Vietnamese sentence to show
│   ├── BadList         a file of contacts that cannot be read
│   │   └── NoPhoneColumn   no column with phone numbers was found: the user may name it
│   ├── BadTemplate     a message text with an unknown field or an unclosed bracket
│   └── BadCampaign     a campaign file or form that is not valid
├── NotFound            no such row, or none that this user may see
├── NotAllowed          this user may not do this
└── WrongState          the row is no longer in the state that the action needs
"""


class LoaError(Exception):
    """Base class; `str()` is one sentence in Vietnamese that says what happened and what to do."""


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

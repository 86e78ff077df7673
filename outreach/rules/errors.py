"""Every failure that a caller can act on, one class each.

LoaError
├── BadInput            the user's input cannot be taken; `str()` is the Vietnamese sentence to show
│   ├── BadList         a file of contacts that cannot be read
│   │   └── NoPhoneColumn   one in which no column holds phone numbers: a person may name it
│   ├── BadTemplate     a message text with an unknown field or an unclosed bracket
│   └── BadCampaign     a campaign file or form that cannot be taken
├── NotFound            no such row, or none that this user may see
├── NotAllowed          this user may not do this
└── WrongState          the thing is no longer in the state that the action needs
"""


class LoaError(Exception):
    """Base of all; `str()` is one sentence in Vietnamese that says what happened and what to do."""


class BadInput(LoaError):
    """The user's input cannot be taken as it is. Nothing was stored."""


class BadList(BadInput):
    """A file of contacts that cannot be read."""


class NoPhoneColumn(BadList):
    """People are listed and no column is found to hold their phone numbers."""


class BadTemplate(BadInput):
    """A message text with an unknown field or a bracket that is not closed."""


class BadCampaign(BadInput):
    """A campaign's description that cannot be taken."""


class NotFound(LoaError):
    """No such row, or none that this user may see: the two are not told apart on purpose."""


class NotAllowed(LoaError):
    """The user is known and may not do this."""


class WrongState(LoaError):
    """The row is no longer in the state that the action needs; read it again."""

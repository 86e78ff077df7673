"""What a reply can say, and what a rule is made of."""

from enum import StrEnum


class Label(StrEnum):
    """What a reply says. The menu of a message: 1 installed, 2 not_yet, 3 no_smartphone, 4 need_help."""

    INSTALLED = "installed"
    NOT_YET = "not_yet"
    NO_SMARTPHONE = "no_smartphone"
    NEED_HELP = "need_help"
    REFUSE = "refuse"
    OPT_OUT = "opt_out"
    WRONG_NUMBER = "wrong_number"
    QUESTION = "question"
    UNCLEAR = "unclear"


Rule = tuple[Label, float, str, str]
"""A label, how sure it is, the pattern over meanings, and a reply that it decides."""

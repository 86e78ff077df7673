"""Labels of replies, and the current answer and install of a recipient.

Answers are never changed, only added or undone; a recipient's state is computed from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Label(StrEnum):
    """Meaning of a reply. The menu of a message: 1 installed, 2 not_yet, 3 no_smartphone, 4 need_help."""

    INSTALLED = "installed"
    NOT_YET = "not_yet"
    NO_SMARTPHONE = "no_smartphone"
    NEED_HELP = "need_help"
    REFUSE = "refuse"
    OPT_OUT = "opt_out"
    WRONG_NUMBER = "wrong_number"
    QUESTION = "question"
    UNCLEAR = "unclear"


OPT_IN: Literal["opt_in"] = "opt_in"
"""A wish to be written to (again, more), which is no answer: it is heard, and stored as what it does."""
Meaning = Label | Literal["opt_in"]


# Labels which say that the app is not on this phone now, whatever was said before.
UNDOES_INSTALL = frozenset({Label.NOT_YET, Label.REFUSE, Label.NO_SMARTPHONE, Label.WRONG_NUMBER})
# Labels that do not answer the question: an officer checks the reply, and reminders go on.
NON_ANSWERS = frozenset({Label.QUESTION, Label.UNCLEAR})


@dataclass(frozen=True, slots=True)
class AnswerState:
    """Current answer of a recipient.

    `installed_by` is the index of the answer that reported the install that counts, `given_by` of the one with the label.
    """

    label: Label | None
    installed_by: int | None
    given_by: int | None = None


def fold_answers(labels: Sequence[Label]) -> AnswerState:
    """Compute the state after these answers, oldest first, without the undone ones."""
    label: Label | None = None
    installed_by: int | None = None
    given_by: int | None = None
    for index, latest in enumerate(labels):
        if latest in NON_ANSWERS:
            continue
        label, given_by = latest, index
        if latest is Label.INSTALLED:
            installed_by = index if installed_by is None else installed_by
        elif latest in UNDOES_INSTALL:
            installed_by = None
    return AnswerState(label, installed_by, given_by)


def counts_as_answer(label: Label, *, is_sure: bool) -> bool:
    """Return whether a reply counts as an answer without a check by an officer. An opt-out always does; one that is not sure is held until then."""
    return label is Label.OPT_OUT or (is_sure and label not in NON_ANSWERS)

"""Labels; what a phone's answers amount to.

What a reply can say, and what a rule is made of.

What a phone's answers amount to. Pure.

Answers are never changed, only added or undone; where a recipient stands is folded from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


# These say that the app is not on this phone now, whatever was said before.
UNDOES_INSTALL = frozenset({Label.NOT_YET, Label.REFUSE, Label.NO_SMARTPHONE, Label.WRONG_NUMBER})
# These are no answer to the question: a person looks, and reminders go on.
NON_ANSWERS = frozenset({Label.QUESTION, Label.UNCLEAR})
# Below this a person looks before anything is counted. An opt-out always counts at once, and is looked at as well.
SURE = 0.7
# An install is what leaders are told of: it is not claimed on what may mean something else.
_SURER = {Label.INSTALLED: 0.8}


@dataclass(frozen=True, slots=True)
class AnswerState:
    """`installed_by` is the place in the sequence of the answer by which the install counts, or None."""

    label: Label | None
    installed_by: int | None


def fold_answers(labels: Sequence[Label]) -> AnswerState:
    """Where a recipient stands after these answers, oldest first, the undone ones left out."""
    label: Label | None = None
    installed_by: int | None = None
    for place, given in enumerate(labels):
        if given in NON_ANSWERS:
            continue
        label = given
        if given is Label.INSTALLED:
            installed_by = place if installed_by is None else installed_by
        elif given in UNDOES_INSTALL:
            installed_by = None
    return AnswerState(label, installed_by)


def is_sure(label: Label, confidence: float) -> bool:
    """Whether a reply's label needs no person's look."""
    return confidence >= _SURER.get(label, SURE)


def counts_as_answer(label: Label, confidence: float) -> bool:
    """Whether a reply is taken as an answer without a person's look."""
    return label is Label.OPT_OUT or (label not in NON_ANSWERS and is_sure(label, confidence))

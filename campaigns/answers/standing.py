"""What a phone's answers amount to. Pure.

Answers are never changed, only added or undone; where a recipient stands is folded from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.replies.classifier import Label

# These say that the app is not on this phone now, whatever was said before.
TAKES_BACK = frozenset({Label.NOT_YET, Label.REFUSE, Label.NO_SMARTPHONE, Label.WRONG_NUMBER})

# These are no answer to the question: a person looks, and reminders go on.
LEAVES_OPEN = frozenset({Label.QUESTION, Label.UNCLEAR})

# Below this a person looks before anything is counted. An opt-out always counts at once, and is looked at as well.
SURE = 0.7

# An install is what leaders are told of: it is not claimed on what may mean something else.
_SURER = {Label.INSTALLED: 0.8}


@dataclass(frozen=True, slots=True)
class Standing:
    """`installed_by` is the place in the sequence of the answer by which the install counts, or None."""

    label: Label | None
    installed_by: int | None


def fold(labels: Sequence[Label]) -> Standing:
    """Where a recipient stands after these answers, oldest first, the undone ones left out."""
    label: Label | None = None
    installed_by: int | None = None
    for place, given in enumerate(labels):
        if given in LEAVES_OPEN:
            continue
        label = given
        if given is Label.INSTALLED:
            installed_by = place if installed_by is None else installed_by
        elif given in TAKES_BACK:
            installed_by = None
    return Standing(label, installed_by)


def is_sure(label: Label, confidence: float) -> bool:
    """Whether a reply's label needs no person's look."""
    return confidence >= _SURER.get(label, SURE)


def counts(label: Label, confidence: float) -> bool:
    """Whether a reply is taken as an answer without a person's look."""
    return label is Label.OPT_OUT or (label not in LEAVES_OPEN and is_sure(label, confidence))

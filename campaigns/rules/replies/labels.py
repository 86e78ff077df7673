"""Labels of replies, and the current answer and install of a recipient.

Answers are never changed, only added or undone; a recipient's state is computed from all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple


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


class LabelUse(NamedTuple):
    """What a label is used for.

    `key` is its button's in the inbox, on the keyboard. `is_choice`: the answer page may offer it as an answer to the
    campaign's question; `on_page`: in a place of its own. `undoes_install`: the app is not on this phone now, whatever was
    said before. `ends_offer`: the page offers the app no more. `is_result`: an officer may close a case with it.
    `is_answer` is False where an officer checks the reply, reminders go on, and nobody may record it for a resident.
    `is_learned` is False of what no reply is read as: of a new label until the weights are trained with it.
    """

    key: str
    is_choice: bool = False
    on_page: bool = False
    undoes_install: bool = False
    ends_offer: bool = False
    is_result: bool = False
    is_answer: bool = True
    is_learned: bool = True


# In the order of the page's buttons.
USES = {
    Label.INSTALLED: LabelUse("d", is_choice=True, ends_offer=True, is_result=True),
    Label.NOT_YET: LabelUse("c", is_choice=True, undoes_install=True, is_result=True),
    Label.NEED_HELP: LabelUse("g", is_choice=True),
    Label.NO_SMARTPHONE: LabelUse("m", is_choice=True, undoes_install=True, ends_offer=True, is_result=True),
    Label.REFUSE: LabelUse("t", undoes_install=True, is_result=True),
    Label.WRONG_NUMBER: LabelUse("n", on_page=True, undoes_install=True, ends_offer=True),
    Label.OPT_OUT: LabelUse("k", on_page=True, ends_offer=True),
    Label.QUESTION: LabelUse("h", is_answer=False),
    Label.UNCLEAR: LabelUse("r", is_answer=False),
}
NON_ANSWERS = frozenset(label for label, use in USES.items() if not use.is_answer)
# Labels that a button of the page may give; the others come only by SMS.
PAGE_LABELS = tuple(label for label, use in USES.items() if use.is_choice or use.on_page)
# Labels that an officer may record; questions belong in the inbox.
OFFICER_LABELS = tuple(label for label in Label if USES[label].is_answer)
# Answers that may be recorded on closing a case; others are recorded on the contact's page.
RESULTS = tuple(label for label in Label if USES[label].is_result)


@dataclass(frozen=True, slots=True)
class AnswerState:
    """Current answer of a recipient, with the index of the one that counts as an install, and its own."""

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
        elif USES[latest].undoes_install:
            installed_by = None
    return AnswerState(label, installed_by, given_by)


def counts_as_answer(label: Label, *, is_sure: bool) -> bool:
    """Return whether a reply counts as an answer without a check by an officer. An opt-out always does; one that is not sure is held until then."""
    return label is Label.OPT_OUT or (is_sure and label not in NON_ANSWERS)

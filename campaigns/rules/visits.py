"""Who is visited at the door and who is not, and the keys by which an officer enters what they brought back. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState


class VisitReason(StrEnum):
    """Why somebody is on a sheet."""

    NO_PHONE = "no_phone"
    FAILED = "failed"  # no message came to them, and none is on its way
    NO_ANSWER = "no_answer"


class VisitOutcome(StrEnum):
    """What was found at the door; the residents' own answers, and two that only an officer knows."""

    INSTALLED = Label.INSTALLED.value
    NOT_YET = Label.NOT_YET.value
    NO_SMARTPHONE = Label.NO_SMARTPHONE.value
    NEED_HELP = Label.NEED_HELP.value
    REFUSE = Label.REFUSE.value
    OPT_OUT = Label.OPT_OUT.value  # wants to be left alone: no message and no visit
    ABSENT = "absent"


# One key for each, the first four as residents know them from the messages (domain: 1 installed, 2 not yet, ...).
RESULT_KEYS: dict[str, VisitOutcome] = {
    "1": VisitOutcome.INSTALLED,
    "2": VisitOutcome.NOT_YET,
    "3": VisitOutcome.NO_SMARTPHONE,
    "4": VisitOutcome.NEED_HELP,
    "5": VisitOutcome.REFUSE,
    "6": VisitOutcome.OPT_OUT,
    "0": VisitOutcome.ABSENT,
}
_MAY_STILL_COME = frozenset({MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN})
_DID_NOT_COME = frozenset({MessageState.FAILED, MessageState.UNDELIVERED})


def visit_reason(
    *,
    exclusion: Exclusion | None,
    answer: Label | None,
    states: Collection[MessageState],
    wants_peace: bool,
) -> VisitReason | None:
    """Why a person of a campaign's lists is visited; None for whoever is not.

    `states` are those of the steps' messages to them. `wants_peace`: opted out, or objected to what is done with them.
    A question or an unclear reply is no answer. Whom a campaign leaves out for another reason than a missing phone it
    does not visit either.
    """
    if wants_peace or (answer is not None and answer not in (Label.QUESTION, Label.UNCLEAR)):
        return None
    if exclusion is not None:
        return VisitReason.NO_PHONE if exclusion is Exclusion.NO_PHONE else None
    if any(state in _MAY_STILL_COME for state in states) or not states:
        return None
    tried = [state for state in states if state not in (MessageState.SKIPPED, MessageState.CANCELLED)]
    if tried and all(state in _DID_NOT_COME for state in tried):
        return VisitReason.FAILED
    return VisitReason.NO_ANSWER if tried else None


def line_code(round_id: int, n: int) -> str:
    """How a line is called on paper: "12-07"."""
    return f"{round_id}-{n:02}"


def read_keys(typed: dict[int, str]) -> tuple[dict[int, VisitOutcome | None], list[int]]:
    """By line: the outcome of the key that was typed, None where the field is empty; and the lines with another key."""
    read: dict[int, VisitOutcome | None] = {}
    wrong = []
    for n, text in typed.items():
        key = text.strip()
        if not key:
            read[n] = None
        elif key in RESULT_KEYS:
            read[n] = RESULT_KEYS[key]
        else:
            wrong.append(n)
    return read, sorted(wrong)

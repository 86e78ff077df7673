"""Reasons for a visit, visit outcomes and the keys to enter them."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from campaigns.rules.replies.labels import Label
from campaigns.rules.states import Exclusion, MessageState


class VisitReason(StrEnum):
    """Reasons for being on a visit sheet."""

    NO_PHONE = "no_phone"
    FAILED = "failed"  # no message was delivered, and none is under way
    NO_ANSWER = "no_answer"


class VisitOutcome(StrEnum):
    """Results of a visit: the residents' answers, and two that only an officer can enter."""

    INSTALLED = Label.INSTALLED.value
    NOT_YET = Label.NOT_YET.value
    NO_SMARTPHONE = Label.NO_SMARTPHONE.value
    NEED_HELP = Label.NEED_HELP.value
    REFUSE = Label.REFUSE.value
    OPT_OUT = Label.OPT_OUT.value  # neither messages nor visits any more
    ABSENT = "absent"


# One key per outcome; the first four are the menu of the messages (1 installed, 2 not yet, ...).
RESULT_KEYS: dict[str, VisitOutcome] = {
    "1": VisitOutcome.INSTALLED,
    "2": VisitOutcome.NOT_YET,
    "3": VisitOutcome.NO_SMARTPHONE,
    "4": VisitOutcome.NEED_HELP,
    "5": VisitOutcome.REFUSE,
    "6": VisitOutcome.OPT_OUT,
    "0": VisitOutcome.ABSENT,
}
_MAY_ARRIVE = frozenset({MessageState.QUEUED, MessageState.SENDING, MessageState.UNKNOWN})
_NOT_ARRIVED = frozenset({MessageState.FAILED, MessageState.UNDELIVERED})


def visit_reason(
    *,
    exclusion: Exclusion | None,
    answer: Label | None,
    states: Collection[MessageState],
    is_unwilling: bool,
) -> VisitReason | None:
    """Return why a contact of a campaign's lists is to be visited, or None if they are not.

    `states` are those of the steps' messages to the contact. `is_unwilling`: opted out, or objected to the processing
    of their data. A question or an unclear reply does not count as an answer. A contact excluded for any other reason
    than a missing phone is not visited either.
    """
    if is_unwilling or (answer is not None and answer not in (Label.QUESTION, Label.UNCLEAR)):
        return None
    if exclusion is not None:
        return VisitReason.NO_PHONE if exclusion is Exclusion.NO_PHONE else None
    if any(state in _MAY_ARRIVE for state in states) or not states:
        return None
    attempted = [state for state in states if state not in (MessageState.SKIPPED, MessageState.CANCELLED)]
    if attempted and all(state in _NOT_ARRIVED for state in attempted):
        return VisitReason.FAILED
    return VisitReason.NO_ANSWER if attempted else None


def line_code(round_id: int, n: int) -> str:
    """Return the code of a line on the printed sheet, such as "12-07"."""
    return f"{round_id}-{n:02}"


def read_keys(keys: dict[int, str]) -> tuple[dict[int, VisitOutcome | None], list[int]]:
    """Return the outcome typed for each line, None for an empty field, and the lines with an unknown key."""
    outcomes: dict[int, VisitOutcome | None] = {}
    unknown = []
    for n, text in keys.items():
        key = text.strip()
        if not key:
            outcomes[n] = None
        elif key in RESULT_KEYS:
            outcomes[n] = RESULT_KEYS[key]
        else:
            unknown.append(n)
    return outcomes, sorted(unknown)

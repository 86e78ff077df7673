"""What a case is about, when one is opened, how it ends, and for how long it is one officer's. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.rules.replies.labels import Label, is_sure


class CaseKind(StrEnum):
    HELP = "help"
    QUESTION = "question"
    OPT_OUT = "opt_out"  # taken as an opt-out on a doubt: it counts, and somebody checks
    UNCLEAR = "unclear"
    UNMATCHED = "unmatched"  # clear, but from a number that no campaign has written to of late


class CaseOutcome(StrEnum):
    CALLED = "called"
    VISITED = "visited"
    MESSAGED = "messaged"
    SOLVED = "solved"  # the resident managed without us
    UNREACHED = "unreached"
    CLASSIFIED = "classified"  # its label was all that was missing
    WITHDRAWN = "withdrawn"  # the resident took the request back


# What an officer may write. The others follow from something else.
WRITTEN = (
    CaseOutcome.CALLED,
    CaseOutcome.VISITED,
    CaseOutcome.MESSAGED,
    CaseOutcome.SOLVED,
    CaseOutcome.UNREACHED,
)
# With these labels the work only begins: somebody has to answer.
FOLLOW_UP = {Label.NEED_HELP: CaseKind.HELP, Label.QUESTION: CaseKind.QUESTION}
# Of these the label itself is in doubt.
WAITS_FOR_LABEL = frozenset({CaseKind.UNCLEAR, CaseKind.OPT_OUT, CaseKind.UNMATCHED})
# So long a case is its taker's alone. Then others may take it over: somebody went home with it.
ASSIGNED_FOR = timedelta(minutes=15)


def kind_of(label: Label, confidence: float, *, is_matched: bool) -> CaseKind | None:
    """What a reply is a case of; None where it was understood and needs nobody.

    `is_matched`: it can be counted for somebody.
    """
    if not is_sure(label, confidence):
        return CaseKind.OPT_OUT if label is Label.OPT_OUT else CaseKind.UNCLEAR
    if label is Label.UNCLEAR:
        return CaseKind.UNCLEAR
    if label in FOLLOW_UP:
        return FOLLOW_UP[label]
    return None if is_matched else CaseKind.UNMATCHED


def assigned_until(taken_at: datetime | None, *, now: datetime) -> datetime | None:
    """Until when a case that was taken at that moment is its taker's alone; None when it is no more."""
    if taken_at is None or taken_at + ASSIGNED_FOR <= now:
        return None
    return taken_at + ASSIGNED_FOR

"""Kinds, outcomes and assignment time of cases."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM


class CaseKind(StrEnum):
    """Kinds of cases."""

    HELP = "help"
    QUESTION = "question"
    OPT_OUT = "opt_out"  # an uncertain opt-out: it counts at once, and an officer checks it
    UNCLEAR = "unclear"
    UNMATCHED = "unmatched"  # clear, but from a number without a recent campaign message


class CaseOutcome(StrEnum):
    """Outcomes of closed cases."""

    CALLED = "called"
    VISITED = "visited"
    MESSAGED = "messaged"
    SOLVED = "solved"  # the resident managed without help
    UNREACHED = "unreached"
    CLASSIFIED = "classified"  # only its label was missing
    WITHDRAWN = "withdrawn"  # the resident withdrew the request


# Outcomes that an officer may choose. The others are set automatically.
WRITTEN = (
    CaseOutcome.CALLED,
    CaseOutcome.VISITED,
    CaseOutcome.MESSAGED,
    CaseOutcome.SOLVED,
    CaseOutcome.UNREACHED,
)
# Of the number of `last_cry`, which stays below 10**18: what a hidden field takes.
_REPLY_BITS = 28
# Labels that need a reply or a visit by an officer, even once the label is certain.
FOLLOW_UP = {Label.NEED_HELP: CaseKind.HELP, Label.QUESTION: CaseKind.QUESTION}
# Kinds whose label is in doubt.
WAITS_FOR_LABEL = frozenset({CaseKind.UNCLEAR, CaseKind.OPT_OUT, CaseKind.UNMATCHED})
# How long a case is reserved for its assignee. After that others may take it over: the assignee may have left.
ASSIGNED_FOR = timedelta(minutes=15)
# An urgent case that nobody has taken after this time is told to those who stand in for the officer on duty.
URGENT_WAITS = timedelta(minutes=10)


def kind_of(label: Label, *, is_sure: bool, is_matched: bool, is_urgent: bool = False) -> CaseKind | None:
    """Return the case a reply opens, None for none; `is_matched`: by a recipient, or a known opt-out."""
    if is_urgent and label is Label.NEED_HELP:
        return CaseKind.HELP
    if is_urgent or not is_sure:
        return CaseKind.OPT_OUT if label is Label.OPT_OUT else CaseKind.UNCLEAR
    if label is Label.UNCLEAR:
        return CaseKind.UNCLEAR
    if label in FOLLOW_UP:
        return FOLLOW_UP[label]
    return None if is_matched else CaseKind.UNMATCHED


def assigned_until(
    taken_at: datetime | None, *, urgent_at: datetime | None = None, now: datetime
) -> datetime | None:
    """Return until when a case assigned at `taken_at` is reserved, or None if it no longer is; a cry since then is for anybody."""
    is_over = taken_at is None or taken_at + ASSIGNED_FOR <= now or (urgent_at and urgent_at > taken_at)
    return None if taken_at is None or is_over else taken_at + ASSIGNED_FOR


def last_cry(moments: Iterable[datetime | None], replies: Iterable[int | None]) -> int:
    """Return one number for the second of the last of these cries and the last of these replies: a page's, of what it shows."""
    second = max((int(each.timestamp()) for each in moments if each), default=0)
    return second << _REPLY_BITS | max(filter(None, replies), default=0) % (1 << _REPLY_BITS)


def cried_since(last: int, seen: int) -> datetime | None:
    """Return when somebody cried last, if it is not all `seen`; a text may have been written before another that came first."""
    (second, reply), (second_seen, reply_seen) = (divmod(each, 1 << _REPLY_BITS) for each in (last, seen))
    is_new = second > second_seen or reply > reply_seen
    return datetime.fromtimestamp(second, VIETNAM) if is_new else None

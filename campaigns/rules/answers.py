"""What follows from a reply or an answer: whether it counts, who looks at it, and what is answered."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from campaigns.rules.cases import CaseKind, kind_of
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.labels import Label, counts_as_answer
from campaigns.rules.replies.understand import Understanding

# Labels after which a number gets no more messages, on any list.
CLOSING = (Label.OPT_OUT, Label.WRONG_NUMBER)


class ReplyOutcome(NamedTuple):
    """What follows from a reply: `at` is when its answer was given, `kind` that of the case that it opens."""

    is_sure: bool
    is_answer: bool
    at: datetime
    kind: CaseKind | None
    is_acknowledged: bool


def decide_reply(
    meant: Understanding,
    *,
    has_recipient: bool,
    is_known: bool,
    was_answered: bool,
    is_start: bool,
    is_taken_back: bool,
    answered_at: datetime | None,
    now: datetime,
) -> ReplyOutcome:
    """Return what follows from a reply received at `now`.

    `is_known`: its number can get messages. `was_answered`: the gateway has answered it. `is_start`: the number gets messages
    again by it, and nothing more is to be done. `is_taken_back`: the number has asked for messages since. `answered_at`: when the
    recipient gave the current answer. A late reply does not override a newer one, except for an opt-out, which then is the current
    answer, so that it must be undone first.
    """
    label = meant.stored_label
    is_cry = meant.is_urgent and label is Label.NEED_HELP
    is_sure = meant.is_automatic or is_cry
    latest = max(now, answered_at or now)
    if label is Label.OPT_OUT:  # counts even for a number that is in no list
        is_matched, is_valid, at = has_recipient or is_known, not is_taken_back, latest
        is_over = is_start or (is_taken_back and not meant.is_urgent)
        is_held = not is_sure  # confirmed once somebody has looked
    else:
        is_matched, is_valid, at = has_recipient, latest == now, now
        is_over, is_held = is_start, False
    kind = kind_of(label, is_sure=is_sure, is_matched=is_matched, is_urgent=meant.is_urgent)
    return ReplyOutcome(
        is_sure=is_sure,
        is_answer=counts_as_answer(label, is_sure=is_sure) and is_matched and is_valid,
        at=at,
        kind=None if is_over else kind,
        is_acknowledged=not (was_answered or is_cry or is_held),  # a cry has an answer of its own
    )


class LastAnswer(NamedTuple):
    """Current answer of somebody: from the residents themselves or not, from which phone, with a wish to be reminded."""

    said: GivenAnswer
    is_own: bool
    phone_id: int
    wants_reminder: bool

    def adds_to(self, last: LastAnswer) -> bool:
        """Return whether undoing the last answer would lose this one, which says the same."""
        is_first_own = self.is_own and not last.is_own
        is_first_wish = self.wants_reminder and not last.wants_reminder
        return is_first_own or is_first_wish or last.phone_id != self.phone_id


def is_repeated(
    answer: LastAnswer, last: LastAnswer | None, *, has_recipient: bool, is_closed: bool, is_separate: bool
) -> bool:
    """Return whether an answer only repeats the current one, and is not stored.

    `is_closed`: the number gets no messages already, for the same reason. `is_separate`: it comes from another source than
    the opt-outs in force. A repeated answer is stored if it adds to the last, and a second opt-out after one that may have
    been misread.
    """
    label, own, drive_only = answer.said
    if last is None:
        is_again = is_closed and not has_recipient
    else:
        is_again = last.said.label is label and own in (None, last.said.own)
        is_again = is_again and (drive_only or not last.said.drive_only)
    if not is_again or (label in CLOSING and not is_closed):
        return False
    if last is not None and answer.adds_to(last):
        return False
    return drive_only or not (is_closed and is_separate)

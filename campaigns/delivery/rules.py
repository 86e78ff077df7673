"""Whether a message may leave at the moment of its claim. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from campaigns.states import MessageKind, SkipReason

LIVE_CAP = 3


class Refusal(Enum):
    """Why not."""

    SUPPRESSED = "suppressed"
    ANSWERED = "answered"
    NOT_YET = "not_yet"

    @property
    def skip(self) -> SkipReason | None:
        """The reason written on the message, or None when it only has to wait."""
        return None if self is Refusal.NOT_YET else SkipReason(self.value)


def why_not(
    *,
    kind: MessageKind,
    step: int,
    suppressed: bool,
    answered: bool,
    recent: int,
    cap: int | None,
    is_open: bool,
) -> Refusal | None:
    """The first rule that a message breaks, or None: it may be sent.

    `step` is 1 for a campaign's first message, more for a reminder, 0 for anything else; `recent` counts
    the messages to the number in the last 24 hours; `is_open` says whether the hours allow it. The confirmation of an opt-out is exempt from all
    (Decree 91/2020: confirmed once, at once). A test goes to the tester's own number: only suppression
    stops it.
    """
    if kind is MessageKind.CONFIRMATION:
        return None
    if suppressed:
        return Refusal.SUPPRESSED
    if kind is MessageKind.STEP and step > 1 and answered:
        return Refusal.ANSWERED
    if kind is MessageKind.TEST:
        return None
    if not is_open or (cap is not None and recent >= cap):
        return Refusal.NOT_YET
    return None


def daily_cap(cap: int | None, *, is_live: bool) -> int | None:
    """Messages a number in 24 hours: the campaign's, and never above Decree 91/2020's three when live."""
    if not is_live:
        return cap
    return min(cap or LIVE_CAP, LIVE_CAP)


def back_off_s(times: int, retry_after_s: float | None, *, seed: int) -> float:
    """Seconds to wait after the gateway refused to process a request for the (times+1)-th time.

    Its own Retry-After where there is one, else doubling from 0.5 s to a minute; spread by up to a half
    (by the message's number, so that it can be tested), lest all come back at once.
    """
    wait = retry_after_s if retry_after_s is not None else min(60.0, 0.5 * 2 ** min(times, 10))
    return wait * (1 + (seed % 101) / 200)


def is_same_message(*, body: str, claimed_at: datetime, listed_body: str, listed_at: datetime | None) -> bool:
    """Whether a message in the gateway's list is the one an attempt asked for.

    Same text, and created no earlier than a minute before the attempt: clocks differ, and the gateway
    gives whole seconds. (The number is what the list was asked by.)
    """
    recent = listed_at is None or listed_at >= claimed_at - timedelta(minutes=1)
    return recent and listed_body == body

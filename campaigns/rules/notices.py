"""Notices: which message goes as one first, and what is learned of a number by it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from campaigns.rules.states import AttemptState, MessageKind
from outreach.rules.gateway import Cause

# An account is made, and a setting changed, within months: then a number is tried again.
FORGOTTEN_AFTER = timedelta(days=90)


class NoticesReach(StrEnum):
    """What is known of a number on the channel of notices."""

    ANSWERED = "answered"  # its owner wrote to the official account
    NO_ACCOUNT = "no_account"
    DECLINED = "declined"


def goes_as_notice(
    *,
    kind: MessageKind,
    n: int,
    has_notice: bool,
    reach: str | None,
    known_at: datetime | None,
    now: datetime,
) -> bool:
    """Return whether a message's next attempt, its `n`-th, is its step's notice.

    Only the first one: what follows is the text, so that nobody gets two notices. `reach`: what was learned of the number at
    `known_at`.
    """
    if kind is not MessageKind.STEP or n > 1 or not has_notice:
        return False
    is_closed = reach in (NoticesReach.NO_ACCOUNT, NoticesReach.DECLINED)
    return not (is_closed and known_at is not None and now - known_at < FORGOTTEN_AFTER)


def learned_of(state: AttemptState, cause: str | None) -> NoticesReach | None:
    """Return what the end of a notice says of its number, None where it says nothing of it."""
    is_of_number = state is AttemptState.PASSED and cause in (Cause.NO_ACCOUNT, Cause.DECLINED)
    return NoticesReach(cause) if is_of_number and cause else None


# A notice in such a state may still arrive, or its text may have to follow: its campaign is not complete.
WAITING = (AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.SENT)

"""Notices: which message goes as one first, and what is learned of a number by it. Pure."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from campaigns.rules.delivery import language_of
from campaigns.rules.receipts import RESTORED
from campaigns.rules.states import FAILURES, AttemptReport, AttemptState, MessageKind, MessageState
from outreach.rules.gateway import Cause, Channel
from outreach.rules.languages import VIETNAMESE

# An account is made, and a setting changed, within months: then a number is tried again.
FORGOTTEN_AFTER = timedelta(days=90)


class NoticesReach(StrEnum):
    """What is known of a number on the channel of notices."""

    ANSWERED = "answered"  # its owner wrote to the official account
    NO_ACCOUNT = "no_account"
    DECLINED = "declined"


def goes_as_notice(row: Any, *, now: datetime) -> bool:
    """Return whether the `n`-th attempt is the step's notice: only the first, so that nobody gets two."""
    is_in_vietnamese = language_of(row.of, row.language) == VIETNAMESE
    if row.kind is not MessageKind.STEP or row.n > 1 or not row.of.notice_template or not is_in_vietnamese:
        return False
    is_closed = row.notices in (NoticesReach.NO_ACCOUNT, NoticesReach.DECLINED)
    return not (is_closed and now - row.notices_at < FORGOTTEN_AFTER)


def may_be_passed_on(attempt: Any) -> bool:
    """Return whether the text follows by itself where an attempt does not arrive: a notice, with all that followed it known."""
    return attempt.channel == Channel.ZALO and not attempt.worker.startswith(RESTORED)


def keep_reason(cause: str | None, reports: Iterable[AttemptReport]) -> list[AttemptReport]:
    """Return an attempt's reports with why its notice did not arrive, unless one says that nothing did."""
    told = list(reports)
    reason = cause or next((each.cause for each in told if each.state is AttemptState.SENT), None)
    return [replace(each, cause=reason) if reason and each.state not in FAILURES else each for each in told]


def told_as(body: str, state: MessageState, *, channel: str, own: AttemptState) -> tuple[str, MessageState]:
    """Return an attempt's text and state for a reader: what became of its message is said of the text that followed a notice."""
    text = f"[Zalo] {body}" if body and channel == Channel.ZALO else body
    return text, MessageState.UNDELIVERED if own is AttemptState.PASSED else state


def learned_of(state: AttemptState, cause: str | None) -> NoticesReach | None:
    """Return what the end of a notice says of its number, None where it says nothing of it."""
    is_of_number = state is AttemptState.PASSED and cause in (Cause.NO_ACCOUNT, Cause.DECLINED)
    return NoticesReach(cause) if is_of_number and cause else None


# A notice in such a state may still arrive, or its text may have to follow: its campaign is not complete.
WAITING = (AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.SENT)

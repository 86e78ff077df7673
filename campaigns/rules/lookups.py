"""Rule of a lookup: what the gateway's own list says about an attempt whose outcome nobody saw."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from campaigns.rules.links import mask_tokens
from outreach.rules.gateway import ListedMessage

# The times compared are by the database's clock, the gateway's by its `Date`: they may be wrong by this much together.
CLOCK_SLACK = timedelta(minutes=1)
# The same text to the same number, owned by no attempt: ours, whatever a clock says. A repeat would be the second copy.
SAME_TEXT_SLACK = timedelta(minutes=15)
# With a restored backup's id the worker's name of attempts of which not all is known that followed the backup.
RESTORED = "restored-"
TIMES_ABSENT = 2  # an attempt has to be absent this often before its message is sent again
MOST_REPEATS = 1  # a message is sent again without a person at most this often


class LookupResult(Enum):
    """Result of one lookup.

    FOUND: the gateway has the message. TOO_EARLY: the list may still be incomplete. UNCLEAR: the list holds something
    that may be the message under another text, so its absence cannot be proved. ABSENT: the list would hold it.
    """

    FOUND = "found"
    TOO_EARLY = "too_early"
    UNCLEAR = "unclear"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class UnknownAttempt:
    """An attempt to look up.

    `unknown_since` is when its outcome was recorded as unknown: its request left before that. `backup_taken_at` is set
    for an attempt that was restored from a backup.
    """

    id: int
    body: str
    claimed_at: datetime
    unknown_since: datetime
    gateway_id: str | None = None
    backup_taken_at: datetime | None = None


def judge_lookup(
    attempt: UnknownAttempt,
    listed: Sequence[ListedMessage],
    *,
    asked_at: datetime,
    owned: Collection[str],
    list_delay: timedelta,
) -> tuple[LookupResult, ListedMessage | None]:
    """Judge an attempt by the messages that the gateway listed for its number when asked at `asked_at`.

    `owned` are the gateway ids that other attempts have. `list_delay` is how long a message may take to appear in the
    list. With FOUND the message is returned, or None if only its id is known from before a restore.
    """
    if attempt.gateway_id:
        same = (item for item in listed if item.gateway_id == attempt.gateway_id)
        return LookupResult.FOUND, next(same, None)
    free = [item for item in listed if item.gateway_id not in owned]
    for item in free:
        if _is_same(attempt, item):
            return LookupResult.FOUND, item
    if asked_at < attempt.unknown_since + list_delay:
        return LookupResult.TOO_EARLY, None
    since = attempt.backup_taken_at or attempt.claimed_at
    if any(item.attempt_id is None and _is_since(since, item, CLOCK_SLACK) for item in free):
        return LookupResult.UNCLEAR, None
    return LookupResult.ABSENT, None


def _is_same(attempt: UnknownAttempt, item: ListedMessage) -> bool:
    if item.attempt_id is not None:
        return item.attempt_id == attempt.id
    if attempt.backup_taken_at:
        # Recipients frozen between the backup and its restore are lost, and have other links when frozen again.
        is_recent = _is_since(attempt.backup_taken_at, item, CLOCK_SLACK)
        return is_recent and mask_tokens(item.body) == mask_tokens(attempt.body)
    return item.body == attempt.body and _is_since(attempt.claimed_at, item, SAME_TEXT_SLACK)


def _is_since(moment: datetime, item: ListedMessage, slack: timedelta) -> bool:
    return item.created_at is None or item.created_at >= moment - slack


def may_repeat(*, times_absent: int, repeats: int) -> bool:
    """Return whether a message is sent again by itself: absent often enough, and never repeated before."""
    return times_absent >= TIMES_ABSENT and repeats < MOST_REPEATS

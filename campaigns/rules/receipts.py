"""What a receipt that names no attempt, and a look-up of an attempt whose outcome nobody saw, say of our messages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from campaigns.rules.links import mask_tokens
from campaigns.rules.states import AttemptState
from outreach.rules.gateway import ROADS, ListedMessage
from outreach.rules.segments import measure, split
from outreach.rules.smpp import is_whole_quotation, possible_ids, quotes

ID_LIFE = ROADS["smpp"].message_id or timedelta.max
CLOCK_SLACK = timedelta(minutes=1)  # a claim has the database's time, a receipt that of the worker's host
# What came within this time of another receipt may be its repetition.
REPEATED_WITHIN = timedelta(seconds=5)
_ENDED = frozenset({AttemptState.DELIVERED, AttemptState.UNDELIVERED, AttemptState.FAILED})


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """What a receipt says: the ids as the centre writes them, our reference if it gives that back, its quotation."""

    message_ids: tuple[str, ...]
    reference: int | None
    text: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Candidate:
    """An attempt to the receipt's number by its account. `ids` are those that the centre answered with, of all parts."""

    id: int
    ids: frozenset[str]
    reference: int
    body: str
    state: AttemptState
    claimed_at: datetime
    settled_at: datetime | None = None


def find_attempt(receipt: ReceiptFacts, attempts: Sequence[Candidate]) -> int | None:
    """Return the attempt that a receipt means, or None where it does not prove which.

    `attempts` are all of ours to its number. Our reference proves it, unless the quotation is of another text; else the id,
    if one message had it within its life; else a whole quotation that fits one message alone. An attempt whose outcome is
    still to be recorded may be what is meant: then it is too early to tell.
    """
    ids = possible_ids(receipt.message_ids)
    begin, end = receipt.received_at - ID_LIFE, receipt.received_at + CLOCK_SLACK
    alive = [each for each in attempts if begin <= each.claimed_at <= end]
    named = [  # by our reference, and nothing in the receipt speaks against it
        each
        for each in alive
        if each.reference == receipt.reference
        and not (each.ids and ids and not each.ids & ids)
        and (not receipt.text or _is_quoted(receipt.text, each.body))
    ]
    if len(named) == 1:
        return named[0].id if named[0].state is not AttemptState.SENDING else None
    return _by_id_or_text(receipt, alive, ids)


def _by_id_or_text(receipt: ReceiptFacts, alive: Sequence[Candidate], ids: frozenset[str]) -> int | None:
    """Return what a receipt means whose reference names no message, or more than one."""
    holders = [each for each in alive if each.ids & ids]
    if len(holders) == 1 and all(each.ids for each in alive):
        return holders[0].id  # what is usual
    quoted = [each for each in alive if _is_quoted(receipt.text, each.body)]
    # An answer was lost and the centre counts anew: the id is another message's, but the text is not.
    is_contradicted = any(not each.ids for each in quoted) and frozenset(holders).isdisjoint(quoted)
    if holders and not is_contradicted:
        return _of_holders(receipt, holders, quoted)
    return _of_quoted(receipt, quoted)


def _of_quoted(receipt: ReceiptFacts, quoted: Sequence[Candidate]) -> int | None:
    """Return the one message that a whole quotation fits, if its answer was lost."""
    if len(quoted) != 1 or quoted[0].state is not AttemptState.UNKNOWN or quoted[0].ids:
        return None
    is_whole = any(is_whole_quotation(receipt.text, part) for part in split(measure(quoted[0].body)))
    return quoted[0].id if is_whole else None


def _of_holders(
    receipt: ReceiptFacts, holders: Sequence[Candidate], quoted: Sequence[Candidate]
) -> int | None:
    """Return whose receipt it is, of messages that have its id: a centre that counts anew gives an id twice."""
    if len(holders) == 1:
        return holders[0].id
    fitting = [each for each in holders if each in quoted]
    if len(fitting) == 1:
        return fitting[0].id
    *older, newest = sorted(holders, key=lambda each: (each.claimed_at, each.id))
    ended_before = receipt.received_at - REPEATED_WITHIN
    have_ended = all(
        each.state in _ENDED and each.settled_at is not None and each.settled_at < ended_before
        for each in older
    )
    return newest.id if have_ended else None


def _is_quoted(text: str, body: str) -> bool:
    """Return whether a quotation may be of this message, or of one of its parts."""
    return any(quotes(text, part) for part in split(measure(body))) if text else False


# The times compared are by the database's clock, the gateway's by its `Date`: they may be wrong by this much together.
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
    """An attempt to look up, its request sent before `unknown_since`; `backup_taken_at` if restored."""

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

"""Which of our messages a receipt means that does not name the attempt: by all that it carries, or none at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaigns.rules.states import AttemptState
from outreach.rules.roads import ROADS
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
    named = [each for each in alive if _may_be(each, receipt, ids)]
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


def _may_be(attempt: Candidate, receipt: ReceiptFacts, ids: frozenset[str]) -> bool:
    """Return whether our reference names this attempt, and nothing in the receipt speaks against it."""
    if attempt.reference != receipt.reference or (attempt.ids and ids and not attempt.ids & ids):
        return False
    return not receipt.text or _is_quoted(receipt.text, attempt.body)


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

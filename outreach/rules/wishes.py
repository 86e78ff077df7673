"""Wishes to be left alone: what one is about, and whether one holds for a message.

A wish is said by a person, from a number, or both, about a scope: everything, or a drive, a kind of campaign, an
organisation or a channel. What takes it back is a row of its own that names it. The view `left_alone` of the database
says the same as `find_wish`; a test compares both over random stories.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

EVERYTHING = ""


class WishSource(StrEnum):
    """By which way a wish was said."""

    SMS = "sms"
    PAGE = "page"
    GATEWAY = "gateway"  # the operator refuses the number, as its owner asked it to
    OFFICER = "officer"  # told to an officer
    ROSTER = "roster"  # by the person's agency
    DOOR = "door"  # told to an officer who visited
    REQUEST = "request"  # a request under the law on personal data
    CONSENT = "consent"  # a consent that was withdrawn, or given
    IMPORT = "import"  # of a database before wishes were rows
    EXCHANGE = "exchange"  # said to another office, whose installation told it


# By these it is known who spoke. By the others anybody who has the number may have, so that it holds for them all.
NAMES_PERSON = frozenset(
    {WishSource.OFFICER, WishSource.ROSTER, WishSource.DOOR, WishSource.REQUEST, WishSource.CONSENT}
)
# Not even a warning passes these (Law 91/2025/QH15: objection, restriction and withdrawal of consent).
_LEGAL = frozenset({WishSource.REQUEST, WishSource.CONSENT})
_SLIP_WITHIN = timedelta(hours=12)


def is_own_slip(entered_by: int | None, entered_at: datetime, *, user_id: int, now: datetime) -> bool:
    """Return whether somebody may take back a wish as their own slip: who entered it, within half a day. Others lift it, with a reason."""
    return entered_by == user_id and now - entered_at < _SLIP_WITHIN


class SaidWish(NamedTuple):
    """A row of the ledger. `undoes` is the wish that it takes back, None for a wish."""

    id: int
    scope: str
    source: WishSource
    people: frozenset[int] = frozenset()
    numbers: frozenset[int] = frozenset()
    undoes: int | None = None

    @property
    def is_firm(self) -> bool:
        """Return whether no warning passes it: it is about one matter alone, or a right under the law."""
        return bool(self.scope) or self.source in _LEGAL


def scopes_of(
    *, drive: int | None = None, kind: str = "", organisation: int | None = None
) -> tuple[str, ...]:
    """Return the scopes of wishes that stop an SMS of this drive, kind and organisation."""
    named = (("drive", drive), ("kind", kind), ("organisation", organisation), ("channel", "sms"))
    return (EVERYTHING, *(f"{word}:{value}" for word, value in named if value))


def drive_scope(drive: int) -> str:
    """Return the scope of a wish about one drive."""
    return f"drive:{drive}"


def kind_scope(kind: str) -> str:
    """Return the scope of a wish about one kind of campaign; everything for ""."""
    return f"kind:{kind}" if kind else EVERYTHING


def covers(scope: str, is_firm: bool, *, scopes: Collection[str], passes: bool) -> bool:
    """Return whether a wish about `scope` stops a message that has these scopes.

    `passes`: a warning that has a legal basis, where the installation lets those pass opt-outs.
    """
    return scope in scopes and (is_firm or not passes)


def find_wish(
    rows: Iterable[SaidWish],
    *,
    person: int | None,
    number: int | None,
    numbers_of_person: Collection[int] = (),
    scopes: Collection[str] = (EVERYTHING,),
    passes: bool = False,
) -> SaidWish | None:
    """Return the wish because of which a message must not go to a person at a number, None if it may go.

    `rows` are the ledger's of the person and of all their numbers; `scopes` and `passes` as `covers` has them. Of several
    the first counts: what is about everything, then what was said first.
    """
    known = list(rows)
    undone = {row.undoes for row in known}
    holding = [
        row
        for row in known
        if row.undoes is None
        and row.id not in undone
        and covers(row.scope, row.is_firm, scopes=scopes, passes=passes)
        and (  # of this number, of this person, or said from a number that the person has
            number in row.numbers
            or person in row.people
            or (row.source not in NAMES_PERSON and not row.numbers.isdisjoint(numbers_of_person))
        )
    ]
    return min(holding, key=lambda row: (bool(row.scope), row.id), default=None)

"""Wishes to be left alone: what one is about, and whether one holds for a message.

A wish is said by a person, from a number, or both, about a scope: everything, or a drive, a kind of campaign, an
organisation or a channel. What takes it back is a row of its own that names it. Whose wishes hold says the view `left_alone`
of the database; a test compares it with the rule as a function over random stories.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

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
_SLIP_WITHIN = timedelta(hours=12)


def is_own_slip(entered_by: int | None, entered_at: datetime, *, user_id: int, now: datetime) -> bool:
    """Return whether somebody may take back a wish as their own slip: who entered it, within half a day. Others lift it, with a reason."""
    return entered_by == user_id and now - entered_at < _SLIP_WITHIN


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

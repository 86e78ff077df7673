"""What has happened since last time, put into line for whoever wants to know.

Read behind those who write: answers, installs and opt-outs by their number, campaigns by how they stand. Whoever records an
answer or sends a message does nothing for it, and with no subscription nothing is read at all.

A number is given to a row before its transaction ends, so rows may appear behind one that was read already. `note` writes
down the newest number and PostgreSQL's next transaction; once every transaction before that one has ended, all rows up to
the number are there that will ever be, and `gather` reads them. SQLite has one writer: there it holds at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from campaigns.hooks.lining_up import Line, standing_subscriptions
from campaigns.hooks.models import Bookmark, Subscription
from campaigns.hooks.sources import BY_NUMBER, tell_of_campaigns, tell_of_finals, tell_of_withdrawn
from outreach.db import Database

_ONE = 1
_BOTH_ENDS = text(
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint FROM pg_current_snapshot() s"
)


def begin_here(session: Session, *, now: datetime) -> None:
    """From now on: what happened before the first subscription is told to nobody."""
    mark = _hold(session)
    if mark is None:
        mark = Bookmark(id=_ONE, places={})
        session.add(mark)
    places: dict[str, Any] = {}
    for name, source in BY_NUMBER.items():
        newest = session.scalar(select(func.max(source.column))) or 0
        places[name] = [newest, newest, 0]
    nobody = Line(session, [], now=now)
    places["withdrawn"] = now.isoformat()
    places["campaigns"] = tell_of_campaigns(nobody, None)
    places["finals"] = tell_of_finals(nobody, None)
    mark.places = places
    session.flush()


def is_anybody_told(session: Session) -> bool:
    """Whether a subscription stands."""
    return session.scalar(select(Subscription.id).where(Subscription.ended_at.is_(None)).limit(1)) is not None


def catch_up(db: Database, *, now: datetime) -> int:
    """One round, in its two transactions; how many events were put into line."""
    with db.write() as session:
        note(session)
    with db.write() as session:
        return gather(session, now=now)


def note(session: Session) -> None:
    """The first half of a round, in a transaction of its own: up to where the second may read."""
    mark = _hold(session)
    if mark is None:
        return
    _earliest, next_one = _transactions(session)
    places = dict(mark.places)
    for name, source in BY_NUMBER.items():
        position, ceiling, _horizon = places[name]
        if position >= ceiling:
            places[name] = [position, session.scalar(select(func.max(source.column))) or 0, next_one]
    mark.places = places


def gather(session: Session, *, now: datetime) -> int:
    """The second half: put what happened into the subscribers' lines, in the caller's transaction; how many."""
    mark = _hold(session)
    subscribers = standing_subscriptions(session)
    if mark is None or not subscribers:
        return 0
    earliest, next_one = _transactions(session)
    line = Line(session, subscribers, now=now)
    places = dict(mark.places)
    for name, source in BY_NUMBER.items():
        position, ceiling, horizon = places[name]
        # A horizon beyond the next transaction is another cluster's: the database was restored.
        if position < ceiling and (horizon <= earliest or horizon > next_one):
            places[name] = [source.tell(line, position, ceiling), ceiling, horizon]
    places["withdrawn"] = tell_of_withdrawn(line, places["withdrawn"])
    places["campaigns"] = tell_of_campaigns(line, places["campaigns"])
    places["finals"] = tell_of_finals(line, places["finals"])
    mark.places = places
    return line.write()


def _hold(session: Session) -> Bookmark | None:
    """The bookmark, ours until the transaction ends; None where there is none, or another worker has it."""
    held = select(Bookmark).where(Bookmark.id == _ONE).with_for_update(skip_locked=True)
    return session.scalar(held.execution_options(populate_existing=True))


def _transactions(session: Session) -> tuple[int, int]:
    """The earliest one still open, and the next to begin."""
    if session.get_bind().dialect.name != "postgresql":
        return 0, 0
    earliest, next_one = session.execute(_BOTH_ENDS).one()
    return int(earliest), int(next_one)

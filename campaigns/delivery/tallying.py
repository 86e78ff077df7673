"""Tallies: what became of attempts, as sums. Figures and the watch over failures read these, not the attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import give_back
from campaigns.delivery.rules import FAILURE_WINDOW, is_charged
from campaigns.messages import Tally
from campaigns.models import Campaign
from campaigns.states import ACCEPTED_OR_BEYOND, AttemptState
from outreach.bulk import UNSYNCED

FAILURES = (AttemptState.FAILED, AttemptState.UNDELIVERED)

# Older ones are folded together: nobody looks back that far by the minute.
FOLD_AFTER = timedelta(hours=1)


class Move(NamedTuple):
    """A step of attempts from one state, with its cause, to the next."""

    lane: int
    before: AttemptState
    cause_before: str | None
    after: AttemptState
    cause: str | None


@dataclass(slots=True)
class Moved:
    """How many attempts took a step, the segments of their messages, and what the gateway counts beyond them."""

    n: int = 0
    segments: int = 0
    more: int = 0


def tally(
    session: Session,
    moves: Mapping[Move, Moved],
    *,
    now: datetime,
    billed: Mapping[int, tuple[int, int]] | None = None,
) -> None:
    """Note what changed, and settle the campaigns' budgets with it. In the transaction of the changes.

    `billed`: by lane, segments and VND by which what the gateway has billed grows.
    """
    sums: dict[tuple[int, AttemptState, str | None], Moved] = defaultdict(Moved)
    credits: dict[int, int] = defaultdict(int)
    for move, moved in moves.items():
        after = moved.segments + moved.more
        for state, cause, n, segments in (
            (move.before, move.cause_before, -moved.n, -moved.segments),
            (move.after, move.cause, moved.n, after),
        ):
            if state in ACCEPTED_OR_BEYOND:
                total = sums[move.lane, state, cause]
                total.n += n
                total.segments += segments
        credits[move.lane] += moved.segments * is_charged(move.before) - after * is_charged(move.after)
    noted = [
        {"lane": lane, "state": state, "cause": cause, "n": total.n, "segments": total.segments, "at": now}
        for (lane, state, cause), total in sums.items()
        if total.n or total.segments
    ]
    if noted:
        session.execute(insert(Tally), noted)
    give_back(session, credits, billed)


def recent_outcomes(session: Session, lane: int, *, now: datetime) -> tuple[int, int]:
    """Failed and well, of the outcomes of the last minutes; those before the campaign was resumed do not count."""
    since = now - FAILURE_WINDOW
    resumed_at = session.scalar(select(Campaign.resumed_at).where(Campaign.id == lane))
    rows = session.execute(
        select(Tally.state, func.sum(Tally.n))
        .where(Tally.lane == lane, Tally.at > max(since, resumed_at or since))
        .group_by(Tally.state)
    ).all()
    found = {state: int(n) for state, n in rows}
    failed = sum(found.get(state, 0) for state in FAILURES)
    # One that was taken and then delivered is there once: as much less "accepted" as there is more "delivered".
    well = sum(n for state, n in found.items() if state not in FAILURES)
    return failed, max(well, found.get(AttemptState.DELIVERED, 0))


def fold(session: Session, *, now: datetime) -> int:
    """Put old tallies of the same kind together; how many rows that saved. Of two at once each row is one's alone."""
    old = Tally.at < now - FOLD_AFTER
    kinds = session.execute(
        select(Tally.lane, Tally.state, Tally.cause)
        .where(old)
        .group_by(Tally.lane, Tally.state, Tally.cause)
        .having(func.count() > 1)
        .order_by(Tally.lane, Tally.state, Tally.cause)
    ).all()
    folded: list[dict[str, object]] = []
    taken = 0
    for kind in kinds:
        same = (
            Tally.lane == kind.lane,
            Tally.state == kind.state,
            Tally.cause.is_not_distinct_from(kind.cause),
        )
        # What came back is what is summed: another sweep may have folded some of it since it was looked for.
        rows = session.execute(
            delete(Tally).where(*same, old).returning(Tally.n, Tally.segments, Tally.at),
            execution_options=UNSYNCED,
        ).all()
        if rows:
            taken += len(rows)
            folded.append(
                {
                    **kind._asdict(),
                    "n": sum(row.n for row in rows),
                    "segments": sum(row.segments for row in rows),
                    "at": max(row.at for row in rows),
                }
            )
    if folded:
        session.execute(insert(Tally), folded)
    return taken - len(folded)


def causes_and_segments(session: Session, lane: int) -> tuple[dict[str, int], int, int]:
    """Of a lane: failures by cause; segments that are charged; requests that the gateway has answered."""
    rows = session.execute(
        select(Tally.state, Tally.cause, func.sum(Tally.n), func.sum(Tally.segments))
        .where(Tally.lane == lane)
        .group_by(Tally.state, Tally.cause)
    ).all()
    causes: dict[str, int] = defaultdict(int)
    for state, cause, n, _segments in rows:
        if state in FAILURES and n:
            causes[cause or "other"] += int(n)
    charged = [(int(n), int(segments)) for state, _cause, n, segments in rows if is_charged(state)]
    return dict(causes), sum(segments for _n, segments in charged), sum(n for n, _segments in charged)

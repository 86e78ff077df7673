"""Keeping a large campaign's counts: a worker counts in one snapshot and puts them in place of the former ones.

Counting three million messages takes seconds, whoever asks; so it is done where nobody waits for it, once for all
readers, at most a tenth of the time while somebody looks and a fiftieth while nobody does. Small campaigns are
counted when they are read.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, String, delete, insert, literal, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.reach.counting import count_reach
from campaigns.reach.models import Counted, ReachCount
from campaigns.states import CampaignState
from outreach.bulk import UNSYNCED, rows
from outreach.db import Database

# Recipients up to which a campaign is counted when it is read: some ten milliseconds.
SMALL = 5_000

_WATCHED_SHARE, _WATCHED_LEAST = 0.1, timedelta(seconds=5)
_LEFT_SHARE, _LEFT_LEAST = 0.02, timedelta(minutes=5)
# After a campaign's end reports and answers still come for a while; later the next look has it counted.
_FOLLOWED_FOR = timedelta(days=3)

_COLUMNS = {
    "step_id": BigInteger,
    "organisation_id": BigInteger,
    "area_code": String,
    "measure": String,
    "detail": String,
    "n": BigInteger,
}


def is_small(campaign: Campaign) -> bool:
    """Whether a campaign is counted at each look; before its launch there is nothing to count."""
    return (campaign.recipients or 0) <= SMALL


def keep_reach(db: Database, campaign_id: int, *, now: datetime) -> int:
    """Count a campaign as of `now` and keep that; how many counts. Repeatable; none is older than what it replaces."""
    began = time.monotonic()
    with db.read() as session:
        counts = count_reach(session, campaign_id)
    took_s = time.monotonic() - began
    data = [{**key._asdict(), "n": n} for key, n in counts.items()]
    with db.write() as session:
        kept = session.get(Counted, campaign_id, with_for_update=True)
        if kept and kept.at >= now:
            return 0
        session.execute(
            delete(ReachCount).where(ReachCount.campaign_id == campaign_id), execution_options=UNSYNCED
        )
        if data:
            new = rows(session, _COLUMNS, data)
            names = ["campaign_id", *_COLUMNS]
            session.execute(
                insert(ReachCount).from_select(
                    names, select(literal(campaign_id), *(new.c[name] for name in _COLUMNS))
                ),
                execution_options=UNSYNCED,
            )
        if kept:
            kept.at, kept.took_s = now, took_s
        else:
            session.add(Counted(campaign_id=campaign_id, at=now, took_s=took_s))
    return len(data)


def is_due(kept: Counted | None, *, now: datetime) -> bool:
    """Whether counts are too old for somebody who looks at them now."""
    return kept is None or now - kept.at > max(
        _WATCHED_LEAST, timedelta(seconds=kept.took_s / _WATCHED_SHARE)
    )


def left_to_count(session: Session, *, now: datetime) -> list[int]:
    """Large campaigns under way, or ended lately, whose counts are old though nobody looks."""
    found = session.execute(
        select(Campaign.id, Counted.at, Counted.took_s)
        .outerjoin(Counted, Counted.campaign_id == Campaign.id)
        .where(
            Campaign.recipients > SMALL,
            Campaign.state.in_((CampaignState.SENDING, CampaignState.PAUSED))
            | (Campaign.ended_at > now - _FOLLOWED_FOR),
        )
        .order_by(Campaign.id)
    )
    return [
        campaign_id
        for campaign_id, at, took_s in found
        if at is None or now - at > max(_LEFT_LEAST, timedelta(seconds=took_s / _LEFT_SHARE))
    ]


def forget_reach(session: Session, campaign_id: int) -> None:
    """A launch was taken back: there is nothing that was counted."""
    for table in (ReachCount, Counted):
        session.execute(delete(table).where(table.campaign_id == campaign_id), execution_options=UNSYNCED)

"""A large campaign's reach, put together once for all who read it until it is counted anew."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.reach.keeping import is_due, is_small
from campaigns.reach.models import Counted
from campaigns.reach.reading import Reach, read_reach

# By database, campaign, scope and moment of the count: what it holds never changes.
_PUT_TOGETHER: dict[tuple[str, int, str, datetime], Reach] = {}
_MOST = 32


def read_reach_once(
    session: Session, campaign: Campaign, *, seen: Collection[int] | None, name: str, now: datetime
) -> Reach:
    """As `read_reach`; readers with the same `name` see the same rows. To be read, not to be changed."""
    kept = None if is_small(campaign) else session.get(Counted, campaign.id)
    if kept is None:
        return read_reach(session, campaign, seen=seen, now=now)
    key = (str(session.get_bind().engine.url), campaign.id, name, kept.at)
    found = _PUT_TOGETHER.get(key)
    if found is None:
        while len(_PUT_TOGETHER) >= _MOST:
            _PUT_TOGETHER.pop(next(iter(_PUT_TOGETHER)), None)
        found = _PUT_TOGETHER[key] = read_reach(session, campaign, seen=seen, now=now)
    return replace(found, is_due=is_due(kept, now=now))

"""Small places in figures about health, for readers who may not see the people: see campaigns/rules/small_counts.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from campaigns.cases.handle_case import may_read_answers
from campaigns.models.campaigns import Campaign
from campaigns.rules.small_counts import counted_under, fold_small
from outreach.models.accounts import User
from outreach.models.places import Area, AreaLevel

T = TypeVar("T")
Small = Mapping[str, str | None]


def find_small(
    session: Session,
    campaigns: Iterable[Campaign],
    people: Iterable[tuple[str | None, int]],
    *,
    user: User | None = None,
) -> Small:
    """Return under which place the people of small communes are counted for a reader; none where nothing is about health.

    `people` are numbers of people by area, which may repeat. Without a `user` the reader may be anybody.
    """
    if (user and may_read_answers(user)) or not any(campaign.is_health for campaign in campaigns):
        return {}
    sizes: dict[str | None, int] = {}
    for area, n in people:
        sizes[area] = sizes.get(area, 0) + n
    parent = aliased(Area)
    above = session.execute(
        select(Area.code, parent.code)
        .join(parent, parent.code == Area.parent_code)
        .where(Area.level == AreaLevel.COMMUNE, parent.level == AreaLevel.DISTRICT)
    )
    return fold_small(sizes, dict(above.all()))


def fold_areas(by_area: Mapping[str | None, T], small: Small) -> dict[str | None, list[T]]:
    """Return what is to be added up by area, the small ones under the place that they are counted for."""
    folded: dict[str | None, list[T]] = {}
    for area, value in by_area.items():
        folded.setdefault(counted_under(area, small), []).append(value)
    return folded

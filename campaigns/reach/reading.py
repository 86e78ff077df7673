"""A campaign's reach as somebody may see it: by step, organisation and place, as of the moment it was counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.reach.counting import Key, count_reach
from campaigns.reach.keeping import is_due, is_small
from campaigns.reach.measures import Counts, Measure
from campaigns.reach.models import Counted, ReachCount


@dataclass(frozen=True, slots=True)
class Reach:
    """Counts that add up, of one snapshot at `counted_at`: None while a large campaign is counted for the first time.

    `steps` is by the step's id, `organisations` by theirs, `areas` by the code that was frozen (mostly a commune's);
    None stands for those of whom it is not known. What is of people, whatever the step, is in no step.
    `is_due`: whoever shows them has them counted anew, by `ring_count_reach`.
    """

    counted_at: datetime | None
    is_due: bool = False
    total: Counts = field(default_factory=Counts)
    steps: dict[int, Counts] = field(default_factory=dict)
    organisations: dict[int | None, Counts] = field(default_factory=dict)
    areas: dict[str | None, Counts] = field(default_factory=dict)


def read_reach(session: Session, campaign: Campaign, *, seen: Collection[int] | None, now: datetime) -> Reach:
    """All of a campaign that is of these organisations' lists; of all lists where `seen` is None.

    `seen` is what `organisations_of` says of a user. Call it inside one `db.read()`.
    """
    if is_small(campaign):
        counted_at, counts = now, count_reach(session, campaign.id)
        among = [(key, n) for key, n in counts.items() if seen is None or key.organisation_id in seen]
        return Reach(
            counted_at,
            total=_total(_gather(among, lambda key: None)),
            steps=_gather([(key, n) for key, n in among if key.step_id], lambda key: key.step_id),
            organisations=_gather(among, lambda key: key.organisation_id),
            areas=_gather(among, lambda key: key.area_code),
        )
    kept = session.get(Counted, campaign.id)
    if kept is None:
        return Reach(None, is_due=True)
    steps = _sum_kept(session, campaign.id, ReachCount.step_id, seen=seen)
    total = Counts()
    for counts_of_step in steps.values():
        total.merge(counts_of_step)
    steps.pop(None, None)
    return Reach(
        kept.at,
        is_due(kept, now=now),
        total=total,
        steps=steps,
        organisations=_sum_kept(session, campaign.id, ReachCount.organisation_id, seen=seen),
        areas=_sum_kept(session, campaign.id, ReachCount.area_code, seen=seen),
    )


def _total(one: Mapping[None, Counts]) -> Counts:
    return one.get(None, Counts())


def _gather(counts: Iterable[tuple[Key, int]], group: Callable[[Key], Any]) -> dict[Any, Counts]:
    found: dict[Any, Counts] = {}
    for key, n in counts:
        found.setdefault(group(key), Counts()).add(key.measure, key.detail, n)
    return found


def _sum_kept(
    session: Session, campaign_id: int, group: Any, *, seen: Collection[int] | None
) -> dict[Any, Counts]:
    query = (
        select(group, ReachCount.measure, ReachCount.detail, func.sum(ReachCount.n))
        .where(ReachCount.campaign_id == campaign_id)
        .group_by(group, ReachCount.measure, ReachCount.detail)
    )
    if seen is not None:
        query = query.where(ReachCount.organisation_id.in_(seen))
    found: dict[Any, Counts] = {}
    for key, measure, detail, n in session.execute(query):
        found.setdefault(key, Counts()).add(Measure(measure), detail, int(n))
    return found

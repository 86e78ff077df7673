"""A campaign's reach as somebody may see it: by step, organisation and place, as of the moment it was counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
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


_MOST_SUMMED = 64
_summed: dict[tuple[Any, ...], Reach] = {}


def read_reach(
    session: Session,
    campaign: Campaign,
    *,
    seen: Collection[int] | None,
    now: datetime,
    step_id: int | None = None,
) -> Reach:
    """All of a campaign that is of these organisations' lists; of all lists where `seen` is None.

    `seen` is what `organisations_of` says of a user. With `step_id` organisations and areas are of that step alone.
    Call it inside one `db.read()`.
    """
    if is_small(campaign):
        counted_at, counts = now, count_reach(session, campaign.id)
        among = [(key, n) for key, n in counts.items() if seen is None or key.organisation_id in seen]
        parts = [(key, n) for key, n in among if step_id is None or key.step_id == step_id]
        return Reach(
            counted_at,
            total=_total(_gather(among, lambda key: None)),
            steps=_gather([(key, n) for key, n in among if key.step_id], lambda key: key.step_id),
            organisations=_gather(parts, lambda key: key.organisation_id),
            areas=_gather(parts, lambda key: key.area_code),
        )
    kept = session.get(Counted, campaign.id)
    if kept is None:
        return Reach(None, is_due=True)
    # Of one moment they never change: a process adds them up once for all who see as much.
    scope = None if seen is None else frozenset(seen)
    key = (str(session.get_bind().engine.url), campaign.id, kept.at, scope, step_id)
    reach = _summed.get(key) or _sum(session, campaign.id, kept.at, seen=seen, step_id=step_id)
    if len(_summed) >= _MOST_SUMMED:
        _summed.clear()
    _summed[key] = reach
    return replace(reach, is_due=is_due(kept, now=now))


def _sum(
    session: Session, campaign_id: int, at: datetime, *, seen: Collection[int] | None, step_id: int | None
) -> Reach:
    steps = _sum_kept(session, campaign_id, ReachCount.step_id, seen=seen)
    total = Counts()
    for counts_of_step in steps.values():
        total.merge(counts_of_step)
    steps.pop(None, None)
    return Reach(
        at,
        total=total,
        steps=steps,
        organisations=_sum_kept(session, campaign_id, ReachCount.organisation_id, seen=seen, step_id=step_id),
        areas=_sum_kept(session, campaign_id, ReachCount.area_code, seen=seen, step_id=step_id),
    )


def read_parts(
    session: Session, campaign: Campaign, *, seen: Collection[int] | None
) -> dict[tuple[int | None, int | None, str | None], Counts]:
    """The same in its smallest parts: by step, organisation and place. For files."""
    found: dict[tuple[int | None, int | None, str | None], Counts] = {}
    if is_small(campaign):
        for key, n in count_reach(session, campaign.id).items():
            if seen is None or key.organisation_id in seen:
                found.setdefault(key[:3], Counts()).add(key.measure, key.detail, n)
        return found
    parts = (ReachCount.step_id, ReachCount.organisation_id, ReachCount.area_code)
    query = select(*parts, ReachCount.measure, ReachCount.detail, ReachCount.n).where(
        ReachCount.campaign_id == campaign.id
    )
    if seen is not None:
        query = query.where(ReachCount.organisation_id.in_(seen))
    for step_id, owner, area, measure, detail, n in session.execute(query):
        found.setdefault((step_id, owner, area), Counts()).add(measure, detail, n)
    return found


def _total(one: Mapping[None, Counts]) -> Counts:
    return one.get(None, Counts())


def _gather(counts: Iterable[tuple[Key, int]], group: Callable[[Key], Any]) -> dict[Any, Counts]:
    found: dict[Any, Counts] = {}
    for key, n in counts:
        found.setdefault(group(key), Counts()).add(key.measure, key.detail, n)
    return found


def _sum_kept(
    session: Session,
    campaign_id: int,
    group: Any,
    *,
    seen: Collection[int] | None,
    step_id: int | None = None,
) -> dict[Any, Counts]:
    query = (
        select(group, ReachCount.measure, ReachCount.detail, func.sum(ReachCount.n))
        .where(ReachCount.campaign_id == campaign_id)
        .group_by(group, ReachCount.measure, ReachCount.detail)
    )
    if seen is not None:
        query = query.where(ReachCount.organisation_id.in_(seen))
    if step_id is not None:
        query = query.where(ReachCount.step_id == step_id)
    found: dict[Any, Counts] = {}
    for key, measure, detail, n in session.execute(query):
        found.setdefault(key, Counts()).add(Measure(measure), detail, int(n))
    return found

"""Read reach; effect of each step.

A campaign's reach as somebody may see it: by step, organisation and place, as of the moment it was counted.

A large campaign's reach, put together once for all who read it until it is counted anew.

What each step of a ladder brought: who got it beside who was held out of it by lot, and one text beside another.

Everybody counts for the arm that the lot gave them, whether their message came to be sent or not: else who is easily
reached would be compared with everybody. An install counts for a step from its opening to that of the next.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.analytics.reach_counts import Key, count_reach, is_due, is_small
from campaigns.models.campaigns import Campaign
from campaigns.models.figures import ReachCount, ReachSnapshot
from campaigns.rules.experiments import FIRST_TEXT, HELD_OUT, SECOND_TEXT
from campaigns.rules.reach import ReachMeasure, ReachTotals, ShareDifference, compare_shares


@dataclass(frozen=True, slots=True)
class Reach:
    """Counts that add up, of one snapshot at `counted_at`: None while a large campaign is counted for the first time.

    `steps` is by the step's id, `organisations` by theirs, `areas` by the code that was frozen (mostly a commune's);
    None stands for those of whom it is not known. What is of people, whatever the step, is in no step.
    `is_due`: whoever shows them has them counted anew, by `ring_count_reach`.
    """

    counted_at: datetime | None
    is_due: bool = False
    total: ReachTotals = field(default_factory=ReachTotals)
    steps: dict[int, ReachTotals] = field(default_factory=dict)
    organisations: dict[int | None, ReachTotals] = field(default_factory=dict)
    areas: dict[str | None, ReachTotals] = field(default_factory=dict)


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
    kept = session.get(ReachSnapshot, campaign.id)
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
    total = ReachTotals()
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
) -> dict[tuple[int | None, int | None, str | None], ReachTotals]:
    """The same in its smallest parts: by step, organisation and place. For files."""
    found: dict[tuple[int | None, int | None, str | None], ReachTotals] = {}
    if is_small(campaign):
        for key, n in count_reach(session, campaign.id).items():
            if seen is None or key.organisation_id in seen:
                found.setdefault(key[:3], ReachTotals()).add(key.measure, key.detail, n)
        return found
    parts = (ReachCount.step_id, ReachCount.organisation_id, ReachCount.area_code)
    query = select(*parts, ReachCount.measure, ReachCount.detail, ReachCount.n).where(
        ReachCount.campaign_id == campaign.id
    )
    if seen is not None:
        query = query.where(ReachCount.organisation_id.in_(seen))
    for step_id, owner, area, measure, detail, n in session.execute(query):
        found.setdefault((step_id, owner, area), ReachTotals()).add(measure, detail, n)
    return found


def _total(one: Mapping[None, ReachTotals]) -> ReachTotals:
    return one.get(None, ReachTotals())


def _gather(counts: Iterable[tuple[Key, int]], group: Callable[[Key], Any]) -> dict[Any, ReachTotals]:
    found: dict[Any, ReachTotals] = {}
    for key, n in counts:
        found.setdefault(group(key), ReachTotals()).add(key.measure, key.detail, n)
    return found


def _sum_kept(
    session: Session,
    campaign_id: int,
    group: Any,
    *,
    seen: Collection[int] | None,
    step_id: int | None = None,
) -> dict[Any, ReachTotals]:
    query = (
        select(group, ReachCount.measure, ReachCount.detail, func.sum(ReachCount.n))
        .where(ReachCount.campaign_id == campaign_id)
        .group_by(group, ReachCount.measure, ReachCount.detail)
    )
    if seen is not None:
        query = query.where(ReachCount.organisation_id.in_(seen))
    if step_id is not None:
        query = query.where(ReachCount.step_id == step_id)
    found: dict[Any, ReachTotals] = {}
    for key, measure, detail, n in session.execute(query):
        found.setdefault(key, ReachTotals()).add(ReachMeasure(measure), detail, int(n))
    return found


# By database, campaign, scope and moment of the count: what it holds never changes.
_PUT_TOGETHER: dict[tuple[str, int, str, datetime], Reach] = {}
_MOST = 32


def read_shared_reach(
    session: Session, campaign: Campaign, *, seen: Collection[int] | None, name: str, now: datetime
) -> Reach:
    """As `read_reach`; readers with the same `name` see the same rows. To be read, not to be changed."""
    kept = None if is_small(campaign) else session.get(ReachSnapshot, campaign.id)
    if kept is None:
        return read_reach(session, campaign, seen=seen, now=now)
    key = (str(session.get_bind().engine.url), campaign.id, name, kept.at)
    found = _PUT_TOGETHER.get(key)
    if found is None:
        while len(_PUT_TOGETHER) >= _MOST:
            _PUT_TOGETHER.pop(next(iter(_PUT_TOGETHER)), None)
        found = _PUT_TOGETHER[key] = read_reach(session, campaign, seen=seen, now=now)
    return replace(found, is_due=is_due(kept, now=now))


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """People whom the lot put there, and how many of them reported an install in the step's time."""

    people: int = 0
    installed: int = 0

    def __add__(self, other: ArmCounts) -> ArmCounts:
        return ArmCounts(self.people + other.people, self.installed + other.installed)


@dataclass(frozen=True, slots=True)
class StepLift:
    """`lift`: those who got the step, with either text, against those held out; `texts`: second text against first."""

    number: int
    reminded: ArmCounts
    held_out: ArmCounts
    first_text: ArmCounts
    second_text: ArmCounts
    lift: ShareDifference | None
    texts: ShareDifference | None


def step_lifts(campaign: Campaign, reach: Reach) -> list[StepLift]:
    """Of each opened step that held people out or had two texts, among those whom the reach counts."""
    return [
        _measure(step.number, _arms(reach.steps[step.id]))
        for step in campaign.steps
        if step.opened_at and (step.hold_out or step.text_b) and step.id in reach.steps
    ]


def _arms(counts: ReachTotals) -> dict[int, ArmCounts]:
    people, installed = (
        counts.by.get(measure, {}) for measure in (ReachMeasure.ARMS, ReachMeasure.ARMS_INSTALLED)
    )
    return {int(arm): ArmCounts(n, installed.get(arm, 0)) for arm, n in people.items()}


def _measure(number: int, arms: dict[int, ArmCounts]) -> StepLift:
    held, first, second = (arms.get(arm, ArmCounts()) for arm in (HELD_OUT, FIRST_TEXT, SECOND_TEXT))
    reminded = first + second
    return StepLift(
        number=number,
        reminded=reminded,
        held_out=held,
        first_text=first,
        second_text=second,
        lift=compare_shares(reminded.installed, reminded.people, held.installed, held.people),
        texts=compare_shares(second.installed, second.people, first.installed, first.people),
    )

"""Collisions: who would get a third message within seven days, or one soon after another campaign's."""

from collections import Counter
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

WEEK = timedelta(days=7)
DAY = timedelta(days=1)
# So many messages in a week are no collision yet.
MOST_IN_A_WEEK = 2


@dataclass(frozen=True, slots=True)
class StepMoment:
    """A step that leaves, or has left, at a moment. A moment later than now is a plan."""

    campaign_id: int
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Collision:
    """How many phones get a third message within seven days by a step, and by which campaigns, its own among them."""

    phones: int = 0
    campaigns: tuple[int, ...] = ()


def steps_just_before(step: StepMoment, others: Iterable[StepMoment]) -> list[StepMoment]:
    """Return the steps of other campaigns in the 24 hours before this one."""
    return [
        each for each in others if step.at - DAY < each.at <= step.at and each.campaign_id != step.campaign_id
    ]


def find_collision(
    step: StepMoment, others: Iterable[StepMoment], phones_of: Callable[[StepMoment], Set[int]]
) -> Collision:
    """Return what a step adds to the others; `phones_of` is asked only where there are enough of them."""
    near = [
        each
        for each in others
        if step.at - WEEK < each.at <= step.at
        and (each.campaign_id, each.number) != (step.campaign_id, step.number)
    ]
    if len(near) < MOST_IN_A_WEEK:
        return Collision()
    own = phones_of(step)
    counts: Counter[int] = Counter()
    for each in near:
        counts.update(own & phones_of(each))
    third = {phone for phone, count in counts.items() if count >= MOST_IN_A_WEEK}
    with_some = {each.campaign_id for each in near if not third.isdisjoint(phones_of(each))}
    return Collision(len(third), tuple(sorted(with_some)))

"""What each step of a ladder brought: who got it beside who was held out of it by lot, and one text beside another.

Everybody counts for the arm that the lot gave them, whether their message came to be sent or not: else who is easily
reached would be compared with everybody. An install counts for a step from its opening to that of the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from campaigns.figures.intervals import Difference, compare_shares
from campaigns.models import Campaign
from campaigns.planning.lots import FIRST_TEXT, HELD_OUT, SECOND_TEXT
from campaigns.reach.measures import Counts, Measure
from campaigns.reach.reading import Reach


@dataclass(frozen=True, slots=True)
class Arm:
    """People whom the lot put there, and how many of them reported an install in the step's time."""

    people: int = 0
    installed: int = 0

    def __add__(self, other: Arm) -> Arm:
        return Arm(self.people + other.people, self.installed + other.installed)


@dataclass(frozen=True, slots=True)
class StepLift:
    """`lift`: those who got the step, with either text, against those held out; `texts`: second text against first."""

    number: int
    reminded: Arm
    held_out: Arm
    first_text: Arm
    second_text: Arm
    lift: Difference | None
    texts: Difference | None


def lifts_of(campaign: Campaign, reach: Reach) -> list[StepLift]:
    """Of each opened step that held people out or had two texts, among those whom the reach counts."""
    return [
        _measure(step.number, _arms(reach.steps[step.id]))
        for step in campaign.steps
        if step.opened_at and (step.hold_out or step.text_b) and step.id in reach.steps
    ]


def _arms(counts: Counts) -> dict[int, Arm]:
    people, installed = (counts.by.get(measure, {}) for measure in (Measure.ARMS, Measure.ARMS_INSTALLED))
    return {int(arm): Arm(n, installed.get(arm, 0)) for arm, n in people.items()}


def _measure(number: int, arms: dict[int, Arm]) -> StepLift:
    held, first, second = (arms.get(arm, Arm()) for arm in (HELD_OUT, FIRST_TEXT, SECOND_TEXT))
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

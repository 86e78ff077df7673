"""What each step of a ladder brought: who got it beside who was held out of it by lot, and one text beside another.

Everybody counts for the arm that the lot gave them, whether their message came to be sent or not: else who is easily
reached would be compared with everybody. An install counts for a step from its opening to that of the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from campaigns.answers.models import InstallReport
from campaigns.figures.intervals import Difference, compare_shares
from campaigns.messages import Message
from campaigns.models import Campaign, Step
from campaigns.planning.lots import FIRST_TEXT, HELD_OUT, SECOND_TEXT


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


def read_lifts(session: Session, campaign: Campaign) -> list[StepLift]:
    """Of each opened step that held people out or had two texts."""
    opened = [step for step in campaign.steps if step.opened_at]
    lifts = []
    for place, step in enumerate(opened):
        if step.hold_out or step.text_b:
            until = opened[place + 1] if place + 1 < len(opened) else None
            lifts.append(_measure(step.number, _arms(session, step, until)))
    return lifts


def _arms(session: Session, step: Step, until: Step | None) -> dict[int, Arm]:
    reported = [
        InstallReport.campaign_id == Message.campaign_id,
        InstallReport.phone_id == Message.phone_id,
        InstallReport.withdrawn_at.is_(None),
        InstallReport.reported_at >= step.opened_at,
    ]
    if until:
        reported.append(InstallReport.reported_at < until.opened_at)
    rows = session.execute(
        select(Message.arm, func.count(), func.count(InstallReport.id))
        .outerjoin(InstallReport, and_(*reported))
        .where(Message.campaign_id == step.campaign_id, Message.step_id == step.id, Message.arm.is_not(None))
        .group_by(Message.arm)
    )
    return {arm: Arm(people, installed) for arm, people, installed in rows if arm is not None}


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

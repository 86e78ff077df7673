"""Reach of a campaign as a user may see it, and the measured effect of each step.

Reach is by step, organisation and place, as of the moment it was counted. Small campaigns are counted when
read; the stored counts of large ones are added up once per process and reused until they are counted anew.

The effect of a step compares people who got it with those held out by bucket, and one text with the other.
People count for the arm that their bucket gave them, whether their message was sent or not: otherwise people
who are easily reached would be compared with everybody. An install counts for a step from its opening to that
of the next. Reach is verified by counts from joined rows against separately stored sums.
"""

from __future__ import annotations

from collections import Counter as Sums
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal, select
from sqlalchemy.orm import Session

from campaigns.analytics.campaign_status import count_messages
from campaigns.analytics.installs import small_in_drive
from campaigns.analytics.reach_counts import Key, blocks_of, count_reach, is_due
from campaigns.answer_totals import sum_totals
from campaigns.cases.conversation import visible_campaigns
from campaigns.delivery.outbox import causes_and_segments
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.figures import ReachBlock, ReachCount, ReachSnapshot
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import AnswerTotal
from campaigns.planning.audience import is_small
from campaigns.rules.experiments import FIRST_TEXT, HELD_OUT, SECOND_TEXT
from campaigns.rules.reach import RESULTS, ReachMeasure, ReachTotals, Result, ShareDifference, compare_shares
from campaigns.rules.small_counts import Small, add_up_by
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of
from outreach.models.accounts import User
from outreach.models.contacts import Contact, ContactList
from outreach.rules.errors import LoaError, NotAllowed, NotFound
from outreach.use_cases import use_case


@dataclass(frozen=True, slots=True)
class Reach:
    """Counts of one snapshot, which add up.

    `counted_at` is None while a large campaign is counted for the first time.

    `steps` is by step id, `organisations` by organisation id, `areas` by the code that was frozen (mostly a
    commune's); the key None is for people of whom it is not known. Counts of people, whatever the step, are
    in no step. `is_due`: the caller should have them counted anew, by `enqueue_count_reach`.
    """

    counted_at: datetime | None
    is_due: bool = False
    total: ReachTotals = field(default_factory=ReachTotals)
    steps: dict[int, ReachTotals] = field(default_factory=dict)
    organisations: dict[int | None, ReachTotals] = field(default_factory=dict)
    areas: dict[str | None, ReachTotals] = field(default_factory=dict)


_MAX_SUMMED = 64
_summed: dict[tuple[Any, ...], Reach] = {}
Parts = dict[tuple[int | None, int | None, str | None], ReachTotals]


def read_reach(
    session: Session,
    campaign: Campaign,
    *,
    seen: Collection[int] | None,
    now: datetime,
    step_id: int | None = None,
) -> Reach:
    """Return a campaign's reach for the lists of these organisations; for all lists where `seen` is None.

    `seen` is the result of `organisations_of` for a user. With `step_id`, organisations and areas are of that
    step alone. Call it inside one `db.read()`, and do not change the result: it is kept for others.
    """
    if is_small(campaign):
        return _sum(_rows_of(session, campaign, seen), now, step_id)
    snapshot = session.get(ReachSnapshot, campaign.id)
    if snapshot is None:
        return Reach(None, is_due=True)
    # Counts of one moment never change: each process adds them up once per scope.
    scope = None if seen is None else frozenset(seen)
    key = (str(session.get_bind().engine.url), campaign.id, snapshot.at, scope, step_id)
    reach = _summed.get(key) or _sum(_rows_of(session, campaign, seen), snapshot.at, step_id)
    while len(_summed) >= _MAX_SUMMED:
        _summed.pop(next(iter(_summed)), None)
    _summed[key] = reach
    return replace(reach, is_due=is_due(snapshot, now=now))


def reach_of(counted_at: datetime, counts: Mapping[Key, int]) -> Reach:
    """Return the reach that these counts are."""
    return _sum(_counted(counts), counted_at, None)


# The counts by parts of `Key`, then measure, detail and number; of one step where it is given.
Rows = Callable[[Sequence[str], int | None], Iterable[Sequence[Any]]]


def _rows_of(session: Session, campaign: Campaign, seen: Collection[int] | None) -> Rows:
    """Return a campaign's counts that a reader may see: counted now of a small one, stored of a large one."""
    if is_small(campaign):
        counts = count_reach(session, campaign.id).items()
        return _counted({key: n for key, n in counts if seen is None or key.organisation_id in seen})

    def rows(parts: Sequence[str], step_id: int | None) -> Iterable[Sequence[Any]]:
        columns = [getattr(ReachCount, part) for part in (*parts, "measure", "detail")]
        query = select(*columns, func.sum(ReachCount.n)).where(ReachCount.campaign_id == campaign.id)
        if seen is not None:
            query = query.where(ReachCount.organisation_id.in_(seen))
        if step_id is not None:
            query = query.where(ReachCount.step_id == step_id)
        return session.execute(query.group_by(*columns)).all()

    return rows


def _counted(counts: Mapping[Key, int]) -> Rows:
    def rows(parts: Sequence[str], step_id: int | None) -> Iterable[Sequence[Any]]:
        for key, n in counts.items():
            if step_id in (None, key.step_id):
                yield (*(getattr(key, part) for part in parts), key.measure, key.detail, n)

    return rows


def _totals(rows: Rows, *parts: str, step_id: int | None = None) -> dict[Any, ReachTotals]:
    """Return the totals by parts of `Key`, by a tuple where they are several; of one step where it is given."""
    totals: dict[Any, ReachTotals] = {}
    for *key, measure, detail, n in rows(parts, step_id):
        of = totals.setdefault(key[0] if len(key) == 1 else tuple(key), ReachTotals())
        of.add(measure, detail, int(n))
    return totals


def _sum(rows: Rows, at: datetime, step_id: int | None) -> Reach:
    steps, total = _totals(rows, "step_id"), ReachTotals()
    for of_step in steps.values():
        total.update(of_step)
    steps.pop(None, None)
    return Reach(
        at,
        total=total,
        steps=steps,
        organisations=_totals(rows, "organisation_id", step_id=step_id),
        areas=_totals(rows, "area_code", step_id=step_id),
    )


def fold_reach(reach: Reach, small: Small | None) -> Reach:
    """Return a reach in which small places and organisations are counted under others, as `find_small` says."""
    if small is None:
        return reach
    areas = add_up_by(reach.areas, small.area_of)
    return replace(reach, areas=areas, organisations=add_up_by(reach.organisations, small.organisation_of))


def small_in_reach(session: Session, campaign: Campaign, *, user: User) -> Small | None:
    """Return `small_in_drive` for the reach of a campaign. Raises NotAllowed where nothing is told of it by itself."""
    small = small_in_drive(session, campaign, user=user)
    if small and small.is_all:
        raise NotAllowed("few_people_hidden")
    return small


def read_parts_for(session: Session, campaign: Campaign, *, user: User) -> Parts:
    """Return the reach in its smallest parts that a user may see, by step, organisation and place. For files.

    Where few people are hidden from the user, organisations are left out: with them a place would be small again.
    """
    rows = _rows_of(session, campaign, organisations_of(session, user))
    parts: Parts = _totals(rows, "step_id", "organisation_id", "area_code")
    small = small_in_reach(session, campaign, user=user)
    return parts if small is None else add_up_by(parts, lambda key: (key[0], None, small.area_of(key[2])))


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """People assigned to an arm, and how many of them reported an install in the step's time."""

    people: int = 0
    installed: int = 0

    def __add__(self, other: ArmCounts) -> ArmCounts:
        return ArmCounts(self.people + other.people, self.installed + other.installed)


@dataclass(frozen=True, slots=True)
class StepLift:
    """Effect of a step: `lift` against those held out, `texts` of the second text against the first."""

    number: int
    reminded: ArmCounts
    held_out: ArmCounts
    first_text: ArmCounts
    second_text: ArmCounts
    lift: ShareDifference | None
    texts: ShareDifference | None


def step_lifts(campaign: Campaign, reach: Reach) -> list[StepLift]:
    """Return the effect of each opened step that held people out or had two texts, on those in the reach."""
    return [
        _measure(step.number, reach.steps[step.id])
        for step in campaign.steps
        if step.opened_at and (step.hold_out or step.text_b) and step.id in reach.steps
    ]


def _measure(number: int, counts: ReachTotals) -> StepLift:
    people, installed = (
        counts.by.get(measure, {}) for measure in (ReachMeasure.ARMS, ReachMeasure.ARMS_INSTALLED)
    )
    arms = (str(arm) for arm in (HELD_OUT, FIRST_TEXT, SECOND_TEXT))
    held_out, first, second = (ArmCounts(people.get(arm, 0), installed.get(arm, 0)) for arm in arms)
    reminded = first + second
    return StepLift(
        number=number,
        reminded=reminded,
        held_out=held_out,
        first_text=first,
        second_text=second,
        lift=compare_shares(reminded.installed, reminded.people, held_out.installed, held_out.people),
        texts=compare_shares(second.installed, second.people, first.installed, first.people),
    )


@use_case
def record_export(session: Session, campaign_id: int, *, rows: int, user: User, now: datetime) -> None:
    """Record in the audit log that a user took the reach as a file."""
    audit.record(session, "reach.export", f"campaigns:{campaign_id}", user, now, rows=rows)


def has_result(
    session: Session,
    user: User,
    campaign_id: int | None,
    result: Result,
    *,
    step: int | None = None,
    opened: Collection[int] = (),
) -> ColumnElement[bool]:
    """Return the condition that this became of a contact in a campaign; of messages, those of one step by its number.

    Raises NotFound for a campaign that the user may not see; for `opened` see `visible_campaigns`: that somebody was left
    out may tell what they answered.
    """
    if campaign_id not in dict(visible_campaigns(session, user, opened=opened)):
        raise NotFound("campaign_not_found")
    parts: list[ColumnElement[bool]] = [Recipient.exclusion.is_(None)]
    if result.name == "excluded":
        parts = [Recipient.exclusion == result.detail]
    elif result.name == "unanswered":
        parts.append(Recipient.answer.is_(None))
    elif result.name in RESULTS:
        parts.append(_has_message(campaign_id, result, step))
    return exists(
        select(literal(1)).where(
            Recipient.campaign_id == campaign_id, Recipient.contact_id == Contact.id, *parts
        )
    )


def _has_message(campaign_id: int | None, result: Result, step: int | None) -> ColumnElement[bool]:
    parts = [
        Message.recipient_id == Recipient.id,
        Message.campaign_id == campaign_id,
        Message.step_id.is_not(None),
        Message.state.in_(RESULTS[result.name]),
    ]
    if step:
        of_campaign = Step.campaign_id == campaign_id
        parts.append(Message.step_id.in_(select(Step.id).where(of_campaign, Step.number == step)))
    if result.name == "skipped" and result.detail:
        parts.append(Message.skip_reason == result.detail)
    if result.name == "causes":
        cause = func.coalesce(Attempt.cause, "other")
        failed = (Attempt.message_id == Message.id, Attempt.state == Message.state)
        last = select(cause).where(*failed).order_by(Attempt.n.desc()).limit(1)  # as it is counted
        parts.append(last.scalar_subquery() == result.detail)
    return exists(select(literal(1)).where(*parts))


# Frozen at the launch: these counts are the same whenever they are counted.
_FROZEN = (ReachMeasure.RECIPIENTS, ReachMeasure.EXCLUDED)


def find_disagreements(session: Session) -> tuple[int, list[LoaError]]:
    """Return how many counts were compared, and those that disagree, each with the `source` of the other count. Call it inside one `db.read()`.

    People and messages are counted anew. They are compared with the counters that answers have changed, the
    totals that the sender has written, messages by the index of their states, and the stored reach counts, as
    far as they never change.
    """
    compared, wrong = 0, []
    for campaign_id in session.scalars(
        select(Campaign.id).where(Campaign.launched_at.is_not(None)).order_by(Campaign.id)
    ):
        blocks = blocks_of(session, campaign_id)
        counted: Sums[Key] = Sums()
        for block in blocks:
            counted.update(count_reach(session, campaign_id, block))
        for source, expected, stored in (
            ("counters", *_answers(session, campaign_id, counted)),
            ("messages", *_states(session, campaign_id, counted)),
            ("tallies", *_segments(session, campaign_id, counted)),
            ("reach_counts", *_stored(session, campaign_id, counted, blocks)),
        ):
            keys = sorted(expected.keys() | stored.keys())
            compared += len(keys)
            wrong += [
                LoaError(
                    "reach_count_differs",
                    campaign=campaign_id,
                    source=source,
                    what=key,
                    counted=expected[key],
                    other=stored[key],
                )
                for key in keys
                if expected[key] != stored[key]
            ]
    return compared, wrong


CountPair = tuple[Sums[str], Sums[str]]


def _sums(
    counted: dict[Key, int], measures: Collection[ReachMeasure], name_of: Callable[[Key], str]
) -> Sums[str]:
    """Add up the counts of these measures by name."""
    sums: Sums[str] = Sums()
    for key, n in counted.items():
        if key.measure in measures:
            sums[name_of(key)] += n
    return sums


def _name(key: Key) -> str:
    return f"{key.organisation_id} {key.area_code} {key.measure.value} {key.detail}"


def _answers(session: Session, campaign_id: int, counted: dict[Key, int]) -> CountPair:
    measures = (ReachMeasure.ANSWERS, ReachMeasure.OWN_ANSWERS, ReachMeasure.INSTALLED)
    expected = _sums(counted, measures, _name)
    stored: Sums[str] = Sums()
    key = (ContactList.organisation_id, AnswerTotal.area_code, AnswerTotal.answer, AnswerTotal.own_answer)
    for owner, area, answer, own, people, installed in sum_totals(session, [campaign_id], *key):
        if answer:
            stored[f"{owner} {area} {ReachMeasure.ANSWERS.value} {answer.value}"] += people
        if own:
            stored[f"{owner} {area} {ReachMeasure.OWN_ANSWERS.value} {own}"] += people
        stored[f"{owner} {area} {ReachMeasure.INSTALLED.value} "] += installed
    return expected, stored


def _states(session: Session, campaign_id: int, counted: dict[Key, int]) -> CountPair:
    expected = _sums(counted, (ReachMeasure.MESSAGES,), lambda key: f"{key.step_id} {key.detail}")
    stored: Sums[str] = Sums()
    for (step_id, state, _reason), n in count_messages(session, [campaign_id]).items():
        stored[f"{step_id} {state.value}"] += n
    return expected, stored


def _segments(session: Session, campaign_id: int, counted: dict[Key, int]) -> CountPair:
    return _sums(counted, (ReachMeasure.SEGMENTS,), lambda _key: "segments"), Sums(
        {"segments": causes_and_segments(session, campaign_id)[1]}
    )


def _stored(
    session: Session, campaign_id: int, counted: dict[Key, int], blocks: Collection[int]
) -> CountPair:
    counted_blocks = session.scalars(select(ReachBlock.block).where(ReachBlock.campaign_id == campaign_id))
    if {*blocks} - {*counted_blocks}:  # since people joined
        return Sums(), Sums()
    columns = (ReachCount.organisation_id, ReachCount.area_code, ReachCount.measure, ReachCount.detail)
    rows = session.execute(
        select(*columns, ReachCount.n).where(
            ReachCount.campaign_id == campaign_id, ReachCount.measure.in_(_FROZEN)
        )
    ).all()
    stored: Sums[str] = Sums()
    for owner, area, measure, detail, n in rows:
        stored[f"{owner} {area} {measure} {detail}"] += n
    return _sums(counted, _FROZEN, _name), stored

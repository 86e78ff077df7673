"""Verification of a campaign's reach: counts from joined rows against separately stored sums."""

from collections import Counter as Sums
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.analytics.campaign_status import count_messages
from campaigns.analytics.reach_counts import Key, blocks_of, count_reach
from campaigns.answer_totals import sum_totals
from campaigns.delivery.outbox import causes_and_segments
from campaigns.models.campaigns import Campaign
from campaigns.models.figures import ReachBlock, ReachCount
from campaigns.models.replies import AnswerTotal
from campaigns.rules.reach import ReachMeasure
from outreach.models.contacts import ContactList

# Frozen at the launch: these counts are the same whenever they are counted.
_FROZEN = (ReachMeasure.RECIPIENTS, ReachMeasure.EXCLUDED)


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two ways to the same count with different results. `source` is where the other count came from."""

    campaign_id: int
    source: str
    what: str
    counted: int
    other: int


def find_disagreements(session: Session) -> tuple[int, list[Disagreement]]:
    """Return how many counts were compared, and those that disagree. Call it inside one `db.read()`.

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
                Disagreement(campaign_id, source, key, expected[key], stored[key])
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

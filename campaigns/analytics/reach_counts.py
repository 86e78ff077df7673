"""Counting of a campaign's reach, and storage of the counts of large campaigns.

Reach is counted from people, messages and answers by a few statements over all of them. Every count is by the
organisation of the list that the recipient came from, and by their place, as frozen at the launch.

Who was merged with another recipient counts once: what went to the one left out is in the segments alone, as it was paid for.

Counting twenty million messages takes minutes. So large campaigns are counted by a worker, once for all readers: block by
block of their recipients, each in one snapshot, at most a tenth of the time while the counts are being read and a fiftieth
while they are not. Each recipient and what became of them is in one block, so the sums over all blocks add up. The first
counts are those that a launch has frozen. Small campaigns are counted when they are read.
"""

import time
from collections import Counter as Sums
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from operator import add
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import ColumnElement, Select, and_, case, func, literal, literal_column, select, text
from sqlalchemy.orm import Session, aliased

from campaigns.delivery.claim_messages import terms_of
from campaigns.models.campaigns import Campaign, PageOpen, Recipient, Step
from campaigns.models.figures import ReachBlock, ReachSnapshot
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import InstallReport
from campaigns.planning import audience
from campaigns.planning.audience import count_audience_rows, is_small, store_counts
from campaigns.planning.kinds import find_outside_base
from campaigns.rules.reach import FAILED, TAKEN, ReachByOperator, ReachMeasure, add_up
from campaigns.rules.states import ACCEPTED_OR_BEYOND, AttemptState, CampaignState, MessageState
from outreach.core.cache import cached_count
from outreach.core.db import Database, is_postgresql
from outreach.models.contacts import ContactList, Phone
from outreach.models.office import GatewayAccount

_CHARGED_STATES = tuple(sorted(ACCEPTED_OR_BEYOND - {AttemptState.FAILED}))


class Key(NamedTuple):
    """Key of a count; `step_id` is None for counts of people, whatever the step."""

    step_id: int | None
    organisation_id: int | None
    area_code: str | None
    measure: ReachMeasure
    detail: str


def count_reach(session: Session, campaign_id: int, block: int | None = None) -> dict[Key, int]:
    """Return the counts, not zero, of a small campaign or of a block of a large one. Call in `db.read()`."""
    if is_postgresql(session):
        # Use one core: the others are for sending and for readers.
        session.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
    counted = [
        *_count_people(session, campaign_id, block),
        *_count_messages(session, campaign_id, block),
        *_count_answers(session, campaign_id, block),
        *_count_arms(session, campaign_id, block),
    ]
    owners = dict(session.execute(select(ContactList.id, ContactList.organisation_id)).all())
    sums: dict[Key, int] = defaultdict(int)
    for step_id, list_id, area, measure, detail, n in counted:
        owner = owners.get(list_id) if list_id else None
        sums[Key(step_id, owner, area, measure, detail)] += n
    return {key: n for key, n in sums.items() if n}


Count = tuple[int | None, int | None, str | None, ReachMeasure, str, int]
_PLACE = (Recipient.list_id, Recipient.area_code)
# A block is the recipients with these many ids in a row: half a second to count, with two messages each.
BLOCK = 100_000


def _within(block: int | None, *columns: Any) -> list[ColumnElement[bool]]:
    """Return the conditions that a recipient's id is of a block, for each column that has it: each table is then read in part."""
    if block is None:
        return []
    return [column.between(block * BLOCK, (block + 1) * BLOCK - 1) for column in columns]


def _reported(campaign_id: int, block: int | None) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of reports in force."""
    in_block = _within(block, InstallReport.recipient_id)
    return (InstallReport.campaign_id == campaign_id, InstallReport.withdrawn_at.is_(None), *in_block)


def _count_people(session: Session, campaign_id: int, block: int | None) -> Iterable[Count]:
    in_block = _within(block, Recipient.id)
    for frozen in count_audience_rows(session, campaign_id, *in_block):
        yield None, *frozen
    written = (
        select(
            Message.recipient_id,
            func.max(case((Message.state == MessageState.DELIVERED, 1), else_=0)).label("arrived"),
        )
        .where(
            Message.campaign_id == campaign_id,
            Message.step_id.is_not(None),
            Message.state.in_(TAKEN),
            *_within(block, Message.recipient_id),
        )
        .group_by(Message.recipient_id)
        .subquery()
    )
    kind = session.scalar(select(Campaign.kind).where(Campaign.id == campaign_id))
    is_without = case((Recipient.answer.in_(find_outside_base(session, kind or "")), 1), else_=0)
    reported = _reported(campaign_id, block)
    for list_id, area, n, arrived, without, installed in session.execute(
        select(
            *_PLACE,
            func.count(),
            func.sum(written.c.arrived),
            func.sum(is_without),
            func.count(InstallReport.id),
        )
        .join(written, written.c.recipient_id == Recipient.id)
        .outerjoin(InstallReport, and_(InstallReport.recipient_id == Recipient.id, *reported))
        .where(Recipient.campaign_id == campaign_id, Recipient.exclusion.is_(None), *in_block)
        .group_by(*_PLACE)
    ):
        yield None, list_id, area, ReachMeasure.WRITTEN, "", n
        yield None, list_id, area, ReachMeasure.ARRIVED, "", int(arrived)
        yield None, list_id, area, ReachMeasure.WRITTEN_WITHOUT, "", int(without)
        yield None, list_id, area, ReachMeasure.WRITTEN_INSTALLED, "", installed


def _count_messages(session: Session, campaign_id: int, block: int | None) -> Iterable[Count]:
    in_block = _within(block, Message.recipient_id, Recipient.id)
    of_steps = (Message.campaign_id == campaign_id, Message.step_id.is_not(None), *in_block)
    in_campaign = (*of_steps, Recipient.exclusion.is_(None))
    columns = (Message.step_id, *_PLACE, Message.state, Message.skip_reason)
    for step_id, list_id, area, state, reason, n in session.execute(
        select(*columns, func.count())
        .join(Recipient, Recipient.id == Message.recipient_id)
        .where(*in_campaign)
        .group_by(*columns)
    ):
        yield step_id, list_id, area, ReachMeasure.MESSAGES, state.value, n
        if reason:
            yield step_id, list_id, area, ReachMeasure.SKIPPED, reason.value, n
    later = aliased(Attempt)
    is_last = ~(
        select(literal(1))
        .where(later.message_id == Attempt.message_id, later.state == Attempt.state, later.n > Attempt.n)
        .exists()
    )
    cause = func.coalesce(Attempt.cause, "other")
    for step_id, list_id, area, cause_name, n in session.execute(
        select(Message.step_id, *_PLACE, cause, func.count())
        .join(Recipient, Recipient.id == Message.recipient_id)
        .join(Attempt, and_(Attempt.message_id == Message.id, Attempt.state == Message.state))
        .where(*in_campaign, Message.state.in_(FAILED), is_last)
        .group_by(Message.step_id, *_PLACE, cause)
    ):
        yield step_id, list_id, area, ReachMeasure.CAUSES, cause_name, n
    for step_id, list_id, area, segments in session.execute(
        select(Message.step_id, *_PLACE, func.sum(Attempt.segments))
        .join(Message, Message.id == Attempt.message_id)
        .join(Recipient, Recipient.id == Message.recipient_id)
        .where(*of_steps, Attempt.stream_id == campaign_id, Attempt.state.in_(_CHARGED_STATES))
        .group_by(Message.step_id, *_PLACE)
    ):
        yield step_id, list_id, area, ReachMeasure.SEGMENTS, "", int(segments)


def _count_answers(session: Session, campaign_id: int, block: int | None) -> Iterable[Count]:
    """Count opens, clicks, answers and installs for the step that was the latest at that time."""
    opened = _opened(session, campaign_id)
    if not opened:
        return

    def grouped(moment: Any, said: Any = None) -> Select[Any]:
        key = (*_PLACE, *([] if said is None else [said]))
        in_campaign = (Recipient.campaign_id == campaign_id, Recipient.exclusion.is_(None))
        has_done = (moment if said is None else said).is_not(None)
        return (
            select(_step_at(moment, opened).label("step"), *key, func.count())
            .where(*in_campaign, has_done, *_within(block, Recipient.id))
            .group_by("step", *key)
        )

    queries = {
        ReachMeasure.OPENED: grouped(PageOpen.at)
        .join(PageOpen, PageOpen.recipient_id == Recipient.id)
        .where(PageOpen.campaign_id == campaign_id, *_within(block, PageOpen.recipient_id)),
        ReachMeasure.CLICKED: grouped(Recipient.clicked_at),
        ReachMeasure.ANSWERS: grouped(Recipient.answered_at, Recipient.answer),
        ReachMeasure.OWN_ANSWERS: grouped(Recipient.answered_at, Recipient.own_answer),
        ReachMeasure.INSTALLED: grouped(InstallReport.reported_at)
        .join(InstallReport, InstallReport.recipient_id == Recipient.id)
        .where(*_reported(campaign_id, block)),
    }
    for measure, query in queries.items():
        for step_id, list_id, area, *said, n in session.execute(query):
            yield step_id, list_id, area, measure, str(said[0]) if said else "", n


def _count_arms(session: Session, campaign_id: int, block: int | None) -> Iterable[Count]:
    """Count people by arm, whether their message was sent or not."""
    opened = _opened(session, campaign_id)
    compared = select(Step.id).where(
        Step.campaign_id == campaign_id, (Step.hold_out > 0) | Step.text_b.is_not(None)
    )
    if not opened or session.execute(compared.limit(1)).first() is None:
        return
    reported = (
        InstallReport.campaign_id == Message.campaign_id,
        InstallReport.phone_id == Message.phone_id,
        InstallReport.withdrawn_at.is_(None),
        InstallReport.reported_at >= opened[0][1],
        _step_at(InstallReport.reported_at, opened) == Message.step_id,
    )
    for step_id, list_id, area, arm, people, installed in session.execute(
        select(Message.step_id, *_PLACE, Message.arm, func.count(), func.count(InstallReport.id))
        .join(Recipient, Recipient.id == Message.recipient_id)
        .outerjoin(InstallReport, and_(*reported))
        .where(
            Message.campaign_id == campaign_id,
            Message.step_id.in_(compared),
            Message.arm.is_not(None),
            Recipient.exclusion.is_(None),
            *_within(block, Message.recipient_id, Recipient.id),
        )
        .group_by(Message.step_id, *_PLACE, Message.arm)
    ):
        yield step_id, list_id, area, ReachMeasure.ARMS, str(arm), people
        yield step_id, list_id, area, ReachMeasure.ARMS_INSTALLED, str(arm), installed


def _opened(session: Session, campaign_id: int) -> list[tuple[int, datetime | None]]:
    return [
        (step_id, at)
        for step_id, at in session.execute(
            select(Step.id, Step.opened_at)
            .where(Step.campaign_id == campaign_id, Step.opened_at.is_not(None))
            .order_by(Step.number)
        )
    ]


def _step_at(moment: Any, opened: list[tuple[int, datetime | None]]) -> ColumnElement[int]:
    """Return the step that was the latest at a moment; before all steps, the first one."""
    first, *others = opened
    later = [(moment >= at, literal(step_id)) for step_id, at in reversed(others)]
    return case(*later, else_=first[0]) if later else literal(first[0])


_READ_SHARE, _READ_MIN_AGE = 0.1, timedelta(seconds=5)
_UNREAD_SHARE, _UNREAD_MIN_AGE = 0.02, timedelta(minutes=5)
# After a campaign's end, reports and answers still arrive for a while; later only a read has it counted.
_COUNTED_AFTER_END = timedelta(days=3)
# A run of the job: the next one goes on with the blocks that are left. Imports wait in the same queue.
_RUN_S = 20.0
_NEVER = datetime.min.replace(tzinfo=UTC)


def store_reach(db: Database, campaign_id: int, *, now: datetime) -> int:
    """Count the blocks of a campaign that are too old at `now`, the oldest first, and store the sum of all blocks.

    Returns how many blocks were counted. Each is counted and stored by itself: where a run ends, the next one goes on. May run
    twice: counts never replace later ones. Until each block has been counted once, the stored sum stays as it is.
    """
    began = time.monotonic()
    known = select(ReachBlock.block, ReachBlock.at, ReachBlock.took_s).where(
        ReachBlock.campaign_id == campaign_id
    )
    with db.read() as session:
        kept = {block: (at, took_s) for block, at, took_s in session.execute(known)}
        ages = {block: kept.get(block, (_NEVER, 0.0))[0] for block in blocks_of(session, campaign_id)}
    too_old = now - _age(sum(took_s for _at, took_s in kept.values()))
    counted = 0
    for block in sorted((each for each in ages if ages[each] < too_old), key=ages.__getitem__):
        if counted and time.monotonic() - began > _RUN_S:
            break
        _store_block(db, campaign_id, block, now=now)
        counted += 1
    if counted:
        with db.write() as session:
            _store_sum(session, campaign_id, {*ages})
    return counted


def blocks_of(session: Session, campaign_id: int) -> list[int]:
    """Return the blocks that a campaign has recipients in."""
    blocks = select(Recipient.id // BLOCK).where(Recipient.campaign_id == campaign_id)
    return sorted(session.scalars(blocks.distinct()))


def _store_block(db: Database, campaign_id: int, block: int, *, now: datetime) -> None:
    began = time.monotonic()
    with db.read() as session:
        counts = count_reach(session, campaign_id, block)
        operators = count_by_operator(session, campaign_id, *_within(block, Message.recipient_id))
    took_s = time.monotonic() - began
    with db.write() as session:
        kept = session.get(ReachBlock, (campaign_id, block), with_for_update=True)
        if kept is None:
            kept = ReachBlock(campaign_id=campaign_id, block=block, at=_NEVER)
            session.add(kept)
        if kept.at < now:
            kept.at, kept.took_s, kept.operators = now, took_s, operators
            kept.counts = [[*key, n] for key, n in counts.items()]


def _store_sum(session: Session, campaign_id: int, blocks: set[int]) -> None:
    """Store the sum of these blocks for all readers, once each of them has been counted."""
    snapshot = session.get(ReachSnapshot, campaign_id, with_for_update=True)
    query = select(ReachBlock).where(ReachBlock.campaign_id == campaign_id)
    sums, operators = Sums[tuple[Any, ...]](), defaultdict[tuple[Any, ...], list[int]](lambda: [0, 0, 0])
    oldest, took_s = datetime.max.replace(tzinfo=UTC), 0.0
    for each in session.scalars(query.execution_options(yield_per=4)):
        blocks.discard(each.block)
        oldest, took_s = min(oldest, each.at), took_s + each.took_s
        for *key, n in each.counts:
            sums[tuple(key)] += n
        for *key, n, segments, vnd in each.operators:
            operators[tuple(key)] = [*map(add, operators[tuple(key)], (n, segments, vnd))]
    if blocks or (snapshot and snapshot.at >= oldest):
        return
    store_counts(session, campaign_id, [(*key, n) for key, n in sums.items()], at=oldest, took_s=took_s)
    session.get_one(ReachSnapshot, campaign_id).operators = [[*key, *n] for key, n in operators.items()]


def _age(took_s: float) -> timedelta:
    """Return how old counts may be that took so long, while they are read."""
    return max(_READ_MIN_AGE, timedelta(seconds=took_s / _READ_SHARE))


def is_due(snapshot: ReachSnapshot | None, *, now: datetime) -> bool:
    """Return whether the counts are too old for a reader now."""
    return snapshot is None or now - snapshot.at > _age(snapshot.took_s)


def campaigns_to_recount(session: Session, *, now: datetime) -> list[int]:
    """Return large campaigns, under way or ended lately, whose counts are old though nobody reads them."""
    rows = session.execute(
        select(Campaign.id, ReachSnapshot.at, ReachSnapshot.took_s)
        .outerjoin(ReachSnapshot, ReachSnapshot.campaign_id == Campaign.id)
        .where(
            Campaign.recipients > audience.SMALL,
            Campaign.state.in_((CampaignState.SENDING, CampaignState.PAUSED))
            | (Campaign.ended_at > now - _COUNTED_AFTER_END),
        )
        .order_by(Campaign.id)
    )
    return [
        campaign_id
        for campaign_id, at, took_s in rows
        if at is None or now - at > max(_UNREAD_MIN_AGE, timedelta(seconds=took_s / _UNREAD_SHARE))
    ]


COUNT_TTL_S = 5.0


def read_by_operator(
    session: Session, campaign: Campaign, *, redis: Redis, usual_price_vnd: float
) -> ReachByOperator | None:
    """Return a campaign's messages by operator and gateway, of all its lists; None while nobody has counted a large one."""
    if is_small(campaign):
        key = f"loa:by-operator:{campaign.id}"
        counted = cached_count(
            redis, key, lambda: {"rows": count_by_operator(session, campaign.id)}, min_ttl_s=COUNT_TTL_S
        )["rows"]
    else:
        snapshot = session.get(ReachSnapshot, campaign.id)
        if snapshot is None or snapshot.operators is None:
            return None
        counted = snapshot.operators
    accounts = session.scalars(select(GatewayAccount)).all()
    return add_up(
        counted,
        proofs={each.id: each.proof for each in accounts},
        terms={each.id: terms_of(each, now=datetime.now(UTC)) for each in accounts},
        usual_price_vnd=usual_price_vnd,
    )


def count_by_operator(
    session: Session, campaign_id: int, *conditions: ColumnElement[bool]
) -> list[list[Any]]:
    """Count the attempts of a campaign's messages by operator or beginning of the number, gateway account and state; of messages of these only."""
    series = func.coalesce(Phone.operator, func.substr(Phone.e164, literal_column("1"), literal_column("5")))
    kind = (series, Attempt.account_id, Attempt.state)
    rows = session.execute(
        select(
            *kind,
            func.count(),
            func.sum(Attempt.segments).filter(Attempt.price_vnd.is_(None)),
            func.sum(Attempt.price_vnd),
        )
        # By the messages' index: there is none of attempts by campaign.
        .join(Message, Message.id == Attempt.message_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(Message.campaign_id == campaign_id, Message.step_id.is_not(None), *conditions)
        .group_by(*kind)
    )
    return [
        [name, account_id, state.value, n, int(segments or 0), int(vnd or 0)]
        for name, account_id, state, n, segments, vnd in rows
    ]

"""Counting of a campaign's reach, and storage of the counts of large campaigns.

Reach is counted from people, messages and answers by a few statements over all of them. Every count is by the
organisation of the list that the recipient came from, and by their place, as frozen at the launch.

Who was merged with another recipient counts once: what went to the one left out is in the segments alone, as it was paid for.

Counting three million messages takes seconds. So large campaigns are counted by a worker, in one snapshot
that replaces the former counts, once for all readers: at most a tenth of the time while the counts are being
read and a fiftieth while they are not. Small campaigns are counted when they are read.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Campaign, PageOpen, Recipient, Step
from campaigns.models.figures import ReachCount, ReachSnapshot
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import InstallReport
from campaigns.planning.kinds import find_outside_base
from campaigns.rules.reach import FAILED, TAKEN, ReachMeasure
from campaigns.rules.states import ACCEPTED_OR_BEYOND, AttemptState, CampaignState, MessageState
from outreach.core.bulk import change_rows, full_scan, insert_rows
from outreach.core.db import Database, is_postgresql
from outreach.models.contacts import ContactList

_CHARGED_STATES = tuple(sorted(ACCEPTED_OR_BEYOND - {AttemptState.FAILED}))


class Key(NamedTuple):
    """Key of a count; `step_id` is None for counts of people, whatever the step."""

    step_id: int | None
    organisation_id: int | None
    area_code: str | None
    measure: ReachMeasure
    detail: str


def count_reach(session: Session, campaign_id: int) -> dict[Key, int]:
    """Return all counts of a campaign that are not zero. Inside one `db.read()` they add up."""
    if is_postgresql(session):
        # Use one core: the others are for sending and for readers.
        session.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))
    with full_scan(session):
        counted = [
            *_count_people(session, campaign_id),
            *_count_messages(session, campaign_id),
            *_count_answers(session, campaign_id),
            *_count_arms(session, campaign_id),
        ]
    owners = dict(session.execute(select(ContactList.id, ContactList.organisation_id)).all())
    sums: dict[Key, int] = defaultdict(int)
    for step_id, list_id, area, measure, detail, n in counted:
        owner = owners.get(list_id) if list_id else None
        sums[Key(step_id, owner, area, measure, detail)] += n
    return {key: n for key, n in sums.items() if n}


Count = tuple[int | None, int | None, str | None, ReachMeasure, str, int]
_PLACE = (Recipient.list_id, Recipient.area_code)


def _count_people(session: Session, campaign_id: int) -> Iterable[Count]:
    in_campaign = Recipient.campaign_id == campaign_id
    for list_id, area, reason, n in session.execute(
        select(*_PLACE, Recipient.exclusion, func.count())
        .where(in_campaign)
        .group_by(*_PLACE, Recipient.exclusion)
    ):
        measure = ReachMeasure.EXCLUDED if reason else ReachMeasure.RECIPIENTS
        yield None, list_id, area, measure, reason.value if reason else "", n
    written = (
        select(
            Message.recipient_id,
            func.max(case((Message.state == MessageState.DELIVERED, 1), else_=0)).label("arrived"),
        )
        .where(Message.campaign_id == campaign_id, Message.step_id.is_not(None), Message.state.in_(TAKEN))
        .group_by(Message.recipient_id)
        .subquery()
    )
    kind = session.scalar(select(Campaign.kind).where(Campaign.id == campaign_id))
    is_without = case((Recipient.answer.in_(find_outside_base(session, kind or "")), 1), else_=0)
    for list_id, area, n, arrived, without, installed in session.execute(
        select(
            *_PLACE,
            func.count(),
            func.sum(written.c.arrived),
            func.sum(is_without),
            func.count(InstallReport.id),
        )
        .join(written, written.c.recipient_id == Recipient.id)
        .outerjoin(
            InstallReport,
            and_(
                InstallReport.recipient_id == Recipient.id,
                InstallReport.campaign_id == campaign_id,
                InstallReport.withdrawn_at.is_(None),
            ),
        )
        .where(in_campaign, Recipient.exclusion.is_(None))
        .group_by(*_PLACE)
    ):
        yield None, list_id, area, ReachMeasure.WRITTEN, "", n
        yield None, list_id, area, ReachMeasure.ARRIVED, "", int(arrived)
        yield None, list_id, area, ReachMeasure.WRITTEN_WITHOUT, "", int(without)
        yield None, list_id, area, ReachMeasure.WRITTEN_INSTALLED, "", installed


def _count_messages(session: Session, campaign_id: int) -> Iterable[Count]:
    of_steps = (Message.campaign_id == campaign_id, Message.step_id.is_not(None))
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


def _count_answers(session: Session, campaign_id: int) -> Iterable[Count]:
    """Count opens, clicks, answers and installs for the step that was the latest at that time."""
    opened = _opened(session, campaign_id)
    if not opened:
        return

    def grouped(step: ColumnElement[int], *more: Any) -> Select[Any]:
        return (
            select(step.label("step"), *_PLACE, *more, func.count())
            .where(Recipient.campaign_id == campaign_id, Recipient.exclusion.is_(None))
            .group_by("step", *_PLACE, *more)
        )

    queries = (
        (
            ReachMeasure.OPENED,
            grouped(_step_at(PageOpen.at, opened))
            .join(PageOpen, PageOpen.recipient_id == Recipient.id)
            .where(PageOpen.campaign_id == campaign_id),
        ),
        (
            ReachMeasure.CLICKED,
            grouped(_step_at(Recipient.clicked_at, opened)).where(Recipient.clicked_at.is_not(None)),
        ),
        (
            ReachMeasure.ANSWERS,
            grouped(_step_at(Recipient.answered_at, opened), Recipient.answer).where(
                Recipient.answer.is_not(None)
            ),
        ),
        (
            ReachMeasure.OWN_ANSWERS,
            grouped(_step_at(Recipient.answered_at, opened), Recipient.own_answer).where(
                Recipient.own_answer.is_not(None)
            ),
        ),
        (
            ReachMeasure.INSTALLED,
            grouped(_step_at(InstallReport.reported_at, opened))
            .join(InstallReport, InstallReport.recipient_id == Recipient.id)
            .where(InstallReport.campaign_id == campaign_id, InstallReport.withdrawn_at.is_(None)),
        ),
    )
    for measure, query in queries:
        for step_id, list_id, area, *said, n in session.execute(query):
            yield step_id, list_id, area, measure, str(said[0]) if said else "", n


def _count_arms(session: Session, campaign_id: int) -> Iterable[Count]:
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


# Up to this many recipients a campaign is counted when it is read: some ten milliseconds.
SMALL = 5_000
_READ_SHARE, _READ_MIN_AGE = 0.1, timedelta(seconds=5)
_UNREAD_SHARE, _UNREAD_MIN_AGE = 0.02, timedelta(minutes=5)
# After a campaign's end, reports and answers still arrive for a while; later only a read has it counted.
_COUNTED_AFTER_END = timedelta(days=3)


def is_small(campaign: Campaign) -> bool:
    """Return whether a campaign is counted at each read; before its launch there is nothing to count."""
    return (campaign.recipients or 0) <= SMALL


def store_reach(db: Database, campaign_id: int, *, now: datetime) -> int:
    """Count a campaign as of `now` and store the counts. Returns their number.

    May run twice. Counts never replace later ones: then nothing is stored and 0 is returned.
    """
    began = time.monotonic()
    with db.read() as session:
        counts = count_reach(session, campaign_id)
    took_s = time.monotonic() - began
    rows = [(*key[:3], key.measure.value, key.detail, n) for key, n in counts.items()]
    with db.write() as session:
        snapshot = session.get(ReachSnapshot, campaign_id, with_for_update=True)
        if snapshot and snapshot.at >= now:
            return 0
        change_rows(session, delete(ReachCount).where(ReachCount.campaign_id == campaign_id))
        columns = (*Key._fields, "n")
        insert_rows(session, ReachCount.__table__, columns, rows, always={"campaign_id": campaign_id})
        if snapshot:
            snapshot.at, snapshot.took_s = now, took_s
        else:
            session.add(ReachSnapshot(campaign_id=campaign_id, at=now, took_s=took_s))
    return len(rows)


def is_due(snapshot: ReachSnapshot | None, *, now: datetime) -> bool:
    """Return whether the counts are too old for a reader now."""
    return snapshot is None or now - snapshot.at > max(
        _READ_MIN_AGE, timedelta(seconds=snapshot.took_s / _READ_SHARE)
    )


def campaigns_to_recount(session: Session, *, now: datetime) -> list[int]:
    """Return large campaigns, under way or ended lately, whose counts are old.

    They are counted although they are not being read.
    """
    rows = session.execute(
        select(Campaign.id, ReachSnapshot.at, ReachSnapshot.took_s)
        .outerjoin(ReachSnapshot, ReachSnapshot.campaign_id == Campaign.id)
        .where(
            Campaign.recipients > SMALL,
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

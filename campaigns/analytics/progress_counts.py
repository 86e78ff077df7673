"""What residents report over the campaigns of a drive, by place, organisation and day, each number once.

A drive of one campaign is read from stored counters. Where a number may be in several campaigns, the numbers are counted:
each belongs to the place and organisation of its first recipient; its answer is the last one given in any of the campaigns,
and it has reported an install while a report in any of them is in force. People without a usable number who answered at the
door are added, each as a number of their own (`door_counts.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import ColumnElement, Select, case, func, or_, select, true
from sqlalchemy.orm import Session
from sqlalchemy.sql import Subquery

from campaigns.analytics.door_counts import count_at_the_door, days_at_the_door
from campaigns.models.campaigns import Campaign, PageOpen, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, AnswerTotal, InstallReport
from campaigns.planning.kinds import find_outside_base
from campaigns.rules.progress import PlaceCounts
from campaigns.rules.reach import TAKEN, ReachMeasure
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.reports.snapshot import SelfReported
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import MessageState
from campaigns.rules.visits import VisitOutcome
from outreach.core.bulk import newest_of_each
from outreach.core.cache import cached_count
from outreach.models.contacts import ContactList

# Minimum lifetime of the cached counts of a drive with several campaigns.
MIN_TTL_S = 5.0


class Where(NamedTuple):
    """An area's code and an organisation's id; None where it is not known."""

    area: str | None
    organisation: int | None


@dataclass(frozen=True, slots=True)
class CountScope:
    """The scope of a count: the campaigns, and what the reader may see.

    `seen` is the condition on ContactList.organisation_id under which a row may be read; readers with the same `name` see
    the same rows, so they share a cache entry.
    """

    campaigns: Sequence[Campaign]
    seen: ColumnElement[bool]
    name: str

    @property
    def ids(self) -> list[int]:
        return sorted(campaign.id for campaign in self.campaigns)


def scope_key(organisations: set[int] | None) -> str:
    """Return a short key for the set of organisations that a reader sees."""
    if organisations is None:
        return "all"
    return hashlib.sha256(repr(sorted(organisations)).encode()).hexdigest()[:16]


def count_places(
    session: Session, scope: CountScope, *, redis: Redis, now: datetime
) -> dict[Where, PlaceCounts]:
    """Count recipients, answers and installs by place and organisation."""
    midnight = datetime.combine(_day_of(now), time(), VIETNAM)
    if len(scope.ids) == 1:
        outside = _find_outside(session, scope.ids)
        counters = _read_counters(session, scope, outside, now=now)

        def count_before() -> dict[str, Any]:
            ended = midnight - timedelta(microseconds=1)
            return {"rows": count_at_the_door(session, scope.ids, as_of=ended, seen=scope.seen)}

        for area, organisation, outcome, n in count_at_the_door(
            session, scope.ids, as_of=now, seen=scope.seen
        ):
            place = counters.setdefault(Where(area, organisation), PlaceCounts())
            installed = n if outcome is VisitOutcome.INSTALLED else 0
            place.recipients += n
            place.answered += n
            place.no_smartphone += n if outcome.value in outside else 0
            place.installed += installed
            place.today += installed
        for area, organisation, outcome, n in cached(redis, scope, f"door:{midnight:%d}", count_before)[
            "rows"
        ]:
            if outcome == VisitOutcome.INSTALLED:
                counters.setdefault(Where(area, organisation), PlaceCounts()).today -= n
        return counters

    def count() -> dict[str, Any]:
        counted = count_reported(session, scope.ids, as_of=now, seen=scope.seen)
        before = count_reported(
            session, scope.ids, as_of=midnight - timedelta(microseconds=1), seen=scope.seen
        )
        return {
            "rows": [
                [
                    *where,
                    counts.recipients,
                    counts.no_smartphone,
                    counts.answered,
                    counts.reported,
                    counts.reported - before.get(where, SelfReported()).reported,
                ]
                for where, counts in counted.items()
            ]
        }

    return {
        Where(area, organisation): PlaceCounts(
            recipients=recipients, no_smartphone=without, answered=answered, installed=installed, today=today
        )
        for area, organisation, recipients, without, answered, installed, today in cached(
            redis, scope, f"places:{midnight:%d}", count
        )["rows"]
    }


def _find_outside(session: Session, campaigns: Sequence[int]) -> frozenset[Label]:
    """Return the answers that the base of the campaigns' shares leaves out; a drive's campaigns are of one kind."""
    kind = session.scalar(select(Campaign.kind).where(Campaign.id.in_(campaigns)).limit(1))
    return find_outside_base(session, kind or "")


def _read_counters(
    session: Session, scope: CountScope, outside: frozenset[Label], *, now: datetime
) -> dict[Where, PlaceCounts]:
    is_new = AnswerTotal.day == _day_of(now).isoformat()
    rows = session.execute(
        select(
            AnswerTotal.area_code,
            ContactList.organisation_id,
            AnswerTotal.answer,
            func.sum(AnswerTotal.people),
            func.sum(AnswerTotal.installed),
            func.sum(case((is_new, AnswerTotal.installed), else_=0)),
        )
        .outerjoin(ContactList, ContactList.id == AnswerTotal.list_id)
        .where(AnswerTotal.campaign_id.in_(scope.ids), scope.seen)
        .group_by(AnswerTotal.area_code, ContactList.organisation_id, AnswerTotal.answer)
    )
    counts_by_place: dict[Where, PlaceCounts] = {}
    for area, organisation, answer, people, installed, new in rows:
        counts = counts_by_place.setdefault(Where(area, organisation), PlaceCounts())
        counts.recipients += int(people)
        counts.no_smartphone += int(people) if answer in outside else 0
        counts.answered += int(people) if answer else 0
        counts.installed += int(installed)
        counts.today += int(new)
    return counts_by_place


def count_days(session: Session, scope: CountScope, *, redis: Redis, now: datetime) -> list[tuple[date, int]]:
    """Count the numbers with a report in force at the end of each day, in Vietnam's time.

    From the first launch to today, or to the last end.
    """
    changes: dict[date, int] = {}
    for changed_on, count in session.execute(
        select(AnswerTotal.day, func.sum(AnswerTotal.installed))
        .outerjoin(ContactList, ContactList.id == AnswerTotal.list_id)
        .where(AnswerTotal.campaign_id.in_(scope.ids), AnswerTotal.day.is_not(None), scope.seen)
        .group_by(AnswerTotal.day)
    ):
        changes[date.fromisoformat(changed_on or "")] = int(count)
    if len(scope.ids) > 1:
        corrections = cached(redis, scope, "days", lambda: _count_repeated(session, scope))
        for changed_on, count in corrections.items():
            changes[date.fromisoformat(changed_on)] = changes.get(date.fromisoformat(changed_on), 0) + count
    for (_area, done_on), count in days_at_the_door(session, scope.ids, as_of=now, seen=scope.seen).items():
        changes[done_on] = changes.get(done_on, 0) + count
    launches = [_day_of(campaign.launched_at) for campaign in scope.campaigns if campaign.launched_at]
    day = min([*launches, *changes])
    last = max([max(_day_of(campaign.ended_at or now) for campaign in scope.campaigns), *changes])
    days, in_force = [], 0
    while day <= last:
        in_force += changes.get(day, 0)
        days.append((day, in_force))
        day += timedelta(days=1)
    return days


def count_new(
    session: Session, scope: CountScope, *, days: int, now: datetime
) -> dict[str | None, list[int]]:
    """Count by area the reports that were new on each of the last days, less those withdrawn; each campaign counts by itself."""
    today = _day_of(now)
    last = [(today - timedelta(days=back)).isoformat() for back in reversed(range(days))]
    by_area: dict[str | None, list[int]] = {}
    for area, day, count in session.execute(
        select(AnswerTotal.area_code, AnswerTotal.day, func.sum(AnswerTotal.installed))
        .outerjoin(ContactList, ContactList.id == AnswerTotal.list_id)
        .where(AnswerTotal.campaign_id.in_(scope.ids), AnswerTotal.day.in_(last), scope.seen)
        .group_by(AnswerTotal.area_code, AnswerTotal.day)
    ):
        by_area.setdefault(area, [0] * days)[last.index(day or "")] = int(count)
    for (area, done_on), count in days_at_the_door(session, scope.ids, as_of=now, seen=scope.seen).items():
        if done_on.isoformat() in last:
            by_area.setdefault(area, [0] * days)[last.index(done_on.isoformat())] += count
    return by_area


def _count_repeated(session: Session, scope: CountScope) -> dict[str, int]:
    """Return by day what the sum over the campaigns has too many (below 0), as a number reported in several of them."""
    in_scope = (InstallReport.campaign_id.in_(scope.ids), scope.seen)
    several = (
        select(InstallReport.phone_id)
        .where(InstallReport.campaign_id.in_(scope.ids))
        .group_by(InstallReport.phone_id)
        .having(func.count() > 1)
    )
    reports = session.execute(
        select(InstallReport.phone_id, InstallReport.reported_at, InstallReport.withdrawn_at)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(*in_scope, InstallReport.phone_id.in_(several))
        .order_by(InstallReport.phone_id)
    )
    corrections: dict[str, int] = {}

    def change(moment: datetime, count: int) -> None:
        day = _day_of(moment).isoformat()
        corrections[day] = corrections.get(day, 0) + count

    for _phone, of_phone in groupby(reports, key=lambda row: row.phone_id):
        moments: list[tuple[datetime, int]] = []
        for _id, reported_at, withdrawn_at in of_phone:
            moments.append((reported_at, 1))
            if withdrawn_at:
                moments.append((withdrawn_at, -1))
        in_force = 0
        # At one moment a report comes before a withdrawal, so that a number that changes campaigns stays counted.
        for moment, step in sorted(moments, key=lambda each: (each[0], -each[1])):
            before, in_force = in_force, in_force + step
            change(moment, (in_force > 0) - (before > 0) - step)
    return corrections


def _day_of(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


def count_reported(
    session: Session, campaigns: Sequence[int], *, as_of: datetime, seen: ColumnElement[bool] | None = None
) -> dict[Where, SelfReported]:
    """Count numbers of the audiences by area and organisation, with answers and install reports as of a moment.

    Counted by event time, so that a later count of the same moment gives the same. Without `seen` all lists are read.
    """
    if not campaigns:
        return {}
    outside = _find_outside(session, campaigns)
    first_recipients = select_first_recipients(campaigns, seen, as_of)
    totals = {
        Where(area, organisation): [count, 0, 0, 0]
        for area, organisation, count in session.execute(
            by_place(first_recipients, func.count()).group_by(*_PLACE)
        )
    }
    answers = select_answers_in_force(campaigns, as_of, seen)
    query = by_place(first_recipients, answers.c.label, func.count()).join(
        answers, answers.c.phone_id == first_recipients.c.phone_id
    )
    for area, organisation, label, count in session.execute(query.group_by(*_PLACE, answers.c.label)):
        total = totals[Where(area, organisation)]
        total[1] += count if label in outside else 0
        total[2] += count
    reports = select(InstallReport.phone_id).where(*reports_in_force(campaigns, as_of))
    reports = _as_seen(reports, InstallReport.recipient_id, seen)
    phones = reports.distinct().subquery()
    query = by_place(first_recipients, func.count()).join(
        phones, phones.c.phone_id == first_recipients.c.phone_id
    )
    for area, organisation, count in session.execute(query.group_by(*_PLACE)):
        totals[Where(area, organisation)][3] += count
    for area, organisation, outcome, count in count_at_the_door(session, campaigns, as_of=as_of, seen=seen):
        total = totals.setdefault(Where(area, organisation), [0, 0, 0, 0])
        total[0] += count
        total[1] += count if outcome.value in outside else 0
        total[2] += count
        total[3] += count if outcome is VisitOutcome.INSTALLED else 0
    return {where: SelfReported(*total) for where, total in totals.items()}


def count_installs(session: Session, campaigns: Sequence[int], *, as_of: datetime) -> int:
    """Return how many numbers had an install report in force at a moment."""
    query = select(func.count(InstallReport.phone_id.distinct())).where(*reports_in_force(campaigns, as_of))
    at_the_door = count_at_the_door(session, campaigns, as_of=as_of, seen=None)
    return (session.scalar(query) or 0) + sum(
        n for _area, _organisation, outcome, n in at_the_door if outcome is VisitOutcome.INSTALLED
    )


def count_reached(
    session: Session, scope: CountScope, *, redis: Redis, now: datetime
) -> tuple[datetime, list[tuple[int | None, str | None, ReachMeasure, int]]]:
    """Count the numbers that a message of any campaign has left for, by organisation and area, and when that was counted.

    Of them: those whom one has reached, those whom the base leaves out, and those with an install report in force. Also the
    numbers that opened a page, and those that pressed "install" there.
    """

    def count() -> dict[str, Any]:
        first_recipients = select_first_recipients(scope.ids, scope.seen)
        written = _as_seen(
            select(
                Message.phone_id,
                func.max(case((Message.state == MessageState.DELIVERED, 1), else_=0)).label("arrived"),
            ).where(
                Message.campaign_id.in_(scope.ids), Message.step_id.is_not(None), Message.state.in_(TAKEN)
            ),
            Message.recipient_id,
            scope.seen,
        )
        phones = written.group_by(Message.phone_id).subquery()
        answers = select_answers_in_force(scope.ids, now, scope.seen)
        reports = _as_seen(
            select(InstallReport.phone_id).where(*reports_in_force(scope.ids, now)),
            InstallReport.recipient_id,
            scope.seen,
        )
        installed = reports.distinct().subquery()
        query = (
            by_place(
                first_recipients,
                func.count(),
                func.sum(phones.c.arrived),
                func.sum(case((answers.c.label.in_(_find_outside(session, scope.ids)), 1), else_=0)),
                func.count(installed.c.phone_id),
            )
            .join(phones, phones.c.phone_id == first_recipients.c.phone_id)
            .outerjoin(answers, answers.c.phone_id == first_recipients.c.phone_id)
            .outerjoin(installed, installed.c.phone_id == first_recipients.c.phone_id)
            .group_by(*_PLACE)
        )
        rows = [
            [row[1], row[0], measure.value, int(n)]
            for row in session.execute(query)
            for measure, n in zip(_WRITTEN, row[2:], strict=True)
        ]
        opened = select(Recipient.phone_id).join(PageOpen, PageOpen.recipient_id == Recipient.id)
        clicked = select(Recipient.phone_id).where(Recipient.clicked_at.is_not(None))
        for measure, did in ((ReachMeasure.OPENED, opened), (ReachMeasure.CLICKED, clicked)):
            who = did.where(Recipient.campaign_id.in_(scope.ids)).distinct().subquery()
            counted = by_place(first_recipients, func.count()).join(
                who, who.c.phone_id == first_recipients.c.phone_id
            )
            for area, organisation, n in session.execute(counted.group_by(*_PLACE)):
                rows.append([organisation, area, measure.value, n])
        return {"at": now.isoformat(), "rows": rows}

    counted = cached(redis, scope, "reached", count)
    return datetime.fromisoformat(counted["at"]), [
        (organisation, area, ReachMeasure(measure), n) for organisation, area, measure, n in counted["rows"]
    ]


_WRITTEN = (
    ReachMeasure.WRITTEN,
    ReachMeasure.ARRIVED,
    ReachMeasure.WRITTEN_WITHOUT,
    ReachMeasure.WRITTEN_INSTALLED,
)
_PLACE = (Recipient.area_code, ContactList.organisation_id)


def _as_seen(query: Any, recipient: Any, seen: ColumnElement[bool] | None) -> Any:
    """Limit a query to rows whose recipient came from a list that the reader sees."""
    if seen is None or seen.compare(true()):
        return query
    return (
        query.join(Recipient, Recipient.id == recipient)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(seen)
    )


def select_first_recipients(
    campaigns: Sequence[int], seen: ColumnElement[bool] | None, as_of: datetime | None = None
) -> Subquery:
    """Select each number of the audiences, as of a moment or now, with the recipient that says where it belongs."""
    query = select(Recipient.phone_id, func.min(Recipient.id).label("recipient_id")).where(
        Recipient.campaign_id.in_(campaigns), Recipient.exclusion.is_(None)
    )
    if as_of is not None:
        query = query.where(or_(Recipient.joined_at.is_(None), Recipient.joined_at <= as_of))
    if seen is not None and not seen.compare(true()):
        query = query.outerjoin(ContactList, ContactList.id == Recipient.list_id).where(seen)
    return query.group_by(Recipient.phone_id).subquery()


def by_place(first_recipients: Subquery, *more: Any) -> Select[Any]:
    """Select columns by the area and organisation of the numbers' first recipients."""
    return (
        select(*_PLACE, *more)
        .select_from(first_recipients)
        .join(Recipient, Recipient.id == first_recipients.c.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
    )


def select_answers_in_force(
    campaigns: Sequence[int], as_of: datetime, seen: ColumnElement[bool] | None, promising: Sequence[int] = ()
) -> Subquery:
    """Select each number's last answer that counts as one, as of a moment; of `promising` campaigns the last but "done"."""
    in_force: list[ColumnElement[bool]] = [
        Answer.campaign_id.in_(campaigns),
        Answer.label.not_in(sorted(NON_ANSWERS)),
        ~(
            Answer.campaign_id.in_(promising)
            & (Answer.label == Label.INSTALLED)
            & Answer.own_answer.is_(None)
        ),
        Answer.at <= as_of,
        or_(Answer.undone_at.is_(None), Answer.undone_at > as_of),
    ]
    if seen is not None and not seen.compare(true()):
        visible = (
            select(Recipient.id)
            .outerjoin(ContactList, ContactList.id == Recipient.list_id)
            .where(Recipient.campaign_id.in_(campaigns), seen)
        )
        in_force.append(Answer.recipient_id.in_(visible))
    # By the recipient's number: of two numbers of one person the other one's answers count for it as well.
    columns = (Recipient.phone_id, Answer.label, Answer.campaign_id, Answer.own_answer)
    in_force.append(Recipient.id == Answer.recipient_id)
    return newest_of_each(Recipient.phone_id, *columns, by=(Answer.at, Answer.id), where=in_force).subquery()


def reports_in_force(campaigns: Sequence[int], as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        InstallReport.campaign_id.in_(campaigns),
        InstallReport.reported_at <= as_of,
        or_(InstallReport.withdrawn_at.is_(None), InstallReport.withdrawn_at > as_of),
    )


def cached(redis: Redis, scope: CountScope, what: str, count: Any) -> dict[str, Any]:
    key = f"loa:progress:{what}:{'-'.join(map(str, scope.ids))}:{scope.name}"
    return cached_count(redis, key, count, min_ttl_s=MIN_TTL_S)

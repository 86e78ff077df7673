"""Self-reported installs of all campaigns of one kind, each phone once, by place, organisation and day.

Sums over counters; where a phone says the same in two campaigns, the later report is taken off again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from redis import Redis
from sqlalchemy import ColumnElement, Executable, case, exists, func, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.answer_totals import day_sql
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.replies import AnswerTotal, InstallReport
from campaigns.rules.progress import PlaceCounts
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.core.cache import cached_count
from outreach.models.contacts import ContactList

# How often phones that answered twice are counted anew at the most.
AGAIN_S = 5.0


class Where(NamedTuple):
    """An area's code and an organisation's id; None where it is not known."""

    area: str | None
    organisation: int | None


@dataclass(frozen=True, slots=True)
class CountScope:
    """The campaigns whose installs are counted, the one whose people are, and what the reader sees of them.

    `seen` is the condition on ContactList.organisation_id under which a row may be read; readers with the same `name`
    see the same rows.
    """

    campaigns: Sequence[Campaign]
    chosen: Campaign
    seen: ColumnElement[bool]
    name: str

    @property
    def ids(self) -> list[int]:
        return [campaign.id for campaign in self.campaigns]


def count_places(
    session: Session, scope: CountScope, *, redis: Redis, now: datetime
) -> dict[Where, PlaceCounts]:
    """By place and organisation: what people said, and how many the chosen campaign is for."""
    today = _day_of(now).isoformat()
    is_chosen = AnswerTotal.campaign_id == scope.chosen.id
    rows = session.execute(
        select(
            AnswerTotal.area_code,
            ContactList.organisation_id,
            AnswerTotal.answer,
            func.sum(case((is_chosen, AnswerTotal.people), else_=0)),
            func.sum(case((is_chosen, AnswerTotal.installed), else_=0)),
            func.sum(AnswerTotal.installed),
            func.sum(case((AnswerTotal.day == today, AnswerTotal.installed), else_=0)),
            func.sum(case((is_chosen & (AnswerTotal.day == today), AnswerTotal.installed), else_=0)),
        )
        .outerjoin(ContactList, ContactList.id == AnswerTotal.list_id)
        .where(AnswerTotal.campaign_id.in_(scope.ids), scope.seen)
        .group_by(AnswerTotal.area_code, ContactList.organisation_id, AnswerTotal.answer)
    )
    counts_by_place: dict[Where, PlaceCounts] = {}
    for area, organisation, answer, people, own, installed, new, own_new in rows:
        counts = counts_by_place.setdefault(Where(area, organisation), PlaceCounts())
        counts.recipients += int(people)
        counts.no_smartphone += int(people) if answer is Label.NO_SMARTPHONE else 0
        counts.answered += int(people) if answer else 0
        counts.own_installed += int(own)
        counts.installed += int(installed)
        counts.today += int(new)
        counts.own_today += int(own_new)
    for area, organisation, day, count in _said_again(session, scope, redis=redis):
        counts = counts_by_place.setdefault(Where(area, organisation), PlaceCounts())
        counts.installed -= count
        counts.today -= count if day == today else 0
    return counts_by_place


def count_days(session: Session, scope: CountScope, *, redis: Redis, now: datetime) -> list[tuple[date, int]]:
    """Reports that stood at the end of each day in Vietnam, from the first launch to today or to the last end."""
    changes: dict[date, int] = {}
    for noted, count in session.execute(
        select(AnswerTotal.day, func.sum(AnswerTotal.installed))
        .outerjoin(ContactList, ContactList.id == AnswerTotal.list_id)
        .where(AnswerTotal.campaign_id.in_(scope.ids), AnswerTotal.day.is_not(None), scope.seen)
        .group_by(AnswerTotal.day)
    ):
        changes[date.fromisoformat(noted or "")] = int(count)
    for _area, _organisation, noted, count in _said_again(session, scope, redis=redis):
        changes[date.fromisoformat(noted)] = changes.get(date.fromisoformat(noted), 0) - count
    launches = [_day_of(each.launched_at) for each in scope.campaigns if each.launched_at]
    day = min([*launches, *changes])
    last = max([max(_day_of(each.ended_at or now) for each in scope.campaigns), *changes])
    days, standing = [], 0
    while day <= last:
        standing += changes.get(day, 0)
        days.append((day, standing))
        day += timedelta(days=1)
    return days


def _day_of(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


def _said_again(session: Session, scope: CountScope, *, redis: Redis) -> list[tuple[Any, Any, Any, Any]]:
    """Standing reports of phones that an earlier one of another campaign stands for already."""
    if len(scope.ids) < 2:
        return []
    earlier = aliased(InstallReport)
    before = select(earlier.id).where(
        earlier.phone_id == InstallReport.phone_id,
        earlier.campaign_id.in_(scope.ids),
        earlier.withdrawn_at.is_(None),
        earlier.id < InstallReport.id,
    )
    if not scope.seen.compare(true()):
        # What the reader does not see cannot stand for what they see.
        theirs = aliased(Recipient)
        before = (
            before.join(theirs, theirs.id == earlier.recipient_id)
            .join(ContactList, ContactList.id == theirs.list_id)
            .where(scope.seen)
        )
    day = day_sql(session, InstallReport.reported_at)
    query = (
        select(Recipient.area_code, ContactList.organisation_id, day, func.count())
        .select_from(InstallReport)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(
            InstallReport.campaign_id.in_(scope.ids),
            InstallReport.withdrawn_at.is_(None),
            scope.seen,
            exists(before),
        )
        .group_by(Recipient.area_code, ContactList.organisation_id, day)
    )
    return _kept(session, query, f"again:{'-'.join(map(str, scope.ids))}", scope, redis)


def _kept(
    session: Session, query: Executable, name: str, scope: CountScope, redis: Redis
) -> list[tuple[Any, Any, Any, Any]]:
    found = cached_count(
        redis,
        f"loa:progress:{name}:{scope.name}",
        lambda: {"rows": [list(row) for row in session.execute(query)]},
        min_ttl_s=AGAIN_S,
    )
    return [tuple(row) for row in found["rows"]]

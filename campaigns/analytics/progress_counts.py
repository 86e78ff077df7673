"""Self-reported installs of all campaigns of one kind, by place, organisation and day.

Each phone counts once. The figures are sums over stored counters: a phone that reports an install in two
campaigns would count twice, so the later report is subtracted.
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

# Minimum lifetime of the cached count of phones that reported twice.
MIN_TTL_S = 5.0


class Where(NamedTuple):
    """An area's code and an organisation's id; None where it is not known."""

    area: str | None
    organisation: int | None


@dataclass(frozen=True, slots=True)
class CountScope:
    """The scope of a count: campaigns, the chosen one, and what the reader may see.

    Installs are counted over `campaigns`, people over `chosen`. `seen` is the condition on
    ContactList.organisation_id under which a row may be read; readers with the same `name` see the same rows,
    so they share a cache entry.
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
    """Count answers and installs by place and organisation, and people of the chosen campaign."""
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
    for area, organisation, day, count in _repeated_reports(session, scope, redis=redis):
        counts = counts_by_place.setdefault(Where(area, organisation), PlaceCounts())
        counts.installed -= count
        counts.today -= count if day == today else 0
    return counts_by_place


def count_days(session: Session, scope: CountScope, *, redis: Redis, now: datetime) -> list[tuple[date, int]]:
    """Count the reports in force at the end of each day, in Vietnam's time.

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
    for _area, _organisation, changed_on, count in _repeated_reports(session, scope, redis=redis):
        changes[date.fromisoformat(changed_on)] = changes.get(date.fromisoformat(changed_on), 0) - count
    launches = [_day_of(campaign.launched_at) for campaign in scope.campaigns if campaign.launched_at]
    day = min([*launches, *changes])
    last = max([max(_day_of(campaign.ended_at or now) for campaign in scope.campaigns), *changes])
    days, in_force = [], 0
    while day <= last:
        in_force += changes.get(day, 0)
        days.append((day, in_force))
        day += timedelta(days=1)
    return days


def _day_of(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


def _repeated_reports(
    session: Session, scope: CountScope, *, redis: Redis
) -> list[tuple[Any, Any, Any, Any]]:
    """Return the reports in force whose phone has an earlier one in another of the campaigns."""
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
        # An earlier report that the reader may not see does not replace one that they see.
        earlier_recipient = aliased(Recipient)
        before = (
            before.join(earlier_recipient, earlier_recipient.id == earlier.recipient_id)
            .join(ContactList, ContactList.id == earlier_recipient.list_id)
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
    return _cached_rows(session, query, f"again:{'-'.join(map(str, scope.ids))}", scope, redis)


def _cached_rows(
    session: Session, query: Executable, name: str, scope: CountScope, redis: Redis
) -> list[tuple[Any, Any, Any, Any]]:
    cached = cached_count(
        redis,
        f"loa:progress:{name}:{scope.name}",
        lambda: {"rows": [list(row) for row in session.execute(query)]},
        min_ttl_s=MIN_TTL_S,
    )
    return [tuple(row) for row in cached["rows"]]

"""Installs by day: what stood at the end of each."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Counter
from campaigns.models import Campaign
from campaigns.windows import VIETNAM
from outreach.people.models import ContactList


def read_days(
    session: Session, campaign: Campaign, seen: ColumnElement[bool], *, now: datetime
) -> list[tuple[date, int]]:
    """Reports that stood at the end of each day in Vietnam, from the launch to today or to the end.

    `seen` is the condition on ContactList.organisation_id under which a row may be read.
    """
    if campaign.launched_at is None:
        return []
    changes = {
        date.fromisoformat(day or ""): int(count)
        for day, count in session.execute(
            select(Counter.day, func.sum(Counter.installed))
            .outerjoin(ContactList, ContactList.id == Counter.list_id)
            .where(Counter.campaign_id == campaign.id, Counter.day.is_not(None), seen)
            .group_by(Counter.day)
        )
    }
    day = min([campaign.launched_at.astimezone(VIETNAM).date(), *changes])
    last = max([(campaign.ended_at or now).astimezone(VIETNAM).date(), *changes])
    days, standing = [], 0
    while day <= last:
        standing += changes.get(day, 0)
        days.append((day, standing))
        day += timedelta(days=1)
    return days

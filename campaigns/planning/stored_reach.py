"""Stored reach of large campaigns, shared by all readers (`campaigns.analytics.reach_counts`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.figures import ReachBlock, ReachCount, ReachSnapshot
from campaigns.rules.reach import ReachMeasure
from campaigns.rules.states import Exclusion
from outreach.core.db import delete_rows, insert_rows
from outreach.models.contacts import ContactList

# Up to this many recipients a campaign is counted when it is read: some ten milliseconds.
SMALL = 5_000
_COLUMNS = ("step_id", "organisation_id", "area_code", "measure", "detail", "n")


def is_small(campaign: Campaign) -> bool:
    """Return whether a campaign is counted at each read; before its launch there is nothing to count."""
    return (campaign.recipients or 0) <= SMALL


def count_audience_rows(
    session: Session, campaign_id: int, *conditions: Any
) -> Iterable[tuple[int | None, str | None, ReachMeasure, str, int]]:
    """Count the recipients and the excluded by list, area and reason; of those only who meets the conditions."""
    key = (Recipient.list_id, Recipient.area_code, Recipient.exclusion)
    query = select(*key, func.count()).where(Recipient.campaign_id == campaign_id, *conditions)
    for list_id, area, reason, n in session.execute(query.group_by(*key)):
        measure = ReachMeasure.EXCLUDED if reason else ReachMeasure.RECIPIENTS
        yield list_id, area, measure, reason.value if reason else "", n


def store_frozen(session: Session, campaign_id: int, *, now: datetime) -> None:
    """Store a launch's audience as the first counts: a large campaign has figures before a worker has counted it."""
    owners = dict(session.execute(select(ContactList.id, ContactList.organisation_id)).all())
    rows = [
        (None, owners.get(list_id) if list_id else None, area, measure.value, detail, n)
        for list_id, area, measure, detail, n in count_audience_rows(session, campaign_id)
    ]
    store_counts(session, campaign_id, rows, at=now, took_s=0.0)


def store_counts(
    session: Session, campaign_id: int, rows: Sequence[tuple[Any, ...]], *, at: datetime, took_s: float
) -> None:
    """Store counts, as the columns of `ReachCount`, in the place of a campaign's former ones."""
    delete_rows(session, ReachCount, ReachCount.campaign_id == campaign_id)
    insert_rows(session, ReachCount.__table__, _COLUMNS, rows, always={"campaign_id": campaign_id})
    session.merge(ReachSnapshot(campaign_id=campaign_id, at=at, took_s=took_s))


def read_excluded(session: Session, campaign_id: int) -> dict[Exclusion, int]:
    """Return the stored numbers of the excluded by reason."""
    query = (
        select(ReachCount.detail, func.sum(ReachCount.n))
        .where(ReachCount.campaign_id == campaign_id, ReachCount.measure == ReachMeasure.EXCLUDED)
        .group_by(ReachCount.detail)
    )
    counts = {detail: int(n) for detail, n in session.execute(query)}
    return {reason: counts[reason] for reason in Exclusion if counts.get(reason)}


def delete_reach(session: Session, campaign_id: int) -> None:
    """Delete a campaign's stored reach, as when its launch is undone."""
    for table in (ReachCount, ReachBlock, ReachSnapshot):
        delete_rows(session, table, table.campaign_id == campaign_id)

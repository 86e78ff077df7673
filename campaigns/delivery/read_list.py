"""Reading of the gateway's list by days: prices, counts of segments, and reports that no callback has brought.

The list of the last days is read each hour while a campaign has segments without a price or a message without a report. That of
the last hours is read more often while a message of them should have a report by now, as after a time in which the web was away, or
while a campaign is spending a budget. It is read at a pace of its own, so that it takes nothing from sending.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from redis import Redis
from sqlalchemy import String, exists, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import store_bills
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt
from campaigns.rules.states import AttemptReport, AttemptState, CampaignState
from outreach.core.db import values_subquery
from outreach.core.job_queue import once_every
from outreach.rules.gateway import BilledMessage, Gateway, GatewayUnavailable
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
# What has no price or report by then keeps its estimate, and has none.
LISTED_WITHIN = timedelta(days=3)
# A message should have its report by then: most phones are on.
REPORTED_WITHIN = timedelta(minutes=10)
# Those are looked for often for so long, then each hour.
SOUGHT_OFTEN = timedelta(hours=2)
READ_ALL_EVERY_S, READ_LATEST_EVERY_S = 3600, 600
# The simulator answers at once, and a trainee does not wait.
_TRAINING = 1 / 120
LONG_PAGE, PAUSE_S = 100, 0.5  # after a page that is long enough to be followed by another
_ALL_KEY, _LATEST_KEY = "loa:list:all", "loa:list:latest"
_UNREPORTED = (AttemptState.ACCEPTED, AttemptState.SENT)


@dataclass(slots=True)
class ListReading:
    """Result of one reading. `away`: days of which the list could not be read to its end."""

    pages: int = 0
    priced: int = 0
    reported: int = 0
    away: int = 0


def days_due(session: Session, redis: Redis, *, is_live: bool, now: datetime) -> list[date]:
    """Return the days (UTC) whose list is to be read now, the latest first."""
    scale = 1 if is_live else _TRAINING
    unbilled = exists().where(
        Campaign.segments_taken > Campaign.priced_segments,
        Campaign.launched_at.is_not(None),
        or_(Campaign.ended_at.is_(None), Campaign.ended_at > now - LISTED_WITHIN),
    )
    spending = exists().where(
        Campaign.state == CampaignState.SENDING,
        Campaign.budget_vnd.is_not(None),
        Campaign.segments_taken > Campaign.priced_segments,
    )

    def unreported(within: timedelta) -> Any:
        return exists().where(
            Attempt.state.in_(_UNREPORTED),
            Attempt.claimed_at > now - within,
            Attempt.claimed_at < now - REPORTED_WITHIN * scale,
        )

    if session.scalar(select(or_(unbilled, unreported(LISTED_WITHIN)))) and once_every(
        redis, _ALL_KEY, every_s=int(READ_ALL_EVERY_S * scale)
    ):
        first = now - LISTED_WITHIN
    elif session.scalar(select(or_(spending, unreported(SOUGHT_OFTEN)))) and once_every(
        redis, _LATEST_KEY, every_s=int(READ_LATEST_EVERY_S * scale)
    ):
        first = now - SOUGHT_OFTEN
    else:
        return []
    latest = now.astimezone(UTC).date()
    return [latest - timedelta(days=back) for back in range((latest - first.astimezone(UTC).date()).days + 1)]


async def read_list(
    runtime: Runtime, gateway: Gateway, days: Sequence[date], *, stop_requested: Callable[[], bool]
) -> ListReading:
    """Read the gateway's list of these days, a page at a time, and store what is new in it."""
    result = ListReading()
    for day in days:
        try:
            async for page in gateway.list_billed(day):
                result.pages += 1
                priced, reported = await asyncio.to_thread(_store, runtime, page)
                result.priced += priced
                result.reported += reported
                if stop_requested():
                    return result
                if len(page) >= LONG_PAGE:
                    await asyncio.sleep(PAUSE_S)
        except GatewayUnavailable as error:
            result.away += 1
            log.warning("list.unavailable error=%s", error)
    return result


def _store(runtime: Runtime, page: Sequence[BilledMessage]) -> tuple[int, int]:
    now, settings = datetime.now(UTC), runtime.settings
    with runtime.db.write() as session:
        priced = store_bills(session, page, usd_vnd=settings.usd_vnd, now=now)
        return priced, store_reports(
            session, page, secret_key=settings.keys_of(Purpose.SUPPRESSIONS), now=now
        )


def store_reports(session: Session, page: Sequence[BilledMessage], *, secret_key: str, now: datetime) -> int:
    """Apply the list's statuses to messages that no callback has reported on. Returns how many are new."""
    listed = {item.gateway_id: item for item in page if item.status}
    if not listed:
        return 0
    attempts = session.execute(
        select(Attempt.id, Attempt.gateway_id).where(
            Attempt.gateway_id.in_(values_subquery(session, listed, String)), Attempt.state.in_(_UNREPORTED)
        )
    ).all()
    reports = []
    for row in attempts:
        item = listed[row.gateway_id]
        state, cause = AttemptState(item.status or ""), item.cause.value if item.cause else None
        reports.append(AttemptReport(row.id, state, row.gateway_id, cause=cause, code=item.code))
    return apply_reports(session, reports, now=now, secret_key=secret_key)

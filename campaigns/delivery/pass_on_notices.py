"""Notices whose report does not come: the gateway is asked once more, and then the text goes instead.

A notice that is reported as not arrived is passed on at once, where reports are applied (`record_outcomes`).
"""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.open_gateways import OpenGateways
from campaigns.delivery.record_outcomes import apply_reports
from campaigns.models.messages import Attempt
from campaigns.rules.notices import WAITING
from campaigns.rules.receipts import RESTORED
from campaigns.rules.states import AttemptReport, AttemptState
from outreach.core.db import database_now
from outreach.core.settings import Settings
from outreach.rules.gateway import Channel, GatewayUnavailable
from outreach.rules.keys import Purpose
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
PASS_ON_LIMIT = 500
_CONCURRENT = 20


def read_overdue(
    session: Session, *, settings: Settings, now: datetime, limit: int = 1, but: Collection[int] = ()
) -> Sequence[Any]:
    """Return notices that have waited for their report as long as they may, the oldest first, none of the accounts `but`."""
    wait = timedelta(seconds=settings.notice_wait_s)
    return session.execute(
        select(Attempt.id, Attempt.account_id, Attempt.gateway_id)
        .where(Attempt.channel == Channel.ZALO, Attempt.state.in_(WAITING), Attempt.claimed_at < now - wait)
        .where(Attempt.worker.not_like(f"{RESTORED}%"), Attempt.account_id.not_in(but))
        .order_by(Attempt.claimed_at)
        .limit(limit)
    ).all()


async def pass_on_notices(runtime: Runtime, gateways: OpenGateways) -> int:
    """Ask after each overdue notice once more, and pass on those that have not arrived. Returns how many were asked after.

    Those of a gateway that does not answer wait, and keep no other's waiting.
    """
    settings, slots = runtime.settings, asyncio.Semaphore(_CONCURRENT)
    silent: set[int] = set()

    def read(but: Collection[int]) -> Sequence[Any]:
        with runtime.db.read() as session:
            now = database_now(session)
            return read_overdue(session, settings=settings, now=now, limit=PASS_ON_LIMIT, but=but)

    async def ask(row: Any) -> AttemptReport | None:
        """Return what the gateway says, or that it has not arrived; None: ask again, it did not answer."""
        opened = gateways.get(row.account_id) if row.gateway_id else None
        try:
            async with slots:
                if row.account_id in silent:
                    return None
                report = await opened.gateway.ask(row.gateway_id, of_notice=True) if opened else None
        except GatewayUnavailable as error:
            log.warning("notices.not_asked attempt=%s error=%s", row.id, error)
            silent.add(row.account_id)
            return None
        except Exception:  # an answer that cannot be read: what becomes of the notice is not known, and the others are passed on
            log.exception("notices.fault attempt=%s", row.id)
            return None
        if report is None or report.status is None or report.status.value in WAITING:
            return AttemptReport(row.id, AttemptState.PASSED, cause="expired")
        cause = report.cause.value if report.cause else None
        return AttemptReport(row.id, AttemptState(report.status.value), row.gateway_id, cause=cause)

    def apply(reports: Sequence[AttemptReport]) -> int:
        with runtime.db.write() as session:
            key = settings.keys_of(Purpose.SUPPRESSIONS)
            return apply_reports(session, reports, now=database_now(session), secret_key=key)

    passed = 0
    while True:
        left_out = frozenset(silent)
        overdue = await asyncio.to_thread(read, left_out)
        if reports := [report for report in await asyncio.gather(*map(ask, overdue)) if report]:
            passed += await asyncio.to_thread(apply, reports)
        if silent == left_out:
            return passed

"""What stays unknown although it was looked for: a person decides, and it is on record who did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import Waiting, requeue
from campaigns.delivery.recording import Report, settle
from campaigns.lifecycle import find_campaign
from campaigns.messages import Attempt
from campaigns.states import AttemptState
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role

# The gateway's own list settles the rest within minutes; what is older has a list that cannot be had.
# The pages say “quá một giờ”.
DECIDE_AFTER = timedelta(hours=1)


def _undecided(campaign_id: int, *, now: datetime) -> tuple[Any, ...]:
    return (
        Attempt.lane == campaign_id,
        Attempt.state == AttemptState.UNKNOWN,
        Attempt.gateway_id.is_(None),  # after a restore: of these the gateway has the message
        Attempt.claimed_at < now - DECIDE_AFTER,
    )


def count_undecided(session: Session, campaign_id: int, *, now: datetime) -> int:
    """Messages of a campaign of which nobody can say whether the gateway has them."""
    return (
        session.scalar(select(func.count()).select_from(Attempt).where(*_undecided(campaign_id, now=now)))
        or 0
    )


def decide_unknown(
    session: Session, campaign_id: int, *, resend: bool, user: User, now: datetime, secret_key: str
) -> int:
    """Send them again (somebody may then get two), or let them stand as sent without a report; how many.

    A report that still comes counts all the same. Raises NotFound, NotAllowed.
    """
    find_campaign(session, campaign_id, user=user)
    require_role(user, Role.STAFF, Role.APPROVER)
    attempts = session.execute(
        select(Attempt.id, Attempt.message_id, Attempt.lane, Attempt.n)
        .where(*_undecided(campaign_id, now=now))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    if not attempts:
        return 0
    becomes = AttemptState.ABSENT if resend else AttemptState.NO_REPORT
    settle(session, [Report(row.id, becomes) for row in attempts], now=now, secret_key=secret_key)
    if resend:
        requeue(session, [Waiting(row.message_id, row.lane, row.n + 1, now) for row in attempts])
    audit.record(
        session,
        actor_id=user.id,
        action="campaign.unknown_resend" if resend else "campaign.unknown_keep",
        subject=f"campaigns:{campaign_id}",
        now=now,
        messages=len(attempts),
    )
    return len(attempts)

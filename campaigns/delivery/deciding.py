"""What stays unknown although it was looked for: a person decides, and it is on record who did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from campaigns.delivery.lanes import SERVICE_LANE
from campaigns.delivery.outbox import Waiting, requeue
from campaigns.delivery.recording import Report, settle
from campaigns.lifecycle import find_campaign
from campaigns.messages import Attempt, Message
from campaigns.states import AttemptState, MessageKind
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import organisations_of, require_role
from outreach.errors import NotAllowed

# The gateway's own list settles the rest within minutes; what is older has a list that cannot be had.
# The pages say “quá một giờ”.
DECIDE_AFTER = timedelta(hours=1)


# The campaign to which an attempt belongs: its lane, and where that is the one for answers, the campaign that the
# answer is about. None for what belongs to no campaign: answers to strangers, tests.
CAMPAIGN_OF_ATTEMPT = case(
    (
        Attempt.lane == SERVICE_LANE,
        select(Message.campaign_id)
        .where(Message.id == Attempt.message_id, Message.kind != MessageKind.TEST)
        .correlate(Attempt)
        .scalar_subquery(),
    ),
    else_=Attempt.lane,
)


def _undecided(campaign_id: int | None, *, now: datetime) -> tuple[Any, ...]:
    return (
        Attempt.state == AttemptState.UNKNOWN,
        Attempt.gateway_id.is_(None),  # after a restore: of these the gateway has the message
        Attempt.claimed_at < now - DECIDE_AFTER,
        CAMPAIGN_OF_ATTEMPT.is_not_distinct_from(campaign_id),
    )


def count_undecided(session: Session, campaign_id: int, *, now: datetime) -> tuple[int, int]:
    """Messages of a campaign of which nobody can say whether the gateway has them: of its steps, and answers."""
    is_answer = Attempt.lane == SERVICE_LANE
    found = session.execute(
        select(is_answer, func.count()).where(*_undecided(campaign_id, now=now)).group_by(is_answer)
    )
    counts = {bool(answers): count for answers, count in found}
    return counts.get(False, 0), counts.get(True, 0)


def count_without_campaign(session: Session, user: User, *, now: datetime) -> int:
    """The same of what belongs to no campaign, for those who see everything."""
    if organisations_of(session, user) is not None:
        return 0
    query = select(func.count()).select_from(Attempt).where(*_undecided(None, now=now))
    return session.scalar(query) or 0


def decide_unknown(
    session: Session, campaign_id: int | None, *, resend: bool, user: User, now: datetime, secret_key: str
) -> int:
    """Send them again (somebody may then get two), or let them stand as sent without a report; how many.

    Without a campaign what belongs to none, for those who see everything. A report that still comes counts all the
    same. Raises NotFound, NotAllowed.
    """
    if campaign_id is not None:
        find_campaign(session, campaign_id, user=user)
    elif organisations_of(session, user) is not None:
        raise NotAllowed(
            "Những tin này không thuộc chiến dịch nào: người xem được mọi tổ chức mới quyết định được."
        )
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
        subject=f"campaigns:{campaign_id}" if campaign_id is not None else "messages:0",
        now=now,
        messages=len(attempts),
    )
    return len(attempts)

"""A campaign's messages by operator and by gateway: how many arrived, and what proves it, failures, cost."""

from __future__ import annotations

from typing import Any

from redis import Redis
from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from campaigns.models.messages import Attempt, Message
from campaigns.rules.reach_by_operator import ReachByOperator, add_up
from outreach.core.cache import cached_count
from outreach.models.contacts import Phone
from outreach.models.gateways import GatewayAccount

COUNT_TTL_S = 5.0


def read_by_operator(
    session: Session, campaign_id: int, *, redis: Redis, price_vnd: float
) -> ReachByOperator:
    """Return a campaign's messages by operator and gateway, of all its lists. A slow count is cached as `cached_count` does."""
    counted = cached_count(
        redis,
        f"loa:by-operator:{campaign_id}",
        lambda: {"rows": _count(session, campaign_id)},
        min_ttl_s=COUNT_TTL_S,
    )
    proofs = dict(session.execute(select(GatewayAccount.id, GatewayAccount.proof)).all())
    return add_up(counted["rows"], proofs=proofs, price_vnd=price_vnd)


def _count(session: Session, campaign_id: int) -> list[list[Any]]:
    series = func.coalesce(Phone.operator, func.substr(Phone.e164, literal_column("4"), literal_column("2")))
    kind = (series, Attempt.account_id, Attempt.state)
    rows = session.execute(
        select(
            *kind,
            func.count(),
            func.sum(Attempt.segments).filter(Attempt.price_vnd.is_(None)),
            func.sum(Attempt.price_vnd),
        )
        # By the messages' index: there is none of attempts by campaign.
        .join(Message, Message.id == Attempt.message_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(Message.campaign_id == campaign_id, Message.step_id.is_not(None))
        .group_by(*kind)
    )
    return [
        [name, account_id, state.value, n, int(segments or 0), int(vnd or 0)]
        for name, account_id, state, n, segments, vnd in rows
    ]

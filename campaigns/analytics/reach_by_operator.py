"""A campaign's messages by operator and by gateway: how many arrived, and what proves it, failures, cost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from campaigns.analytics.reach_counts import is_small
from campaigns.delivery.gateway_routes import terms_of
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.rules.reach_by_operator import ReachByOperator, add_up
from outreach.core.cache import cached_count
from outreach.core.db import Database
from outreach.models.contacts import Phone
from outreach.models.gateways import GatewayAccount

COUNT_TTL_S = 5.0


def read_by_operator(
    session: Session, campaign: Campaign, *, redis: Redis, usual_price_vnd: float
) -> ReachByOperator | None:
    """Return a campaign's messages by operator and gateway, of all its lists; None while nobody has counted a large one."""
    key = _key(campaign.id)
    if is_small(campaign):
        counted = cached_count(
            redis, key, lambda: {"rows": _count(session, campaign.id)}, min_ttl_s=COUNT_TTL_S
        )
    else:
        try:
            kept: Any = redis.get(key)
        except RedisError:
            kept = None
        if kept is None:
            return None
        counted = json.loads(kept)
    accounts = session.scalars(select(GatewayAccount)).all()
    return add_up(
        counted["rows"],
        proofs={each.id: each.proof for each in accounts},
        terms={each.id: terms_of(each, now=datetime.now(UTC)) for each in accounts},
        usual_price_vnd=usual_price_vnd,
    )


def keep_by_operator(db: Database, redis: Redis, campaign_id: int) -> None:
    """Count a large campaign for all readers: with three million messages it takes seconds."""
    with db.read() as session:
        redis.set(_key(campaign_id), json.dumps({"rows": _count(session, campaign_id)}))


def _key(campaign_id: int) -> str:
    return f"loa:by-operator:{campaign_id}"


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

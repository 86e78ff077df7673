"""A campaign's messages by operator and by gateway: how many arrived, and what proves it, failures, cost."""

from datetime import UTC, datetime
from typing import Any

from redis import Redis
from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from campaigns.delivery.gateway_routes import terms_of
from campaigns.models.campaigns import Campaign
from campaigns.models.figures import ReachSnapshot
from campaigns.models.messages import Attempt, Message
from campaigns.planning.stored_reach import is_small
from campaigns.rules.reach_by_operator import ReachByOperator, add_up
from outreach.core.cache import cached_count
from outreach.models.contacts import Phone
from outreach.models.gateways import GatewayAccount

COUNT_TTL_S = 5.0


def read_by_operator(
    session: Session, campaign: Campaign, *, redis: Redis, usual_price_vnd: float
) -> ReachByOperator | None:
    """Return a campaign's messages by operator and gateway, of all its lists; None while nobody has counted a large one."""
    if is_small(campaign):
        key = f"loa:by-operator:{campaign.id}"
        counted = cached_count(
            redis, key, lambda: {"rows": count_by_operator(session, campaign.id)}, min_ttl_s=COUNT_TTL_S
        )["rows"]
    else:
        snapshot = session.get(ReachSnapshot, campaign.id)
        if snapshot is None or snapshot.operators is None:
            return None
        counted = snapshot.operators
    accounts = session.scalars(select(GatewayAccount)).all()
    return add_up(
        counted,
        proofs={each.id: each.proof for each in accounts},
        terms={each.id: terms_of(each, now=datetime.now(UTC)) for each in accounts},
        usual_price_vnd=usual_price_vnd,
    )


def count_by_operator(
    session: Session, campaign_id: int, *conditions: ColumnElement[bool]
) -> list[list[Any]]:
    """Count the attempts of a campaign's messages by operator or beginning of the number, gateway account and state; of messages of these only."""
    series = func.coalesce(Phone.operator, func.substr(Phone.e164, literal_column("1"), literal_column("5")))
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
        .where(Message.campaign_id == campaign_id, Message.step_id.is_not(None), *conditions)
        .group_by(*kind)
    )
    return [
        [name, account_id, state.value, n, int(segments or 0), int(vnd or 0)]
        for name, account_id, state, n, segments, vnd in rows
    ]

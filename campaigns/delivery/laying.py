"""From rows of the outbox to attempts: what belongs to a waiting message, and the attempts that take its place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    SmallInteger,
    Subquery,
    Text,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from campaigns.messages import Attempt, Message, Outbox
from campaigns.models import Campaign, Recipient, Step
from campaigns.states import AttemptState, MessageState
from outreach.bulk import UNSYNCED, listed, rows
from outreach.db import UtcDateTime
from outreach.people.models import Contact, Phone


def what_belongs_to(waiting: Subquery) -> Select[Any]:
    """All that decides on some rows of the outbox (message_id, n, throttled, refused) and makes their texts, by message."""
    return (
        select(
            waiting.c.message_id,
            waiting.c.n,
            waiting.c.throttled,
            waiting.c.refused,
            Message.kind,
            Message.text,
            Message.phone_id,
            Message.recipient_id,
            Message.step_id,
            Step.number.label("step"),
            Step.text.label("step_text"),
            Step.text_b,
            Step.texts,
            Message.arm,
            Phone.language,
            Recipient.answer,
            Recipient.contact_id,
            Contact.name,
            Phone.e164,
            Campaign.sender,
            Campaign.unaccented,
            Campaign.cap_per_day,
            Campaign.window_from,
            Campaign.window_to,
        )
        .join(Message, Message.id == waiting.c.message_id)
        .join(Phone, Phone.id == Message.phone_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .outerjoin(Step, Step.id == Message.step_id)
        .outerjoin(Recipient, Recipient.id == Message.recipient_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .order_by(waiting.c.message_id)
    )


def write_attempts(
    session: Session,
    lane: int,
    taken: Sequence[tuple[Any, str, int]],
    *,
    state: AttemptState,
    worker: str,
    now: datetime,
    due_at: datetime,
) -> dict[int, int]:
    """Attempts in place of rows of the outbox: (what belongs to it, body, segments) each; their ids by message.

    The messages take the attempts' state, `sending` or `unknown`.
    """
    if not taken:
        return {}
    claimed = rows(
        session,
        {
            "message_id": BigInteger,
            "n": SmallInteger,
            "phone_id": BigInteger,
            "body": Text,
            "segments": SmallInteger,
        },
        [
            {
                "message_id": row.message_id,
                "n": row.n,
                "phone_id": row.phone_id,
                "body": body,
                "segments": segments,
            }
            for row, body, segments in taken
        ],
    )
    values = {
        "message_id": claimed.c.message_id,
        "n": claimed.c.n,
        "phone_id": claimed.c.phone_id,
        "lane": literal(lane, BigInteger),
        "state": literal(state.value),
        "worker": literal(worker),
        "body": claimed.c.body,
        "segments": claimed.c.segments,
        "claimed_at": literal(now, UtcDateTime),
        "due_at": literal(due_at, UtcDateTime),
        "times_absent": literal(0, SmallInteger),
    }
    ids: dict[int, int] = dict(
        session.execute(
            insert(Attempt)
            .from_select(list(values), select(*values.values()))
            .returning(Attempt.message_id, Attempt.id)
        ).all()
    )
    messages = listed(session, ids, BigInteger)
    session.execute(delete(Outbox).where(Outbox.message_id.in_(messages)), execution_options=UNSYNCED)
    session.execute(
        update(Message).where(Message.id.in_(messages)).values(state=MessageState(state.value)),
        execution_options=UNSYNCED,
    )
    return ids

"""Attempts in place of rows of the outbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Integer, SmallInteger, String, Text, delete, insert, literal, select
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import WaitingMessage
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.rules.delivery import language_of
from campaigns.rules.states import AttemptState, MessageState
from outreach.core.db import UtcDateTime, change_rows, rows_table, set_columns, values_subquery
from outreach.models.office import ENVIRONMENT
from outreach.rules.gateway import Channel, Notice


class NewAttempt(NamedTuple):
    """A waiting message with what it says, the gateway account that carries it, and the notice that it goes as.

    `counted` are the segments of its text, `segments` what the gateway is expected to charge, `price_vnd` for each, where that is
    agreed. Of a notice that goes alone both are 1, and the price is its own.
    """

    row: WaitingMessage
    body: str
    counted: int
    segments: int
    account_id: int = ENVIRONMENT
    price_vnd: int | None = None
    notice: Notice | None = None


def create_attempts(
    session: Session,
    stream_id: int,
    taken: Sequence[NewAttempt],
    *,
    state: AttemptState,
    worker: str,
    now: datetime,
    due_at: datetime,
) -> dict[int, int]:
    """Create attempts in place of rows of the outbox. Returns their ids by message.

    The messages take the attempts' state, `sending` or `unknown`. A notice's price is stored at once.
    """
    if not taken:
        return {}
    columns = {
        "message_id": BigInteger,
        "n": SmallInteger,
        "phone_id": BigInteger,
        "body": Text,
        "segments": SmallInteger,
        "account_id": SmallInteger,
        "channel": String,
        "notice": Text,
        "price_vnd": Integer,
    }
    rows = []
    for row, body, _counted, segments, account, price, notice in taken:
        channel, kept = (notice.channel, notice.as_stored()) if notice else (Channel.SMS, None)
        vnd = price if channel is Channel.ZALO else None
        rows.append((row.message_id, row.n, row.phone_id, body, segments, account, channel, kept, vnd))
    claimed = rows_table(session, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    values = {
        **{name: claimed.c[name] for name in columns},
        "stream_id": literal(stream_id, BigInteger),
        "state": literal(state.value),
        "worker": literal(worker),
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
    messages = values_subquery(session, ids)
    change_rows(session, delete(Outbox).where(Outbox.message_id.in_(messages)))
    set_columns(session, Message, Message.id.in_(messages), state=MessageState(state.value))
    by_language: dict[str, list[int]] = {}
    for row in (each.row for each in taken):
        if row.of.texts:
            by_language.setdefault(language_of(row.of, row.language), []).append(row.message_id)
    for language, of_language in by_language.items():
        theirs = Message.id.in_(values_subquery(session, of_language))
        set_columns(session, Message, theirs, language=language)
    return ids

"""What numbers have had lately, whoever sent it: what the caps are held against."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.messages import Attempt, Message
from campaigns.models import Step
from campaigns.states import AttemptState


def look_back(
    session: Session, phones: Select[Any], *, now: datetime
) -> tuple[dict[int, int], set[tuple[int, str | None]]]:
    """Messages to each number in the last 24 hours, and their contents, over all campaigns and organisations."""
    attempts = session.execute(
        select(Attempt.phone_id, Attempt.message_id, Step.content_hash)
        .join(Message, Message.id == Attempt.message_id)
        .outerjoin(Step, Step.id == Message.step_id)
        .where(
            Attempt.phone_id.in_(phones),
            Attempt.claimed_at > now - timedelta(hours=24),
            Attempt.state.not_in((AttemptState.ABSENT, AttemptState.FAILED)),
        )
        .distinct()
    ).all()
    recent: dict[int, int] = {}
    for phone_id, _message, _content in attempts:
        recent[phone_id] = recent.get(phone_id, 0) + 1
    return recent, {(phone_id, content) for phone_id, _message, content in attempts if content}

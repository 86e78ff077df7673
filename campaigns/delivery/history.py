"""What numbers have had lately, whoever sent it: what the caps are held against."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from campaigns.delivery.rendering import content_of
from campaigns.messages import Attempt, Message
from campaigns.models import Step
from campaigns.states import AttemptState
from outreach.people.models import Phone


def look_back(
    session: Session, phones: Select[Any], *, now: datetime
) -> tuple[dict[int, int], set[tuple[int, str]]]:
    """Messages to each number in the last 24 hours, and their contents, over all campaigns and organisations."""
    attempts = session.execute(
        select(Attempt.phone_id, Attempt.message_id, Message.step_id, Message.arm, Phone.language)
        .join(Message, Message.id == Attempt.message_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(
            Attempt.phone_id.in_(phones),
            Attempt.claimed_at > now - timedelta(hours=24),
            Attempt.state.not_in((AttemptState.ABSENT, AttemptState.FAILED)),
        )
        .distinct()
    ).all()
    texts = select(Step.id, Step.number.label("step"), Step.text.label("step_text"), Step.text_b, Step.texts)
    steps = {
        step.id: step for step in session.execute(texts.where(Step.id.in_({row.step_id for row in attempts})))
    }
    recent: dict[int, int] = {}
    contents = set()
    for row in attempts:
        recent[row.phone_id] = recent.get(row.phone_id, 0) + 1
        if step := steps.get(row.step_id):
            contents.add((row.phone_id, content_of(step, language=row.language, arm=row.arm)))
    return recent, contents

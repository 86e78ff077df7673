"""What a campaign's notices came to: who got the notice, who its text, and who both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Step
from campaigns.models.messages import Attempt, Message
from campaigns.rules.notices import WAITING
from campaigns.rules.states import ACCEPTED_OR_BEYOND, AttemptState
from outreach.rules.gateway import Channel


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Messages of a campaign that went as notices.

    `arrived`: the notice; `texts`: the text went instead; `both`: it had gone when the notice arrived after all, later than its
    report was waited for, so the message is in `arrived` too; `waiting`: for the report.
    """

    arrived: int = 0
    texts: int = 0
    both: int = 0
    waiting: int = 0


def count_channels(session: Session, campaign_id: int) -> ChannelCounts | None:
    """Count the messages of a campaign that went as notices; None where none of its steps has one."""
    has_notice = (Step.campaign_id == campaign_id, Step.notice_template != "")
    if session.scalar(select(Step.id).where(*has_notice).limit(1)) is None:
        return None
    text = aliased(Attempt)
    went = text.id.is_not(None)
    rows = session.execute(
        select(Attempt.state, went, func.count())
        .join(Message, Message.id == Attempt.message_id)
        .outerjoin(
            text,
            (text.message_id == Attempt.message_id)
            & (text.channel == Channel.SMS)
            & text.state.in_(ACCEPTED_OR_BEYOND),
        )
        .where(Message.campaign_id == campaign_id, Attempt.channel == Channel.ZALO)
        .group_by(Attempt.state, went)
    )
    counts: Counter[str] = Counter()
    for state, has_text, n in rows:
        arrived = state is AttemptState.DELIVERED
        counts["arrived"] += n * arrived
        counts["waiting"] += n * (state in WAITING)
        if has_text:
            counts["both" if arrived else "texts"] += n
    return ChannelCounts(**counts)

"""What a campaign's notices came to: who got the notice, who its text, and who both."""

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.campaigns import Step
from campaigns.models.messages import Attempt, Message
from campaigns.rules.notices import WAITING
from campaigns.rules.states import ACCEPTED_OR_BEYOND, FAILURES, AttemptState
from outreach.rules.gateway import Cause, Channel


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Messages of a campaign that went as notices.

    `arrived`: the notice; `texts`: the text went instead; `both`: it had gone when the notice arrived after all, later than its
    report was waited for, so the message is in `arrived` too; `waiting`: for the report. `causes`: why notices did not arrive.
    """

    arrived: int = 0
    texts: int = 0
    both: int = 0
    waiting: int = 0
    causes: tuple[tuple[str, int], ...] = ()


def count_channels(session: Session, campaign_id: int) -> ChannelCounts | None:
    """Count the messages of a campaign that went as notices; None where none of its steps has one."""
    has_notice = (Step.campaign_id == campaign_id, Step.notice_template != "")
    if session.scalar(select(Step.id).where(*has_notice).limit(1)) is None:
        return None
    text = aliased(Attempt)
    of = (Attempt.channel, Attempt.state, Attempt.cause, text.id.is_not(None))
    rows = session.execute(
        select(*of, func.count())
        .join(Message, Message.id == Attempt.message_id)
        .outerjoin(
            text,
            (text.message_id == Attempt.message_id)
            & (text.channel == Channel.SMS)
            & text.state.in_(ACCEPTED_OR_BEYOND),
        )
        .where(Message.campaign_id == campaign_id, Attempt.channel != Channel.SMS)
        .group_by(*of)
    )
    counts: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    for channel, state, cause, has_text, n in rows:
        # The provider that sends both says of a notice that did not arrive why not (`keep_reason`).
        did_not = state is AttemptState.PASSED or (
            channel == Channel.BOTH and cause and state not in FAILURES
        )
        arrived = state is AttemptState.DELIVERED and not did_not
        counts["arrived"] += n * arrived
        counts["waiting"] += n * (state in WAITING and not did_not)
        if has_text or (did_not and channel == Channel.BOTH):
            counts["both" if arrived else "texts"] += n
        if did_not:
            causes[cause or Cause.OTHER.value] += n
    return ChannelCounts(**counts, causes=tuple(causes.most_common()))

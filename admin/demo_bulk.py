"""The demo's large numbers: what a campaign's sending and answers leave behind, written by a few statements."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, and_, case, cast, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from campaigns.answers.counters import count_anew
from campaigns.answers.models import Answer, InstallReport, Source
from campaigns.messages import Attempt, Message, Outbox, Tally
from campaigns.models import Campaign, Recipient
from campaigns.replies.classifier import Label
from campaigns.states import AttemptState, MessageState
from outreach.sms.gateway import Cause
from outreach.sms.text import measure

_BODY = "UB MTTQ tinh Kon Tum moi ong/ba cai Bluezone de phong dich"
# Of 25 messages one does not arrive; of five that do two are answered, and of ten answers eight say installed.
_LOST_OF = 25
_CAUSES = {0: Cause.UNREACHABLE, 25: Cause.BAD_NUMBER, 50: Cause.UNREACHABLE, 75: Cause.EXPIRED}  # of 100
_ASKED_OF, _ANSWER = 5, 2


def send_in_bulk(session: Session, campaign_id: int, count: int, *, then: datetime) -> None:
    """Make `count` of a campaign's waiting messages sent, reported on and answered as at that moment."""
    waiting = (
        select(Message.id)
        .where(Message.campaign_id == campaign_id, Message.state == MessageState.QUEUED)
        .order_by(Message.id)
        .limit(count)
        .subquery()
    )
    first, last = session.execute(select(func.min(waiting.c.id), func.max(waiting.c.id))).one()
    these = and_(
        Message.campaign_id == campaign_id,
        Message.state == MessageState.QUEUED,
        Message.id.between(first, last),
    )
    is_lost = Message.id % _LOST_OF == 0
    _attempt(session, campaign_id, these, is_lost, then=then)
    session.execute(delete(Outbox).where(Outbox.lane == campaign_id, Outbox.message_id.between(first, last)))
    session.execute(
        update(Message)
        .where(these)
        .values(state=case((is_lost, MessageState.UNDELIVERED.value), else_=MessageState.DELIVERED.value))
    )
    _answer(session, campaign_id, first=first, last=last, then=then)


def _attempt(session: Session, campaign_id: int, these: object, is_lost: object, *, then: datetime) -> None:
    segments = measure(_BODY).segments
    rows = select(
        Message.id,
        literal(1),
        Message.phone_id,
        literal(campaign_id),
        case((is_lost, AttemptState.UNDELIVERED.value), else_=AttemptState.DELIVERED.value),  # type: ignore[arg-type]
        literal("demo"),
        literal(_BODY),
        literal(segments),
        literal(then, Attempt.claimed_at.type),
        literal(0),
        literal("SMdemo") + cast(Message.id, String),
        literal(then, Attempt.claimed_at.type),
        case(*((Message.id % 100 == rest, cause.value) for rest, cause in _CAUSES.items()), else_=None),
    ).where(these)  # type: ignore[arg-type]
    columns = (
        "message_id n phone_id lane state worker body segments claimed_at times_absent gateway_id settled_at "
        "cause"
    )
    made = session.execute(insert(Attempt).from_select(columns.split(), rows))
    ended = session.execute(
        select(Attempt.state, Attempt.cause, func.count(), func.sum(Attempt.segments))
        .join(Message, Message.id == Attempt.message_id)
        .where(these)  # type: ignore[arg-type]
        .group_by(Attempt.state, Attempt.cause)
    ).all()
    session.add_all(
        Tally(lane=campaign_id, state=state, cause=cause, n=n, segments=total, at=then)
        for state, cause, n, total in ended
    )
    session.execute(
        update(Campaign)
        .where(Campaign.id == campaign_id)
        .values(segments_taken=Campaign.segments_taken + segments * made.rowcount)  # type: ignore[attr-defined]
    )


def _answer(session: Session, campaign_id: int, *, first: int, last: int, then: datetime) -> None:
    before = session.scalar(select(func.coalesce(func.max(Answer.id), 0))) or 0
    tens = Message.id % 100 // 10
    label = case(
        (tens == 0, Label.NOT_YET.value), (tens == 1, Label.NO_SMARTPHONE.value), else_=Label.INSTALLED.value
    )
    reached = select(
        Message.recipient_id,
        Message.campaign_id,
        Message.phone_id,
        label,
        literal(Source.PAGE.value),
        literal(then, Answer.at.type),
    ).where(
        Message.campaign_id == campaign_id,
        Message.id.between(first, last),
        Message.state == MessageState.DELIVERED,
        Message.id % _ASKED_OF < _ANSWER,
    )
    columns = ["recipient_id", "campaign_id", "phone_id", "label", "source", "at"]
    session.execute(insert(Answer).from_select(columns, reached))
    session.execute(
        update(Recipient)
        .where(Answer.recipient_id == Recipient.id, Answer.id > before)
        .values(answer=Answer.label, answered_at=Answer.at)
        .execution_options(synchronize_session=False)
    )
    installed = select(
        Answer.campaign_id, Answer.phone_id, Answer.recipient_id, Answer.id, Answer.source, Answer.at
    ).where(Answer.id > before, Answer.label == Label.INSTALLED)
    columns = ["campaign_id", "phone_id", "recipient_id", "answer_id", "source", "reported_at"]
    session.execute(insert(InstallReport).from_select(columns, installed))
    count_anew(session, campaign_id)

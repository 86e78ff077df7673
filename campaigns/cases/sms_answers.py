"""An officer's answer by SMS: the service lane's way, within hours and cap, never to who asked to be left alone.

Also what has become of the messages that answer residents, for whoever wonders why none has come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Answer
from campaigns.answers.taking import Keys
from campaigns.casework.cases import close, hold_open, record
from campaigns.casework.kinds import Outcome
from campaigns.casework.models import Case
from campaigns.delivery.lanes import SERVICE_LANE, hours_of
from campaigns.messages import Attempt, Message, Outbox
from campaigns.models import Campaign
from campaigns.states import UNSETTLED, MessageKind, MessageState, SkipReason
from campaigns.windows import opens_at
from outreach.access.models import User
from outreach.errors import BadInput, WrongState
from outreach.people.models import Suppression
from outreach.sms.text import measure

# An answer, not a letter: what is longer is told on the phone.
MOST_SEGMENTS = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that answers a resident, `answered_at` what it answers.

    `due_at` while it waits, `sent_at` once the gateway was asked to send it.
    """

    message_id: int
    answer_id: int | None
    recipient_id: int | None
    text: str | None
    state: MessageState
    skip_reason: SkipReason | None
    answered_at: datetime | None
    due_at: datetime | None
    sent_at: datetime | None


def answer_by_sms(
    session: Session, case_id: int, text: str, *, is_done: bool, user: User, keys: Keys, now: datetime
) -> datetime:
    """Queue an answer to a case's resident, and close the case where that is all; when it leaves at the earliest.

    Raises BadInput for an empty or long text, WrongState where the number may not be written to or an
    answer is still under way, NotFound, NotAllowed.
    """
    case = hold_open(session, case_id, user=user, now=now)
    campaign = session.get(Campaign, case.campaign_id) if case.campaign_id else None
    if case.recipient_id is None or case.phone_id is None or campaign is None:
        raise WrongState("Số này không thuộc chiến dịch nào nên không nhắn được. Hãy gọi điện.")
    measured = measure(text.strip(), unaccented=campaign.unaccented)
    if not measured.text:
        raise BadInput("Chưa có nội dung tin. Hãy viết câu trả lời rồi gửi.")
    if measured.segments > MOST_SEGMENTS:
        raise BadInput(
            f"Tin này dài {measured.segments} tin nhắn, nhiều nhất là {MOST_SEGMENTS}. Hãy rút ngắn hoặc bỏ dấu."
        )
    if is_left_alone(session, case.phone_id):
        raise WrongState("Số này không nhận tin nữa nên không nhắn được.")
    before = session.get(Message, case.message_id) if case.message_id else None
    if before and before.state in UNSETTLED:
        raise WrongState("Tin trả lời trước còn chưa gửi xong. Hãy đợi tin đó gửi xong rồi viết tin khác.")
    if before and before.text == measured.text and before.state is not MessageState.CANCELLED:
        raise WrongState("Tin này đã gửi rồi. Nếu cần nhắn thêm, hãy viết nội dung khác.")
    message = Message(
        kind=MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id,
        recipient_id=case.recipient_id,
        phone_id=case.phone_id,
        text=measured.text,
        state=MessageState.QUEUED,
    )
    session.add(message)
    session.flush()
    leaves_at = opens_at(now, hours_of(campaign, is_live=keys.is_live))
    session.add(Outbox(message_id=message.id, lane=SERVICE_LANE, not_before=leaves_at))
    case.message_id = message.id
    if is_done:
        close(case, Outcome.MESSAGED, user=user, now=now)
    else:
        case.taken_by, case.taken_at = user.id, now
    record(session, "case.answer", case, user, now, message=message.id)
    return leaves_at


def is_left_alone(session: Session, phone_id: int) -> bool:
    """Whether a number must not be written to, for whatever reason."""
    stopped = select(Suppression.id).where(Suppression.phone_id == phone_id, Suppression.lifted_at.is_(None))
    return session.execute(stopped).first() is not None


def read_sent(session: Session, *conditions: ColumnElement[bool]) -> list[Sent]:
    """The messages beside the campaigns' steps that meet these conditions, in order."""
    rows = session.execute(
        select(
            Message.id,
            Message.answer_id,
            Message.recipient_id,
            Message.text,
            Message.state,
            Message.skip_reason,
            Answer.at,
            Outbox.not_before,
            select(func.max(Attempt.claimed_at)).where(Attempt.message_id == Message.id).scalar_subquery(),
        )
        .outerjoin(Answer, Answer.id == Message.answer_id)
        .outerjoin(Outbox, Outbox.message_id == Message.id)
        .where(Message.step_id.is_(None), *conditions)
        .order_by(Message.id)
    )
    return [Sent(*row) for row in rows]


def sent_for(session: Session, cases: list[Case]) -> dict[int, list[Sent]]:
    """What each case was answered with: the acknowledgement, and what an officer wrote."""
    by_answer = {case.answer_id: case.id for case in cases if case.answer_id}
    by_message = {case.message_id: case.id for case in cases if case.message_id}
    if not by_answer and not by_message:
        return {}
    found: dict[int, list[Sent]] = {}
    acknowledged = read_sent(session, Message.answer_id.in_(by_answer)) if by_answer else []
    for sent in acknowledged:
        if sent.answer_id:
            found.setdefault(by_answer[sent.answer_id], []).append(sent)
    written = read_sent(session, Message.id.in_(by_message)) if by_message else []
    for sent in written:
        found.setdefault(by_message[sent.message_id], []).append(sent)
    return found

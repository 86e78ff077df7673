"""Messages that answer an answer: queued, and taken back where the answer is before they have left."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Answer
from campaigns.delivery.lanes import SERVICE_LANE, hours_of
from campaigns.delivery.outbox import cancel_waiting
from campaigns.delivery.rendering import LINK
from campaigns.messages import Message, Outbox
from campaigns.models import Campaign, Recipient
from campaigns.planning.content import Content, read_content, render_reply
from campaigns.replies.classifier import Label
from campaigns.states import MessageKind, MessageState
from campaigns.windows import VIETNAM, opens_at
from outreach.people.models import Contact, Phone
from outreach.sms.text import measure

# Decree 91/2020: received, when, and from when on; no advertising.
OPT_OUT_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin den so nay nua."


def queue_answer(
    session: Session,
    answer: Answer,
    phone: Phone,
    recipient: Recipient | None,
    *,
    is_live: bool,
    now: datetime,
) -> None:
    """Queue the answer to an answer: an opt-out's at once, the others within the hours and once a label."""
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    content: Content | None = read_content(campaign.content, phone.language) if campaign else None
    text = content.wording(answer.label).reply if content else ""
    is_opt_out = answer.label is Label.OPT_OUT
    if is_opt_out:
        text = text or OPT_OUT_REPLY
    elif not text or campaign is None or _is_acknowledged(session, answer):
        return
    values = {
        "name": _name_of(session, recipient),
        "link": LINK if recipient else "",  # filled in as it leaves: no text keeps a token
        "time": f"{now.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}",
    }
    text = render_reply(text, values)
    message = Message(
        kind=MessageKind.CONFIRMATION if is_opt_out else MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id if campaign else None,
        recipient_id=recipient.id if recipient else None,
        phone_id=phone.id,
        answer_id=answer.id,
        text=measure(text, unaccented=campaign is not None and campaign.unaccented).text,
        state=MessageState.QUEUED,
    )
    session.add(message)
    session.flush()
    hours = hours_of(campaign, is_live=is_live) if campaign else None
    session.add(
        Outbox(
            message_id=message.id,
            lane=SERVICE_LANE,
            not_before=now if is_opt_out else opens_at(now, hours),
        )
    )


def withdraw_message(session: Session, answer: Answer) -> None:
    """Of an answer that is taken back: its message does not go out, unless it has left."""
    _cancel(session, Message.answer_id == answer.id)


def withdraw_acknowledgements(session: Session, recipient: Recipient) -> None:
    """Something else is said now: what still waits to thank for what was said before does not go out.

    The confirmation of an opt-out does, and so does what an officer wrote.
    """
    _cancel(
        session,
        Message.recipient_id == recipient.id,
        Message.answer_id.is_not(None),
        Message.kind == MessageKind.ACKNOWLEDGEMENT,
    )


def _cancel(session: Session, *which: ColumnElement[bool]) -> None:
    waiting = select(Message.id).where(*which, Message.state == MessageState.QUEUED)
    for message_id in session.scalars(waiting).all():
        cancel_waiting(session, message_id)


def is_confirmed(session: Session, phone_id: int, *, now: datetime) -> bool:
    """Whether an opt-out of this number was confirmed within a day: pressing to and fro sends no more."""
    earlier = (
        select(Message.id)
        .join(Answer, Answer.id == Message.answer_id)
        .where(
            Message.phone_id == phone_id,
            Message.kind == MessageKind.CONFIRMATION,
            Message.state != MessageState.CANCELLED,
            Answer.at > now - timedelta(days=1),
        )
    )
    return session.execute(earlier).first() is not None


def _name_of(session: Session, recipient: Recipient | None) -> str:
    person = session.get(Contact, recipient.contact_id) if recipient and recipient.contact_id else None
    return person.name if person else ""


def _is_acknowledged(session: Session, answer: Answer) -> bool:
    """Whether this recipient has been thanked for the same answer before: no talk between two machines."""
    earlier = (
        select(Message.id)
        .join(Answer, Answer.id == Message.answer_id)
        .where(
            Message.recipient_id == answer.recipient_id,
            Message.state != MessageState.CANCELLED,
            Answer.label == answer.label,
        )
    )
    return session.execute(earlier).first() is not None

"""Messages that acknowledge answers, and answers of our own to a reply.

The confirmation of an opt-out and the thanks for others; whom to call in danger, a short one to a doubt about the message. All
functions work in the caller's transaction.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import cancel_waiting, queue_message
from campaigns.delivery.streams import campaign_hours
from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Message
from campaigns.models.replies import Answer, Reply, ReplyState
from campaigns.rules.content import Content, read_content, render_reply
from campaigns.rules.delivery import LINK, drops_accents
from campaigns.rules.own_answers import own_answer
from campaigns.rules.replies.doubts import answer_doubt, find_doubt
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM, opens_at
from campaigns.rules.states import MessageKind, MessageState
from outreach.core.db import id_of, installation_of, is_set
from outreach.models.contacts import Contact, Phone
from outreach.rules.kept_values import name_in_text
from outreach.rules.languages import VIETNAMESE
from outreach.rules.segments import measure

# Decree 91/2020: that it was received, when, and from when it holds; no advertising.
OPT_OUT_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin den so nay nua."
OPT_OUT_OF_DRIVE_REPLY = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin ve viec nay den so nay nua. Tu choi moi tin: TC"


def _reply_to(answer: Answer, content: Content | None) -> str:
    """Return what an answer is replied to in its campaign, "" for nothing; an opt-out always is."""
    if answer.drive_only:
        return OPT_OUT_OF_DRIVE_REPLY
    text = ""
    if content:
        own = own_answer(content.own_answers, answer.own_answer)
        text = (own.reply if own else "") or content.wording(answer.label).reply
    return text or (OPT_OUT_REPLY if answer.label is Label.OPT_OUT else "")


def queue_acknowledgement(
    session: Session, answer: Answer, phone: Phone, recipient: Recipient | None, *, now: datetime
) -> None:
    """Queue the message that acknowledges an answer.

    The confirmation of an opt-out leaves at once, the others within the sending hours and once per label.
    """
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    translated = campaign is not None and phone.language in campaign.content.get("languages", {})
    language = phone.language if translated and phone.language else VIETNAMESE
    text = _reply_to(answer, read_content(campaign.content, phone.language) if campaign else None)
    is_opt_out = answer.label is Label.OPT_OUT
    if not is_opt_out and (not text or _is_acknowledged(session, answer)):
        return
    values = {
        "name": resident_name(session, recipient),
        "link": LINK if recipient else "",  # filled in when it is sent: no stored text holds a token
        "time": f"{answer.at.astimezone(VIETNAM):%H:%M ngay %d/%m/%Y}",
    }
    text = render_reply(text, values)
    hours = campaign_hours(campaign, is_live=installation_of(session).is_live) if campaign else None
    queue_message(
        session,
        kind=MessageKind.CONFIRMATION if is_opt_out else MessageKind.ACKNOWLEDGEMENT,
        campaign_id=answer.campaign_id,
        recipient_id=answer.recipient_id,
        phone_id=phone.id,
        answer_id=answer.id,
        text=measure(text, unaccented=campaign is not None and drops_accents(language, campaign)).text,
        not_before=now if is_opt_out else opens_at(now, hours),
    )


def cancel_messages(session: Session, *conditions: ColumnElement[bool]) -> None:
    """Cancel messages that have not left."""
    waiting = select(Message.id).where(*conditions, Message.state == MessageState.QUEUED)
    for message_id in session.scalars(waiting).all():
        cancel_waiting(session, message_id)


def has_held_opt_out(session: Session, phone_id: int, reply_id: int | None) -> bool:
    """Return whether another reply of a number is a held opt-out, which nobody has looked at."""
    held = select(Reply.id).where(
        Reply.phone_id == phone_id,
        Reply.label == Label.OPT_OUT,
        Reply.is_sure.is_(False),
        Reply.state == ReplyState.INBOX,
        Reply.id != (reply_id or 0),
    )
    return session.execute(held).first() is not None


def is_confirmed(session: Session, answer: Answer) -> bool:
    """Return whether an opt-out from as much, everything or this drive, was confirmed to this number within a day."""
    same: ColumnElement[bool] = Answer.drive_only.is_(False)
    if answer.drive_only:
        drive = select(Campaign.drive_id).where(Campaign.id == answer.campaign_id).scalar_subquery()
        same = or_(
            and_(same, Answer.undone_at.is_(None)),
            and_(is_set(Answer.drive_only), Campaign.drive_id == drive),
        )
    confirmed = select(Message.id).join(Answer, Answer.id == Message.answer_id)
    earlier = confirmed.outerjoin(Campaign, Campaign.id == Answer.campaign_id).where(
        Message.phone_id == answer.phone_id,
        Message.kind == MessageKind.CONFIRMATION,
        Message.state != MessageState.CANCELLED,
        Answer.at > answer.at - timedelta(days=1),
        same,
    )
    return session.execute(earlier).first() is not None


def resident_name(session: Session, recipient: Recipient | None) -> str:
    """Return the name by which a text greets somebody, "" where none is known or fits a text."""
    contact = session.get(Contact, recipient.contact_id) if recipient and recipient.contact_id else None
    return name_in_text(contact.name) if contact else ""


def _is_acknowledged(session: Session, answer: Answer) -> bool:
    """Return whether the same answer of the recipient was acknowledged: stops loops between machines."""
    earlier = (
        select(Message.id)
        .join(Answer, Answer.id == Message.answer_id)
        .where(
            Message.recipient_id == answer.recipient_id,
            Message.state != MessageState.CANCELLED,
            Answer.label == answer.label,
            Answer.own_answer.is_not_distinct_from(answer.own_answer),
        )
    )
    return session.execute(earlier).first() is not None


# Whom to call, at once: the campaign's own number, then those of the state, which take calls from anywhere at any hour.
EMERGENCY_REPLY = (
    "Neu dang nguy hiem, hay goi ngay{phone} 112 (cuu nan), 114 (chua chay, cuu ho), 115 (cap cuu), 113 (cong an). "
    "Tin cua ong/ba da duoc bao cho can bo truc."
)
EMERGENCY_EVERY = timedelta(hours=24)


def queue_emergency_answer(
    session: Session, reply: Reply, phone: Phone, campaign: Campaign | None, *, now: datetime
) -> None:
    """Queue the one answer to a cry for help: whom to call. It leaves at once, whatever the hour, to a number that opted out as well.

    At most one a number in 24 hours. The phone's row must be locked or new.
    """
    earlier = select(Reply.id).where(
        Reply.phone_id == phone.id, Reply.emergency_id.is_not(None), Reply.received_at > now - EMERGENCY_EVERY
    )
    if session.execute(earlier).first():
        return
    own = read_content(campaign.content).phone if campaign else ""
    text = EMERGENCY_REPLY.format(phone=f" {own}," if own and own != "112" else "")
    message = queue_message(
        session,
        kind=MessageKind.CONFIRMATION,
        campaign_id=id_of(campaign),
        recipient_id=reply.recipient_id,
        phone_id=phone.id,
        text=measure(text, unaccented=True).text,
        not_before=now,
    )
    reply.emergency_id = message.id


def queue_doubt_answer(
    session: Session, reply: Reply, phone: Phone, campaign: Campaign, *, now: datetime
) -> None:
    """Queue the short answer to a doubt about the message, once a recipient, within the sending hours and the cap. The case stays open."""
    doubt = find_doubt(reply.body)
    if doubt is None:
        return
    content = read_content(campaign.content)
    text = measure(answer_doubt(doubt, issuer=content.issuer, contact=content.contact), unaccented=True).text
    sent = select(Message.id).where(Message.recipient_id == reply.recipient_id, Message.text == text)
    if session.execute(sent).first():
        return
    queue_message(
        session,
        kind=MessageKind.ACKNOWLEDGEMENT,
        campaign_id=campaign.id,
        recipient_id=reply.recipient_id,
        phone_id=phone.id,
        text=text,
        not_before=opens_at(now, campaign_hours(campaign, is_live=installation_of(session).is_live)),
    )

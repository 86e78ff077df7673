"""Answers of our own to a reply, besides acknowledgements: whom to call in danger, and a short one to a doubt about the message.

They run in the transaction that stores the reply.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import queue_message
from campaigns.delivery.streams import campaign_hours
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Message
from campaigns.models.replies import Reply
from campaigns.rules.content import read_content
from campaigns.rules.replies.doubts import answer_doubt, find_doubt
from campaigns.rules.sending_hours import opens_at
from campaigns.rules.states import MessageKind
from outreach.core.db import id_of
from outreach.models.contacts import Phone
from outreach.rules.segments import measure

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
    session: Session, reply: Reply, phone: Phone, campaign: Campaign, *, is_live: bool, now: datetime
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
        not_before=opens_at(now, campaign_hours(campaign, is_live=is_live)),
    )

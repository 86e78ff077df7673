"""Residents' replies: stored once, understood, applied, or left for a person to look at."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Recipient
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import AnswerSource, Reply, ReplyChannel, ReplyState
from campaigns.replies.open_case import open_case, open_help_case
from campaigns.replies.record_answer import AnswerContext, record_answer
from campaigns.rules.cases import WAITS_FOR_LABEL, CaseKind, kind_of
from campaigns.rules.content import read_content
from campaigns.rules.replies.classifier import BLUEZONE, Vocabulary, classify
from campaigns.rules.replies.labels import Label, counts_as_answer
from campaigns.rules.states import AttemptState
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lock_phone
from outreach.models.contacts import Phone
from outreach.rules.gateway import InboundMessage
from outreach.rules.phone_cells import read_phone_cell

# A reply carries only its sender: it belongs to the latest message to that phone, for so long.
REPLY_WINDOW = timedelta(days=14)

# The same words from the same number by two channels are one reply when no more lies between them: the channels' clocks
# and delays differ.
DUPLICATE_WINDOW = timedelta(minutes=15)
# Whoever wrote earlier expects no message any more.
ACKNOWLEDGE_WINDOW = timedelta(hours=1)


def receive_reply(
    session: Session,
    inbound: InboundMessage,
    *,
    keys: AnswerContext,
    now: datetime,
    channel: ReplyChannel = ReplyChannel.TWILIO,
    same_within: timedelta = DUPLICATE_WINDOW,
    acknowledge: bool = True,
) -> Reply | None:
    """Store and apply one reply, received at `now`. None when it is here already, by this channel or another.

    A gateway repeats what it is unsure of. `same_within` says how exactly `now` is known. What comes late
    does not undo what was said since, but for an opt-out.
    """
    if session.execute(select(Reply.id).where(Reply.gateway_id == inbound.gateway_id)).first():
        return None
    phone = session.scalar(select(Phone).where(Phone.e164 == inbound.sender))
    if phone:
        lock_phone(session, phone.id)  # the other channel's may be on its way at this moment
        session.refresh(phone)
        if phone.e164 != inbound.sender:
            phone = None  # erased while we waited: whoever writes now is a stranger
    if _is_duplicate(session, inbound, channel, now=now, within=same_within):
        return None
    recipient = _latest_recipient(session, phone, now=now, within=same_within) if phone else None
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    if inbound.is_opt_out:
        label, confidence = Label.OPT_OUT, 1.0
    elif inbound.is_help_request:
        label, confidence = Label.NEED_HELP, 1.0
    else:
        label, confidence = classify(inbound.body, vocabulary_of(campaign))
    # Whoever asks to be left alone is, even a number that no list has brought yet.
    is_known = phone is not None or is_mobile_number(inbound.sender)
    is_matched = recipient is not None or (label is Label.OPT_OUT and is_known)
    is_answer = counts_as_answer(label, confidence) and is_matched
    kind = kind_of(label, confidence, is_matched=is_matched)
    at = now
    if recipient and recipient.answered_at and recipient.answered_at > now:
        if label is Label.OPT_OUT:
            at = recipient.answered_at  # it stands from now on, so it is what is taken back first
        else:
            is_answer, kind = False, None
    reply = Reply(
        gateway_id=inbound.gateway_id,
        phone_id=phone.id if phone else None,
        sender=inbound.sender[:32],
        recipient_id=recipient.id if recipient else None,
        campaign_id=campaign.id if campaign else None,
        body=inbound.body,
        label=label,
        confidence=confidence,
        state=ReplyState.INBOX if kind in WAITS_FOR_LABEL else ReplyState.APPLIED,
        received_at=now,
        channel=channel,
    )
    session.add(reply)
    session.flush()
    if is_answer and phone is None:
        made = find_or_create_phones(session, [inbound.sender], secret_key=keys.secret_key, now=now)
        phone = session.get_one(Phone, made[inbound.sender])
        reply.phone_id = phone.id
    if is_answer and phone:
        record_answer(
            session,
            phone_id=phone.id,
            recipient=recipient,
            label=label,
            source=AnswerSource.SMS,
            keys=keys,
            now=at,
            reply_id=reply.id,
            acknowledge=acknowledge and not (inbound.is_opt_out or inbound.is_help_request),
        )
    if kind is CaseKind.HELP and recipient:
        # Also where it says again what already stands: who asks after having been helped needs more.
        open_help_case(session, recipient, reply=reply, now=now)
    elif kind:
        open_case(session, kind, recipient=recipient, phone_id=reply.phone_id, reply_id=reply.id, now=now)
    return reply


def _is_duplicate(
    session: Session, inbound: InboundMessage, channel: ReplyChannel, *, now: datetime, within: timedelta
) -> bool:
    """Whether another channel brought it, or, of a log that tells no times, an earlier log."""
    said = _words(inbound.body)
    others = select(Reply.body).where(
        Reply.sender == inbound.sender[:32], Reply.received_at.between(now - within, now + within)
    )
    if within < REPLY_WINDOW:
        others = others.where(Reply.channel != channel)
    return any(_words(body) == said for body in session.scalars(others))


def _words(body: str) -> str:
    """What stays the same whatever a channel does to a text: letters composed, case and spacing."""
    return " ".join(unicodedata.normalize("NFC", body).casefold().split())


def is_mobile_number(sender: str) -> bool:
    """Whether a reply's sender is a number that can be written to: no short code, no name."""
    return read_phone_cell(sender).numbers == (sender,)


def vocabulary_of(campaign: Campaign | None) -> Vocabulary:
    """The words by which a campaign's replies are understood."""
    return BLUEZONE if campaign is None else read_content(campaign.content).vocabulary


def _latest_recipient(
    session: Session, phone: Phone, *, now: datetime, within: timedelta
) -> Recipient | None:
    """Who the latest campaign message to this phone before it was for. One under way counts: it may have arrived."""
    return session.scalar(
        select(Recipient)
        .join(Message, Message.recipient_id == Recipient.id)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(
            Attempt.phone_id == phone.id,
            Message.step_id.is_not(None),
            Attempt.claimed_at > now - REPLY_WINDOW,
            Attempt.claimed_at <= now + within,
            Attempt.state.not_in((AttemptState.ABSENT, AttemptState.FAILED)),
        )
        .order_by(Attempt.claimed_at.desc(), Attempt.id.desc())
        .limit(1)
    )

"""Receiving of replies: stored once, classified, applied as answers, or opened as cases."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.record_outcomes import add_incident
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import AnswerSource, Case, Reply, ReplyChannel, ReplyState
from campaigns.replies.answer_at_once import queue_doubt_answer, queue_emergency_answer
from campaigns.replies.corrections import apply_corrections
from campaigns.replies.one_person import answered_by, latest_answer
from campaigns.replies.open_case import note_cry, open_case, open_help_case
from campaigns.replies.record_answer import (
    AnswerContext,
    give_back,
    record_answer,
    undo_answer,
)
from campaigns.rules.cases import WAITS_FOR_LABEL, CaseKind, kind_of
from campaigns.rules.content import read_content
from campaigns.rules.replies.asked import BLUEZONE, Asked
from campaigns.rules.replies.context import (
    AMENDS_WITHIN,
    QUOTED_FROM,
    accepts_help,
    is_of_drive_only,
    needs_question,
    reports_install_too,
    takes_back,
    without_quote,
)
from campaigns.rules.replies.labels import OPT_IN, Label, counts_as_answer
from campaigns.rules.replies.understand import Understanding, understand
from campaigns.rules.states import AttemptState
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lock_phone
from outreach.models.contacts import Phone
from outreach.rules.gateway import InboundMessage
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.texts import clean_text

# A reply carries only its sender: it belongs to the latest message to that phone within this time.
REPLY_WINDOW = timedelta(days=14)

# Equal texts from the same number by two channels within this time are one reply: the channels' clocks and delays
# differ.
DUPLICATE_WINDOW = timedelta(minutes=15)
# A phone may tell of one SMS twice, under two ids.
TOLD_TWICE_WITHIN = timedelta(seconds=10)
UNREADABLE = "\ufffd"  # in the place of what could not be read
# The sender of an older reply no longer expects a message.
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
    written_by: Recipient | None = None,
    meant: Understanding | None = None,
) -> Reply | None:
    """Store and apply one reply, received at `now`. Returns None if it is already stored, by any channel.

    A gateway repeats a callback if it is unsure of its delivery. `same_within` is the precision of `now`. A late reply
    does not override a newer answer, except for an opt-out. `written_by` is the recipient on whose page it was written;
    `meant` its meaning where it is known.
    """
    if session.execute(select(Reply.id).where(Reply.gateway_id == inbound.gateway_id)).first():
        return None
    inbound = replace(inbound, body=clean_text(inbound.body))
    phone = session.scalar(select(Phone).where(Phone.e164 == inbound.sender))
    if phone:
        lock_phone(session, phone.id)  # the same reply may be arriving by another channel
        session.refresh(phone)
        if phone.e164 != inbound.sender:
            phone = None  # erased while waiting for the lock: the sender is unknown now
    if _is_duplicate(session, inbound, channel, now=now, within=same_within):
        return None
    recipient = written_by
    if recipient is None and phone:
        recipient = latest_recipient(session, phone, now=now, within=same_within)
    source = channel.source
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    drive_only = False
    said = inbound.body
    if phone and recipient and len(said.split()) > QUOTED_FROM:
        for sent in _texts_sent(session, phone, now=now):
            said = without_quote(said, sent)
    if meant:
        pass
    elif inbound.is_opt_out:
        meant = Understanding.by_gateway(Label.OPT_OUT)
    elif inbound.is_help_request:
        meant = Understanding.by_gateway(Label.NEED_HELP)
    elif recipient and is_of_drive_only(said):
        meant, drive_only = Understanding.by_gateway(Label.OPT_OUT), True
    else:
        meant = understand(said, asked_of(campaign, phone.language if phone else None))
        meant = apply_corrections(session, said, meant, recipient)
        if phone and recipient and meant.label in (Label.UNCLEAR, Label.WRONG_NUMBER) and not meant.is_urgent:
            meant = _read_in_conversation(session, said, meant, phone, recipient, now=now)
        if meant.own and needs_question(said) and recipient and phone:
            is_first = _is_first_said(session, recipient, phone, now=now)
            meant = meant._replace(is_automatic=meant.is_automatic and is_first)
    raw = inbound.raw or (inbound.body.encode() if UNREADABLE in inbound.body else None)
    if raw or not inbound.is_whole:  # what is missing may turn the meaning round
        meant = meant._replace(is_automatic=False)
    own = meant.own
    label, is_urgent = meant.stored_label, meant.is_urgent
    is_sure = meant.is_automatic or (is_urgent and label is Label.NEED_HELP)
    # An opt-out counts even for a number that is in no list.
    is_known = phone is not None or is_mobile_number(inbound.sender)
    is_matched = recipient is not None or (label is Label.OPT_OUT and is_known)
    is_answer = counts_as_answer(label, is_sure=is_sure) and is_matched
    # Nothing more is to be done where the number gets messages again.
    is_start = (
        meant.label == OPT_IN and is_sure and phone is not None and give_back(session, phone.id, now=now)
    )
    if recipient and label is not Label.WRONG_NUMBER:
        recipient = answered_by(session, recipient, label, phone_id=phone.id if phone else None, now=now)
    kind = None if is_start else kind_of(label, is_sure=is_sure, is_matched=is_matched, is_urgent=is_urgent)
    at = now
    if recipient and recipient.answered_at and recipient.answered_at > now:
        if label is Label.OPT_OUT:
            at = recipient.answered_at  # it is the current answer from now on, so it must be undone first
        else:
            is_answer = False  # who asks for something or is not understood waits for an officer all the same
    reply = Reply(
        gateway_id=inbound.gateway_id,
        phone_id=phone.id if phone else None,
        sender=inbound.sender[:32],
        recipient_id=recipient.id if recipient else None,
        campaign_id=campaign.id if campaign else None,
        body=inbound.body,
        raw=raw,
        label=label,
        confidence=meant.confidence,
        is_sure=is_sure,
        is_urgent=is_urgent,
        state=ReplyState.INBOX if kind in WAITS_FOR_LABEL else ReplyState.APPLIED,
        received_at=now,
        channel=channel,
    )
    session.add(reply)
    session.flush()
    if raw:
        add_incident(session, kind="unreadable_reply", subject=f"replies:{reply.id}", now=now)
    if phone is None and is_known and (is_answer or is_urgent):
        phone_ids = find_or_create_phones(session, [inbound.sender], secret_key=keys.secret_key, now=now)
        phone = session.get_one(Phone, phone_ids[inbound.sender])
        reply.phone_id = phone.id
    if label is Label.OPT_OUT and recipient and reports_install_too(said, asked_of(campaign)):
        # Both count: that it is done, and that the number gets no more.
        record_answer(
            session,
            phone_id=reply.phone_id or recipient.phone_id or 0,
            recipient=recipient,
            label=Label.INSTALLED,
            source=source,
            keys=keys,
            now=at,
            acknowledge=False,
        )
    if is_answer and phone:
        record_answer(
            session,
            phone_id=phone.id,
            recipient=recipient,
            label=label,
            source=source,
            keys=keys,
            now=at,
            reply_id=reply.id,
            own=own,
            drive_only=drive_only,
            acknowledge=acknowledge
            and (is_sure or label is not Label.OPT_OUT)  # a held one is confirmed once somebody has looked
            and not (inbound.is_opt_out or inbound.is_help_request)
            and not (is_urgent and label is Label.NEED_HELP),
        )
    if is_urgent and acknowledge and phone:
        queue_emergency_answer(session, reply, phone, campaign, now=now)
    elif acknowledge and phone and campaign and kind is CaseKind.QUESTION:
        queue_doubt_answer(session, reply, phone, campaign, is_live=keys.is_live, now=now)
    case: Case | None = None
    if kind is CaseKind.HELP and recipient:
        # Also if it repeats the current answer: a new request after help was given needs a new case.
        case = open_help_case(session, recipient, reply=reply, now=now)
    elif kind:
        case = open_case(
            session, kind, recipient=recipient, phone_id=reply.phone_id, reply_id=reply.id, now=now
        )
    if case and is_urgent:
        note_cry(case, now=now)
    return reply


def _read_in_conversation(
    session: Session, body: str, meant: Understanding, phone: Phone, recipient: Recipient, *, now: datetime
) -> Understanding:
    """Return what a reply means after what was said: a bare yes to an offer of help, or a mistake, whose answer it takes back."""
    if takes_back(body):
        answer = latest_answer(session, recipient)
        if (
            answer
            and answer.source in (AnswerSource.SMS, AnswerSource.PAGE)
            and answer.at > now - AMENDS_WITHIN
        ):
            undo_answer(session, recipient, now=now)
        return meant._replace(label=Label.UNCLEAR, is_automatic=False)
    last = _last_message(session, phone, now=now)
    if last and last.text and accepts_help(body, asked=last.text):
        return Understanding.by_gateway(Label.NEED_HELP)
    return meant


def _last_message(session: Session, phone: Phone, *, now: datetime) -> Any:
    """Return our last message to a phone before a reply, and when it left; None if there is none."""
    return session.execute(
        select(Message.text, Message.step_id, Message.recipient_id, Attempt.claimed_at)
        .join(Attempt, Attempt.message_id == Message.id)
        .where(Attempt.phone_id == phone.id, Attempt.claimed_at.between(now - REPLY_WINDOW, now))
        .order_by(Attempt.claimed_at.desc(), Attempt.id.desc())
        .limit(1)
    ).first()


def _texts_sent(session: Session, phone: Phone, *, now: datetime) -> list[str]:
    """Return what our last message to a phone may have said: its own text, or those of its step."""
    last = _last_message(session, phone, now=now)
    step = session.get(Step, last.step_id) if last and last.step_id else None
    texts = [step.text, step.text_b, *step.texts.values()] if step else [last.text if last else None]
    return [text for text in texts if text]


def _is_first_said(session: Session, recipient: Recipient, phone: Phone, *, now: datetime) -> bool:
    """Return whether a reply is the first thing said after a campaign's message: a bare yes answers that and nothing else."""
    last = _last_message(session, phone, now=now)
    if last is None or last.step_id is None or last.recipient_id != recipient.id:
        return False
    since = Reply.received_at.between(last.claimed_at, now)
    if session.scalar(select(Reply.id).where(Reply.phone_id == phone.id, since).limit(1)):
        return False
    return not (recipient.answered_at and recipient.answered_at >= last.claimed_at)


def _is_duplicate(
    session: Session, inbound: InboundMessage, channel: ReplyChannel, *, now: datetime, within: timedelta
) -> bool:
    """Return whether another channel, or for a log without times an earlier log, has stored this reply; or a phone told it twice."""
    text = _normalised(inbound.body)
    if channel is ReplyChannel.PHONE and (inbound.received_at or now) <= now:  # not where its clock is ahead
        latest = session.execute(
            select(Reply.body, Reply.received_at)
            .where(Reply.sender == inbound.sender[:32], Reply.channel == channel)
            .order_by(Reply.received_at.desc(), Reply.id.desc())
            .limit(1)
        ).first()
        if latest and _normalised(latest.body) == text and abs(latest.received_at - now) < TOLD_TWICE_WITHIN:
            return True
    bodies = select(Reply.body).where(
        Reply.sender == inbound.sender[:32], Reply.received_at.between(now - within, now + within)
    )
    if within < REPLY_WINDOW:
        bodies = bodies.where(Reply.channel != channel)
    return any(_normalised(body) == text for body in session.scalars(bodies))


def _normalised(body: str) -> str:
    """Normalise a text for comparison: composed letters, case and spacing."""
    return " ".join(unicodedata.normalize("NFC", body).casefold().split())


def is_mobile_number(sender: str) -> bool:
    """Return whether a sender is a number that can receive SMS: no short code, no name."""
    return read_phone_cell(sender).numbers == (sender,)


def asked_of(campaign: Campaign | None, language: str | None = None) -> Asked:
    """Return what a campaign's replies are read against, with its answers as residents of a language read them."""
    if campaign is None:
        return BLUEZONE
    content = read_content(campaign.content)
    return content.heard(read_content(campaign.content, language).own_answers if language else ())


def latest_recipient(
    session: Session, phone: Phone, *, now: datetime, within: timedelta = DUPLICATE_WINDOW
) -> Recipient | None:
    """Return the recipient of the latest campaign message to this phone before the reply.

    A message under way counts: it may have arrived.
    """
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

"""Receiving of replies: stored once, classified, applied as answers, or opened as cases.

What officers have decided about the same words before are examples for this installation. They are found by a hash of the words without
names, places and numbers, and count as long as the reply has its text: with the person's data they are gone.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.delivery.record_outcomes import add_incident
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Attempt, Message
from campaigns.models.replies import (
    FROM_NUMBER,
    Answer,
    AnswerSource,
    Case,
    Handling,
    Reply,
    ReplyChannel,
    ReplyState,
)
from campaigns.replies.acknowledgements import queue_doubt_answer, queue_emergency_answer
from campaigns.replies.open_case import (
    join_full,
    note_cry,
    open_case,
    open_help_case,
    open_number_case,
    owner_of,
    tell_once,
)
from campaigns.replies.record_answer import answered_by, give_back, latest_answer, record_answer, undo_answer
from campaigns.replies.safety import find_event, recipient_of, record_safety
from campaigns.rules.answers import ReplyOutcome, decide_reply
from campaigns.rules.cases import WAITS_FOR_LABEL, CaseKind
from campaigns.rules.content import read_content
from campaigns.rules.own_answers import GivenAnswer, OwnAnswer, read_own_answers, read_word
from campaigns.rules.replies.alike import choose_answer, private_words, signature_of
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
from campaigns.rules.replies.labels import OPT_IN, Label
from campaigns.rules.replies.understand import BEYOND, Understanding, understand
from campaigns.rules.safety import SafetyStatus, SafetyText, find_position, read_safety
from campaigns.rules.states import AttemptState
from outreach.accounts.permissions import sees_row
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lift_suppressions, lock_phone
from outreach.contacts.wishes import has_asked_since, people_left_alone
from outreach.core.db import find_row, id_of
from outreach.models.accounts import Area, User
from outreach.models.contacts import Contact, ContactPhone, Phone, SuppressionReason
from outreach.rules.gateway import InboundMessage
from outreach.rules.phone_numbers import read_phone_cell
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
    inbound = replace(inbound, body=clean_text(inbound.body), is_own=channel.is_own)
    phone = _lock_sender(session, inbound.sender)
    entry = _Entry(inbound, channel, phone, now, same_within)
    if _is_duplicate(session, entry):
        return None
    if phone and channel in FROM_NUMBER:
        _note_exists(session, phone, now=now)
    heard = _hear(session, entry, written_by, meant)
    meant, recipient = heard.meant, heard.recipient
    entry = entry._replace(phone=phone or _keep_sender(session, entry, heard))
    if recipient and meant.label is not Label.WRONG_NUMBER:
        recipient = answered_by(session, recipient, meant.stored_label, phone_id=id_of(entry.phone), now=now)
    outcome = _decide(session, entry, heard, recipient)
    reply = _store(session, entry, heard, outcome, recipient)
    if outcome.is_answer and entry.phone:
        confirms = acknowledge and outcome.is_acknowledged
        _record(session, entry, reply, heard, recipient, at=outcome.at, acknowledge=confirms)
    if acknowledge:
        _answer_at_once(session, entry, reply, outcome.kind, heard.campaign)
    case = _open_case(session, entry, reply, outcome.kind, recipient, heard) if outcome.kind else None
    if heard.event:
        _note_safety(session, entry, heard, heard.event, recipient, case)
    return reply


class _Entry(NamedTuple):
    """A reply as it came in, at `now` to the precision of `within`; `phone` is None while its sender is not known."""

    inbound: InboundMessage
    channel: ReplyChannel
    phone: Phone | None
    now: datetime
    within: timedelta


class _Heard(NamedTuple):
    """What a reply says, to which message of ours: `stored` is its text as it is kept, `body` without a quotation.

    `former` is the recipient whose message it follows, where it is about an `event` that another campaign warns of.
    """

    meant: Understanding
    drive_only: bool
    body: str
    stored: str
    raw: bytes | None
    recipient: Recipient | None
    former: Recipient | None
    campaign: Campaign | None
    event: Campaign | None
    told: SafetyText | None

    @property
    def is_safe(self) -> bool:
        return self.told is not None and self.told.status is SafetyStatus.SAFE and not self.meant.is_urgent


def _store(
    session: Session, entry: _Entry, heard: _Heard, outcome: ReplyOutcome, recipient: Recipient | None
) -> Reply:
    reply = Reply(
        gateway_id=entry.inbound.gateway_id,
        phone_id=id_of(entry.phone),
        sender=entry.inbound.sender[:32],
        recipient_id=id_of(recipient),
        campaign_id=id_of(heard.campaign),
        body=heard.stored,
        raw=heard.raw,
        label=heard.meant.stored_label,
        confidence=heard.meant.confidence,
        is_sure=outcome.is_sure,
        is_urgent=heard.meant.is_urgent,
        state=ReplyState.INBOX if outcome.kind in WAITS_FOR_LABEL else ReplyState.APPLIED,
        received_at=entry.now,
        channel=entry.channel,
    )
    session.add(reply)
    session.flush()
    if heard.raw:
        add_incident(session, kind="unreadable_reply", subject=f"replies:{reply.id}", now=entry.now)
    return reply


def _hear(
    session: Session, entry: _Entry, written_by: Recipient | None, meant: Understanding | None
) -> _Heard:
    """Read a reply in its conversation; `meant` is its meaning where it is known."""
    inbound, phone = entry.inbound, entry.phone
    recipient = written_by
    if recipient is None and phone:
        recipient = latest_recipient(session, phone, now=entry.now, within=entry.within)
    campaign = session.get(Campaign, recipient.campaign_id) if recipient else None
    body = _unquoted(session, entry, recipient)
    former, drive_only, stored, raw = recipient, False, inbound.body, _unread(inbound)
    event: Campaign | None = None
    told: SafetyText | None = None
    if meant is None:
        meant, drive_only = _read(session, entry, body, recipient, campaign)
        event, told = _told_of(session, entry, body, meant, recipient, campaign, written_by)
    if event and told:
        meant = _in_event(meant, told)
        if told.position:  # it is kept in one place, from which it is removed in time
            stored, raw = find_position(stored)[1], None
        if event is not campaign:
            recipient, campaign = recipient_of(session, event, phone), event
    if raw or not inbound.is_whole:  # what is missing may turn the meaning round
        meant = meant._replace(is_automatic=False)
    return _Heard(meant, drive_only, body, stored, raw, recipient, former, campaign, event, told)


def _note_safety(
    session: Session,
    entry: _Entry,
    heard: _Heard,
    event: Campaign,
    recipient: Recipient | None,
    case: Case | None,
) -> None:
    """Record of somebody in an event that they are safe or need help, if the reply says either."""
    is_need = case is not None and (case.kind is CaseKind.HELP or case.urgent_at is not None)
    if entry.phone is None or not (heard.is_safe or is_need):
        return
    status = SafetyStatus.SAFE if heard.is_safe else SafetyStatus.HELP
    # Somebody who was merged speaks for the one that counts.
    phone_id = (case.phone_id if case else None) or (recipient.phone_id if recipient else None)
    phone_id, is_verified = phone_id or entry.phone.id, entry.channel.is_own
    record_safety(
        session, event, phone_id, status, case=case, said=heard.told, is_verified=is_verified, now=entry.now
    )


def _told_of(
    session: Session,
    entry: _Entry,
    body: str,
    meant: Understanding,
    recipient: Recipient | None,
    campaign: Campaign | None,
    written_by: Recipient | None,
) -> tuple[Campaign | None, SafetyText | None]:
    """Return the event that a reply is about, and what it says of safety: the warning that it answers, else by its plain words,
    or a cry of somebody who is in no other campaign or whom the warning is written to as well.
    """
    event = find_event(session, campaign, now=entry.now)
    if event is None or (written_by and event is not campaign):
        return None, None
    told = read_safety(body)
    is_cry = meant.is_urgent and (recipient is None or recipient_of(session, event, entry.phone) is not None)
    return (event, told) if event is campaign or told.status or is_cry else (None, None)


def _in_event(meant: Understanding, said: SafetyText) -> Understanding:
    """Return what a reply means in an event, where plain words say so: "AN TOAN" is no answer to the question, and opens no case."""
    if said.status is SafetyStatus.HELP:
        return Understanding(Label.NEED_HELP, 1.0, True, True)
    if said.status is SafetyStatus.SAFE and not meant.is_urgent and meant.label is not Label.OPT_OUT:
        return Understanding(Label.UNCLEAR, 1.0, True, False)
    return meant


def _unread(inbound: InboundMessage) -> bytes | None:
    """Return what came, where not all of it could be read."""
    return inbound.raw or (inbound.body.encode() if UNREADABLE in inbound.body else None)


def _starts(meant: Understanding) -> bool:
    return meant.label == OPT_IN and meant.is_automatic


def _keep_sender(session: Session, entry: _Entry, heard: _Heard) -> Phone | None:
    """Store the number of a sender who is in no list, if it is safe, or asks for messages, for none, or for help."""
    meant, sender = heard.meant, entry.inbound.sender
    is_kept = heard.is_safe or _starts(meant) or meant.label is Label.OPT_OUT or meant.is_urgent
    if not is_kept or not is_mobile_number(sender):
        return None
    ids = find_or_create_phones(session, [sender], now=entry.now)
    return session.get_one(Phone, ids[sender])


def _wish(session: Session, entry: _Entry, meant: Understanding) -> tuple[bool, bool]:
    """Let a number get messages again whose reply asks for them; where somebody else may have named it, an officer asks first.

    Returns whether it gets them again by this, not where an officer was told as well to leave it alone; and of an opt-out whether the number has asked for messages since it was said: where
    that cannot be told, as a log has the minute or the day alone (`within`), it has not.
    """
    phone, now, within = entry.phone, entry.now, entry.within
    if phone is None:
        return False, False
    is_start = _starts(meant) and entry.inbound.is_own and give_back(session, phone.id, now=now)
    holders = select(ContactPhone.contact_id).where(ContactPhone.phone_id == phone.id)
    if is_start and people_left_alone(session, session.scalars(holders).all()):
        is_start = False
    until = now + (within if within > DUPLICATE_WINDOW else timedelta(minutes=1))
    return is_start, meant.label is Label.OPT_OUT and has_asked_since(session, phone.id, until)


def _answer_at_once(
    session: Session, entry: _Entry, reply: Reply, kind: CaseKind | None, campaign: Campaign | None
) -> None:
    """Queue the answer to a cry for help, or to a doubt about the message."""
    phone, now = entry.phone, entry.now
    if phone and reply.is_urgent:
        queue_emergency_answer(session, reply, phone, campaign, now=now)
    elif phone and campaign and kind is CaseKind.QUESTION:
        queue_doubt_answer(session, reply, phone, campaign, now=now)


def _lock_sender(session: Session, sender: str) -> Phone | None:
    """Return a sender's phone, locked, as the same reply may be arriving by another channel; None where it is unknown."""
    phone = session.scalar(select(Phone).where(Phone.e164 == sender))
    if phone:
        lock_phone(session, phone.id)
        session.refresh(phone)
    return phone if phone and phone.e164 == sender else None  # erased while waiting for the lock


def _decide(session: Session, entry: _Entry, heard: _Heard, recipient: Recipient | None) -> ReplyOutcome:
    """Return what follows from a reply, after a wish of the number's is recorded; who only says that they are safe has no case."""
    is_start, is_taken_back = _wish(session, entry, heard.meant)
    outcome = decide_reply(
        heard.meant,
        has_recipient=recipient is not None,
        is_known=entry.phone is not None or is_mobile_number(entry.inbound.sender),
        was_answered=entry.inbound.is_answered,
        is_start=is_start,
        is_taken_back=is_taken_back,
        answered_at=recipient.answered_at if recipient else None,
        now=entry.now,
    )
    is_only_safe = heard.is_safe and heard.meant.label is Label.UNCLEAR
    return outcome._replace(kind=None) if is_only_safe else outcome


def _note_exists(session: Session, phone: Phone, *, now: datetime) -> None:
    """Open a number that a gateway had said does not exist: it was wrong, or the number is given out anew."""
    wrong = SuppressionReason.WRONG_NUMBER
    lift_suppressions(session, phone.id, reason=wrong, source="gateway", now=now)


def _read(
    session: Session, entry: _Entry, body: str, recipient: Recipient | None, campaign: Campaign | None
) -> tuple[Understanding, bool]:
    """Return what a reply means, and whether it is an opt-out from the drive alone; `body` is left without a quotation.

    It is read by the gateway, by its words, by what officers have decided, and after what was said before.
    """
    inbound, phone = entry.inbound, entry.phone
    if inbound.is_opt_out:
        return Understanding.by_gateway(Label.OPT_OUT), False
    if inbound.is_help_request:
        return Understanding.by_gateway(Label.NEED_HELP), False
    if recipient and is_of_drive_only(body):
        return Understanding.by_gateway(Label.OPT_OUT), True
    meant = understand(body, asked_of(campaign, phone.language if phone else None))
    meant, drive_only = apply_corrections(session, body, meant, recipient)
    if phone is None or recipient is None:
        return meant, False
    if meant.label in (Label.UNCLEAR, Label.WRONG_NUMBER) and not meant.is_urgent:
        meant = _read_in_conversation(session, entry, body, meant, phone, recipient)
    if meant.own and meant.is_automatic and needs_question(body):
        meant = meant._replace(is_automatic=_is_first_said(session, recipient, phone, now=entry.now))
    return meant, drive_only


def _record(
    session: Session,
    entry: _Entry,
    reply: Reply,
    heard: _Heard,
    recipient: Recipient | None,
    *,
    at: datetime,
    acknowledge: bool,
) -> None:
    """Record the answer that a reply gives; "Cài rồi, đừng nhắn nữa" gives two: it is done, and the number gets no more."""
    asked = asked_of(heard.campaign)
    said = GivenAnswer(reply.label, heard.meant.own if asked.is_own else None, heard.drive_only)
    source, is_stop = reply.channel.source, said.label is Label.OPT_OUT
    given: list[tuple[GivenAnswer, int | None, bool]] = [(said, reply.id, acknowledge)]
    if is_stop and recipient and reports_install_too(heard.body, asked):
        given.insert(0, (GivenAnswer(Label.INSTALLED), None, False))
    for each, reply_id, is_acknowledged in given:
        record_answer(
            session,
            each,
            phone_id=reply.phone_id or 0,
            recipient=recipient,
            source=source,
            now=at,
            reply_id=reply_id,
            acknowledge=is_acknowledged,
        )


def _open_case(
    session: Session, entry: _Entry, reply: Reply, kind: CaseKind, recipient: Recipient | None, heard: _Heard
) -> Case:
    """Open a reply's case: where nobody was warned on the number, in the event and the place of whom the message went to."""
    now = entry.now
    if kind is CaseKind.HELP and recipient:
        # Also if it repeats the current answer: a new request after help was given needs a new case.
        case = open_help_case(session, recipient, reply=reply, now=now)
    elif kind is CaseKind.HELP and reply.phone_id:
        area = heard.former.area_code if heard.former else None
        case = open_number_case(
            session, heard.event, reply.phone_id, area_code=area, now=now, reply_id=reply.id
        )
    else:
        of_reply = {"phone_id": reply.phone_id, "reply_id": reply.id}
        case = join_full(session, reply) or open_case(session, kind, recipient=recipient, **of_reply, now=now)
    if reply.is_urgent:
        note_cry(case, now=now)
        if reply.phone_id is None or case.kind is not CaseKind.HELP:
            tell_once(session, case, reply, now=now)
    return case


def _read_in_conversation(
    session: Session, entry: _Entry, body: str, meant: Understanding, phone: Phone, to: Recipient
) -> Understanding:
    """Return what a reply means after what was said: a bare yes to an offer of help, or a mistake, whose answer it takes back,
    an opt-out only where it is said from the number itself.
    """
    now = entry.now
    if takes_back(body):
        answer = latest_answer(session, to)
        if (
            answer
            and answer.source in (AnswerSource.SMS, AnswerSource.PAGE)
            and now - AMENDS_WITHIN < answer.at <= now  # what was said since stays, where this comes late
            and (entry.inbound.is_own or answer.label is not Label.OPT_OUT)
        ):
            undo_answer(session, to, now=now)
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


def _unquoted(session: Session, entry: _Entry, recipient: Recipient | None) -> str:
    """Return a reply without what it quotes of our last message: that one's own text, or those of its step."""
    body = entry.inbound.body
    if entry.phone is None or recipient is None or len(body.split()) <= QUOTED_FROM:
        return body
    last = _last_message(session, entry.phone, now=entry.now)
    step = session.get(Step, last.step_id) if last and last.step_id else None
    texts = [step.text, step.text_b, *step.texts.values()] if step else [last.text if last else None]
    for sent in filter(None, texts):
        body = without_quote(body, sent)
    return body


def _is_first_said(session: Session, recipient: Recipient, phone: Phone, *, now: datetime) -> bool:
    """Return whether a reply is the first thing said after a campaign's message: a bare yes answers that and nothing else."""
    last = _last_message(session, phone, now=now)
    if last is None or last.step_id is None or last.recipient_id != recipient.id:
        return False
    since = Reply.received_at.between(last.claimed_at, now)
    if session.scalar(select(Reply.id).where(Reply.phone_id == phone.id, since).limit(1)):
        return False
    return not (recipient.answered_at and recipient.answered_at >= last.claimed_at)


def _is_duplicate(session: Session, entry: _Entry) -> bool:
    """Return whether another channel, or for a log without times an earlier log, has stored this reply; or a phone told it twice."""
    inbound, channel, now, within = entry.inbound, entry.channel, entry.now, entry.within
    text = _compared(inbound.body)
    if _is_told_twice(session, entry, text):
        return True
    rows = session.execute(
        select(Reply.body, Reply.channel, Reply.received_at).where(
            Reply.sender == inbound.sender[:32], Reply.received_at.between(now - within, now + within)
        )
    ).all()
    alike = [row for row in rows if _compared(row.body) == text]
    # What a number itself says does not repeat what somebody else may have said for it, and have called something else.
    same = [row for row in alike if row.channel.is_own or not inbound.is_own]
    if within >= REPLY_WINDOW:
        return bool(same)
    # What is said again after something else, as TC, DK, TC, is another reply.
    others = [row.received_at for row in rows if row not in alike]
    return any(
        row.channel != channel and not any(_is_between(row.received_at, other, now) for other in others)
        for row in same
    )


def _is_told_twice(session: Session, entry: _Entry, text: str) -> bool:
    if entry.channel is not ReplyChannel.PHONE or (entry.inbound.received_at or entry.now) > entry.now:
        return False  # of another channel, or its clock is ahead
    latest = session.execute(
        select(Reply.body, Reply.received_at)
        .where(Reply.sender == entry.inbound.sender[:32], Reply.channel == entry.channel)
        .order_by(Reply.received_at.desc(), Reply.id.desc())
        .limit(1)
    ).first()
    return (
        latest is not None
        and _compared(latest.body) == text
        and abs(latest.received_at - entry.now) < TOLD_TWICE_WITHIN
    )


def _compared(body: str) -> str:
    """Return a text as it is compared, by composed letters, case and spacing: a position is masked in what is stored."""
    return " ".join(unicodedata.normalize("NFC", find_position(body)[1]).casefold().split())


def _is_between(one: datetime, moment: datetime, other: datetime) -> bool:
    return min(one, other) < moment < max(one, other)


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


def sign_reply(session: Session, body: str, recipient: Recipient | None) -> str:
    """Return the signature of a reply's words, without the name and the places of its recipient."""
    if recipient is None:
        return signature_of(body, BLUEZONE, frozenset())
    above = aliased(Area)
    places = session.execute(
        select(Area.name, above.name)
        .outerjoin(above, above.code == Area.parent_code)
        .where(Area.code == recipient.area_code)
    ).first()
    contact = find_row(session, Contact, recipient.contact_id)
    names = (contact.name, contact.village) if contact else ()
    content = session.execute(
        select(Campaign.content).where(Campaign.id == recipient.campaign_id)
    ).scalar_one()
    return signature_of(body, read_content(content).vocabulary, private_words(*names, *(places or ())))


def _asks_alike(campaign: Campaign | None, answers: Sequence[OwnAnswer]) -> ColumnElement[bool]:
    """Return the condition for campaigns that ask the same; any, without a campaign."""
    if campaign is None:
        return true()
    return Campaign.id == campaign.id if answers else Campaign.kind == campaign.kind


def apply_corrections(
    session: Session, body: str, meant: Understanding, recipient: Recipient | None
) -> tuple[Understanding, bool]:
    """Return what a reply means after what officers have decided about the same words, and whether it is an opt-out from the drive alone.

    What is sure or a cry for help stays. A wish to be left alone is only taken away by decisions that are sure. What answers a
    question counts where the same was asked: in the same kind, in the same campaign where its answers are its own. Decisions count
    of officers who would see the reply's case: nobody decides for other organisations' people.
    """
    if meant.is_urgent or (meant.is_automatic and meant.label is not Label.UNCLEAR):
        return meant, False
    signature = sign_reply(session, body, recipient)
    if not signature:
        return meant, False
    chosen = choose_answer(_read_decisions(session, signature, recipient))
    if chosen is None:
        return meant, False
    answer, is_sure = chosen
    if meant.label is Label.OPT_OUT and answer.label is not Label.OPT_OUT and not is_sure:
        return meant, False
    meant = meant._replace(label=answer.label, own=answer.own, is_automatic=is_sure)
    return meant, answer.drive_only and is_sure


def _read_decisions(session: Session, signature: str, recipient: Recipient | None) -> Counter[GivenAnswer]:
    """Count what officers have decided about replies of these words, where the same was asked."""
    campaign = session.get_one(Campaign, recipient.campaign_id) if recipient else None
    answers = read_own_answers(campaign.content) if campaign else ()
    is_alike = _asks_alike(campaign, answers)
    # What was decided for a group by one press is one decision.
    times = func.count(Handling.handled_at.distinct())
    # Numbers are those of one campaign's answers.
    said = (Handling.handled_by, Handling.label, case((is_alike, Answer.own_answer)), Answer.drive_only)
    rows = (
        select(*said, times)
        .join(Reply, Reply.id == Handling.reply_id)
        .outerjoin(Answer, Answer.id == Handling.answer_id)
        .outerjoin(Campaign, Campaign.id == Reply.campaign_id)
        .where(Handling.signature == signature, Handling.undone_at.is_(None), Reply.body != "")
        .where(or_(Handling.label.in_(BEYOND), is_alike))
    )
    owner, area = (owner_of(session, recipient), recipient.area_code) if recipient else (None, None)
    may_decide = cache(lambda officer: sees_row(session, session.get_one(User, officer), owner, area))
    decisions: Counter[GivenAnswer] = Counter()
    for officer, label, own, drive_only, count in session.execute(rows.group_by(*said)):
        if may_decide(officer):
            # None was recorded where it repeated what was said before.
            decisions[GivenAnswer(label, own or read_word(label, answers).own, bool(drive_only))] += count
    return decisions

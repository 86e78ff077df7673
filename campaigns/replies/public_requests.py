"""Requests by residents on pages, everybody's and that of their own link.

On everybody's: is a message ours, stop or take part by a code sent to the number, a note to an officer. Nothing that is returned
depends on whether a number is known here, has opted out or was written to. On the answer page: a question of their own or the wish
to be called, read as replies are.
"""

import hashlib
import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import queue_message
from campaigns.models.campaigns import Campaign, Step
from campaigns.models.messages import Message
from campaigns.models.replies import BY_ANYBODY, AnswerSource, Case, Reply, ReplyChannel
from campaigns.replies.acknowledgements import EMERGENCY_REPLY, OPT_OUT_OF_DRIVE_REPLY, OPT_OUT_REPLY
from campaigns.replies.receive_reply import latest_recipient, receive_reply
from campaigns.replies.record_answer import give_back, lock_link, record_answer
from campaigns.rules.cases import URGENT_WAITS, CaseKind
from campaigns.rules.content import read_content
from campaigns.rules.genuine import MessageMatch, compare_message, hosts_of
from campaigns.rules.own_answers import GivenAnswer
from campaigns.rules.replies.doubts import doubt_answers
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.replies.understand import Understanding, understand
from campaigns.rules.safety import SafetyStatus, read_safety
from campaigns.rules.sending_hours import VIETNAM, opens_at
from campaigns.rules.states import MessageKind, MessageState
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lock_phone, number_keys
from outreach.core.db import count_rows
from outreach.core.settings import Settings
from outreach.models.accounts import Organisation
from outreach.models.contacts import Phone
from outreach.rules.errors import BadInput
from outreach.rules.gateway import InboundMessage
from outreach.rules.keys import newest_key, six_digits
from outreach.rules.phone_numbers import read_phone_cell
from outreach.rules.segments import measure

LONGEST_MESSAGE = 500
MOST_A_DAY = 5
_BY_LINK = "page-"  # how replies are called that were written behind a link
CALL_ME = "Xin gọi điện cho tôi."


def receive_page_message(session: Session, recipient_id: int, text: str, *, now: datetime) -> str:
    """Store and apply what a resident wrote on their page; CALL_ME opens a case for a call.

    Returns what the page says next: `urgent`, `asked` where an officer has to look, else nothing. The same text counts once
    a day, and again once an officer has settled it. A cry for help is never one too many. Raises BadInput if it is empty, too long or one of too many, or if the link is no longer valid.
    """
    text = read_message(text)
    recipient, phone = lock_link(session, recipient_id)
    key = hashlib.sha256(f"{now.astimezone(VIETNAM):%Y%m%d} {text.casefold()}".encode()).hexdigest()[:24]
    gateway_id, reply = find_same(session, f"{_BY_LINK}{recipient_id}-{key}", now=now)
    if reply is None:
        written = count_rows(
            session,
            Reply,
            Reply.phone_id == phone.id,
            Reply.gateway_id.startswith(_BY_LINK),  # of its page alone: anybody writes of any number at /hoi
            Reply.received_at > now - timedelta(days=1),
        )
        event = session.get_one(Campaign, recipient.campaign_id).urgent_reason
        is_cry = understand(text).is_urgent or (event and read_safety(text).status is SafetyStatus.HELP)
        if written >= MOST_A_DAY and not is_cry:
            raise BadInput("page_messages_full", most=MOST_A_DAY)
        reply = receive_reply(
            session,
            InboundMessage(gateway_id, phone.e164, "", text, is_opt_out=False),
            now=now,
            channel=ReplyChannel.PAGE,
            written_by=recipient,
            meant=Understanding.by_gateway(Label.QUESTION) if text == CALL_ME else None,
        )
    if reply is None:
        return "asked"  # the same words came by SMS a moment ago
    if reply.is_urgent:
        return "urgent"
    waits = not reply.is_sure or reply.label in NON_ANSWERS or reply.label is Label.NEED_HELP
    return "asked" if waits else ""


def read_message(text: str) -> str:
    """Return what somebody wrote on a page. Raises BadInput if it is empty or too long."""
    text = " ".join(text.split())
    if not text:
        raise BadInput("page_message_empty")
    if len(text) > LONGEST_MESSAGE:
        raise BadInput("page_message_long", most=LONGEST_MESSAGE)
    return text


def find_same(session: Session, name: str, *, now: datetime) -> tuple[str, Reply | None]:
    """Return the reply of this name that waits for an officer or needs none, and its name; else the name for a new one.

    A cry that is repeated after some minutes is a new one: officers are told anew.
    """
    gateway_id, n = name, 1
    while reply := session.scalar(select(Reply).where(Reply.gateway_id == gateway_id)):
        is_its = Case.reply_id == reply.id
        if reply.label is Label.NEED_HELP and reply.recipient_id:  # it may have joined an earlier case
            is_its = or_(is_its, and_(Case.recipient_id == reply.recipient_id, Case.kind == CaseKind.HELP))
        ended = session.scalars(select(Case.done_at).where(is_its)).all()
        is_again = reply.is_urgent and reply.received_at <= now - URGENT_WAITS
        if not is_again and not (ended and all(ended)):
            return gateway_id, reply
        n += 1
        gateway_id = f"{name}-{n}"
    return gateway_id, None


SENT_WITHIN = timedelta(days=60)
"""How long a message is compared after the newest step of its campaign began."""
CODE_SMS = "Ma xac nhan cua ong/ba: {code}. Nhap tren trang {host}/hoi de {wish}. Neu khong phai ong/ba yeu cau, xin bo qua tin nay."


class Wish(StrEnum):
    """What somebody wants for a number."""

    STOP = "stop"
    JOIN = "join"


_WISHES = {Wish.STOP: "ngung nhan tin", Wish.JOIN: "tham gia"}
_JOINED = "Muốn tham gia, nhận tin. (Trang thông tin chung; đã xác nhận bằng mã gửi đến số này.)"
_NOTE = "(Trang thông tin chung; số này do người viết tự ghi, chưa xác minh.) {note}"


def read_senders(session: Session) -> list[str]:
    """Return the names of the organisations at the top: who answers for what is sent."""
    query = select(Organisation.name).where(Organisation.parent_id.is_(None)).order_by(Organisation.id)
    return list(session.scalars(query.limit(3)))


def compare_with_sent(session: Session, text: str, *, settings: Settings, now: datetime) -> MessageMatch:
    """Return whether a message has the words of one that was sent of late, and leads nowhere else."""
    hosts = hosts_of(settings.link_base, settings.public_base_url)
    return compare_message(text, _sent_texts(session, now=now), hosts)


def _sent_texts(session: Session, *, now: datetime) -> Iterator[str]:
    yield from (OPT_OUT_REPLY, OPT_OUT_OF_DRIVE_REPLY, EMERGENCY_REPLY, CODE_SMS)
    recent = select(Step.campaign_id).where(Step.opened_at > now - SENT_WITHIN)
    for text, text_b, texts in session.execute(
        select(Step.text, Step.text_b, Step.texts).where(Step.campaign_id.in_(recent))
    ):
        yield from filter(None, (text, text_b, *texts.values()))
    for data in session.scalars(select(Campaign.content).where(Campaign.id.in_(recent))):
        content = read_content(data)
        for code in content.languages:
            translated = read_content(data, code)
            yield from (each.reply for each in translated.answers.values() if each.reply)
            yield from (each.reply for each in translated.own_answers if each.reply)
        yield from doubt_answers(issuer=content.issuer, contact=content.contact)


def read_number(text: str) -> str:
    """Return the mobile number that somebody typed, in E.164. Raises BadInput if it is none."""
    numbers = read_phone_cell(text[:40]).numbers
    if len(numbers) != 1:
        raise BadInput("own_number_wrong")
    return numbers[0]


def send_code(session: Session, number: str, wish: Wish, *, settings: Settings, now: datetime) -> None:
    """Queue the code that proves that somebody holds a number: within the hours and the caps, never to a number that opted out."""
    phones = find_or_create_phones(session, [number], now=now)
    host = settings.link_base.split("://", 1)[-1]
    text = CODE_SMS.format(
        code=code_of(number, wish, key=number_keys(session), now=now), host=host, wish=_WISHES[wish]
    )
    queue_message(
        session,
        kind=MessageKind.ACKNOWLEDGEMENT,
        phone_id=phones[number],
        text=measure(text, unaccented=True).text,
        not_before=opens_at(now, None),
    )


def code_of(number: str, wish: Wish, *, key: str, now: datetime) -> str:
    """Return the code of a number, a wish and a day. Nothing is stored."""
    day = f"{now.astimezone(VIETNAM):%Y-%m-%d}"
    return six_digits(f"public {number} {wish} {day}", newest_key(key))


def confirm_code(session: Session, number: str, wish: Wish, code: str, *, now: datetime) -> None:
    """Do what was wished for a number, by the code of today or yesterday. Raises BadInput if it is another, or none was sent there."""
    typed = "".join(code.split())
    # A number gets one code a day, which a stranger may have asked for: that for taking part stops as well, never the reverse.
    asked = (wish, Wish.JOIN) if wish is Wish.STOP else (wish,)
    days = (now, now - timedelta(days=1))
    codes = (code_of(number, each, key=number_keys(session), now=day) for each in asked for day in days)
    is_right = any(hmac.compare_digest(typed.encode(), each.encode()) for each in codes)
    # Every number has a code: that it was asked for and may have arrived keeps strangers from guessing among all of them.
    sent = select(Phone.id).join(Message, Message.phone_id == Phone.id)
    sent = sent.where(Phone.e164 == number, Message.text.contains(f": {typed}. "))
    sent = sent.where(Message.state.not_in((MessageState.SKIPPED, MessageState.CANCELLED)))
    phone_id = session.scalar(sent.limit(1)) if is_right else None
    if phone_id is None:
        raise BadInput("code_wrong")
    phone = lock_phone(session, phone_id)
    recipient = latest_recipient(session, phone, now=now)
    if wish is Wish.STOP:
        record_answer(
            session,
            GivenAnswer(Label.OPT_OUT),
            phone_id=phone_id,
            recipient=recipient,
            source=AnswerSource.PAGE,
            now=now,
        )
        return
    give_back(session, phone_id, now=now)
    # An officer puts the number on a list: only they know on which, and with which consent.
    _tell_officer(session, number, _JOINED, Understanding.by_gateway(Label.QUESTION), now=now)


def leave_note(session: Session, number: str, note: str, is_urgent: bool, *, now: datetime) -> None:
    """Open a case for a note about a number that nobody has verified; an urgent one sounds like a cry for help.

    It is no answer: the writer need not be the number's owner.
    """
    meant = Understanding(Label.UNCLEAR, 0.0, False, is_urgent)
    _tell_officer(session, number, _NOTE.format(note=note), meant, now=now)


def _tell_officer(session: Session, number: str, text: str, meant: Understanding, *, now: datetime) -> None:
    """Store a text as a reply of this number and open its case; the same text once a day, and again once it is settled."""
    day = f"{now.astimezone(VIETNAM):%Y%m%d}"
    key = hashlib.sha256(f"{number_keys(session)} {number} {day} {text}".encode()).hexdigest()[:32]
    name, _known = find_same(session, f"{BY_ANYBODY}{key}", now=now)
    receive_reply(
        session,
        InboundMessage(name, number, "", text, is_opt_out=False),
        now=now,
        channel=ReplyChannel.PAGE,
        acknowledge=False,
        meant=meant,
    )

"""What residents write on the answer page: a question of their own, or the wish to be called. Read as replies are."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.models.replies import Case, Reply, ReplyChannel
from campaigns.replies.receive_reply import receive_reply
from campaigns.replies.record_answer import AnswerContext, lock_link
from campaigns.rules.cases import URGENT_WAITS, CaseKind
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.replies.understand import Understanding, understand
from campaigns.rules.safety import SafetyStatus, read_safety
from campaigns.rules.sending_hours import VIETNAM
from outreach.core.db import count_rows
from outreach.rules.errors import BadInput
from outreach.rules.gateway import InboundMessage

LONGEST_MESSAGE = 500
MOST_A_DAY = 5
_BY_LINK = "page-"  # how replies are called that were written behind a link
CALL_ME = "Xin gọi điện cho tôi."


def receive_page_message(
    session: Session, recipient_id: int, text: str, *, keys: AnswerContext, now: datetime
) -> str:
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
            keys=keys,
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

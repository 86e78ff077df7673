"""Held opt-outs: likely wishes to be left alone, which close the number at once and are confirmed once an officer has looked, or nobody has in time.

A reply is held where its label is an opt-out and it is not sure.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Answer, Case, Reply
from campaigns.privacy.clocks import load_calendar
from campaigns.replies.acknowledgements import is_confirmed, queue_acknowledgement
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.cases import CaseKind
from campaigns.rules.privacy import due_at
from campaigns.rules.replies.labels import Label
from outreach.contacts.suppressions import lock_phone
from outreach.core.db import find_row, is_set

HELD_WORKING_DAYS = 1
MOST_AT_ONCE = 500


def confirm_held(session: Session, reply: Reply, *, keys: AnswerContext, now: datetime) -> bool:
    """Let a held opt-out count, and confirm it to its number as any other. Returns False where the reply is none or counts already."""
    if reply.label is not Label.OPT_OUT or reply.is_sure or reply.phone_id is None:
        return False
    phone = lock_phone(session, reply.phone_id)
    reply.is_sure = True
    answer = session.scalar(
        select(Answer).where(
            Answer.reply_id == reply.id, Answer.label == Label.OPT_OUT, Answer.undone_at.is_(None)
        )
    )
    if answer is None or is_confirmed(session, answer):
        return answer is not None
    recipient = find_row(session, Recipient, answer.recipient_id)
    queue_acknowledgement(session, answer, phone, recipient, is_live=keys.is_live, now=now)
    return True


def confirm_overdue(session: Session, *, keys: AnswerContext, now: datetime) -> int:
    """Let held opt-outs count that nobody has looked at for a working day. Returns how many; their cases stay open."""
    held = (
        Case.kind == CaseKind.OPT_OUT,
        Case.done_at.is_(None),
        Reply.label == Label.OPT_OUT,
        Reply.phone_id.is_not(None),
        ~is_set(Reply.is_sure),
    )
    query = (
        select(Reply)
        .join(Case, Case.reply_id == Reply.id)
        .where(*held, Case.opened_at < now - timedelta(days=HELD_WORKING_DAYS))
        .order_by(Case.id)
        .limit(MOST_AT_ONCE)
    )
    calendar = load_calendar()
    due = [
        reply
        for reply in session.scalars(query)
        if due_at(reply.received_at, calendar, working_days=HELD_WORKING_DAYS) <= now
    ]
    return sum(confirm_held(session, reply, keys=keys, now=now) for reply in due)

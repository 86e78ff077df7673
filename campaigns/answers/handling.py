"""A person's look at a reply: given a label with one press, taken back, called back. Each is on record."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.answers.models import Answer, Handling, Reply, ReplyState, Source
from campaigns.answers.standing import LEAVES_OPEN
from campaigns.answers.taking import Keys, take_answer, undo_answer
from campaigns.answers.worklist import find_reply
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role
from outreach.errors import WrongState


def handle_reply(
    session: Session, reply_id: int, label: Label, *, user: User, keys: Keys, now: datetime
) -> None:
    """Confirm or correct a reply's label, with all that follows from the answer.

    A label that leaves the question open is noted and nothing more. What the reply had been taken for by
    itself is taken back where the label differs. Raises NotFound, NotAllowed, WrongState.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    reply = find_reply(session, reply_id, user=user)
    _move(session, reply, ReplyState.INBOX, ReplyState.HANDLED)
    recipient = session.get(Recipient, reply.recipient_id) if reply.recipient_id else None
    latest = _latest(session, recipient)
    withdrawn = latest if latest and latest.reply_id == reply.id and latest.label is not label else None
    if withdrawn and recipient:
        undo_answer(session, recipient, now=now)
    answer = None
    if label not in LEAVES_OPEN and reply.phone_id and (recipient or label is Label.OPT_OUT):
        answer = take_answer(
            session,
            phone_id=reply.phone_id,
            recipient=recipient,
            label=label,
            source=Source.OFFICER,
            keys=keys,
            now=now,
        )
    session.add(
        Handling(
            reply_id=reply.id,
            label=label,
            handled_by=user.id,
            handled_at=now,
            answer_id=answer.id if answer else None,
            withdrawn_id=withdrawn.id if withdrawn else None,
        )
    )
    _record(session, "reply.handle", reply, user, now, label=label.value, suggested=reply.label.value)


def undo_handling(session: Session, reply_id: int, *, user: User, keys: Keys, now: datetime) -> None:
    """Put a reply back into the inbox as if nobody had handled it. Raises NotFound, NotAllowed, WrongState."""
    require_role(user, Role.STAFF, Role.APPROVER)
    reply = find_reply(session, reply_id, user=user)
    handling = session.scalar(
        select(Handling)
        .where(Handling.reply_id == reply_id, Handling.undone_at.is_(None))
        .order_by(Handling.id.desc())
        .limit(1)
    )
    if handling is None:
        raise WrongState("Câu trả lời này chưa được xử lý, không có gì để hoàn tác.")
    recipient = session.get(Recipient, reply.recipient_id) if reply.recipient_id else None
    latest = _latest(session, recipient)
    if handling.answer_id and recipient is None:
        raise WrongState(
            "Số này không thuộc chiến dịch nào; lời từ chối đã có hiệu lực, không hoàn tác ở đây được."
        )
    if handling.answer_id and recipient:
        if latest is None or latest.id != handling.answer_id:
            raise WrongState("Người này đã trả lời thêm sau đó, nên không hoàn tác được nữa.")
        undo_answer(session, recipient, now=now)
    if handling.withdrawn_id and recipient and reply.phone_id:
        take_answer(
            session,
            phone_id=reply.phone_id,
            recipient=recipient,
            label=session.get_one(Answer, handling.withdrawn_id).label,
            source=Source.SMS,
            keys=keys,
            now=now,
            confirm=False,
        )
    _move(session, reply, ReplyState.HANDLED, ReplyState.INBOX)
    handling.undone_at = now
    _record(session, "reply.undo", reply, user, now)


def number_to_call(session: Session, reply_id: int, *, user: User, now: datetime) -> str:
    """The number behind a reply, for an officer who calls back; that they saw it is on record."""
    require_role(user, Role.STAFF, Role.APPROVER)
    reply = find_reply(session, reply_id, user=user)
    _record(session, "reply.see_number", reply, user, now)
    return reply.sender


def _latest(session: Session, recipient: Recipient | None) -> Answer | None:
    if recipient is None:
        return None
    return session.scalar(
        select(Answer)
        .where(Answer.recipient_id == recipient.id, Answer.undone_at.is_(None))
        .order_by(Answer.at.desc(), Answer.id.desc())
        .limit(1)
    )


def _move(session: Session, reply: Reply, before: ReplyState, after: ReplyState) -> None:
    """Of two who press at once one wins."""
    moved = session.execute(
        update(Reply).where(Reply.id == reply.id, Reply.state == before).values(state=after)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise WrongState("Câu trả lời này vừa được người khác xử lý. Hãy tải lại danh sách.")


def _record(
    session: Session, action: str, reply: Reply, user: User, now: datetime, **details: object
) -> None:
    audit.record(session, actor_id=user.id, action=action, subject=f"replies:{reply.id}", now=now, **details)

"""A person's look at a reply: given its label with one press, and taken back. Each is on record.

That a label is right does not mean that anybody was helped: with some the work only begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.answers.inbox import is_mobile_number
from campaigns.answers.models import Answer, Handling, Reply, ReplyState, Source
from campaigns.answers.standing import LEAVES_OPEN
from campaigns.answers.taking import SUPPRESSES, Keys, take_answer, take_back
from campaigns.casework.cases import close, hold, hold_open, open_again, record
from campaigns.casework.kinds import LEADS_ON, WAITS_FOR_LABEL, CaseKind, Outcome, kind_of
from campaigns.casework.models import Case
from campaigns.casework.opening import find_open_help
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from outreach.access.models import User
from outreach.errors import WrongState
from outreach.people.importing.numbers import find_or_create_phones
from outreach.people.suppression import lock_phone


@dataclass(frozen=True, slots=True)
class Labelled:
    """`is_closed` is False where somebody now has to help or to answer; `is_counted` where the label counts for nobody,
    as the number is in no campaign.
    """

    is_closed: bool
    is_counted: bool


def give_label(
    session: Session, case_id: int, label: Label, *, user: User, keys: Keys, now: datetime
) -> Labelled:
    """Confirm or correct the label of a case's reply, with all that follows from the answer.

    What the reply had been taken for by itself is taken back where the label differs. Raises NotFound, NotAllowed,
    WrongState.
    """
    case = hold_open(session, case_id, user=user, now=now)
    if case.reply_id is None:
        raise WrongState("Người này bấm nút trên trang trả lời, không có tin nào để phân loại lại.")
    reply = session.get_one(Reply, case.reply_id)
    recipient = session.get(Recipient, case.recipient_id) if case.recipient_id else None
    if case.kind not in WAITS_FOR_LABEL and LEADS_ON.get(label) is case.kind:
        raise WrongState("Việc này đã được phân loại như vậy. Hãy tải lại danh sách.")
    is_closed = _settle(session, case, label, recipient, user=user, now=now)
    withdrawn = _withdraw(session, reply, label, now=now)
    if case.phone_id is None and label in SUPPRESSES:
        case.phone_id = reply.phone_id = _phone_of(session, reply.sender, keys=keys, now=now)
    is_answer = label not in LEAVES_OPEN
    answer = None
    if is_answer and case.phone_id and (recipient or label in SUPPRESSES):
        answer = take_answer(
            session,
            phone_id=case.phone_id,
            recipient=recipient,
            label=label,
            source=Source.OFFICER,
            keys=keys,
            now=now,
        )
    reply.state = ReplyState.HANDLED
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
    record(session, "case.label", case, user, now, label=label.value, suggested=reply.label.value)
    counts_for = recipient or (label in SUPPRESSES and case.phone_id)
    return Labelled(is_closed, is_counted=not is_answer or bool(counts_for))


def _withdraw(session: Session, reply: Reply, label: Label, *, now: datetime) -> Answer | None:
    """Take back what a reply had been taken for by itself, unless that is its label; the answer, if it was."""
    taken = session.scalar(select(Answer).where(Answer.reply_id == reply.id, Answer.undone_at.is_(None)))
    if taken is None or taken.label is label:
        return None
    # Where somebody never asked to be left alone, the number is written to again, whatever was said since.
    is_done = take_back(session, taken.id, now=now, is_mistaken=taken.label in SUPPRESSES)
    return taken if is_done else None


def _phone_of(session: Session, sender: str, *, keys: Keys, now: datetime) -> int | None:
    """The row of a sender that no list had brought; None for a short code or a name, which nobody writes to."""
    if not is_mobile_number(sender):
        return None
    phone_id = find_or_create_phones(session, [sender], secret_key=keys.secret_key, now=now)[sender]
    lock_phone(session, phone_id)  # after the case: nobody who holds it looks for a case that had no phone
    return phone_id


def _settle(
    session: Session, case: Case, label: Label, recipient: Recipient | None, *, user: User, now: datetime
) -> bool:
    """Close the case, or turn it into the one that the label leads on to."""
    kind = LEADS_ON.get(label)
    elsewhere = kind is CaseKind.HELP and recipient is not None and find_open_help(session, recipient.id)
    if kind is None or elsewhere:
        close(case, Outcome.CLASSIFIED, user=user, now=now)
    else:
        case.kind = kind
    session.flush()
    return case.done_at is not None


def undo_label(session: Session, case_id: int, *, user: User, keys: Keys, now: datetime) -> None:
    """Put a case back as if nobody had given its reply a label. Raises NotFound, NotAllowed, WrongState."""
    case = hold(session, case_id, user=user, now=now)
    handling = find_handling(session, case)
    if handling is None:
        raise WrongState("Việc này chưa được xử lý, không có gì để hoàn tác.")
    if case.done_at is not None and case.outcome is not Outcome.CLASSIFIED:
        raise WrongState("Việc này đã ghi là xong. Hãy mở lại trước, rồi sửa phân loại.")
    reply = session.get_one(Reply, handling.reply_id)
    recipient = session.get(Recipient, case.recipient_id) if case.recipient_id else None
    kind = kind_of(reply.label, reply.confidence, is_matched=recipient is not None) or case.kind
    another = find_open_help(session, recipient.id) if recipient and kind is CaseKind.HELP else None
    if another and another.id != case.id:
        raise WrongState("Người này đã có một việc cần giúp khác đang mở. Hãy làm tiếp ở việc đó.")
    open_again(case)
    case.kind = kind
    if kind is not CaseKind.HELP:
        case.answer_id = None
    session.flush()
    if handling.answer_id and not take_back(session, handling.answer_id, now=now):
        raise WrongState("Người này đã trả lời thêm sau đó, nên không hoàn tác được nữa.")
    if handling.withdrawn_id and case.phone_id:
        withdrawn = session.get_one(Answer, handling.withdrawn_id)
        withdrawn.reply_id = None  # it is the new one's, for the next label to find
        session.flush()
        take_answer(
            session,
            phone_id=case.phone_id,
            recipient=recipient,
            label=withdrawn.label,
            source=Source.SMS,
            keys=keys,
            now=now,
            reply_id=reply.id,
            acknowledge=False,
        )
    reply.state = ReplyState.INBOX if kind in WAITS_FOR_LABEL else ReplyState.APPLIED
    handling.undone_at = now
    record(session, "case.undo", case, user, now)


def find_handling(session: Session, case: Case) -> Handling | None:
    """The label that a person gave the case's reply, and that still stands."""
    return session.scalar(
        select(Handling)
        .where(Handling.reply_id == case.reply_id, Handling.undone_at.is_(None))
        .order_by(Handling.id.desc())
        .limit(1)
    )

"""Assign, close, reopen, label.

What an officer does with a case: take it, call, write down what came of it, open it again. All on record.

A person's look at a reply: given its label with one press, and taken back. Each is on record.

That a label is right does not mean that anybody was helped: with some the work only begins.

What officers taught: replies with the label that a person gave them, for the classifier's test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import cancel_waiting
from campaigns.models.campaigns import Recipient
from campaigns.models.replies import Answer, AnswerPlace, AnswerSource, Case, Handling, Reply, ReplyState
from campaigns.replies.open_case import find_open_help
from campaigns.replies.receive_reply import is_mobile_number
from campaigns.replies.record_answer import (
    LONGEST_NOTE,
    SUPPRESSES,
    AnswerContext,
    record_answer,
    record_officer_answer,
    undo_answer_by_id,
)
from campaigns.rules.cases import (
    FOLLOW_UP,
    WAITS_FOR_LABEL,
    WRITTEN,
    CaseKind,
    CaseOutcome,
    assigned_until,
    kind_of,
)
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to, within_area
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.suppressions import lock_phone
from outreach.models.accounts import Role, User
from outreach.models.contacts import Phone
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.rules.identity import ERASED

# What a resident may say in the end; the rest is for the person's page.
RESULTS = (Label.INSTALLED, Label.NOT_YET, Label.NO_SMARTPHONE, Label.REFUSE)


def cases_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """The condition under every read of cases: the organisation's, of people within the user's area."""
    return and_(visible_to(session, user, Case.organisation_id), within_area(session, user, Case.area_code))


def find_case(session: Session, case_id: int, *, user: User) -> Case:
    """A case that the user may see; one of nobody's list is for those who see everything. Raises NotFound."""
    found = session.scalar(select(Case).where(Case.id == case_id, cases_visible_to(session, user)))
    if found is None:
        raise NotFound("Không có việc này, hoặc nằm ngoài phạm vi của bạn.")
    return found


def lock_case(session: Session, case_id: int, *, user: User, now: datetime) -> Case:
    """A case to be changed, locked until the transaction ends. Raises NotFound, NotAllowed, WrongState.

    The phone first, as whoever takes an answer has it before they come to the case.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    case = find_case(session, case_id, user=user)
    if case.phone_id is not None:
        lock_phone(session, case.phone_id)
    session.refresh(case, with_for_update=True)
    until = assigned_until(case.taken_at, now=now) if case.done_at is None else None
    if until and case.taken_by not in (None, user.id):
        who = _name(session, case.taken_by)
        raise WrongState(f"{who} đang xử lý việc này, giữ đến {until.astimezone(VIETNAM):%H:%M}.")
    return case


def lock_open_case(session: Session, case_id: int, *, user: User, now: datetime) -> Case:
    """The same, of a case that is not done. Raises WrongState with who was first."""
    case = lock_case(session, case_id, user=user, now=now)
    if case.done_at is not None:
        who, at = _name(session, case.done_by), f"{case.done_at.astimezone(VIETNAM):%H:%M}"
        raise WrongState(
            f"{who} đã xử lý xong việc này lúc {at}."
            if who
            else f"Người dân đã rút lại yêu cầu này lúc {at}."
        )
    return case


def _name(session: Session, user_id: int | None) -> str:
    user = session.get(User, user_id) if user_id else None
    return user.name or user.email if user else ""


def assign_case(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Say that one does it oneself; again to have it longer. Raises NotFound, NotAllowed, WrongState."""
    case = lock_open_case(session, case_id, user=user, now=now)
    case.taken_by, case.taken_at = user.id, now
    record(session, "case.take", case, user, now)


def unassign_case(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Leave it to others. Raises NotFound, NotAllowed, WrongState."""
    case = lock_open_case(session, case_id, user=user, now=now)
    case.taken_by = case.taken_at = None
    record(session, "case.release", case, user, now)


def number_to_call(session: Session, case_id: int, *, user: User, now: datetime) -> str:
    """The number behind a case, for an officer who calls and by that takes it; that they saw it is on record."""
    case = lock_open_case(session, case_id, user=user, now=now)
    case.taken_by, case.taken_at = user.id, now
    record(session, "case.see_number", case, user, now)
    return number_of(session, case)


def number_of(session: Session, case: Case) -> str:
    """The case's number in full, for the caller to mask or to write down that it was seen."""
    if case.phone_id is not None:
        return session.get_one(Phone, case.phone_id).e164
    return session.get_one(Reply, case.reply_id).sender


def close_case(
    session: Session,
    case_id: int,
    outcome: CaseOutcome,
    *,
    note: str,
    result: Label | None,
    user: User,
    keys: AnswerContext,
    now: datetime,
) -> None:
    """Write down how it ended, and what the resident then said. Raises BadInput, NotFound, NotAllowed, WrongState."""
    if outcome not in WRITTEN or result not in (None, *RESULTS):
        raise BadInput("Hãy chọn đã làm gì cho người dân rồi ghi lại.")
    case = lock_open_case(session, case_id, user=user, now=now)
    recipient = session.get(Recipient, case.recipient_id) if case.recipient_id else None
    said: Answer | None = None
    if result and recipient:
        place = AnswerPlace.HOME if outcome is CaseOutcome.VISITED else AnswerPlace.PHONE
        said = record_officer_answer(
            session, recipient, result, place=place, note=note, user=user, keys=keys, now=now
        )
    case.result_id = said.id if said else None
    mark_closed(case, outcome, user=user, now=now, note=note)
    record(session, "case.finish", case, user, now, outcome=outcome.value)


def mark_closed(case: Case, outcome: CaseOutcome, *, user: User, now: datetime, note: str = "") -> None:
    case.done_by, case.done_at, case.outcome = user.id, now, outcome
    case.note = " ".join(note.split())[:LONGEST_NOTE]


@dataclass(frozen=True, slots=True)
class Reopened:
    """What could not be taken back with a case: the resident has answered since; the SMS has left."""

    keeps_answer: bool
    keeps_message: bool


def reopen_case(session: Session, case_id: int, *, user: User, now: datetime) -> Reopened:
    """Put a case back among the open ones, and take back what was recorded for the resident and sent with it.

    Raises NotFound, NotAllowed, WrongState.
    """
    case = lock_case(session, case_id, user=user, now=now)
    if case.done_at is None:
        raise WrongState("Việc này đang mở, không có gì để hoàn tác.")
    if case.outcome not in WRITTEN:
        raise WrongState("Việc này không do cán bộ ghi là đã xong nên không mở lại ở đây được.")
    if case.phone_id and session.get_one(Phone, case.phone_id).e164.startswith(ERASED):
        raise WrongState("Dữ liệu của người này đã được xóa theo yêu cầu nên không mở lại được.")
    if case.kind is CaseKind.HELP and case.recipient_id and find_open_help(session, case.recipient_id):
        raise WrongState("Người này đã có một việc cần giúp khác đang mở. Hãy làm tiếp ở việc đó.")
    keeps_answer = keeps_message = False
    if case.result_id:
        keeps_answer = not undo_answer_by_id(session, case.result_id, now=now)
    if case.message_id and case.outcome is CaseOutcome.MESSAGED:
        keeps_message = not cancel_waiting(session, case.message_id)
    mark_open(case)
    record(session, "case.reopen", case, user, now)
    return Reopened(keeps_answer, keeps_message)


def mark_open(case: Case) -> None:
    case.done_by = case.done_at = case.outcome = case.result_id = None
    case.note = ""


def record(session: Session, action: str, case: Case, user: User, now: datetime, **details: object) -> None:
    audit.record(session, actor_id=user.id, action=action, subject=f"cases:{case.id}", now=now, **details)


@dataclass(frozen=True, slots=True)
class Labelled:
    """`is_closed` is False where somebody now has to help or to answer; `is_counted` where the label counts for nobody,
    as the number is in no campaign.
    """

    is_closed: bool
    is_counted: bool


def label_reply(
    session: Session, case_id: int, label: Label, *, user: User, keys: AnswerContext, now: datetime
) -> Labelled:
    """Confirm or correct the label of a case's reply, with all that follows from the answer.

    What the reply had been taken for by itself is taken back where the label differs. Raises NotFound, NotAllowed,
    WrongState.
    """
    case = lock_open_case(session, case_id, user=user, now=now)
    if case.reply_id is None:
        raise WrongState("Người này bấm nút trên trang trả lời, không có tin nào để phân loại lại.")
    reply = session.get_one(Reply, case.reply_id)
    recipient = session.get(Recipient, case.recipient_id) if case.recipient_id else None
    if case.kind not in WAITS_FOR_LABEL and FOLLOW_UP.get(label) is case.kind:
        raise WrongState("Việc này đã được phân loại như vậy. Hãy tải lại danh sách.")
    is_closed = _settle(session, case, label, recipient, user=user, now=now)
    withdrawn = _withdraw(session, reply, label, now=now)
    if case.phone_id is None and label in SUPPRESSES:
        case.phone_id = reply.phone_id = _phone_of(session, reply.sender, keys=keys, now=now)
    is_answer = label not in NON_ANSWERS
    answer = None
    if is_answer and case.phone_id and (recipient or label in SUPPRESSES):
        answer = record_answer(
            session,
            phone_id=case.phone_id,
            recipient=recipient,
            label=label,
            source=AnswerSource.OFFICER,
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
    is_done = undo_answer_by_id(session, taken.id, now=now, is_mistaken=taken.label in SUPPRESSES)
    return taken if is_done else None


def _phone_of(session: Session, sender: str, *, keys: AnswerContext, now: datetime) -> int | None:
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
    kind = FOLLOW_UP.get(label)
    elsewhere = kind is CaseKind.HELP and recipient is not None and find_open_help(session, recipient.id)
    if kind is None or elsewhere:
        mark_closed(case, CaseOutcome.CLASSIFIED, user=user, now=now)
    else:
        case.kind = kind
    session.flush()
    return case.done_at is not None


def undo_reply_label(
    session: Session, case_id: int, *, user: User, keys: AnswerContext, now: datetime
) -> None:
    """Put a case back as if nobody had given its reply a label. Raises NotFound, NotAllowed, WrongState."""
    case = lock_case(session, case_id, user=user, now=now)
    handling = find_handling(session, case)
    if handling is None:
        raise WrongState("Việc này chưa được xử lý, không có gì để hoàn tác.")
    if case.done_at is not None and case.outcome is not CaseOutcome.CLASSIFIED:
        raise WrongState("Việc này đã ghi là xong. Hãy mở lại trước, rồi sửa phân loại.")
    reply = session.get_one(Reply, handling.reply_id)
    recipient = session.get(Recipient, case.recipient_id) if case.recipient_id else None
    kind = kind_of(reply.label, reply.confidence, is_matched=recipient is not None) or case.kind
    another = find_open_help(session, recipient.id) if recipient and kind is CaseKind.HELP else None
    if another and another.id != case.id:
        raise WrongState("Người này đã có một việc cần giúp khác đang mở. Hãy làm tiếp ở việc đó.")
    mark_open(case)
    case.kind = kind
    if kind is not CaseKind.HELP:
        case.answer_id = None
    session.flush()
    if handling.answer_id and not undo_answer_by_id(session, handling.answer_id, now=now):
        raise WrongState("Người này đã trả lời thêm sau đó, nên không hoàn tác được nữa.")
    if handling.withdrawn_id and case.phone_id:
        withdrawn = session.get_one(Answer, handling.withdrawn_id)
        withdrawn.reply_id = None  # it is the new one's, for the next label to find
        session.flush()
        record_answer(
            session,
            phone_id=case.phone_id,
            recipient=recipient,
            label=withdrawn.label,
            source=AnswerSource.SMS,
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


# A number that somebody wrote down: six digits and more, however they are set apart.
_NUMBER = re.compile(r"\d(?:[ .\-]?\d){5,}")


@dataclass(frozen=True, slots=True)
class Example:
    """`suggested` and `confidence` are the classifier's at the time."""

    text: str
    label: Label
    suggested: Label
    confidence: float


def read_examples(session: Session, *, corrected_only: bool = False) -> Iterator[Example]:
    """One for each reply that a person has given a label, by the latest that stands. Numbers in them are zeros."""
    rows = session.execute(
        select(Reply.id, Reply.body, Handling.label, Reply.label, Reply.confidence)
        .join(Handling, Handling.reply_id == Reply.id)
        .where(Handling.undone_at.is_(None))
        .order_by(Reply.id, Handling.id)
    )
    latest = {id_: (body, label, suggested, confidence) for id_, body, label, suggested, confidence in rows}
    for body, label, suggested, confidence in latest.values():
        if not corrected_only or label is not suggested:
            yield Example(without_numbers(" ".join(body.split())), label, suggested, confidence)


def without_numbers(text: str) -> str:
    """The text with every digit of a written-down number as 0."""
    return _NUMBER.sub(lambda found: re.sub(r"\d", "0", found[0]), text)

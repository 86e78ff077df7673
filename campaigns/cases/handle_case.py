"""What an officer does with a case: take it, call, write down what came of it, open it again. All on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Answer, Place, Reply
from campaigns.answers.officers import LONGEST_NOTE, write_down
from campaigns.answers.taking import Keys, take_back
from campaigns.casework.kinds import WRITTEN, CaseKind, Outcome, held_until
from campaigns.casework.models import Case
from campaigns.casework.opening import find_open_help
from campaigns.delivery.outbox import cancel_waiting
from campaigns.models import Recipient
from campaigns.replies.classifier import Label
from campaigns.windows import VIETNAM
from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role, visible_to, within_area
from outreach.errors import BadInput, NotFound, WrongState
from outreach.people.models import ERASED, Phone
from outreach.people.suppression import lock_phone

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


def hold(session: Session, case_id: int, *, user: User, now: datetime) -> Case:
    """A case to be changed, locked until the transaction ends. Raises NotFound, NotAllowed, WrongState.

    The phone first, as whoever takes an answer has it before they come to the case.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    case = find_case(session, case_id, user=user)
    if case.phone_id is not None:
        lock_phone(session, case.phone_id)
    session.refresh(case, with_for_update=True)
    until = held_until(case.taken_at, now=now) if case.done_at is None else None
    if until and case.taken_by not in (None, user.id):
        who = _name(session, case.taken_by)
        raise WrongState(f"{who} đang xử lý việc này, giữ đến {until.astimezone(VIETNAM):%H:%M}.")
    return case


def hold_open(session: Session, case_id: int, *, user: User, now: datetime) -> Case:
    """The same, of a case that is not done. Raises WrongState with who was first."""
    case = hold(session, case_id, user=user, now=now)
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


def take(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Say that one does it oneself; again to have it longer. Raises NotFound, NotAllowed, WrongState."""
    case = hold_open(session, case_id, user=user, now=now)
    case.taken_by, case.taken_at = user.id, now
    record(session, "case.take", case, user, now)


def release(session: Session, case_id: int, *, user: User, now: datetime) -> None:
    """Leave it to others. Raises NotFound, NotAllowed, WrongState."""
    case = hold_open(session, case_id, user=user, now=now)
    case.taken_by = case.taken_at = None
    record(session, "case.release", case, user, now)


def number_to_call(session: Session, case_id: int, *, user: User, now: datetime) -> str:
    """The number behind a case, for an officer who calls and by that takes it; that they saw it is on record."""
    case = hold_open(session, case_id, user=user, now=now)
    case.taken_by, case.taken_at = user.id, now
    record(session, "case.see_number", case, user, now)
    return number_of(session, case)


def number_of(session: Session, case: Case) -> str:
    """The case's number in full, for the caller to mask or to write down that it was seen."""
    if case.phone_id is not None:
        return session.get_one(Phone, case.phone_id).e164
    return session.get_one(Reply, case.reply_id).sender


def finish(
    session: Session,
    case_id: int,
    outcome: Outcome,
    *,
    note: str,
    result: Label | None,
    user: User,
    keys: Keys,
    now: datetime,
) -> None:
    """Write down how it ended, and what the resident then said. Raises BadInput, NotFound, NotAllowed, WrongState."""
    if outcome not in WRITTEN or result not in (None, *RESULTS):
        raise BadInput("Hãy chọn đã làm gì cho người dân rồi ghi lại.")
    case = hold_open(session, case_id, user=user, now=now)
    recipient = session.get(Recipient, case.recipient_id) if case.recipient_id else None
    said: Answer | None = None
    if result and recipient:
        place = Place.HOME if outcome is Outcome.VISITED else Place.PHONE
        said = write_down(session, recipient, result, place=place, note=note, user=user, keys=keys, now=now)
    case.result_id = said.id if said else None
    close(case, outcome, user=user, now=now, note=note)
    record(session, "case.finish", case, user, now, outcome=outcome.value)


def close(case: Case, outcome: Outcome, *, user: User, now: datetime, note: str = "") -> None:
    case.done_by, case.done_at, case.outcome = user.id, now, outcome
    case.note = " ".join(note.split())[:LONGEST_NOTE]


@dataclass(frozen=True, slots=True)
class Reopened:
    """What could not be taken back with a case: the resident has answered since; the SMS has left."""

    keeps_answer: bool
    keeps_message: bool


def reopen(session: Session, case_id: int, *, user: User, now: datetime) -> Reopened:
    """Put a case back among the open ones, and take back what was recorded for the resident and sent with it.

    Raises NotFound, NotAllowed, WrongState.
    """
    case = hold(session, case_id, user=user, now=now)
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
        keeps_answer = not take_back(session, case.result_id, now=now)
    if case.message_id and case.outcome is Outcome.MESSAGED:
        keeps_message = not cancel_waiting(session, case.message_id)
    open_again(case)
    record(session, "case.reopen", case, user, now)
    return Reopened(keeps_answer, keeps_message)


def open_again(case: Case) -> None:
    case.done_by = case.done_at = case.outcome = case.result_id = None
    case.note = ""


def record(session: Session, action: str, case: Case, user: User, now: datetime, **details: object) -> None:
    audit.record(session, actor_id=user.id, action=action, subject=f"cases:{case.id}", now=now, **details)

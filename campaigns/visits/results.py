"""What an officer brought back, entered for many lines at once: repeatable, corrected, undone as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models.activities import VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Recipient
from campaigns.models.replies import AnswerPlace
from campaigns.replies.record_answer import (
    AnswerContext,
    note_smartphone,
    record_officer_answer,
    restore_smartphone,
    undo_answer_by_id,
)
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import VisitOutcome
from campaigns.visits.sheets import find_sheet, lines_visible_to, standing_results
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.suppressions import lock_phone
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact, ContactList
from outreach.rules.errors import BadInput, WrongState

# An officer's clock may be a little ahead of ours.
_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SaveResult:
    """`saved` lines are new or changed. `outdated` of them: the person has answered otherwise since, which stands."""

    saved: int
    outdated: int = 0


def enter_results(
    session: Session,
    round_id: int,
    outcomes: Mapping[int, VisitOutcome | None],
    *,
    user: User,
    keys: AnswerContext,
    now: datetime,
    visited_at: datetime | None = None,
) -> SaveResult:
    """Save what was found, by the lines' numbers; None takes back what was entered. The same again changes nothing.

    `visited_at` is when it was said, now where it is not given: what a person has said since stands, but for an
    opt-out. Raises BadInput for a visit in the future or before the sheet was made, NotAllowed, NotFound.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    found = find_sheet(session, round_id, user=user, hold=True)
    at = _moment_of_visit(visited_at or now, found, now=now)
    standing = standing_results(session, round_id)
    entry = _last_entry(session, round_id) + 1
    saved = outdated = 0
    for line, recipient in _hold_lines(session, round_id, user=user):
        before = standing.get(line.id)
        if line.n not in outcomes or outcomes[line.n] is (before.outcome if before else None):
            continue
        is_taken_back = before is None or _take_back(session, before, line, recipient, now=now)
        result = VisitResult(
            line_id=line.id,
            outcome=outcomes[line.n],
            entry=entry,
            entered_by=user.id,
            entered_at=now,
            visited_at=at,
        )
        session.add(result)
        if _says_something(result):
            outdated += not _give(session, result, line, recipient, user=user, keys=keys, now=now)
        else:
            outdated += not is_taken_back
        saved += 1
    if saved:
        session.flush()
        audit.record(
            session, actor_id=user.id, action="round.enter", subject=f"rounds:{round_id}", now=now, rows=saved
        )
    return SaveResult(saved, outdated)


def _moment_of_visit(at: datetime, sheet: VisitSheet, *, now: datetime) -> datetime:
    if at > now + _CLOCKS_DIFFER:
        raise BadInput("Chưa ghi gì. “Đi lúc” ở sau lúc này, hãy xem lại ngày và giờ.")
    if at.astimezone(VIETNAM).date() < sheet.made_at.astimezone(VIETNAM).date():
        raise BadInput("Chưa ghi gì. “Đi lúc” ở trước ngày lập phiếu, hãy xem lại ngày và giờ.")
    return min(at, now)


def undo_entry(
    session: Session, round_id: int, *, user: User, keys: AnswerContext, now: datetime
) -> SaveResult:
    """Put a sheet back as it was before the last saving. Raises WrongState where there is none, NotAllowed, NotFound."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_sheet(session, round_id, user=user, hold=True)
    entry = _last_entry(session, round_id)
    if not entry:
        raise WrongState("Phiếu này chưa nhập gì, không có gì để hoàn tác.")
    standing = standing_results(session, round_id)
    saved = outdated = 0
    for line, recipient in _hold_lines(session, round_id, user=user):
        result = standing.get(line.id)
        if result is None or result.entry != entry:
            continue
        outdated += not _take_back(session, result, line, recipient, now=now)
        result.undone_at = now
        session.flush()
        saved += 1
        earlier = session.scalar(
            select(VisitResult)
            .where(VisitResult.line_id == line.id, VisitResult.undone_at.is_(None))
            .order_by(VisitResult.id.desc())
            .limit(1)
        )
        if earlier and _says_something(earlier):
            _give(session, earlier, line, recipient, user=user, keys=keys, now=now)
    audit.record(
        session, actor_id=user.id, action="round.undo", subject=f"rounds:{round_id}", now=now, rows=saved
    )
    return SaveResult(saved, outdated)


def _hold_lines(session: Session, round_id: int, *, user: User) -> list[tuple[VisitLine, Recipient]]:
    """Those whose people the user may see, in the order of their phones.

    These are locked one by one: whoever locks many does it in this order.
    """
    rows = session.execute(
        select(VisitLine, Recipient)
        .join(Recipient, Recipient.id == VisitLine.recipient_id)
        .outerjoin(Contact, Contact.id == VisitLine.contact_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .where(VisitLine.round_id == round_id, lines_visible_to(session, user))
    ).all()
    return sorted(
        ((line, recipient) for line, recipient in rows), key=lambda row: (row[1].phone_id or 0, row[0].n)
    )


def _last_entry(session: Session, round_id: int) -> int:
    return (
        session.scalar(
            select(func.max(VisitResult.entry))
            .join(VisitLine, VisitLine.id == VisitResult.line_id)
            .where(VisitLine.round_id == round_id, VisitResult.undone_at.is_(None))
        )
        or 0
    )


def _says_something(result: VisitResult) -> bool:
    return result.outcome not in (None, VisitOutcome.ABSENT)


def _give(
    session: Session,
    result: VisitResult,
    line: VisitLine,
    recipient: Recipient,
    *,
    user: User,
    keys: AnswerContext,
    now: datetime,
) -> bool:
    """Let a result count as the person's answer, where there is a phone to count it for.

    False where the person has said something else since: that stands, unless they asked to be left alone at the door.
    """
    result.answer_id = None
    result.changed_smartphone, result.had_smartphone = False, None
    label = Label(str(result.outcome))
    if recipient.phone_id is None or recipient.exclusion is not None:
        if label is Label.NO_SMARTPHONE:
            note_smartphone(session, line.contact_id, label, result, now=now)
        return True
    lock_phone(session, recipient.phone_id)
    session.refresh(recipient)
    at = result.visited_at or result.entered_at
    if recipient.answered_at and recipient.answered_at > at and recipient.answer is not label:
        if label is not Label.OPT_OUT:
            return False
        at = recipient.answered_at  # it stands from now on, so it is what is taken back first
    contact = session.get(Contact, recipient.contact_id) if recipient.contact_id else None
    had = contact.has_smartphone if contact else None
    answer = record_officer_answer(
        session, recipient, label, place=AnswerPlace.HOME, note="", user=user, keys=keys, now=now, at=at
    )
    result.answer_id = answer.id if answer else None
    if contact and contact.has_smartphone is not had:
        result.changed_smartphone, result.had_smartphone = True, had
    return True


def _take_back(
    session: Session, result: VisitResult, line: VisitLine, recipient: Recipient, *, now: datetime
) -> bool:
    """Undo the answer that a result gave. False where the person has said something else since: that stands."""
    is_undone = result.answer_id is None or undo_answer_by_id(session, result.answer_id, now=now)
    if _says_something(result):
        contact_id = recipient.contact_id or line.contact_id
        restore_smartphone(session, contact_id, Label(str(result.outcome)), result, now=now)
    return is_undone

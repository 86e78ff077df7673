"""Results of visits: entered for many lines at once, repeatable, undone as a whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from campaigns.models.activities import VisitLine, VisitResult
from campaigns.models.campaigns import Recipient
from campaigns.models.replies import AnswerPlace, Case, OfficerEntry
from campaigns.replies.open_case import find_open_help, open_help_case, withdraw_help_case
from campaigns.replies.record_answer import (
    AnswerContext,
    note_smartphone,
    record_officer_answer,
    restore_smartphone,
    undo_answer_by_id,
)
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import CountedResult, VisitFate, VisitOutcome, settle
from campaigns.visits.sheets import current_results, find_sheet, lines_of, lines_visible_to
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.suppressions import lock_phone
from outreach.contacts.wishes import record_wish, take_back
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact, Wish
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.wishes import WishSource
from outreach.use_cases import use_case

# An officer's clock may be slightly ahead of the server's.
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SaveResult:
    """Saved lines; `outdated` of them changed no answer, as the person has given another since."""

    saved: int
    outdated: int = 0


@use_case
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
    """Save the outcomes by line number; None undoes the one entered before. Repeating changes nothing.

    `visited_at` (default: now) is the time of the answers: a newer answer of a person stays current, except against an
    opt-out. The sheet is locked. Raises BadInput for a visit in the future or before the sheet was made, NotAllowed,
    NotFound.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    sheet = find_sheet(session, round_id, user=user, hold=True)
    at = visited_at or now
    if at > now + _CLOCK_TOLERANCE:
        raise BadInput("visit_in_future")
    if at.astimezone(VIETNAM).date() < sheet.made_at.astimezone(VIETNAM).date():
        raise BadInput("visit_before_sheet")
    current = current_results(session, VisitLine.round_id == round_id)
    entries = select(func.max(VisitResult.entry)).join(VisitLine, VisitLine.id == VisitResult.line_id)
    of_sheet = entries.where(VisitLine.round_id == round_id, VisitResult.undone_at.is_(None))
    entry = (session.scalar(of_sheet) or 0) + 1
    saved = outdated = 0
    for line, recipient in _read_lines_in_lock_order(session, round_id, user=user):
        before = current.get(line.id)
        if line.n not in outcomes or outcomes[line.n] is (before.outcome if before else None):
            continue
        if line.contact_id is None and outcomes[line.n]:  # erased: nothing more is stored of them
            continue
        result = VisitResult(
            line_id=line.id,
            outcome=outcomes[line.n],
            entry=entry,
            entered_by=user.id,
            entered_at=now,
            visited_at=min(at, now),
        )
        session.add(result)
        outdated += not replace_result(session, before, result, recipient, keys=keys, now=now)
        saved += 1
    if saved:
        session.flush()
        audit.record(session, "round.enter", f"rounds:{round_id}", user, now, rows=saved)
    return SaveResult(saved, outdated)


@use_case
def undo_entry(
    session: Session, round_id: int, *, user: User, keys: AnswerContext, now: datetime
) -> SaveResult:
    """Undo the last saving of a sheet, locked. Raises WrongState without one, NotAllowed, NotFound."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_sheet(session, round_id, user=user, hold=True)
    current = current_results(session, VisitLine.round_id == round_id)
    lines = _read_lines_in_lock_order(session, round_id, user=user)
    entry = max((current[line.id].entry for line, _recipient in lines if line.id in current), default=0)
    if not entry:
        raise WrongState("sheet_without_results")
    saved = outdated = 0
    for line, recipient in lines:
        # Beneath what a phone has sent since: it counts no more if that is undone.
        session.execute(
            update(VisitResult)
            .where(
                VisitResult.line_id == line.id, VisitResult.entry == entry, VisitResult.undone_at.is_(None)
            )
            .where(VisitResult.id != (current[line.id].id if line.id in current else 0))
            .values(undone_at=now)
        )
        result = current.get(line.id)
        if result is None or result.entry != entry:
            continue
        result.undone_at = now
        session.flush()
        saved += 1
        if earlier := _bring_back_late(session, result) or last_result(session, line.id):
            outdated += not replace_result(session, result, earlier, recipient, keys=keys, now=now)
        else:
            outdated += not undo_result(session, result, recipient, keys=keys, now=now)
    audit.record(session, "round.undo", f"rounds:{round_id}", user, now, rows=saved)
    return SaveResult(saved, outdated)


def _bring_back_late(session: Session, undone: VisitResult) -> VisitResult | None:
    """Let the result count that stayed behind a saving which is undone; None without one."""
    earlier = last_result(session, undone.line_id)
    late = session.scalars(
        select(VisitResult)
        .where(VisitResult.line_id == undone.line_id, VisitResult.fate == VisitFate.VISITED)
        .where(VisitResult.id > undone.id)
        .order_by(VisitResult.visited_at.desc(), VisitResult.id.desc())
    )
    for each in late:
        counted = counted_result(earlier, each.entered_by)
        outcome = each.outcome or VisitOutcome.ABSENT
        fate = settle(outcome, each.at, counted=counted, is_gone=False, is_opted_out=False)
        if fate is not VisitFate.VISITED:
            each.undone_at = None
            session.flush()
            return each
    return None


def counted_result(result: VisitResult | None, by: int) -> CountedResult | None:
    """Return the result of a line that counts so far, as judging one `by` an officer needs it; None where it was withdrawn."""
    if result is None or result.outcome is None:
        return None
    return CountedResult(result.outcome, result.at, result.entered_by == by)


def _read_lines_in_lock_order(
    session: Session, round_id: int, *, user: User
) -> list[tuple[VisitLine, Recipient]]:
    """Return visible lines with who counts for them, in the order of phones, in which all are locked."""
    rows = session.execute(lines_of(round_id).where(lines_visible_to(session, user))).all()
    return sorted(
        ((line, recipient) for line, recipient in rows), key=lambda row: (row[1].phone_id or 0, row[0].n)
    )


def last_result(session: Session, line_id: int) -> VisitResult | None:
    """Return the last result of a line that is not undone."""
    return current_results(session, VisitLine.id == line_id).get(line_id)


def replace_result(
    session: Session,
    before: VisitResult | None,
    result: VisitResult,
    recipient: Recipient,
    *,
    keys: AnswerContext,
    now: datetime,
) -> bool:
    """Let a result count in place of the one before it. Returns False if the person has given another answer since.

    A note to it says nothing anew. Help that is asked for again stays the same request: an officer may have taken it.
    """
    session.flush()
    if before and _goes_on(session, before, result, recipient):
        result.answer_id, result.changed_smartphone = before.answer_id, before.changed_smartphone
        result.had_smartphone = before.had_smartphone
        if result.note and result.answer_id:
            session.get_one(OfficerEntry, result.answer_id).note = result.note
        return True
    is_undone = before is None or undo_result(session, before, recipient, keys=keys, now=now)
    if result.label is None:
        return is_undone
    return record_result(session, result, recipient, keys=keys, now=now)


def _goes_on(session: Session, before: VisitResult, result: VisitResult, recipient: Recipient) -> bool:
    """Return whether a result says what the one before it said, of the same visit or of a request that is open."""
    label = result.label
    if label in (None, Label.OPT_OUT) or before.label is not label:  # a wish names its result
        return False
    if (before.visited_at, before.entered_by) == (result.visited_at, result.entered_by):
        return True
    if label is not Label.NEED_HELP:
        return False
    if recipient.phone_id:
        lock_phone(session, recipient.phone_id)
        session.refresh(recipient)
    is_current = recipient.answer is label or before.answer_id is None
    return is_current and find_open_help(session, recipient.id) is not None


def record_result(
    session: Session, result: VisitResult, recipient: Recipient, *, keys: AnswerContext, now: datetime
) -> bool:
    """Record a result as the person's answer if they have a phone in the campaign.

    Returns False if the person has given another answer since: that stays current, unless the result is an opt-out; help that
    was asked for is a case all the same.
    """
    result.answer_id = None
    result.changed_smartphone, result.had_smartphone = False, None
    label, contact_id = result.label, _person_of(session, result, recipient)
    assert label is not None
    if recipient.phone_id is None or recipient.exclusion is not None:
        if label is Label.NO_SMARTPHONE:
            note_smartphone(session, recipient.campaign_id, contact_id, label, result, now=now)
        if label is Label.OPT_OUT:
            _note_wish(session, result, contact_id, now=now)
        if label is Label.NEED_HELP:
            if recipient.phone_id:
                lock_phone(session, recipient.phone_id)
            open_help_case(session, recipient, now=now)
        return True
    lock_phone(session, recipient.phone_id)
    session.refresh(recipient)
    at = result.at
    if recipient.answered_at and recipient.answered_at > at and recipient.answer is not label:
        is_helped = recipient.answer in (Label.INSTALLED, Label.REFUSE, Label.OPT_OUT)  # or wants no help
        if label is Label.NEED_HELP and not is_helped:
            open_help_case(session, recipient, now=now)
        if label is not Label.OPT_OUT:
            return False
        at = recipient.answered_at  # it is the current answer from now on, so it must be undone first
    contact = session.get(Contact, recipient.contact_id) if recipient.contact_id else None
    had = contact.has_smartphone if contact else None
    answer = record_officer_answer(
        session,
        recipient,
        label,
        place=AnswerPlace.HOME,
        note=result.note or "",
        user=session.get_one(User, result.entered_by),
        keys=keys,
        now=now,
        at=at,
    )
    result.answer_id = answer.id if answer else None
    if answer is None and label is Label.OPT_OUT:
        # It only says again what was said before; should that be taken back, this still holds.
        _note_wish(session, result, recipient.contact_id, now=now)
    if contact and contact.has_smartphone is not had:
        result.changed_smartphone, result.had_smartphone = True, had
    return True


def _person_of(session: Session, result: VisitResult, recipient: Recipient) -> int | None:
    """Return who was visited: the person of the recipient that counts, else that of the line."""
    return recipient.contact_id or session.get_one(VisitLine, result.line_id).contact_id


def _note_wish(session: Session, result: VisitResult, contact_id: int | None, *, now: datetime) -> None:
    """Record that somebody who was visited wants no messages, on any number that they have or get."""
    session.flush()
    record_wish(
        session,
        WishSource.DOOR,
        people=[contact_id],
        said_at=result.at,
        now=now,
        evidence=_evidence_of(result),
        recorded_by=result.entered_by,
    )


def undo_result(
    session: Session, result: VisitResult, recipient: Recipient, *, keys: AnswerContext, now: datetime
) -> bool:
    """Undo the answer recorded from a result. Returns False if the person has given another one since.

    What other sheets say of the same number, and had no answer of its own as it repeated this one, is recorded now.
    """
    # An opt-out closes the number whatever was answered since, so that undoing it opens it whatever that was.
    is_opt_out = result.outcome is VisitOutcome.OPT_OUT
    is_undone = result.answer_id is None or undo_answer_by_id(
        session, result.answer_id, now=now, is_mistaken=is_opt_out
    )
    if result.label is not None:
        said = Wish.evidence == _evidence_of(result)
        take_back(session, said, source=WishSource.DOOR, said_at=now, now=now)
        if result.answer_id is None and result.label is Label.NEED_HELP:
            same = (
                Recipient.campaign_id == recipient.campaign_id,
                Recipient.contact_id == recipient.contact_id,
            )
            of_person = VisitLine.recipient_id.in_(select(Recipient.id).where(*same))
            others = current_results(session, of_person & (VisitLine.id != result.line_id)).values()
            if all(each.label is not Label.NEED_HELP for each in others):  # no other sheet asks for help
                by_nothing_else = (Case.answer_id.is_(None), Case.reply_id.is_(None))
                withdraw_help_case(session, Case.recipient_id == recipient.id, *by_nothing_else, now=now)
        restore_smartphone(session, _person_of(session, result, recipient), result.label, result, now=now)
    if is_undone and result.answer_id is not None:
        session.flush()
        theirs = (VisitLine.recipient_id == recipient.id) & (VisitLine.id != result.line_id)
        for each in current_results(session, theirs).values():
            if each.answer_id is None and each.label not in (None, Label.OPT_OUT):  # whose wish stands anyway
                record_result(session, each, recipient, keys=keys, now=now)
    return is_undone


def _evidence_of(result: VisitResult) -> str:
    return f"round_results:{result.id}"

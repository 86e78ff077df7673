"""Results of visits: entered for many lines at once, repeatable, undone as a whole; or sent by a village officer's phone.

A phone carries the houses of the sheets given to its officer; its results come hours or days after the visits, each perhaps several times.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import fill_values, read_list_values
from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Drive, Recipient
from campaigns.models.replies import AnswerPlace, Case, OfficerEntry
from campaigns.planning.audience import are_others
from campaigns.privacy.requests import opted_out_of_drive, shown_answer
from campaigns.replies.open_case import find_open_help, open_help_case, withdraw_help_case
from campaigns.replies.record_answer import (
    note_smartphone,
    record_officer_answer,
    restore_smartphone,
    undo_answer_by_id,
)
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import (
    CountedResult,
    VisitFate,
    VisitOutcome,
    VisitReason,
    group_houses,
    line_code,
    moment_of_note,
    settle,
    shown_reason,
    village_key,
    visit_moment,
    visit_priority,
)
from campaigns.visits.sheets import (
    counted_lines,
    current_results,
    find_sheet,
    is_left_alone,
    lines_of,
    lines_visible_to,
)
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.directory import numbers_known_to
from outreach.contacts.suppressions import is_strangers, lock_phone
from outreach.contacts.wishes import read_left_alone, record_wish, standing, take_back
from outreach.core.db import values_subquery
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import Contact, ContactPhone, Phone, Wish
from outreach.rules.errors import BadInput, WrongState
from outreach.rules.wishes import WishSource, is_own_slip
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
    now: datetime,
    visited_at: datetime | None = None,
) -> SaveResult:
    """Save the outcomes by line number; None undoes the one entered before. Repeating changes nothing.

    `visited_at` (default: now) is the time of the answers: a newer answer of a person stays current, except against an
    opt-out. The sheet is locked. Raises BadInput for a visit in the future or before the sheet was made, NotAllowed,
    NotFound, WrongState for an opt-out that is no slip of the user's.
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
        _require_own_slip(session, before, line, user, now=now)
        result = VisitResult(
            line_id=line.id,
            outcome=outcomes[line.n],
            entry=entry,
            entered_by=user.id,
            entered_at=now,
            visited_at=min(at, now),
        )
        session.add(result)
        outdated += not replace_result(session, before, result, recipient, now=now)
        saved += 1
    if saved:
        session.flush()
        audit.record(session, "round.enter", f"rounds:{round_id}", user, now, rows=saved)
    return SaveResult(saved, outdated)


@use_case
def undo_entry(session: Session, round_id: int, *, user: User, now: datetime) -> SaveResult:
    """Undo the last saving of a sheet, locked. Raises WrongState without one or as `enter_results`, NotAllowed, NotFound."""
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
        _require_own_slip(session, result, line, user, now=now)
        result.undone_at = now
        session.flush()
        saved += 1
        if earlier := _bring_back_late(session, result) or last_result(session, line.id):
            outdated += not replace_result(session, result, earlier, recipient, now=now)
        else:
            outdated += not undo_result(session, result, recipient, now=now)
    audit.record(session, "round.undo", f"rounds:{round_id}", user, now, rows=saved)
    return SaveResult(saved, outdated)


def _require_own_slip(
    session: Session, before: VisitResult | None, line: VisitLine, user: User, *, now: datetime
) -> None:
    """Raise WrongState where a sheet would open who asked to be left alone: only a slip is put right, soon and by who made it."""
    if before and _is_closed(session, before, user, now=now):
        raise WrongState("visit_opt_out_stands", line=line.n)


def _is_closed(session: Session, result: VisitResult, user: User, *, now: datetime) -> bool:
    """Return whether a result is a standing wish to be left alone that is no slip of the user's."""
    if result.outcome is not VisitOutcome.OPT_OUT:
        return False
    if is_own_slip(result.entered_by, result.entered_at, user_id=user.id, now=now):
        return False
    said = Wish.evidence.in_([_evidence_of(result), f"answers:{result.answer_id}"])
    return session.scalar(select(Wish.id).where(standing(), said).limit(1)) is not None


def may_undo_entry(session: Session, round_id: int, *, user: User, now: datetime) -> bool:
    """Return whether a sheet has a last saving that this user may undo."""
    current = current_results(session, VisitLine.round_id == round_id).values()
    last = max((result.entry for result in current), default=0)
    of_last = (result for result in current if result.entry == last)
    return last > 0 and not any(_is_closed(session, result, user, now=now) for result in of_last)


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
    session: Session, before: VisitResult | None, result: VisitResult, recipient: Recipient, *, now: datetime
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
    is_undone = before is None or undo_result(session, before, recipient, now=now)
    if result.label is None:
        return is_undone
    return record_result(session, result, recipient, now=now)


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


def record_result(session: Session, result: VisitResult, recipient: Recipient, *, now: datetime) -> bool:
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


def undo_result(session: Session, result: VisitResult, recipient: Recipient, *, now: datetime) -> bool:
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
                record_result(session, each, recipient, now=now)
    return is_undone


def _evidence_of(result: VisitResult) -> str:
    return f"round_results:{result.id}"


_ResultRow = tuple[VisitResult, VisitLine]
# A phone deletes a sheet's people this long after the drive's last day or, given later, after that; or where that day is unknown.
KEPT_AFTER_DRIVE = timedelta(days=7)
KEPT_WITHOUT_END = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class PhoneSheet:
    """A sheet as the phone shows it; `keep_until` is when the phone deletes its people."""

    id: int
    kind: str
    campaign: str
    place: str
    day: str | None
    target: int | None
    keep_until: datetime


class Seen(NamedTuple):
    """What came of a visit, and when; None of no visit."""

    outcome: VisitOutcome | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PhonePerson:
    """A person to visit. `house` numbers the houses of a sheet; `phone` is empty unless somebody has to be called."""

    line_id: int
    sheet_id: int
    code: str
    house: int
    name: str
    birth_year: int | None
    village: str
    values: Mapping[str, str]  # of lists, for the fields of the campaign's texts
    why: VisitReason
    priority: int
    phone: str
    answer: str | None
    answered_at: datetime | None
    earlier: Seen  # of an earlier sheet of the campaign
    current: Seen
    is_own: bool  # the outcome is this officer's
    has_own_note: bool


@dataclass(frozen=True, slots=True)
class PhoneData:
    """What a phone carries. Equal data have equal digests."""

    officer: str
    sheets: list[PhoneSheet]
    people: list[PhonePerson]
    digest: str


@use_case
def carry_houses(session: Session, *, have: str, user: User, now: datetime) -> PhoneData | None:
    """Return the houses for a phone, None if it `have`s them; audited with counts. Raises NotAllowed."""
    require_role(user, Role.VILLAGE)
    data = read_houses(session, user, now=now)
    if data.digest == have:
        return None
    numbers = sum(bool(person.phone) for person in data.people)
    audit.record(session, "round.carry", user, user, now, rows=len(data.people), numbers=numbers)
    return data


def read_houses(session: Session, user: User, *, now: datetime) -> PhoneData:
    """Read the people of the sheets that the officer has now. Who opted out or objects is left out unless already met."""
    sheets = _sheets(session, user, now=now)
    rows = session.execute(
        counted_lines(Contact, Recipient.campaign_id, VisitLine.contact_id, Campaign.fields, Campaign)
        .join(Campaign, Campaign.id == Recipient.campaign_id)
        .join(Contact, Contact.id == VisitLine.contact_id)
        .where(VisitLine.round_id.in_([sheet.id for sheet in sheets]))
        .order_by(VisitLine.round_id, VisitLine.n)
    ).all()
    contacts = sorted({row.contact_id for row in rows})
    results = _results(session, contacts)
    of_drive = opted_out_of_drive(session, [row[1].id for row in rows])
    numbers = _numbers(session, contacts, {row.campaign_id for row in rows}, user)
    left_alone = read_left_alone(session, people=contacts)
    found: dict[int, list[PhonePerson]] = {}
    phones: dict[int, list[tuple[str, list[int]]]] = {}
    values = read_list_values(session, rows)
    for line, recipient, contact, campaign_id, _contact, fields, campaign in rows:
        known = results.get(contact.id, [])
        current = _last(known, line)
        seen = _seen(current)
        if is_left_alone(left_alone, contact.id, campaign, seen.outcome):
            continue
        earlier = _last(known, line, elsewhere=True)
        is_own = current is not None and current.entered_by == user.id
        needs_call = _seen(current or earlier).outcome in (VisitOutcome.ABSENT, VisitOutcome.CALL)
        own_numbers = numbers.get((campaign_id, contact.id), {})
        answer, answered_at = shown_answer(recipient.answer, recipient.id, of_drive), recipient.answered_at
        if line.why is VisitReason.CHECK or campaign.is_health:  # who visits handles no answers about health
            answer = answered_at = None
        person = PhonePerson(
            line_id=line.id,
            sheet_id=line.round_id,
            code=line_code(line.round_id, line.n),
            house=0,
            name=contact.name,
            birth_year=contact.birth_year,
            village=contact.village,
            values=fill_values(fields, values.get((campaign_id, contact.id), {})),
            why=shown_reason(line.why),
            priority=visit_priority(line.why, seen.outcome),
            phone=next(filter(None, own_numbers.values()), "") if needs_call else "",
            answer=answer,
            answered_at=answered_at,
            earlier=Seen() if campaign.is_health else _seen(earlier),
            current=seen,
            is_own=is_own,
            has_own_note=is_own and bool(current and current.note),
        )
        found.setdefault(line.round_id, []).append(person)
        village = village_key(contact.area_code, contact.village)
        phones.setdefault(line.round_id, []).append((village, [*own_numbers]))
    people = [
        replace(person, house=house)
        for sheet_id in sorted(found)
        for person, house in zip(found[sheet_id], group_houses(phones[sheet_id]), strict=True)
    ]
    digest = hashlib.sha256(repr((user.name, sheets, people)).encode()).hexdigest()[:24]
    return PhoneData(user.name, sheets, people, digest)


def keep_until(ends_on: str | None, assigned_at: datetime) -> datetime:
    """Return when a phone deletes the people of a sheet."""
    if ends_on is None:
        return assigned_at + KEPT_WITHOUT_END
    end = datetime.combine(date.fromisoformat(ends_on) + timedelta(days=1), time(), tzinfo=VIETNAM)
    return (max(end, assigned_at) + KEPT_AFTER_DRIVE).astimezone(UTC)


def _sheets(session: Session, user: User, *, now: datetime) -> list[PhoneSheet]:
    rows = session.execute(
        select(VisitSheet, SheetOfficer, Campaign, Drive.ends_on, Area)
        .join(SheetOfficer, SheetOfficer.round_id == VisitSheet.id)
        .join(Campaign, Campaign.id == VisitSheet.campaign_id)
        .join(Drive, Drive.id == Campaign.drive_id)
        .outerjoin(Area, Area.code == VisitSheet.area_code)
        .where(SheetOfficer.user_id == user.id, SheetOfficer.ended_at.is_(None))
        .order_by(VisitSheet.id)
    )
    sheets = [
        PhoneSheet(
            id=sheet.id,
            kind=campaign.kind,
            campaign=campaign.name,
            place=", ".join(filter(None, [sheet.village, area.full_name if area else ""])),
            day=given.day,
            target=given.target,
            keep_until=keep_until(ends_on, given.assigned_at),
        )
        for sheet, given, campaign, ends_on, area in rows
    ]
    return [sheet for sheet in sheets if sheet.keep_until > now]


def _results(session: Session, contacts: Sequence[int]) -> dict[int, list[_ResultRow]]:
    rows = session.execute(
        select(VisitResult, VisitLine)
        .join(VisitLine, VisitLine.id == VisitResult.line_id)
        .where(VisitLine.contact_id.in_(values_subquery(session, contacts)), VisitResult.undone_at.is_(None))
        .order_by(VisitResult.id)
    )
    found: dict[int, list[_ResultRow]] = {}
    for result, line in rows:
        found.setdefault(line.contact_id or 0, []).append((result, line))
    return found


def _last(rows: list[_ResultRow], line: VisitLine, *, elsewhere: bool = False) -> VisitResult | None:
    """Return the last result on a line, or on the person's lines of other sheets; None where it was withdrawn."""
    same = [
        result
        for result, other in rows
        if (
            other.round_id != line.round_id and other.recipient_id == line.recipient_id
            if elsewhere
            else other.id == line.id
        )
    ]
    last = same[-1] if same else None
    return last if last is not None and last.outcome is not None else None


def _seen(result: VisitResult | None) -> Seen:
    return Seen(result.outcome, result.at) if result else Seen()


def _numbers(
    session: Session, contacts: Sequence[int], campaigns: Collection[int], user: User
) -> dict[tuple[int, int], dict[int, str]]:
    """Return the phones by (campaign, contact), in order; "" for one that is somebody else's, or that only others' lists have."""
    is_hidden = is_strangers(Phone.id) | ~numbers_known_to(session, user)
    number = case((is_hidden, ""), else_=Phone.e164)
    rows = session.execute(
        select(Campaign.id, ContactPhone.contact_id, Phone.id, number)
        .join(Phone, Phone.id == ContactPhone.phone_id)
        .join(Campaign, Campaign.id.in_(campaigns))
        .where(~are_others(ContactPhone.contact_id, Phone.id, Campaign.id))
        .where(ContactPhone.contact_id.in_(values_subquery(session, contacts)))
        .order_by(ContactPhone.contact_id, ContactPhone.position)
    )
    found: dict[tuple[int, int], dict[int, str]] = {}
    for campaign_id, contact_id, phone_id, e164 in rows:
        found.setdefault((campaign_id, contact_id), {})[phone_id] = e164
    return found


LONGEST_NOTE = 300
MOST_RESULTS = 50  # of one request


@dataclass(frozen=True, slots=True)
class SentResult:
    """A phone's result: its own `key`, its clock's `at`, the server's time of its list (`known_since`)."""

    key: str
    line_id: int
    outcome: VisitOutcome
    note: str | None  # None: the officer's earlier one stays
    at: datetime
    known_since: datetime


@use_case
def receive_results(
    session: Session, results: Sequence[SentResult], *, sent_at: datetime, user: User, now: datetime
) -> dict[str, VisitFate]:
    """Record results of the officer's sheets, in their order. Returns by key what became of each.

    A key that came before changes nothing and gets the same word. `sent_at` is by the phone's clock. Sheets and then phones
    are locked. Raises NotAllowed.
    """
    require_role(user, Role.VILLAGE)
    lines, given = _lock_lines(session, [result.line_id for result in results], user=user, now=now)
    known = _known_fates(session, [result.key for result in results], user=user)
    new = {result.key: result for result in results if result.key not in known and result.line_id in lines}
    fates = {result.key: VisitFate.UNKNOWN for result in results} | known
    contacts = [line.contact_id for line, _recipient in lines.values() if line.contact_id]
    left_alone = read_left_alone(session, people=contacts)
    opted_out: set[int | None] = set()  # by these results
    order = {line_id: n for n, line_id in enumerate(lines)}
    counts = Counter[int]()
    for result in sorted(new.values(), key=lambda result: order[result.line_id]):
        line, recipient = lines[result.line_id]
        at = visit_moment(result.at, sent_at=sent_at, known_since=result.known_since, now=now)
        made_at, until = given[line.round_id]
        at = max(at, made_at)  # a phone may say that it has known the sheet since 1970
        if at > until and result.outcome is not VisitOutcome.OPT_OUT:
            continue  # by then the sheet was no longer theirs; who wishes to be left alone is whenever they said so
        before = last_result(session, line.id)
        counted = counted_result(before, user.id)
        at = moment_of_note(result.outcome, at, counted)
        fate = settle(
            result.outcome,
            at,
            counted=counted,
            is_gone=line.contact_id is None or left_alone.stops(line.contact_id, None, passes=True),
            is_opted_out=left_alone.stops(line.contact_id, None) or line.contact_id in opted_out,
        )
        if fate is not VisitFate.GONE:
            row = VisitResult(
                line_id=line.id,
                outcome=result.outcome,
                entry=0,
                entered_by=user.id,
                entered_at=now,
                visited_at=at,
                key=result.key,
                note=_note_of(result, before, user),
                undone_at=at if fate is VisitFate.VISITED else None,  # it counts at no moment
            )
            session.add(row)
            if fate is not VisitFate.VISITED:
                if before and before.outcome is VisitOutcome.OPT_OUT and fate is VisitFate.OPTED_OUT:
                    before = None  # put right, it closes the number all the same, until staff open it
                stands = replace_result(session, before, row, recipient, now=now)
                if result.outcome.label is not None and not stands:
                    fate = VisitFate.ANSWERED
                if result.outcome is VisitOutcome.OPT_OUT:
                    opted_out.add(line.contact_id)
            row.fate = fate
            session.flush()
            counts[line.round_id] += 1
        fates[result.key] = fate
    for round_id, rows in counts.items():
        audit.record(session, "round.receive", f"rounds:{round_id}", user, now, rows=rows)
    return fates


def _note_of(result: SentResult, before: VisitResult | None, user: User) -> str:
    """Return the note to store: the one that was sent, else the officer's own of before."""
    own = before.note if before and before.entered_by == user.id else ""
    return " ".join((own if result.note is None else result.note).split())[:LONGEST_NOTE]


def _known_fates(session: Session, keys: Sequence[str], *, user: User) -> dict[str, VisitFate]:
    # A key that another officer's phone used is nobody's but theirs.
    return {
        str(each.key): each.fate if each.entered_by == user.id and each.fate else VisitFate.UNKNOWN
        for each in session.scalars(select(VisitResult).where(VisitResult.key.in_(keys)))
    }


def _lock_lines(
    session: Session, line_ids: Sequence[int], *, user: User, now: datetime
) -> tuple[dict[int, tuple[VisitLine, Recipient]], dict[int, tuple[datetime, datetime]]]:
    """Lock the sheets of the lines that were ever given to the officer; return these lines with who counts, in the order of their phones.

    And when each of the sheets was made, and when it was taken back; now where it was not. The phones are locked one by one
    later; every transaction that locks several uses this order.
    """
    among = values_subquery(session, sorted(set(line_ids)))
    sheets = (
        select(VisitSheet.id, VisitSheet.made_at, SheetOfficer.ended_at)
        .join(SheetOfficer, SheetOfficer.round_id == VisitSheet.id)
        .where(SheetOfficer.user_id == user.id)
        .where(VisitSheet.id.in_(select(VisitLine.round_id).where(VisitLine.id.in_(among))))
        .order_by(VisitSheet.id)
    )
    session.execute(sheets.with_for_update(of=VisitSheet)).all()
    # Read again: what the lock waited for may have taken a sheet back.
    given = {sheet: (made_at, ended_at or now) for sheet, made_at, ended_at in session.execute(sheets)}
    rows = session.execute(
        counted_lines().where(VisitLine.id.in_(among), VisitLine.round_id.in_(given))
    ).all()
    rows = sorted(rows, key=lambda row: (row[1].phone_id or 0, row[0].round_id, row[0].n))
    return {line.id: (line, recipient) for line, recipient in rows}, given

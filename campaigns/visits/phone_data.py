"""A village officer's phone: the houses that it carries, of the sheets given to them, and the results that it sends.

Results come hours or days after the visits, each perhaps several times.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import case, select
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import fill_values, read_list_values
from campaigns.models.activities import SheetOfficer, VisitLine, VisitResult, VisitSheet
from campaigns.models.campaigns import Campaign, Drive, Recipient
from campaigns.planning.audience import are_others
from campaigns.privacy.requests import opted_out_of_drive, shown_answer
from campaigns.replies.record_answer import AnswerContext
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.visits import (
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
from campaigns.visits.results import counted_result, last_result, replace_result
from campaigns.visits.sheets import counted_lines, is_left_alone
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.directory import numbers_known_to
from outreach.contacts.suppressions import is_strangers
from outreach.contacts.wishes import read_left_alone
from outreach.core.db import values_subquery
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import Contact, ContactPhone, Phone
from outreach.use_cases import use_case

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
    session: Session,
    results: Sequence[SentResult],
    *,
    sent_at: datetime,
    user: User,
    keys: AnswerContext,
    now: datetime,
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
                stands = replace_result(session, before, row, recipient, keys=keys, now=now)
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

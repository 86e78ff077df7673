"""Decisions on import issues: one or all alike, stored as the import would have done, and again in later files.

Also the answers to questions about stored rows: a year of birth, a commune.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.directory import read_stated
from outreach.contacts.languages import remember_languages
from outreach.contacts.phones import find_or_create_phones
from outreach.contacts.place_questions import follow_answers
from outreach.core.db import values_subquery
from outreach.imports.issues import (
    IS_WAITING,
    OTHER_COMMUNE,
    STORED,
    WAS_ERASED,
    Decision,
    IssueStatus,
    find_issue,
    issues_within_area,
    merged_since,
    recount,
    save_issues,
)
from outreach.imports.kept_values import store_values
from outreach.imports.merge_contacts import ContactMerger, ImportedContact
from outreach.imports.merged_rows import carry_people
from outreach.imports.sightings import contained_by, lists_with, read_sightings
from outreach.imports.store_rows import lock_imports, questions_about
from outreach.models.accounts import Area, Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    Upload,
    UploadState,
)
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.gazetteer import PlaceMatch
from outreach.rules.identity import name_key, name_order
from outreach.rules.list_columns import Header
from outreach.rules.list_rows import CheckedRow, Sex
from outreach.rules.people_beside import PersonBeside
from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
from outreach.use_cases import use_case

MAX_ALIKE = 2000  # rows decided at once


@use_case
def decide_issue(
    session: Session,
    issue_id: int,
    decision: Decision,
    *,
    user: User,
    now: datetime,
    phone: str = "",
    birth_year: int | None = None,
    has_moved: bool = False,
    and_alike: bool = False,
) -> int:
    """Carry out an officer's decision on an issue. Returns how many issues it decided.

    `and_alike`: also up to MAX_ALIKE open issues of the same file with the same reason. `phone` is the
    corrected number. `birth_year` answers a question; for the issues alike it means the same reading of two
    digits, not the same year. `has_moved`: the row's commune is right, not the known one.

    Raises NotFound, NotAllowed, WrongState if it was decided already, BadInput for an invalid number or a
    decision that does not fit.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_issue(session, issue_id, user=user)
    lock_imports(session)
    found = session.get(ImportIssue, issue_id, with_for_update=True, populate_existing=True)
    issue = or_raise(found, NotFound("row_not_found"))  # its file may have been undone meanwhile
    _refuse_unfit(session, issue, decision)
    if and_alike and phone.strip():
        raise BadInput("typed_number_for_one")
    issues = [issue, *(_alike(session, issue, decision, user) if and_alike else ())]
    list_import = session.get_one(ListImport, issue.import_id, with_for_update=True)
    if decision is Decision.ANSWERED:
        if issue.reason != OTHER_COMMUNE:
            answer_birth(session, issues, birth_year, now=now)
        elif has_moved:
            _require_recorded(session, issues, user)
            move_contacts(session, issues, now=now)
    elif decision is Decision.DROPPED:
        recount(list_import, "review", "rejected", len(issues))
        if issue.reason == WAS_ERASED:
            _clear_erased(session, issues, user=user, now=now)
    else:
        if decision is Decision.RENAMED:
            _require_recorded(session, issues, user)
        typed, is_said = _read_typed(phone), decision is not Decision.TAKEN
        rows = [_DecidedRow(each, typed, [each.contact_id] if is_said else []) for each in issues]
        for stored in _store(session, rows, list_import, now=now):
            recount(list_import, "review", stored.outcome)
            if decision is Decision.RENAMED:
                _rename(session, stored, user=user, now=now)
    for decided in issues:
        decided.decision, decided.decided_by, decided.decided_at = decision.value, user.id, now
    audit.record(
        session,
        "import.decide",
        f"list_imports:{issue.import_id}",
        user,
        now,
        row=issue.row,
        decision=decision.value,
        **{"rows": len(issues)} if and_alike else {},
    )
    return len(issues)


def _alike(session: Session, issue: ImportIssue, decision: Decision, user: User) -> list[ImportIssue]:
    alike = session.scalars(
        select(ImportIssue)
        .where(
            ImportIssue.import_id == issue.import_id,
            ImportIssue.reason == issue.reason,
            ImportIssue.status == issue.status,
            ImportIssue.id != issue.id,
            issues_within_area(session, user),
            *IS_WAITING,
        )
        .order_by(ImportIssue.id)
        .limit(MAX_ALIKE - 1)
        .with_for_update()
    )
    if decision in (Decision.SAME, Decision.RENAMED):
        return [other for other in alike if other.contact_id is not None]
    if decision is Decision.TAKEN:
        return [other for other in alike if other.cells["numbers"]]
    return list(alike)


def _require_recorded(session: Session, issues: Sequence[ImportIssue], user: User) -> None:
    """Raise NotAllowed if another organisation recorded one of the contacts that a decision would change."""
    ids = [issue.contact_id for issue in issues if issue.contact_id is not None]
    if read_stated(session, ids, user=user):
        raise NotAllowed("contact_recorded_by_others")


def _clear_erased(session: Session, issues: Sequence[ImportIssue], *, user: User, now: datetime) -> None:
    """Remove an erased contact's data from dropped issues, and from other files' with the same row."""
    dropped = {issue.id for issue in issues}
    for other in session.scalars(
        select(ImportIssue)
        .where(ImportIssue.key.in_({issue.key for issue in issues}))
        .where(ImportIssue.decision.is_(None) | ImportIssue.decision.not_in(STORED))
        .with_for_update()
    ):
        if other.id not in dropped:
            if other.decision is None:
                other_import = session.get_one(ListImport, other.import_id, with_for_update=True)
                recount(other_import, "review", "rejected")
            other.decision, other.decided_by, other.decided_at = Decision.DROPPED.value, user.id, now
        other.cells = {}


def _refuse_unfit(session: Session, issue: ImportIssue, decision: Decision) -> None:
    """Raise WrongState for an issue that was decided or whose file is being stored, BadInput for a decision that does not fit it."""
    storing = (Upload.import_id == issue.import_id, Upload.state == UploadState.STORING)
    if session.scalar(select(Upload.id).where(*storing)):
        raise WrongState("rows_being_stored")
    if issue.decision is not None or issue.status == IssueStatus.REJECT or not issue.key:
        raise WrongState("row_decided")
    if (
        decision in (Decision.CORRECTED, Decision.SUPERSEDED)
        or (decision is Decision.ANSWERED) is not (issue.status == IssueStatus.QUESTION)
        or (decision in (Decision.SAME, Decision.RENAMED) and issue.contact_id is None)
    ):
        raise BadInput("decision_unfit")


@dataclass(frozen=True, slots=True)
class _DecidedRow:
    """Row to store: the numbers that an officer typed, None where those count that were read, and who its people are, if that was said."""

    issue: ImportIssue
    typed: Sequence[str] | None
    known: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class _Stored:
    """Person whom a decision stored: the outcome, and what has to be undone if it is retracted."""

    issue: ImportIssue
    person: ImportedContact
    outcome: str
    joined: bool
    last: int | None  # the file, where another row of it had the person before
    beside: list[int]  # lists that have the person by that row, as this one was split since
    values: dict[str, Any]
    phones: list[int]
    said: dict[str, Any]  # all that the row states, also what was known

    def undo(self, kept: Mapping[int, list[str]], followed: Mapping[int, list[list[int]]]) -> dict[str, Any]:
        """Return it as stored with the issue, with names of values kept, and lists that took this one over with the imports new there."""
        person_id = self.person.id
        own = {
            name: getattr(self, name)
            for name in ("outcome", "joined", "last", "beside", "values", "phones", "said")
        }
        more = {"kept": kept.get(person_id, []), "followed": followed.get(person_id, [])}
        return {"contact": person_id, **own, **more}


def _read_typed(phone: str) -> Sequence[str] | None:
    if not phone.strip():
        return None
    typed = read_phone_cell(phone)
    if typed.status is not PhoneStatus.OK:
        raise BadInput("typed_number_wrong")
    return typed.numbers


def store_decided_before(session: Session, list_import: ListImport, *, now: datetime) -> None:
    """Store the rows of a file that were decided on in an earlier one, as they were then; once all others are stored.

    So what another row of the file says of somebody is that one's, in whichever order they are.
    """
    lock_imports(session)
    issues = session.scalars(
        select(ImportIssue)
        .where(ImportIssue.import_id == list_import.id, ImportIssue.key != "")
        .where(ImportIssue.decision.in_(STORED), ImportIssue.decided_by.is_(None))
        .order_by(ImportIssue.id)
    ).all()
    decided = list[_DecidedRow]()
    for issue, undo in [(each, each.undo) for each in issues if each.undo and each.undo.get("contact")]:
        people = [each["contact"] for each in (undo, *undo["others"])]
        there = set(session.scalars(select(Contact.id).where(Contact.id.in_(people))))
        theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == people[0])
        # What was typed is not known of decisions of earlier releases: those were about the numbers that the person has.
        typed = undo.get("typed", None if undo["others"] else session.scalars(theirs).all())
        if typed is not None:
            typed = session.scalars(select(Phone.e164).where(Phone.id.in_(typed)).order_by(Phone.id)).all()
        known = [contact_id if contact_id in there else None for contact_id in people]
        decided.append(_DecidedRow(issue, typed, known))
    if decided:
        _store(session, decided, list_import, now=now)


def _store(
    session: Session, decided: Sequence[_DecidedRow], list_import: ListImport, *, now: datetime
) -> list[_Stored]:
    """Store decided rows and note with each issue what it stored. Returns of each row the first person."""
    numbers = {
        each.issue.id: each.issue.cells["numbers"] if each.typed is None else [*each.typed]
        for each in decided
    }
    phones = find_or_create_phones(session, chain(*numbers.values()), now=now)
    rows = {each.issue.id: _row(each.issue, numbers[each.issue.id]) for each in decided}
    for each in decided:
        if each.typed is not None:  # numbers for one person
            rows[each.issue.id].people = ()
    follow_answers(session, rows.values())
    codes = {row.place.code for row in rows.values()} - {None}
    known_areas = set(session.scalars(select(Area.code).where(Area.code.in_(codes))))
    merger = ContactMerger(
        session, list_import, phones=phones, in_use=phones.values(), known_areas=known_areas, now=now
    )
    spoken = {
        issue_id: [phones[number] for number in row.phone.numbers if row.language]
        for issue_id, row in rows.items()
    }
    written = ((rows[issue_id].language, ids) for issue_id, ids in spoken.items())
    first_said = remember_languages(session, written, list_import=list_import)
    people = {issue_id: row.each_person() for issue_id, row in rows.items()}
    merger.load_namesakes([*chain(*people.values())])
    stored = {
        each.issue.id: [
            _merge(session, merger, each.issue, row, known)
            for row, known in zip(people[each.issue.id], chain(each.known, repeat(None)), strict=False)
        ]
        for each in decided
    }
    merger.write()
    everybody = [*chain(*stored.values())]
    values = ((each.person.id, rows[each.issue.id].values) for each in everybody)
    kept = store_values(session, values, list_import=list_import)
    followed = _follow_merges(session, list_import, {each.person.id for each in everybody})
    questions = [
        (rows[first.issue.id], IssueStatus.QUESTION, question, first.person.id)
        for first, *_beside in stored.values()
        for question in questions_about(rows[first.issue.id], first.person, known_areas)
    ]
    save_issues(session, questions, list_import=list_import, now=now)
    for each in decided:
        first, *beside = (person.undo(kept, followed) for person in stored[each.issue.id])
        typed = None if each.typed is None else [phones[number] for number in each.typed]
        languages = [*first_said.intersection(spoken[each.issue.id])]
        first_said -= {*languages}
        each.issue.undo = {**first, "typed": typed, "languages": languages, "others": beside}
    return [first for first, *_beside in stored.values()]


def _rename(session: Session, stored: _Stored, *, user: User, now: datetime) -> None:
    """Give a person the name of the row that was decided on."""
    issue, contact = stored.issue, session.get_one(Contact, stored.person.id)
    issue.undo = {**(issue.undo or {}), "name": contact.name}
    _set_name(session, contact, issue.cells["name"][:120], issue=issue, user=user, now=now)


def give_name_back(
    session: Session, issue: ImportIssue, undo: dict[str, Any], *, user: User | None, now: datetime
) -> None:
    """Give a person the name of before a decision, unless they have got another one since; one who was merged since, when they are parted.

    `undo`: what the decision recorded as it holds now.
    """
    recorded = issue.undo or {}
    merge = merged_since(session, recorded.get("contact", 0), issue.decided_at)
    person, before = session.get(Contact, undo.get("contact", 0)), recorded.get("name")
    if person is None or before is None:
        return
    given, is_replaced = issue.cells["name"][:120], False
    renamed = (ImportIssue.contact_id == issue.contact_id, ImportIssue.decision == Decision.RENAMED)
    for later in session.scalars(select(ImportIssue).where(*renamed, ImportIssue.id != issue.id)):
        if later.undo and later.undo.get("name") == given:  # what is to be given back by it
            later.undo, is_replaced = {**later.undo, "name": before}, True
    if merge and merge.data["facts"]["name"] == given and not is_replaced:
        names = {"name": before, "name_key": name_key(before), "given_key": name_order(before)}
        merge.data, merge.name_key = (
            {**merge.data, "facts": {**merge.data["facts"], **names}},
            name_key(before),
        )
    elif not merge and person.name == given and not is_replaced:
        _set_name(session, person, before, issue=issue, user=user, now=now)


def _follow_merges(
    session: Session, list_import: ListImport, people: Collection[int]
) -> dict[int, list[list[int]]]:
    """Put people of a list that was merged meanwhile into the lists that took it over.

    Those that have the person already tell which, if there are any: others of these were split off. Else those do that have
    others of the list. Returns by contact these lists, each with an import that is new of them there.
    """
    own = session.get_one(ContactList, list_import.list_id)
    others = lists_with(session, list_import) if own.archived_at else []
    not_removed = (ContactList.id.in_(others), ContactList.id != own.id, ~ContactList.hidden)
    taking = session.scalars(select(ContactList).where(*not_removed).order_by(ContactList.id)).all()
    if not taking:
        return {}
    of_these = Membership.list_id.in_([each.id for each in taking])
    beside = select(Membership.contact_id).where(
        Membership.list_id == own.id, Membership.contact_id.not_in(people)
    )
    telling = {each.id for each in taking}
    if session.scalar(beside.limit(1)):  # else nobody tells a list that was split off
        having = select(Membership.list_id).where(of_these, Membership.contact_id.in_(beside))
        telling = {*session.scalars(having)}
    there = select(Membership.contact_id, Membership.list_id).where(of_these)
    into: dict[int, set[int]] = {}
    for contact_id, list_id in session.execute(there.where(Membership.contact_id.in_(people))):
        into.setdefault(contact_id, set()).add(list_id)
    before = read_sightings(session, people)
    for other in taking:
        if following := [each for each in people if other.id in into.get(each, telling)]:
            carry_people(session, own, other, values_subquery(session, following))
    followed: dict[int, list[list[int]]] = {}
    for contact_id, *seen in sorted(read_sightings(session, people) - before):
        followed.setdefault(contact_id, []).append(seen)
    return followed


def _merge(
    session: Session, merger: ContactMerger, issue: ImportIssue, row: CheckedRow, known: int | None
) -> _Stored:
    """Merge a person of an issue's row into the contact `known`, else into whom the row is about."""
    person = merger.load(known) if known else merger.find(row) or merger.find_at_the_door(row)
    said = merger.stated_by(row)
    if person is None:
        person, outcome = merger.merge_row(row, None)
        return _Stored(issue, person, outcome, True, None, [], {}, [], said)
    # What another row of the file had said before stays its own.
    own = session.get(ImportChange, (issue.import_id, person.id)) if person.id else None
    facts_before = {*person.confirmed, *(own.fields if own else ())}
    numbers = {*person.phones_confirmed, *(own.phones if own else ())}
    facts, phones_before = {**person.facts}, len(person.phones_added)
    was_in_list, is_new = merger.is_in_list(person), person.is_new
    beside = _find_beside(session, merger, issue, person)
    last = issue.import_id if merger.is_seen(person) else None
    person, outcome = merger.merge_row(row, person)
    values = {name: change for name, change in person.confirmed.items() if name not in facts_before} | {
        name: [known, person.facts[name]] for name, known in facts.items() if person.facts[name] != known
    }
    phones = person.phones_added[phones_before:]
    phones += [phone_id for phone_id in person.phones_confirmed if phone_id not in numbers]
    if is_new:  # by another row of the decision: all that it says is taken back together
        values, phones = {}, []
    return _Stored(issue, person, outcome, not was_in_list, last, beside, values, phones, said)


def _find_beside(
    session: Session, merger: ContactMerger, issue: ImportIssue, person: ImportedContact
) -> list[int]:
    """Return the lists that have a person by another row of the file, where its own has them not by it, as it was split."""
    if merger.is_seen(person):
        return []
    contained = contained_by(session.get_one(ListImport, issue.import_id))
    having = select(Membership.list_id).where(Membership.contact_id == person.id, contained)
    if found := [*session.scalars(having)]:
        merger.note_seen(person)
    return found


def _set_name(
    session: Session, person: Contact, name: str, *, issue: ImportIssue, user: User | None, now: datetime
) -> None:
    """Change a person's name by a decision or its undoing, and record it in the audit log, under the contact."""
    before, person.name, person.updated_at = person.name, name, now
    person.name_key, person.given_key = name_key(name), name_order(name)
    if name != before:
        changes = {"name": (before, name)}
        audit.record_change(
            session, "contact.correct", person, user, now, changes, fields=["name"], row=issue.row
        )


def _row(issue: ImportIssue, numbers: list[str]) -> CheckedRow:
    """Return the row as it was understood, with these numbers."""
    cells: dict[str, Any] = issue.cells
    return CheckedRow(
        row=issue.row,
        sheet=cells["sheet"],
        name=cells["name"],
        name_key=name_key(cells["name"]),
        given_key=name_order(cells["name"]),
        birth_year=cells["birth_year"],
        sex=Sex(cells["sex"]) if cells["sex"] else None,
        village=cells["village"],
        commune=cells["commune"],
        place=PlaceMatch(cells["area_code"]),
        unit=cells["unit"],
        language=cells.get("language", ""),  # not stored in issues of earlier versions
        has_smartphone=cells["has_smartphone"],
        phone_text=cells["phone"],
        phone=read_phone_cell("; ".join(numbers)),
        line=cells["line"],
        birth_doubt=cells["birth_doubt"],
        header=Header((), 0),
        cells=cells["source"],
        place_question=cells.get("place_question"),  # not stored in issues of earlier versions
        people=tuple(
            PersonBeside(name, tuple(held), birth_year) for name, held, birth_year in cells.get("people", ())
        ),
        values=cells.get("values", {}),  # not stored in issues of earlier versions
    )


def birth_years(doubt: str, *, this_year: int) -> list[int]:
    """Return the years that two digits may mean, likeliest first: last century, this one, an age."""
    digits = int(doubt[-2:])
    years = [1900 + digits, 2000 + digits]
    if doubt.isdecimal():
        years.append(this_year - digits)
    return [year for year in dict.fromkeys(years) if year < this_year]


def answer_birth(
    session: Session, issues: Sequence[ImportIssue], birth_year: int | None, *, now: datetime
) -> None:
    """Set the year of birth in the first row, and read the others' digits alike; None leaves them open."""
    if birth_year is None:
        return
    first_digits = int(issues[0].cells["birth_doubt"][-2:])
    # How the first row is answered: a year of the last century (1900) or of this one (2000), or an age (None).
    reading = next(
        (number for number in (1900, 2000) if number + first_digits == birth_year),
        None if now.year - first_digits == birth_year else -1,
    )
    for issue in issues:
        person = session.get(Contact, issue.contact_id) if issue.contact_id else None
        digits = int(issue.cells["birth_doubt"][-2:])
        year = now.year - digits if reading is None else reading + digits
        if year not in birth_years(issue.cells["birth_doubt"], this_year=now.year):
            if issue is issues[0]:
                raise BadInput("birth_year_unlike_cell")
            continue
        if person is not None and person.birth_year is None:
            _set_facts(session, issue, person, {"birth_year": year}, now=now)


def move_contacts(session: Session, issues: Sequence[ImportIssue], *, now: datetime) -> None:
    """Set contacts' communes and villages to those of these rows, until the import is undone."""
    for issue in issues:
        person = session.get(Contact, issue.contact_id) if issue.contact_id else None
        commune = session.get(Area, issue.cells["area_code"])
        if person is None or commune is None:
            continue
        # The known village lies in the other commune, so it is replaced, too.
        stated = {"area_code": commune.code, "village": issue.cells["village"][:120]}
        _set_facts(session, issue, person, stated, now=now)


def _set_facts(
    session: Session, issue: ImportIssue, person: Contact, stated: Mapping[str, Any], *, now: datetime
) -> None:
    """Set what is known of a person to the answer to a question of an import, until that is undone."""
    values = {
        name: [known, value] for name, value in stated.items() if (known := getattr(person, name)) != value
    }
    issue.undo = {"contact": person.id, "values": values}
    for name, value in stated.items():
        setattr(person, name, value)
    person.updated_at = now
    change = session.get(ImportChange, (issue.import_id, person.id))
    if change is None:
        change = ImportChange(import_id=issue.import_id, contact_id=person.id, fields={}, phones=[])
        session.add(change)
    originals = {  # where what is known is this file's
        name: field[0] for name, field in change.fields.items() if [field[1]] == values.get(name, [])[:1]
    }
    updated = {name: [originals.get(name, before), value] for name, (before, value) in values.items()}
    change.fields = {**change.fields, **updated}
    session.flush()  # the next row may be about the same contact

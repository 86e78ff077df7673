"""Retraction of a decision on import issues, with all issues decided together with it.

What the decision stored is removed, and each issue is open again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, and_, cast, delete, false, or_, select, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.contacts.languages import forget_languages, remove_unused_spellings
from outreach.contacts.place_questions import follow_answer
from outreach.contacts.references import lock_removal
from outreach.core.db import change_rows, delete_rows, values_subquery
from outreach.imports.decide_issue import MAX_ALIKE, give_name_back
from outreach.imports.issues import (
    OTHER_COMMUNE,
    STORED,
    WAS_ERASED,
    Decision,
    IssueStatus,
    about_now,
    find_issue,
    recount,
)
from outreach.imports.kept_values import remove_values
from outreach.imports.merge_contacts import FACTS
from outreach.imports.merged_rows import leave_lists, people_apart
from outreach.imports.sightings import lists_with, reassign_contacts, remove_sightings
from outreach.imports.store_rows import lock_imports
from outreach.imports.undo_import import (
    changes_of_other_imports,
    lock_people,
    remove_answered,
    remove_people,
    restore_values,
    withdraw_phones,
    withdraw_stated,
)
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportIssue,
    KeptValue,
    ListImport,
    Membership,
    PersonMerge,
    PhoneLanguage,
)
from outreach.rules.errors import NotFound, WrongState, or_raise
from outreach.use_cases import use_case

OFFERED_FOR = timedelta(hours=1)
_BY_OFFICER = (Decision.TAKEN, Decision.SAME, Decision.RENAMED, Decision.DROPPED, Decision.ANSWERED)


@dataclass(frozen=True, slots=True)
class LastDecision:
    """Last decision of an officer: the id of its first issue, how many issues, when."""

    issue_id: int
    rows: int
    decided_at: datetime


def read_last(session: Session, user: User, *, now: datetime) -> LastDecision | None:
    """Return the user's last decision, if it is recent and can be retracted, or None."""
    mine = (ImportIssue.decided_by == user.id, ImportIssue.decision.in_(_BY_OFFICER), ImportIssue.key != "")
    latest = session.scalar(
        select(ImportIssue)
        .where(*mine, ImportIssue.decided_at > now - OFFERED_FOR)
        .order_by(ImportIssue.decided_at.desc(), ImportIssue.id)
        .limit(1)
    )
    if latest is None or latest.decided_at is None:
        return None
    if latest.reason == WAS_ERASED and latest.decision == Decision.DROPPED:
        return None
    return LastDecision(latest.id, len(_decided_together(session, latest)), latest.decided_at)


@use_case
def retract_decision(session: Session, issue_id: int, *, user: User, now: datetime) -> int:
    """Retract a decision. Returns how many issues are open again.

    Values that others changed since stay as they are. Raises NotFound, NotAllowed, WrongState if it is no
    decision of the user or cannot be retracted, as where its person was merged since with another one of the file.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_issue(session, issue_id, user=user)
    lock_imports(session)
    lock_removal(session)
    found = session.get(ImportIssue, issue_id, with_for_update=True, populate_existing=True)
    first = or_raise(found, NotFound("row_not_found"))  # its file may have been undone meanwhile
    is_own = first.decided_by == user.id and first.decision in _BY_OFFICER and first.key
    if not is_own or (first.reason == WAS_ERASED and first.decision == Decision.DROPPED):
        raise WrongState("decision_final")
    issues = _decided_together(session, first)
    list_import = session.get_one(ListImport, first.import_id, with_for_update=True)
    for issue in reversed(issues):
        if issue.decision != Decision.ANSWERED:
            outcome = "rejected" if issue.decision == Decision.DROPPED else (issue.undo or {})["outcome"]
            recount(list_import, outcome, "review")
        by: dict[str, Any] = {"user": user, "now": now}
        _ask_again(session, issue, **by)
        for undo in _people_of(session, issue):
            _undo_decision(session, list_import, issue, undo, **by)
        issue.decision = issue.decided_by = issue.decided_at = issue.undo = None
    owner = session.get_one(ContactList, list_import.list_id).organisation_id
    remove_values(session, false(), organisation_id=owner)  # `_forget` has left names without values
    remove_unused_spellings(session)
    audit.record(session, "import.retract", f"list_imports:{first.import_id}", user, now, rows=len(issues))
    return len(issues)


def _ask_again(session: Session, issue: ImportIssue, **by: Any) -> None:
    """Take back in later files what they took over from a decision that is retracted: its own issue asks for them all."""
    copies = select(ImportIssue).where(
        ImportIssue.key == issue.key,
        ImportIssue.import_id != issue.import_id,
        ImportIssue.decided_by.is_(None),
        ImportIssue.decision == issue.decision,
    )
    for copy in session.scalars(copies.with_for_update()).all():
        later = session.get_one(ListImport, copy.import_id, with_for_update=True)
        for each in _people_of(session, copy):
            if "values" in each:  # else the rest of its file is being stored
                # An earlier release did not note whether another row of the file had them.
                seen = {"joined": False, "last": None}
                _undo_decision(session, later, copy, {**seen, **each}, **by)
        if issue.decision != Decision.ANSWERED:
            recount(later, "rejected" if issue.decision == Decision.DROPPED else "unchanged", "review")
        copy.decision, copy.undo = Decision.SUPERSEDED, {"import": issue.import_id}


def _decided_together(session: Session, first: ImportIssue) -> Sequence[ImportIssue]:
    return session.scalars(
        select(ImportIssue)
        .where(
            ImportIssue.import_id == first.import_id,
            ImportIssue.decided_by == first.decided_by,
            ImportIssue.decided_at == first.decided_at,
            ImportIssue.key != "",  # issues emptied since, as the contact was erased
        )
        .order_by(ImportIssue.id)
    ).all()


def _people_of(session: Session, issue: ImportIssue) -> list[dict[str, Any]]:
    """Return what a decision recorded of each person of its row, the further ones first."""
    said = issue.undo or {}
    recorded = [each for each in (*said.get("others", ()), said) if each.get("contact")]
    return [about_now(session, each, by=issue.import_id, decided_at=issue.decided_at) for each in recorded]


def _undo_decision(
    session: Session,
    list_import: ListImport,
    issue: ImportIssue,
    undo: dict[str, Any],
    *,
    user: User,
    now: datetime,
) -> None:
    if issue.status != IssueStatus.QUESTION:  # questions asked about the row after it was stored
        _remove_questions(session, issue)
    theirs = select(ContactPhone.phone_id).where(ContactPhone.contact_id == undo["contact"])
    lock_people(session, [undo["contact"]], session.scalars(theirs).all())
    person = session.get(Contact, undo["contact"])
    if person is None:
        return
    give_name_back(session, issue, undo, user=user, now=now)
    if not undo.get("moved"):
        _refuse_merged(session, list_import, issue, person)
    other_changes = changes_of_other_imports(session, list_import, [person.id])[person.id]
    own = session.get(ImportChange, (list_import.id, person.id))
    rows = _other_rows(session, list_import, issue, undo)
    was_seen = undo.get("last") == list_import.id  # by a row that could be read
    is_told = all("said" in record for _other, record in rows)  # not of decisions of earlier releases
    if own:
        is_answer = issue.status == IssueStatus.QUESTION
        undo = _as_noted_since(undo, own, is_answer=is_answer, is_own=is_told and not was_seen)
    undo, another = _hand_to(rows, undo, list_import)
    values, phones = undo.get("values", {}), undo.get("phones", [])
    restore_values(person, values, other_changes)
    withdraw_stated(session, list_import, {person.id: (values, phones)}, {person.id: other_changes})
    follow_answer(session, person)
    person.updated_at = now
    _forget(session, list_import, undo, is_answer=issue.reason == OTHER_COMMUNE)
    remove_answered(session, [person.id])
    is_alone = _leave_lists(session, list_import, issue, undo, another)
    session.flush()
    if is_alone:
        session.expunge(person)
        remove_people(session, [person.id], now=now)
    withdraw_phones(session, {undo["contact"]: phones}, {undo["contact"]: other_changes})
    spoken = PhoneLanguage.phone_id.in_(undo.get("languages", ()))
    forget_languages(session, list_import, MAX_ALIKE, spoken)


def _as_noted_since(
    undo: dict[str, Any], own: ImportChange, *, is_answer: bool, is_own: bool
) -> dict[str, Any]:
    """Return what a decision recorded as its file's record of the person has it by now.

    `is_own`: all that the file says of them this row and others like it said.
    """
    if is_answer:  # what was known before it may be so no more
        values = {name: own.fields.get(name, change) for name, change in undo.get("values", {}).items()}
        is_left = "area_code" in values and not values["area_code"][0]
        return {**undo, "values": {} if is_left else values}
    if is_own and "joined" in undo and not undo.get("moved"):
        return {**undo, "values": own.fields, "phones": own.phones}
    return undo


def _refuse_merged(session: Session, list_import: ListImport, issue: ImportIssue, person: Contact) -> None:
    """Raise WrongState where the person was merged since with another one of the file, who has their place in it now."""
    for merge in session.scalars(select(PersonMerge).where(PersonMerge.kept_id == person.id)):
        both = merge.data["dropped"].get("import_changes", ())
        is_since = issue.decided_at is not None and merge.merged_at >= issue.decided_at
        if is_since and any(row["import_id"] == list_import.id for row in both):
            raise WrongState("row_person_merged")


def _remove_questions(session: Session, issue: ImportIssue) -> None:
    of_row = (ImportIssue.import_id == issue.import_id, ImportIssue.row == issue.row)
    session.execute(delete(ImportIssue).where(*of_row, ImportIssue.status == IssueStatus.QUESTION))


def _other_rows(
    session: Session, list_import: ListImport, issue: ImportIssue, undo: dict[str, Any]
) -> list[tuple[ImportIssue, dict[str, Any]]]:
    """Return the other rows of the file that were decided on and are about the person, each with what it recorded of them."""
    merged = select(PersonMerge.merged_id).where(PersonMerge.kept_id == undo["contact"])
    same = [undo["contact"], *session.scalars(merged)]
    recorded = cast(ImportIssue.undo, String)
    others = session.scalars(
        select(ImportIssue)
        .where(ImportIssue.import_id == list_import.id, ImportIssue.id != issue.id)
        .where(
            ImportIssue.decision.in_(STORED),
            or_(*(recorded.contains(f'"contact": {each},') for each in same)),
        )
        .order_by(ImportIssue.id)
    ).all()
    return [
        (other, each)
        for other in others
        for each in (other.undo or {}, *(other.undo or {}).get("others", ()))
        if each.get("contact") in same
    ]


def _hand_to(
    rows: list[tuple[ImportIssue, dict[str, Any]]], undo: dict[str, Any], list_import: ListImport
) -> tuple[dict[str, Any], int | None]:
    """Return what is left of a row's record, and the row that has its place in the list, once the others hold what they say as well.

    Who was merged since has a place of their own, which no row about the one who stayed has.
    """
    holding = [each for each in rows if undo.get("contact_then") in (None, each[1]["contact"])][:1]
    for other, record in rows:
        undo, held = _hand_over(undo, record)
        if any(record is each for _other, each in holding):
            held |= _joined_by(undo, list_import)
            held["followed"] = [*record.get("followed", ()), *undo.get("followed", ())]
        kept = other.undo or {}
        beside = [held if each is record else each for each in kept.get("others", ())]
        other.undo = held if kept is record else {**kept, "others": beside}
    return undo, holding[0][0].row if holding else None


def _hand_over(undo: dict[str, Any], record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two rows' records of a person, the first of which is taken back, where the other holds what it says as well."""
    said = record.get("said") or {"facts": {}, "phones": []}
    values, phones = undo.get("values", {}), undo.get("phones", [])
    own = {name: change for name, change in values.items() if said["facts"].get(name) != change[1]}
    left = {**undo, "values": own, "phones": [each for each in phones if each not in said["phones"]]}
    of_language = {*said["phones"]} if said.get("language") else set()
    languages = undo.get("languages", [])
    left["languages"] = [each for each in languages if each not in of_language]
    held = {
        "languages": [*record.get("languages", []), *of_language.intersection(languages)],
        "values": {**{name: values[name] for name in values if name not in own}, **record.get("values", {})},
        "phones": [*record.get("phones", []), *(each for each in phones if each not in left["phones"])],
    }
    return left, {**record, **held}


def _joined_by(undo: dict[str, Any], list_import: ListImport) -> dict[str, Any]:
    """Return by what a row had its person in the list, which another one has from now on; nothing where one that could be read has."""
    is_seen = undo.get("last") == list_import.id and not undo.get("beside")
    if "joined" not in undo or (is_seen and not undo["joined"]):
        return {}
    return {name: undo[name] for name in ("joined", "last", "beside") if name in undo}


def _leave_lists(
    session: Session, list_import: ListImport, issue: ImportIssue, undo: dict[str, Any], another: int | None
) -> bool:
    """Do as `_leave_list`; who was merged since has a place of their own to leave, unless another row is theirs as well."""
    if "merge" not in undo or another is not None:
        return _leave_list(session, list_import, issue, undo, another)
    with people_apart(session, values_subquery(session, [undo["contact"]])) as apart:
        person_then = apart[undo["merge"]]
        _forget_values(session, list_import, {**undo, "contact": person_then}, undo["kept_then"])
        return _leave_list(session, list_import, issue, {**undo, "contact": person_then}, another)


def _leave_list(
    session: Session, list_import: ListImport, issue: ImportIssue, undo: dict[str, Any], another: int | None
) -> bool:
    """Undo that a decision put a person into the list, or saw them there again, unless another row of the file does.

    Returns whether they may be known by this row alone.
    """
    if another is None:
        leave_lists(session, undo["contact"], undo.get("followed", ()))
        for list_id, import_id in undo.get("followed", ()):
            there = (KeptValue.list_id == list_id, KeptValue.import_id == import_id)
            delete_rows(session, KeptValue, *there, KeptValue.contact_id == undo["contact"])
    beside = undo.get("beside", ())
    lists = [each for each in lists_with(session, list_import) if each not in beside]
    is_person = Membership.contact_id == undo["contact"]
    added = (
        Membership.list_id.in_(lists),
        is_person,
        Membership.import_id == list_import.id,
        Membership.row == issue.row,
    )
    if another is not None:
        session.execute(update(Membership).where(*added).values(row=another))
    elif undo.get("joined"):
        reassign_contacts(session, is_person, list_import=list_import, lists=lists)
        session.execute(delete(Membership).where(*added))
        # A list into which this one was merged may have had them already, and knows the file as one that had them, too.
        remove_sightings(session, list_import=list_import, of=undo["contact"], but=beside)
        return True  # also who was known before: what knew them may have been undone since
    elif undo.get("joined") is False and (undo["last"] != list_import.id or beside):
        remove_sightings(session, list_import=list_import, of=undo["contact"], but=beside)
        # The import that had them first may have been undone since: then they are in the list by this row alone.
        by_row = and_(is_person, Membership.row.is_(None))
        reassign_contacts(session, by_row, list_import=list_import, lists=lists)
        left = (Membership.list_id.in_(lists), by_row, Membership.import_id == list_import.id)
        return change_rows(session, delete(Membership).where(*left)).rowcount > 0
    return undo.get("outcome") == "created"


def _forget_values(
    session: Session, list_import: ListImport, undo: dict[str, Any], names: Collection[str]
) -> None:
    of_person = (KeptValue.import_id == list_import.id, KeptValue.contact_id == undo["contact"])
    # Another row of the file said them of who was split off before the decision.
    own = (KeptValue.name.in_(names), KeptValue.list_id.not_in(undo.get("beside", ())))
    delete_rows(session, KeptValue, *of_person, *own)


def _forget(session: Session, list_import: ListImport, undo: dict[str, Any], *, is_answer: bool) -> None:
    """Forget what a decided row added to what its file says of a person, not what another row of the file had said before.

    What a row says that was stored before its question was answered, its file says still.
    """
    contact_id = undo["contact"]
    _forget_values(session, list_import, undo, undo.get("kept", ()))
    change = session.get(ImportChange, (list_import.id, contact_id))
    if change is None:
        return
    values, phones = undo.get("values", {}), undo.get("phones", [])
    left = {name: field for name, field in change.fields.items() if name not in values}
    said = {name: [FACTS.get(name), change.fields[name][1]] for name in values if is_answer}
    change.fields = {**left, **said}
    change.phones = [phone_id for phone_id in change.phones if phone_id not in phones]
    if not change.fields and not change.phones:
        session.delete(change)
        session.flush()

"""A decision taken back, with all rows that were decided with it: what it stored goes, and each row waits again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.models import Role, User
from outreach.access.users import require_role
from outreach.errors import WrongState
from outreach.people.erased import WAS_ERASED
from outreach.people.importing.aside import Decision
from outreach.people.importing.deciding import record_name
from outreach.people.importing.storing import lock_imports
from outreach.people.importing.undoing import remove_people, remove_phones
from outreach.people.importing.waiting import find_issue
from outreach.people.models import Contact, ContactPhone, ImportChange, ImportIssue, ListImport, Membership
from outreach.people.names import given_key, name_key

OFFERED_FOR = timedelta(hours=1)
_BY_A_PERSON = (Decision.TAKEN, Decision.SAME, Decision.RENAMED, Decision.DROPPED, Decision.ANSWERED)


@dataclass(frozen=True, slots=True)
class Last:
    """What an officer decided last: its first row's id, how many rows, when."""

    issue_id: int
    rows: int
    decided_at: datetime


def read_last(session: Session, user: User, *, now: datetime) -> Last | None:
    """The user's last decision, if it is not long ago and can be taken back."""
    mine = (ImportIssue.decided_by == user.id, ImportIssue.decision.in_(_BY_A_PERSON), ImportIssue.key != "")
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
    return Last(latest.id, len(_together(session, latest)), latest.decided_at)


def retract(session: Session, issue_id: int, *, user: User, now: datetime) -> int:
    """Take a decision back; how many rows wait again. Raises NotFound, NotAllowed, WrongState where there is none of
    the user's. What others have changed of a person since stays as they left it.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    find_issue(session, issue_id, user=user)
    lock_imports(session)
    first = session.get_one(ImportIssue, issue_id, with_for_update=True, populate_existing=True)
    is_theirs = first.decided_by == user.id and first.decision in _BY_A_PERSON and first.key
    if not is_theirs or (first.reason == WAS_ERASED and first.decision == Decision.DROPPED):
        raise WrongState("Quyết định này không hoàn tác được nữa. Hãy tải lại trang.")
    issues = _together(session, first)
    brought = session.get_one(ListImport, first.import_id, with_for_update=True)
    counts = dict(brought.counts)
    for issue in reversed(issues):
        if issue.decision != Decision.ANSWERED:
            outcome = "rejected" if issue.decision == Decision.DROPPED else (issue.undo or {})["outcome"]
            counts[outcome] -= 1
            counts["review"] += 1
        if issue.undo:
            _take_back(session, brought, issue, issue.undo, user=user, now=now)
        issue.decision = issue.decided_by = issue.decided_at = issue.undo = None
    brought.counts = counts
    audit.record(
        session,
        actor_id=user.id,
        action="import.retract",
        subject=f"list_imports:{first.import_id}",
        now=now,
        rows=len(issues),
    )
    return len(issues)


def _together(session: Session, first: ImportIssue) -> Sequence[ImportIssue]:
    return session.scalars(
        select(ImportIssue)
        .where(
            ImportIssue.import_id == first.import_id,
            ImportIssue.decided_by == first.decided_by,
            ImportIssue.decided_at == first.decided_at,
            ImportIssue.key != "",  # emptied since, as the person was erased
        )
        .order_by(ImportIssue.id)
    ).all()


def _take_back(
    session: Session,
    brought: ListImport,
    issue: ImportIssue,
    undo: dict[str, Any],
    *,
    user: User,
    now: datetime,
) -> None:
    person = session.get(Contact, undo["contact"])
    if person is None:
        return
    if undo.get("name") is not None and person.name == issue.cells["name"][:120]:
        renamed, person.name = person.name, undo["name"]
        person.name_key, person.given_key = name_key(person.name), given_key(person.name)
        record_name(session, person, before=renamed, issue=issue, user=user, now=now)
    for name in undo["fields"]:
        setattr(person, name, "" if name == "village" else None)
    person.updated_at = now
    phones = undo.get("phones", [])
    session.execute(
        delete(ContactPhone).where(ContactPhone.contact_id == person.id, ContactPhone.phone_id.in_(phones))
    )
    _forget_change(session, brought.id, person.id, undo["fields"], phones)
    theirs = (Membership.list_id == brought.list_id, Membership.contact_id == person.id)
    if undo.get("joined") is False:
        session.execute(
            update(Membership)
            .where(*theirs, Membership.last_import_id == brought.id)
            .values(last_import_id=undo["last"])
        )
    elif undo.get("joined"):
        # A later file of this list had them too: they are that one's now.
        session.execute(
            update(Membership)
            .where(*theirs, Membership.import_id == brought.id, Membership.last_import_id.is_not(None))
            .values(import_id=Membership.last_import_id, last_import_id=None, row=None)
        )
        session.execute(
            delete(Membership).where(*theirs, Membership.import_id == brought.id, Membership.row == issue.row)
        )
    session.flush()
    if undo.get("outcome") == "created":
        session.expunge(person)
        remove_people(session, [person.id])
    remove_phones(session, phones)


def _forget_change(
    session: Session, import_id: int, contact_id: int, fields: Sequence[str], phones: Sequence[int]
) -> None:
    change = session.get(ImportChange, (import_id, contact_id))
    if change is None:
        return
    change.fields = [name for name in change.fields if name not in fields]
    change.phones = [phone_id for phone_id in change.phones if phone_id not in phones]
    if not change.fields and not change.phones:
        session.delete(change)

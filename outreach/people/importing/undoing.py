"""An import taken back: who came by it alone goes, what it added to others goes, everybody else stays.

Somebody to whom a campaign points stays in the directory without this list, as what was sent to them must stay known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, literal, select, update
from sqlalchemy.orm import Session

from outreach.db import is_pointed_to
from outreach.people.importing.aside import Decision
from outreach.people.importing.storing import lock_imports
from outreach.people.models import (
    Contact,
    ContactPhone,
    ImportChange,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
)

# Tables whose rows go with a person, or live on without.
_PART_OF_A_PERSON = {"memberships", "contact_phones", "import_changes", "import_issues", "removed_phones"}


def undo_rows(session: Session, brought: ListImport, *, limit: int, now: datetime) -> int:
    """Take back up to `limit` of what an import did; how many, 0 once all is gone. In the caller's transaction."""
    lock_imports(session)
    done = _undo_memberships(session, brought, limit) or _undo_changes(session, brought, limit, now=now)
    if not done:
        _undo_rest(session, brought)
        brought.undone_at = now
    return done


def _undo_memberships(session: Session, brought: ListImport, limit: int) -> int:
    theirs = (Membership.list_id == brought.list_id, Membership.import_id == brought.id)
    rows = session.execute(
        select(Membership.contact_id, Membership.last_import_id)
        .where(*theirs)
        .order_by(Membership.contact_id)
        .limit(limit)
    ).all()
    # A later file of this list had them too: they are that one's now. Which row it was, it did not say.
    kept = [contact_id for contact_id, last in rows if last is not None]
    session.execute(
        update(Membership)
        .where(*theirs, Membership.contact_id.in_(kept))
        .values(import_id=Membership.last_import_id, last_import_id=None, row=None)
    )
    gone = [contact_id for contact_id, last in rows if last is None]
    session.execute(delete(Membership).where(*theirs, Membership.contact_id.in_(gone)))
    remove_people(session, gone)
    return len(rows)


def remove_people(session: Session, ids: Sequence[int]) -> None:
    """Those of them who stand in no list any more and to whom nothing points, with the numbers that were theirs alone."""
    table: Any = Contact.__table__
    elsewhere = exists(select(literal(1)).where(Membership.contact_id == table.c.id))
    removable = session.scalars(
        select(table.c.id).where(
            table.c.id.in_(ids), ~elsewhere, ~is_pointed_to(table, but=_PART_OF_A_PERSON)
        )
    ).all()
    phones = session.scalars(
        select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(removable)).distinct()
    ).all()
    session.execute(delete(Contact).where(Contact.id.in_(removable)))
    remove_phones(session, phones)


def remove_phones(session: Session, ids: Sequence[int]) -> None:
    """Numbers that nobody has any more; a suppression knows its number by the hash."""
    table: Any = Phone.__table__
    # A message that is being written to one of them holds it: what is asked next sees that message.
    session.execute(select(table.c.id).where(table.c.id.in_(ids)).order_by(table.c.id).with_for_update())
    session.execute(delete(Phone).where(table.c.id.in_(ids), ~is_pointed_to(table, but={"suppressions"})))


def _undo_changes(session: Session, brought: ListImport, limit: int, *, now: datetime) -> int:
    changes = session.scalars(
        select(ImportChange)
        .where(ImportChange.import_id == brought.id)
        .order_by(ImportChange.contact_id)
        .limit(limit)
    ).all()
    for change in changes:
        person = session.get_one(Contact, change.contact_id)
        for name in change.fields:
            setattr(person, name, "" if name == "village" else None)
        person.updated_at = now
        session.execute(
            delete(ContactPhone).where(
                ContactPhone.contact_id == person.id, ContactPhone.phone_id.in_(change.phones)
            )
        )
        session.delete(change)
    session.flush()
    remove_phones(session, [phone_id for change in changes for phone_id in change.phones])
    return len(changes)


def _undo_rest(session: Session, brought: ListImport) -> None:
    session.execute(
        update(Membership)
        .where(Membership.list_id == brought.list_id, Membership.last_import_id == brought.id)
        .values(last_import_id=None)
    )
    theirs = ImportIssue.import_id == brought.id
    # What an earlier file asked is asked there again.
    session.execute(
        update(ImportIssue)
        .where(ImportIssue.decision == Decision.SUPERSEDED, ~theirs)
        .where(ImportIssue.key.in_(select(ImportIssue.key).where(theirs)))
        .values(decision=None, decided_at=None)
    )
    session.execute(delete(ImportIssue).where(theirs))

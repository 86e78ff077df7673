"""Take an import back.

An import taken back: who came by it alone goes, what it added to others goes, everybody else stays.

Somebody to whom a campaign points stays in the directory without this list, as what was sent to them must stay known.

An import taken back by command, whether a page brought it in or a command.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, delete, exists, literal, select, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.contacts.suppressions import carry_opt_outs
from outreach.core.bulk import values_subquery
from outreach.core.db import is_referenced
from outreach.imports.issues import Decision
from outreach.imports.merge_contacts import reassign_contacts, remove_sightings
from outreach.imports.store_rows import lock_imports
from outreach.imports.uploads import ENDED, end_upload
from outreach.models.contacts import (
    Contact,
    ContactPhone,
    ImportChange,
    ImportIssue,
    ListImport,
    Membership,
    Phone,
    Upload,
    UploadState,
)
from outreach.rules.errors import NotFound, WrongState

# What is said of an opt-out that somebody's other numbers take over.
CARRIED = "Chuyển từ một số khác của người này, khi hoàn tác một lần nhập."
# Tables whose rows go with a person, or live on without.
_PART_OF_A_PERSON = {
    "memberships",
    "contact_phones",
    "import_changes",
    "import_issues",
    "removed_phones",
    "sightings",
}


def undo_import_rows(
    session: Session, brought: ListImport, *, limit: int, secret_key: str, now: datetime
) -> int:
    """Take back up to `limit` of what an import did; how many, 0 once all is gone. In the caller's transaction."""
    lock_imports(session)
    done = _undo_memberships(session, brought, limit, secret_key=secret_key, now=now)
    done = done or _undo_changes(session, brought, limit, secret_key=secret_key, now=now)
    if not done:
        _undo_rest(session, brought)
        brought.undone_at = now
    return done


def _undo_memberships(
    session: Session, brought: ListImport, limit: int, *, secret_key: str, now: datetime
) -> int:
    theirs = (Membership.list_id == brought.list_id, Membership.import_id == brought.id)
    people = session.scalars(
        select(Membership.contact_id).where(*theirs).order_by(Membership.contact_id).limit(limit)
    ).all()
    gone = sorted(reassign_contacts(session, people, brought=brought))
    session.execute(delete(Membership).where(*theirs, Membership.contact_id.in_(gone)))
    remove_people(session, gone, secret_key=secret_key, now=now)
    return len(people)


def remove_people(session: Session, ids: Sequence[int], *, secret_key: str, now: datetime) -> None:
    """Those of them who stand in no list any more and to whom nothing points, with the numbers that were theirs alone.

    An opt-out on one of their numbers outlives them on all of them, as suppressions do.
    """
    table: Any = Contact.__table__
    elsewhere = exists(select(literal(1)).where(Membership.contact_id == table.c.id))
    removable = session.scalars(
        select(table.c.id).where(
            table.c.id.in_(ids), ~elsewhere, ~is_referenced(table, but=_PART_OF_A_PERSON)
        )
    ).all()
    links = [
        (contact_id, phone_id)
        for contact_id, phone_id in session.execute(
            select(ContactPhone.contact_id, ContactPhone.phone_id).where(
                ContactPhone.contact_id.in_(removable)
            )
        )
    ]
    carry_opt_outs(session, links, source="import", note=CARRIED, secret_key=secret_key, now=now)
    session.execute(delete(Contact).where(Contact.id.in_(removable)))
    remove_phones(session, {phone_id for _person, phone_id in links})


def remove_links(
    session: Session,
    links: Collection[tuple[int, int]],
    *,
    secret_key: str,
    now: datetime,
) -> None:
    """These numbers are no more these people's (person, phone), who stay left alone where they opted out on one."""
    if not links:
        return
    carry_opt_outs(session, links, source="import", note=CARRIED, secret_key=secret_key, now=now)
    phones: dict[int, list[int]] = {}
    for contact_id, phone_id in links:
        phones.setdefault(contact_id, []).append(phone_id)
    for contact_id, theirs in phones.items():
        session.execute(
            delete(ContactPhone).where(
                ContactPhone.contact_id == contact_id, ContactPhone.phone_id.in_(theirs)
            )
        )
    session.flush()
    remove_phones(session, {phone_id for _person, phone_id in links})


def remove_phones(session: Session, ids: Collection[int]) -> None:
    """Numbers that nobody has any more; a suppression knows its number by the hash."""
    table: Any = Phone.__table__
    # A message that is being written to one of them holds it: what is asked next sees that message.
    session.execute(select(table.c.id).where(table.c.id.in_(ids)).order_by(table.c.id).with_for_update())
    session.execute(delete(Phone).where(table.c.id.in_(ids), ~is_referenced(table, but={"suppressions"})))


def restore_values(
    person: Contact, values: Mapping[str, Sequence[Any]], others: Sequence[ImportChange]
) -> None:
    """Give a person the values of before (name to that and the import's own), where the import's still stand and none of
    the other imports says the same.
    """
    for name, (before, value) in values.items():
        told = [other for other in others if name in other.fields]
        if any(other.fields[name][1] == value for other in told):
            continue
        if getattr(person, name) == value:
            setattr(person, name, before)
        for other in told:
            if other.fields[name][0] == value:
                other.fields = {**other.fields, name: [before, other.fields[name][1]]}


def others_of(
    session: Session, brought: ListImport, people: Collection[int]
) -> dict[int, list[ImportChange]]:
    """What other imports told of these people."""
    found: dict[int, list[ImportChange]] = {contact_id: [] for contact_id in people}
    for change in session.scalars(
        select(ImportChange).where(
            ImportChange.contact_id.in_(values_subquery(session, people, BigInteger)),
            ImportChange.import_id != brought.id,
        )
    ):
        found[change.contact_id].append(change)
    return found


def _undo_changes(
    session: Session, brought: ListImport, limit: int, *, secret_key: str, now: datetime
) -> int:
    changes = session.scalars(
        select(ImportChange)
        .where(ImportChange.import_id == brought.id)
        .order_by(ImportChange.contact_id)
        .limit(limit)
    ).all()
    others = others_of(session, brought, [change.contact_id for change in changes])
    links = []
    for change in changes:
        person, told = session.get_one(Contact, change.contact_id), others[change.contact_id]
        restore_values(person, change.fields, told)
        person.updated_at = now
        kept = {phone_id for other in told for phone_id in other.phones}
        links += [(person.id, phone_id) for phone_id in change.phones if phone_id not in kept]
        session.delete(change)
    session.flush()
    remove_links(session, links, secret_key=secret_key, now=now)
    return len(changes)


def _undo_rest(session: Session, brought: ListImport) -> None:
    remove_sightings(session, brought=brought)
    theirs = ImportIssue.import_id == brought.id
    # What an earlier file asked is asked there again.
    session.execute(
        update(ImportIssue)
        .where(ImportIssue.decision == Decision.SUPERSEDED, ~theirs)
        .where(ImportIssue.key.in_(select(ImportIssue.key).where(theirs)))
        .values(decision=None, decided_at=None)
    )
    session.execute(delete(ImportIssue).where(theirs))


def lock_import(session: Session, import_id: int) -> ListImport:
    """An import to be taken back, locked. Raises NotFound, WrongState while a page's is worked on or where
    it is undone already.
    """
    brought = session.get(ListImport, import_id, with_for_update=True)
    if brought is None:
        raise NotFound(f"Không có lần nhập số {import_id}.")
    upload = session.scalar(select(Upload).where(Upload.import_id == import_id).with_for_update())
    if brought.undone_at is not None or (upload is not None and upload.state not in ENDED):
        raise WrongState(f"Lần nhập số {import_id} đã được hoàn tác, hoặc đang được xử lý.")
    return brought


def finish_undo(session: Session, brought: ListImport, *, now: datetime) -> None:
    """All of an import was taken back: on record, and its page says so."""
    upload = session.scalar(select(Upload).where(Upload.import_id == brought.id))
    if upload is not None:
        end_upload(upload, UploadState.CANCELLED, now=now)
    audit.record(
        session, actor_id=None, action="contacts.undo", subject=f"contact_lists:{brought.list_id}", now=now
    )

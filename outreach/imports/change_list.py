"""Lists looked after: rename, archive and bring back, merge, split, remove.

An archived list is kept with all its people and is no longer offered. Merging adds the people of one list to another, with the
imports that brought them, and archives the first, so that campaigns that use it stay as they are. Of a removed list nothing is shown any more; people who
are in no other list go with it, except those to whom a campaign refers.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, false, or_, select, true, union, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role
from outreach.contacts.directory import require_all_people
from outreach.contacts.languages import forget_languages, remove_unused_spellings
from outreach.contacts.lists import create_list, free_name
from outreach.contacts.references import lock_removal
from outreach.core.db import is_referenced, set_columns
from outreach.imports.kept_values import remove_values
from outreach.imports.merged_rows import carry_people, forget_list
from outreach.imports.sightings import contained_by, lists_with, reassign_contacts, remove_sightings
from outreach.imports.store_rows import CHUNK, lock_imports
from outreach.imports.undo_import import remove_people, undo_changes, undo_issues
from outreach.imports.uploads import ENDED
from outreach.models.accounts import Role, User
from outreach.models.contacts import (
    Contact,
    ContactList,
    ContactPhone,
    ImportChange,
    ImportSighting,
    KeptValue,
    LegalBasis,
    ListImport,
    Membership,
    PhoneLanguage,
    Upload,
)
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.use_cases import use_case

_OWN_TABLES = {"list_imports", "uploads", "memberships"}


@use_case
def rename_list(session: Session, list_id: int, *, name: str, user: User, now: datetime) -> ContactList:
    """Give a list another name. Raises NotFound, NotAllowed, BadInput for an empty, long or taken name."""
    changed = _lock(session, list_id, user)
    before, plain = changed.name, " ".join(name.split())
    if plain != before:
        changed.name = free_name(session, plain, organisation_id=changed.organisation_id)
        audit.record_change(session, "list.rename", changed, user, now, {"name": (before, changed.name)})
    return changed


@use_case
def archive_list(session: Session, list_id: int, *, user: User, now: datetime) -> ContactList:
    """Archive a list, or bring an archived one back. Raises NotFound, NotAllowed."""
    changed = _lock(session, list_id, user)
    changed.archived_at = None if changed.archived_at else now
    audit.record(session, "list.archive" if changed.archived_at else "list.bring_back", changed, user, now)
    return changed


@use_case
def merge_list(session: Session, list_id: int, *, into: int, user: User, now: datetime) -> ContactList:
    """Add the people of a list to another one of the same organisation, and archive it. Returns the other one.

    Raises NotFound, NotAllowed, BadInput for the same list or one of another organisation, WrongState while a file is read, and where
    nobody of the list may be written to, but of the other.
    """
    lock_imports(session)
    source, target = _lock(session, list_id, user), _lock(session, into, user)
    if source.id == target.id or source.organisation_id != target.organisation_id:
        raise BadInput("list_merge_unfit")
    if source.basis is LegalBasis.NONE is not target.basis:
        raise WrongState("list_merge_basis")
    _refuse_busy(session, source, target)
    people = carry_people(session, source, target)
    source.archived_at = now
    audit.record(session, "list.merge", target, user, now, **{"from": source.id, "people": people})
    return target


@use_case
def split_list(
    session: Session, list_id: int, *, areas: Sequence[str], name: str, user: User, now: datetime
) -> ContactList:
    """Move the people of some communes into a new list with the same legal basis. Returns the new one.

    `areas` are codes of communes. Raises NotFound, NotAllowed, BadInput for a wrong name, or if nobody or everybody would
    be moved, WrongState while a file is read.
    """
    lock_imports(session)
    source = _lock(session, list_id, user)
    _refuse_busy(session, source)
    of_areas = select(Contact.id).where(Contact.area_code.in_(areas))
    moved = Membership.contact_id.in_(of_areas)
    members = select(Membership.contact_id).where(Membership.list_id == source.id).limit(1)
    if not session.scalar(members.where(moved)) or not session.scalar(members.where(~moved)):
        raise BadInput("list_split_empty")
    new = create_list(session, name=name, organisation_id=source.organisation_id, user=user, now=now)
    new.basis, new.basis_since, new.basis_note = source.basis, source.basis_since, source.basis_note
    # A campaign to the list still writes what it says.
    values = () if session.scalar(_is_used(source)) else (KeptValue,)
    people = carry_people(session, source, new, of_areas, leaving=(Membership, ImportSighting, *values))
    remove_values(session, false(), organisation_id=source.organisation_id)  # names without values
    audit.record(session, "list.split", source, user, now, to=new.id, people=people)
    return new


@use_case
def remove_list(session: Session, list_id: int, *, user: User, now: datetime) -> ContactList:
    """Remove a list with what its imports stored.

    Raises NotFound, NotAllowed, WrongState if a campaign or an activity uses it (then it can be archived) or a file is
    being read.
    """
    lock_imports(session)
    lock_removal(session)
    removed = _lock(session, list_id, user)
    if session.scalar(_is_used(removed)):
        raise WrongState("list_in_use", name=removed.name)
    _refuse_busy(session, removed)
    forget_list(session, removed)
    count = 0
    brought = (
        *(
            select(each).where(Membership.list_id == list_id)
            for each in (Membership.import_id, Membership.last_import_id)
        ),
        select(ImportSighting.import_id).where(ImportSighting.list_id == list_id),
    )
    brought_by = {*session.scalars(union(*brought))} - {None}
    members = select(Membership.contact_id).where(Membership.list_id == list_id)
    while people := session.scalars(members.order_by(Membership.contact_id).limit(CHUNK)).all():
        session.execute(
            delete(Membership).where(Membership.list_id == list_id, Membership.contact_id.in_(people))
        )
        remove_people(session, people, now=now)
        count += len(people)
    remove_values(session, KeptValue.list_id == list_id, organisation_id=removed.organisation_id)
    imports = select(ListImport.id).where(ListImport.list_id == list_id)
    of_list = or_(ListImport.list_id == list_id, ListImport.id.in_(brought_by))
    for list_import in session.scalars(select(ListImport).where(of_list)).all():
        others = lists_with(session, list_import)
        stay = select(Membership.contact_id).where(Membership.list_id.in_(others), contained_by(list_import))
        gone = ImportChange.contact_id.not_in(stay)
        while undo_changes(session, list_import, CHUNK, gone, now=now):
            pass
        kept_phones = select(ContactPhone.phone_id).where(ContactPhone.contact_id.in_(stay))
        while forget_languages(session, list_import, CHUNK, PhoneLanguage.phone_id.not_in(kept_phones)):
            pass
        if list_import.list_id != list_id:
            continue
        # Whom they brought to other lists stays there, as if put in by hand unless another import contained them.
        reassign_contacts(session, true(), list_import=list_import, lists=others)
        remove_sightings(session, list_import=list_import)
        undo_issues(session, list_import, now=now)
        theirs = (Membership.list_id.in_(others), Membership.import_id == list_import.id)
        set_columns(session, Membership, *theirs, import_id=None, row=None, unit="")
    for table in (ImportChange, PhoneLanguage):
        session.execute(delete(table).where(table.import_id.in_(imports)))
    remove_unused_spellings(session)
    session.execute(delete(ImportSighting).where(ImportSighting.list_id == list_id))
    session.execute(
        update(ListImport)
        .where(ListImport.list_id == list_id, ListImport.undone_at.is_(None))
        .values(undone_at=now)
    )
    removed.hidden = True
    audit.record(session, "list.remove", removed, user, now, people=count)
    return removed


def _lock(session: Session, list_id: int, user: User) -> ContactList:
    require_role(user, Role.STAFF, Role.APPROVER)
    shown = ~ContactList.hidden
    found = find_visible(session, ContactList, list_id, user, NotFound("list_not_found"), shown, lock=True)
    require_all_people(session, user, Membership.list_id == list_id)
    return found


def _refuse_busy(session: Session, *lists: ContactList) -> None:
    """Raise WrongState while a file is being read into a list: its later rows would go where nobody looks for them."""
    ids = [each.id for each in lists]
    busy = select(Upload.id).where(Upload.list_id.in_(ids), Upload.state.not_in(ENDED))
    if session.scalar(busy.limit(1)):
        raise WrongState("list_has_upload")


def _is_used(contact_list: ContactList) -> Select[int]:
    """Select the list's id if a campaign or an activity uses it."""
    table: Any = ContactList.__table__
    used = is_referenced(table, but=_OWN_TABLES)
    return select(ContactList.id).where(ContactList.id == contact_list.id, used)

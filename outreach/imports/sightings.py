"""Record of which imports contained a contact of a list again, so that each import can be undone by itself."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import BigInteger, case, delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from outreach.core.bulk import change_rows, values_subquery
from outreach.models.contacts import ImportSighting, ListImport, Membership


def record_sighting(session: Session, contacts: Collection[int], *, list_import: ListImport) -> None:
    """Record that this import contained contacts of the list again."""
    if not contacts:
        return
    memberships = (
        Membership.list_id == list_import.list_id,
        Membership.contact_id.in_(values_subquery(session, contacts, BigInteger)),
        Membership.import_id.is_distinct_from(list_import.id),
    )
    known = exists().where(
        ImportSighting.contact_id == Membership.contact_id,
        ImportSighting.import_id == Membership.last_import_id,
    )
    before = select(Membership.contact_id, Membership.last_import_id, Membership.list_id).where(
        *memberships, Membership.last_import_id != list_import.id, ~known
    )
    session.execute(insert(ImportSighting).from_select(["contact_id", "import_id", "list_id"], before))
    change_rows(session, update(Membership).where(*memberships).values(last_import_id=list_import.id))


def reassign_contacts(session: Session, contacts: Collection[int], *, list_import: ListImport) -> set[int]:
    """Reassign contacts that this import added to the next import that contained them.

    Their row is cleared, as the later import did not record it. Returns the contacts that no other import
    contained.
    """
    memberships = (
        Membership.list_id == list_import.list_id,
        Membership.import_id == list_import.id,
        Membership.contact_id.in_(values_subquery(session, contacts, BigInteger)),
    )
    between = (
        select(ImportSighting.contact_id, func.min(ImportSighting.import_id).label("import_id"))
        .where(ImportSighting.list_id == list_import.list_id, ImportSighting.import_id != list_import.id)
        .where(ImportSighting.contact_id.in_(values_subquery(session, contacts, BigInteger)))
        .group_by(ImportSighting.contact_id)
        .subquery()
    )
    next_imports: dict[int | None, set[int]] = {}
    for contact_id, last, other in session.execute(
        select(Membership.contact_id, Membership.last_import_id, between.c.import_id)
        .outerjoin(between, between.c.contact_id == Membership.contact_id)
        .where(*memberships)
    ):
        next_imports.setdefault(min(filter(None, (last, other)), default=None), set()).add(contact_id)
    unassigned = next_imports.pop(None, set())
    for import_id, people in next_imports.items():
        last = case((Membership.last_import_id == import_id, None), else_=Membership.last_import_id)
        change_rows(
            session,
            update(Membership)
            .where(*memberships[:2], Membership.contact_id.in_(values_subquery(session, people, BigInteger)))
            .values(import_id=import_id, last_import_id=last, row=None),
        )
    return unassigned


def remove_sightings(session: Session, *, list_import: ListImport) -> None:
    """Remove this import from the sightings; memberships that have it as the last get the one before it."""
    before = (
        select(func.max(ImportSighting.import_id))
        .where(
            ImportSighting.list_id == list_import.list_id,
            ImportSighting.contact_id == Membership.contact_id,
            ImportSighting.import_id.not_in((list_import.id, func.coalesce(Membership.import_id, 0))),
        )
        .scalar_subquery()
    )
    change_rows(
        session,
        update(Membership)
        .where(Membership.list_id == list_import.list_id, Membership.last_import_id == list_import.id)
        .values(last_import_id=before),
    )
    change_rows(session, delete(ImportSighting).where(ImportSighting.import_id == list_import.id))

"""How a person came to us: the lists that they stand in, each with its file, its row and the basis it is written to on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.access.models import Organisation, User
from outreach.people.directory import visible_lists
from outreach.people.models import ContactList, LegalBasis, ListImport, Membership


@dataclass(frozen=True, slots=True)
class Origin:
    """A list that a person stands in, with the import and the row that brought them."""

    list_id: int
    name: str
    organisation: str
    unit: str
    file_name: str | None
    imported_at: datetime | None
    row: int | None
    basis: LegalBasis | None
    basis_since: str | None


def read_origins(session: Session, contact_id: int, *, user: User) -> list[Origin]:
    """Through which lists we know a person, as far as the user may see them."""
    return origins_in(session, contact_id, lists=visible_lists(session, user))


def origins_in(session: Session, contact_id: int, *, lists: Collection[int] | None) -> list[Origin]:
    """Those of a person that are in these lists; None stands for the lists of all organisations."""
    query = (
        select(
            ContactList.id,
            ContactList.name,
            Organisation.name,
            Membership.unit,
            ListImport.file_name,
            ListImport.imported_at,
            Membership.row,
            ContactList.basis,
            ContactList.basis_since,
        )
        .join(ContactList, ContactList.id == Membership.list_id)
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(ListImport, ListImport.id == Membership.import_id)
        .where(Membership.contact_id == contact_id)
        .order_by(Organisation.name, ContactList.name)
    )
    if lists is not None:
        query = query.where(Membership.list_id.in_(lists))
    return [Origin(*row) for row in session.execute(query)]

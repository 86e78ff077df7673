"""What other systems call people: texts of their own, each for one person in the organisation of a token."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import BigInteger, delete, insert, select
from sqlalchemy.orm import Session

from outreach.core.bulk import change_rows, values_subquery
from outreach.models.contacts import ContactReference

# Printable ASCII without a space; "#" begins names of Loa's own.
REFERENCE = r"^[!\"$-~][!-~]{0,39}$"


def set_references(session: Session, organisation_id: int, contacts: Mapping[str, int]) -> None:
    """Store whom references mean; one that meant somebody else means this person from now on."""
    if not contacts:
        return
    change_rows(
        session,
        delete(ContactReference).where(
            ContactReference.organisation_id == organisation_id, ContactReference.reference.in_(contacts)
        ),
    )
    session.execute(
        insert(ContactReference),
        [
            {"organisation_id": organisation_id, "reference": reference, "contact_id": contact_id}
            for reference, contact_id in sorted(contacts.items())
        ],
    )


def find_referenced(session: Session, organisation_id: int, reference: str) -> int | None:
    """Return the id of the person whom an organisation's systems call so, or None."""
    return session.scalar(
        select(ContactReference.contact_id).where(
            ContactReference.organisation_id == organisation_id, ContactReference.reference == reference
        )
    )


def read_references(session: Session, contact_ids: Collection[int]) -> dict[tuple[int, int], str]:
    """Return what people are called, by organisation and person; of several names the first."""
    if not contact_ids:
        return {}
    rows = session.execute(
        select(ContactReference.organisation_id, ContactReference.contact_id, ContactReference.reference)
        .where(ContactReference.contact_id.in_(values_subquery(session, contact_ids, BigInteger)))
        .order_by(ContactReference.reference.desc())
    )
    return {(organisation_id, contact_id): reference for organisation_id, contact_id, reference in rows}

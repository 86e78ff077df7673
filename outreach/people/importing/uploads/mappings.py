"""What an organisation's officers said of columns, remembered for the next file with the same header."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.people.models import ColumnMapping, ContactList, Upload
from outreach.people.reading.labels import PHONE


def read_mappings(session: Session, list_id: int) -> dict[str, dict[str, str]]:
    """Columns named by hand by the header's signature, of the organisation that the list belongs to."""
    rows = session.scalars(
        select(ColumnMapping)
        .join(ContactList, ContactList.organisation_id == ColumnMapping.organisation_id)
        .where(ContactList.id == list_id)
    )
    return {each.signature: each.columns for each in rows}


def remember_mappings(session: Session, upload: Upload) -> None:
    """Remember the columns of the headers that this file has, where a person named them and phones among them."""
    owner = session.get_one(ContactList, upload.list_id).organisation_id
    headers: list[dict[str, Any]] = upload.preview.get("sheets", [])
    for signature in {sheet["signature"] for sheet in headers} & upload.corrected.keys():
        columns = upload.corrected[signature]
        if PHONE in columns.values():
            session.merge(ColumnMapping(organisation_id=owner, signature=signature, columns=columns))

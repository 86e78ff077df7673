"""What was understood of a list before anything is stored: its columns, its first rows, and its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.people.masking import masked
from outreach.people.models import Contact, ContactPhone, Phone
from outreach.people.names import name_key
from outreach.people.phone.cells import PhoneStatus
from outreach.people.reading.checking import CheckedRow
from outreach.people.reading.columns import ROWS_SEARCHED, cell_text, find_header
from outreach.people.reading.files import read_sheets

# Rows shown as they will be stored, and the longest text of a cell among them.
ROWS_SHOWN = 20
_LONGEST = 60


def describe_columns(path: Path) -> list[dict[str, Any]]:
    """Each sheet that holds people, with its labels and what each column is taken for ("" where it is not read)."""
    sheets = []
    for sheet in read_sheets(path):
        first = list(islice((row for row in sheet.rows if any(map(cell_text, row))), ROWS_SEARCHED))
        header = find_header(first)
        if header is None:
            continue
        meanings = {position: column.value for column, position in header.columns.items()}
        meanings |= dict.fromkeys(header.phones, "phone")
        width = max([len(header.labels), *(position + 1 for position in meanings)])
        labels = [*header.labels, *[""] * (width - len(header.labels))]
        sheets.append(
            {
                "sheet": sheet.name,
                "columns": [
                    [label[:_LONGEST], meanings.get(position, "")]
                    for position, label in enumerate(labels)
                    if label or position in meanings
                ],
            }
        )
    return sheets


def show_row(row: CheckedRow) -> dict[str, Any]:
    """A row as it will be stored. Numbers are masked: the preview stays in the database."""
    return {
        "row": row.row,
        "name": row.name[:_LONGEST],
        "birth_year": row.birth_year,
        "sex": row.sex.value if row.sex else "",
        "village": row.village[:_LONGEST],
        "commune": row.commune[:_LONGEST],
        "area_code": row.place.code or "",
        "unit": row.unit[:_LONGEST],
        "has_smartphone": row.has_smartphone,
        "phones": [masked(number) for number in row.phone.numbers],
        "status": row.phone.status.value,
        "reason": row.phone.reason or "",
    }


class Tally:
    """Counts a file's rows as the import would take them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter(
            dict.fromkeys(("rows", "ok", "review", "reject", "duplicates", "known", "no_place"), 0)
        )
        self._seen: set[int] = set()

    def add(self, session: Session, rows: Sequence[CheckedRow]) -> None:
        """duplicates: the same person on the same phone further up in this file. known: one of the directory."""
        good = [row for row in rows if row.phone.status is PhoneStatus.OK]
        known = _known(session, good)
        self.counts["rows"] += len(rows)
        for row in rows:
            self.counts[row.phone.status.value] += 1
        for row in good:
            key = name_key(row.name)
            people = [(number, key) for number in row.phone.numbers]
            # Of a million rows the hashes alone are kept.
            hashes = [hash(person) for person in people]
            if any(each in self._seen for each in hashes):
                self.counts["duplicates"] += 1
            elif any(person in known for person in people):
                self.counts["known"] += 1
            self._seen.update(hashes)
            self.counts["no_place"] += row.place.code is None


def _known(session: Session, rows: Sequence[CheckedRow]) -> set[tuple[str, str]]:
    numbers = {number for row in rows for number in row.phone.numbers}
    found = session.execute(
        select(Phone.e164, Contact.name_key)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .join(Contact, Contact.id == ContactPhone.contact_id)
        .where(Phone.e164.in_(numbers))
    )
    return {(e164, key) for e164, key in found}

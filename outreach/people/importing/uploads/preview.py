"""What was understood of a list before anything is stored: its columns, its first rows, and its counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import String, select
from sqlalchemy.orm import Session

from outreach.bulk import listed
from outreach.people.erased import find_erased
from outreach.people.masking import masked
from outreach.people.models import Contact, ContactPhone, Phone
from outreach.people.phone.cells import PhoneStatus
from outreach.people.reading.cells import cell_text
from outreach.people.reading.columns import ROWS_SEARCHED
from outreach.people.reading.labels import NOT_READ
from outreach.people.reading.lists import LEFT_OUT, read_list_sheets
from outreach.people.reading.rows import CheckedRow

# Rows shown as they will be stored, and the longest text of a cell among them.
ROWS_SHOWN = 20
LINES_OFFERED = 15  # to choose the header from
_LONGEST = 60
_EXAMPLES = 3
_LONGEST_EXAMPLE = 30
_LONG_NUMBER = re.compile(r"(\d{2,4})[\d .\-]{2,}(\d{3})")


def describe_columns(path: Path, corrected: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Each sheet that holds people: its header's line and signature, the lines that may be it with the beginning of
    what they say, and each column's position, label, what it is taken for ("" where it is not read, NOT_READ where it
    may not be) and first texts. Long numbers are masked. A sheet that is left out has LEFT_OUT for its line, no signature and no columns.
    """
    sheets = []
    for sheet in read_list_sheets(path, corrected):
        header = sheet.header
        if header is None:
            continue
        meanings = header.meanings()
        below = [row for _, row in islice(sheet.rows, ROWS_SEARCHED)]
        width = max(len(header.labels), *(position + 1 for position in {*meanings, *header.sensitive}), 0)
        columns = []
        for position, label in enumerate([*header.labels, *[""] * width][:width]):
            hidden = position in header.sensitive
            examples = [] if hidden else _examples(row[position] for row in below if position < len(row))
            if label or examples or hidden or position in meanings:
                meaning = NOT_READ if hidden else meanings.get(position, "")
                columns.append([position, label[:_LONGEST], meaning, examples])
        lines = [
            [line, _beginning(cell for position, cell in enumerate(row) if position not in header.sensitive)]
            for line, row in sheet.first
            if len(sheet.first) <= LINES_OFFERED or line <= max(sheet.line, sheet.first[LINES_OFFERED][0])
        ]
        found = {"sheet": sheet.name, "signature": header.signature, "line": sheet.line, "columns": columns}
        if sheet.is_left_out:
            found |= {"signature": "", "line": LEFT_OUT, "columns": []}
        sheets.append({**found, "lines": lines})
    return sheets


def _beginning(cells: Iterable[object]) -> str:
    return _masked_text(" · ".join(text for cell in cells if (text := cell_text(cell))))


def _examples(cells: Iterable[object]) -> list[str]:
    texts = (text for cell in cells if (text := cell_text(cell)))
    return [_masked_text(text)[:_LONGEST_EXAMPLE] for text in islice(texts, _EXAMPLES)]


def _masked_text(text: str) -> str:
    return _LONG_NUMBER.sub(r"\1•••\2", text)[:_LONGEST]


def show_row(row: CheckedRow) -> dict[str, Any]:
    """A row as it will be stored. Numbers are masked wherever a wrong guess may have put them."""
    return {
        "sheet": row.sheet,
        "line": row.line,
        "name": _masked_text(row.name),
        "birth_year": row.birth_year,
        "birth_doubt": row.birth_doubt,
        "sex": row.sex.value if row.sex else "",
        "village": _masked_text(row.village),
        "commune": _masked_text(row.commune),
        "area_code": row.place.code,
        "phones": [masked(number) for number in row.phone.numbers],
        "status": row.phone.status.value,
        "reason": row.phone.reason or "",
    }


class Tally:
    """Counts a file's rows as the import would take them."""

    def __init__(self, secret_key: str) -> None:
        self._secret_key = secret_key
        self.counts: Counter[str] = Counter(
            dict.fromkeys(
                ("rows", "ok", "review", "reject", "duplicates", "known", "no_place", "questions"), 0
            )
        )
        self._seen: set[int] = set()

    def add(self, session: Session, rows: Sequence[CheckedRow]) -> None:
        """duplicates: the same person on the same phone further up in this file. known: one of the directory."""
        good = [row for row in rows if row.phone.status is PhoneStatus.OK]
        known = _known(session, good)
        self.counts["rows"] += len(rows)
        for row in rows:
            self.counts[row.phone.status.value] += 1
        erased = find_erased(session, good, secret_key=self._secret_key)
        for row in good:
            people = [(number, row.name_key) for number in row.phone.numbers]
            # Of a million rows the hashes alone are kept.
            hashes = [hash(person) for person in people]
            if any(each in self._seen for each in hashes):
                self.counts["duplicates"] += 1
            elif any(person in known for person in people):
                self.counts["known"] += 1
            elif row.row in erased:  # asked about, as a doubtful number is
                self.counts["ok"] -= 1
                self.counts["review"] += 1
                continue
            self._seen.update(hashes)
            self.counts["no_place"] += row.place.code is None
            self.counts["questions"] += bool(row.birth_doubt)


def _known(session: Session, rows: Sequence[CheckedRow]) -> set[tuple[str, str]]:
    numbers = {number for row in rows for number in row.phone.numbers}
    found = session.execute(
        select(Phone.e164, Contact.name_key)
        .join(ContactPhone, ContactPhone.phone_id == Phone.id)
        .join(Contact, Contact.id == ContactPhone.contact_id)
        .where(Phone.e164.in_(listed(session, numbers, String)))
    )
    return {(e164, key) for e164, key in found}

"""What was understood of a list before anything is stored: its columns, its first rows, and its counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from outreach.contacts.phones import find_phones
from outreach.imports.erasures import find_erased
from outreach.imports.file_reader import HiddenContent
from outreach.imports.issues import OTHER_COMMUNE, IssueStatus, count_issues
from outreach.imports.list_reader import SKIPPED, read_list_sheets
from outreach.imports.merge_contacts import ContactMerger
from outreach.imports.store_rows import match_row, questions_about
from outreach.models.contacts import ListImport
from outreach.rules.identity import mask_number
from outreach.rules.list_columns import ROWS_SEARCHED, SENSITIVE, cell_text
from outreach.rules.list_rows import CheckedRow
from outreach.rules.phone_numbers import PhoneStatus

# Rows shown as they will be stored, and the longest text of a cell among them.
ROWS_SHOWN = 20
LINES_OFFERED = 15  # to choose the header from
_LONGEST = 60
_EXAMPLES = 3
_LONGEST_EXAMPLE = 30
_LONG_NUMBER = re.compile(r"(\d{2,4})[\d .\-]{2,}(\d{3})")


def describe_sheets(path: Path, corrected: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """How a file was understood. `sheets`: each sheet that holds people: its header's line and signature, the lines that may be it with the beginning of
    what they say, and each column's position, label, what it is taken for ("" where it is not read, NOT_READ where it
    may not be) and first texts. Long numbers are masked. A sheet that is left out has LEFT_OUT for its line, no signature and no columns.
    `hidden_sheets` and `other_sheets`: names of those that are not read, the others as they are no lists.
    `hidden_rows`: how many nobody sees who opens the file, and are read.
    """
    sheets, unseen, others = list[dict[str, Any]](), HiddenContent(), list[str]()
    for sheet in read_list_sheets(path, corrected, unseen):
        header = sheet.header
        if header is None:
            others += [sheet.name] if sheet.first else []
            continue
        meanings = header.meanings()
        below = [row for _, row in islice(sheet.rows, ROWS_SEARCHED)]
        width = max(len(header.labels), *(position + 1 for position in {*meanings, *header.sensitive}), 0)
        columns = []
        for position, label in enumerate([*header.labels, *[""] * width][:width]):
            hidden = position in header.sensitive
            examples = [] if hidden else _examples(row[position] for row in below if position < len(row))
            if label or examples or hidden or position in meanings:
                meaning = SENSITIVE if hidden else meanings.get(position, "")
                columns.append([position, label[:_LONGEST], meaning, examples])
        lines = [
            [line, _beginning(cell for position, cell in enumerate(row) if position not in header.sensitive)]
            for line, row in sheet.first
            if len(sheet.first) <= LINES_OFFERED or line <= max(sheet.line, sheet.first[LINES_OFFERED][0])
        ]
        found = {"sheet": sheet.name, "signature": header.signature, "line": sheet.line, "columns": columns}
        if sheet.is_left_out:
            found |= {"signature": "", "line": SKIPPED, "columns": []}
        sheets.append({**found, "lines": lines})
    return {
        "sheets": sheets,
        "hidden_sheets": unseen.sheets,
        "other_sheets": others,
        "hidden_rows": unseen.rows,
    }


def _beginning(cells: Iterable[object]) -> str:
    return _masked_text(" · ".join(text for cell in cells if (text := cell_text(cell))))


def _examples(cells: Iterable[object]) -> list[str]:
    texts = (text for cell in cells if (text := cell_text(cell)))
    return [_masked_text(text)[:_LONGEST_EXAMPLE] for text in islice(texts, _EXAMPLES)]


def _masked_text(text: str) -> str:
    return _LONG_NUMBER.sub(r"\1•••\2", text)[:_LONGEST]


def show_row(row: CheckedRow, status: str, reason: str) -> dict[str, Any]:
    """A row as it will be stored, or why it will not. Numbers are masked wherever a wrong guess may have put them."""
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
        "phones": [mask_number(number) for number in row.phone.numbers],
        "status": status,
        "reason": reason,
    }


_IssueRow = tuple[CheckedRow, IssueStatus, str, int | None]


class PreviewCounts:
    """Counts a file's rows as the import into a list would take them."""

    def __init__(self, list_id: int, secret_key: str) -> None:
        self._brought = ListImport(id=0, list_id=list_id)  # of no row yet, and never stored
        self._secret_key = secret_key
        self.counts: Counter[str] = Counter(
            dict.fromkeys(
                ("rows", "ok", "review", "reject", "duplicates", "known", "no_place", "questions", "moved"), 0
            )
        )
        self._seen: set[int] = set()
        self._joined: set[int] = set()

    def add(self, session: Session, rows: Sequence[CheckedRow]) -> list[tuple[str, str]]:
        """Each row's status, and the reason why it is not ok.

        duplicates: the same person on the same phone further up in this file. known: one of the directory; moved: of these,
        whom another commune is known of.
        """
        good = [row for row in rows if row.phone.status is PhoneStatus.OK]
        erased = find_erased(session, good, secret_key=self._secret_key)
        known = find_phones(session, {number for row in good for number in row.phone.numbers})
        new = (number for row in good if row.row not in erased for number in row.phone.numbers)
        phones = {number: -place for place, number in enumerate(new, 1)} | known  # new ones have no id yet
        merger = ContactMerger(
            session,
            self._brought,
            phones=phones,
            in_use=known.values(),
            known_areas=set(),
            now=datetime.now(UTC),
        )
        told = list[tuple[str, str]]()
        issues, moved = list[_IssueRow](), list[_IssueRow]()
        for row in rows:
            # Of a million rows the hashes alone are kept.
            hashes = [hash((number, row.name_key)) for number in row.phone.numbers]
            is_ok = row.phone.status is PhoneStatus.OK
            if is_ok and any(each in self._seen for each in hashes):
                self.counts["duplicates"] += 1
            else:
                person, why_not = match_row(row, merger, phones=phones, erased=erased)
                if why_not and why_not[2] not in self._joined:
                    issues.append((row, *why_not))
                    told.append((why_not[0].value, why_not[1]))
                    continue
                if person:
                    self.counts["known"] += 1
                    if OTHER_COMMUNE in questions_about(row, person, {row.place.code}):
                        moved.append((row, IssueStatus.QUESTION, OTHER_COMMUNE, person.id))
                    if not merger.stands_in_list(person):
                        self._joined.add(person.id)
                    merger.merge_row(row, person)
            told.append((PhoneStatus.OK.value, ""))
            self._seen.update(hashes)
            self.counts["no_place"] += row.place.code is None
            self.counts["questions"] += bool(row.birth_doubt)
        asked = count_issues(session, moved, brought=self._brought)
        self.counts["moved"] += asked.count(IssueStatus.QUESTION)
        kept = count_issues(session, issues, brought=self._brought)
        self.counts["known"] += kept.count(None)  # taken before
        self.counts.update(status.value for status in kept if status)
        self.counts["ok"] += len(rows) - len(issues) + kept.count(None)
        self.counts["rows"] += len(rows)
        return told

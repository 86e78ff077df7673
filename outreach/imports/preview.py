"""Preview of an upload before anything is stored: its columns, first rows and counts."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.contacts.phones import find_phones
from outreach.contacts.place_questions import apply_answers
from outreach.imports.erasures import find_erased
from outreach.imports.file_reader import HiddenContent
from outreach.imports.issues import BIRTH_UNCLEAR, OTHER_COMMUNE, Issue, IssueStatus, count_issues
from outreach.imports.list_reader import SKIPPED, read_list_sheets
from outreach.imports.merge_contacts import ContactMerger, ImportedContact
from outreach.imports.store_rows import Find, as_issue, match_parts, match_row, questions_about
from outreach.models.contacts import ListImport
from outreach.models.places import Area
from outreach.rules.cells import Row, cell_text
from outreach.rules.identity import mask_number
from outreach.rules.kept_values import value_text
from outreach.rules.list_columns import ROWS_SEARCHED, Header
from outreach.rules.list_labels import SENSITIVE
from outreach.rules.list_rows import CheckedRow
from outreach.rules.people_beside import looks_wrong
from outreach.rules.phone_numbers import PhoneStatus

ROWS_SHOWN = 20
DOUBTS_KEPT = 1000  # rows that need an eye; the counts have them all
UNFIT_KEPT = 50
NAMES_SHOWN = 20  # that look wrong
_NAMED = 10  # people of one file about whom its rows say different things
LINES_OFFERED = 15  # to choose the header from
_MAX_TEXT = 60  # characters of a cell or label
_EXAMPLES = 3
_MAX_EXAMPLE = 30
_LONG_NUMBER = re.compile(r"(\d{2,4})[\d .\-]{2,}(\d{3})")


def describe_sheets(path: Path, corrected: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return how a file was understood, for the page where the officer confirms it.

    `sheets`: of each sheet with people its name, the header's line and signature; `lines` that may be the
    header, each with the beginning of its text; `columns`, each with its position, label, meaning ("" if it
    is not read, SENSITIVE if it must not be) and first texts. Long numbers are masked. A sheet that is left
    out has SKIPPED for its line, no signature and no columns.
    `hidden_sheets`, `other_sheets`: names of sheets that are not read; the others are no lists.
    `hidden_rows`: how many rows are hidden in the workbook, but read.
    """
    sheets, unseen, others = list[dict[str, Any]](), HiddenContent(), list[str]()
    for sheet in read_list_sheets(path, corrected, unseen):
        header = sheet.header
        if header is None:
            others += [sheet.name] if sheet.first else []
            continue
        columns = _describe_columns(header, [row for _, row in islice(sheet.rows, ROWS_SEARCHED)])
        lines = [
            [line, _beginning(cell for position, cell in enumerate(row) if position not in header.sensitive)]
            for line, row in sheet.first
            if len(sheet.first) <= LINES_OFFERED or line <= max(sheet.line, sheet.first[LINES_OFFERED][0])
        ]
        description = {
            "sheet": sheet.name,
            "signature": header.signature,
            "line": sheet.line,
            "columns": columns,
            "guessed": header.guessed,
            "is_turned": sheet.is_turned,
            "lines": lines,
        }
        left_out = {"signature": "", "line": SKIPPED, "columns": []} if sheet.is_left_out else {}
        sheets.append(description | left_out)
    return {
        "sheets": sheets,
        "hidden_sheets": unseen.sheets,
        "other_sheets": others,
        "hidden_rows": unseen.rows,
    }


def _beginning(cells: Iterable[object]) -> str:
    return _masked_text(" · ".join(text for cell in cells if (text := cell_text(cell))))


def _describe_columns(header: Header, below: Sequence[Row]) -> list[list[Any]]:
    """Return columns that have a label, a meaning or texts: position, label, meaning, first texts."""
    meanings, columns = header.meanings(), list[list[Any]]()
    width = max(len(header.labels), *(position + 1 for position in {*meanings, *header.sensitive}), 0)
    for position, label in enumerate([*header.labels, *[""] * width][:width]):
        hidden = position in header.sensitive
        read = value_text if position in header.fields.values() else cell_text
        cells = () if hidden else (row[position] for row in below if position < len(row))
        texts = islice(filter(None, map(read, cells)), _EXAMPLES)
        examples = [_masked_text(text)[:_MAX_EXAMPLE] for text in texts]
        if label or examples or hidden or position in meanings:
            meaning = SENSITIVE if hidden else meanings.get(position, "")
            columns.append([position, label[:_MAX_TEXT], meaning, examples])
    return columns


def _masked_text(text: str) -> str:
    return _LONG_NUMBER.sub(r"\1•••\2", text)[:_MAX_TEXT]


def show_row(row: CheckedRow, status: str, reason: str) -> dict[str, Any]:
    """Return a row as it will be stored, or why it will not be.

    Numbers are masked in every text, as a wrong guess of columns may have put them there.
    """
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
        "former": row.place.former,
        "phones": [mask_number(number) for number in row.phone.numbers],
        "values": dict(row.values),
        "status": status,
        "reason": reason,
    }


def show_doubt(row: CheckedRow, status: str, reason: str, *, sheet: int) -> dict[str, Any]:
    """Return a row that needs an eye, with its cell as written and what was read; `sheet` is its place in the preview.

    `may_take`: what was read may be taken as it is. `may_type`: its number may be corrected here.
    """
    is_number = row.phone.status is not PhoneStatus.OK
    return {
        **show_row(row, status, reason),
        "key": f"{sheet}.{row.line}",
        "written": row.phone_text,
        "read": list(row.phone.numbers),
        "people": [each.name for each in row.people],
        "note": _masked_text(row.note),
        "may_take": is_number and bool(row.phone.numbers),
        "may_type": is_number,
    }


class PreviewRows:
    """Rows that the page shows, by its parts: the first, those that need an eye, cells that are not kept, names that look wrong."""

    def __init__(self, understood: Mapping[str, Any]) -> None:
        self.parts: dict[str, list[dict[str, Any]]] = {"rows": [], "doubts": [], "unfit": [], "odd_names": []}
        self._places = {each["sheet"]: n for n, each in enumerate(understood["sheets"])}

    def add(self, rows: Sequence[CheckedRow], outcomes: Sequence[tuple[str, str]]) -> None:
        """Show what there is still room for, of rows with their status and reason."""
        both = [(row, status, reason) for row, (status, reason) in zip(rows, outcomes, strict=True)]
        self._show("rows", ROWS_SHOWN, (show_row(*each) for each in both))
        doubts = (each for each in both if each[1] != PhoneStatus.OK)
        shown = (show_doubt(*each, sheet=self._places.get(each[0].sheet, 0)) for each in doubts)
        self._show("doubts", DOUBTS_KEPT, shown)
        # Without the cell.
        unfit = ((row.line, *each) for row in rows if row.unfit for each in row.unfit.items())
        said = ({"line": line, "name": name, "reason": why.value} for line, name, why in unfit)
        self._show("unfit", UNFIT_KEPT, said)
        odd = (row for row in rows if row.phone.numbers and looks_wrong(row.name))
        named = (
            {"line": row.line, "name": _masked_text(row.name), "area_code": row.place.code} for row in odd
        )
        self._show("odd_names", NAMES_SHOWN, named)

    def _show(self, part: str, most: int, shown: Iterable[dict[str, Any]]) -> None:
        self.parts[part] += islice(shown, most - len(self.parts[part]))


class _ValuesOfPeople:
    """Values of a file's columns for texts: who has one, and of whom two rows say different things. The first row counts."""

    def __init__(self) -> None:
        self.differing: dict[int, dict[str, Any]] = {}  # of the first people, by what they are known by
        self._fields: Counter[str] = Counter()
        self._people = 0
        self._taken: dict[tuple[int, str], tuple[str, int]] = {}  # value and row; memory: none for most lists
        self._told = set[int]()

    def add(self, keys: Sequence[int], row: CheckedRow, *, is_new: bool) -> bool:
        """Note the values of a person known by `keys`. Returns whether this is the first row to say something different."""
        if not row.header.fields:
            return False
        self._people += is_new
        self._fields.update(dict.fromkeys(row.header.fields, 0))
        known, differs = keys[0], False
        for name, value in row.values.items():
            before = next((self._taken[key, name] for key in keys if (key, name) in self._taken), None)
            if before is None:
                self._fields[name] += 1
            for key in keys:
                self._taken.setdefault((key, name), before or (value, row.row))
            if before and before[0] != value:
                differs = differs or self._told.isdisjoint(keys)
                self._told.update(keys)
                self._name(known, row, name, before)
        return differs

    def _name(self, key: int, row: CheckedRow, name: str, before: tuple[str, int]) -> None:
        if key not in self.differing and len(self.differing) < _NAMED:
            self.differing[key] = {
                "name": _masked_text(row.name),
                "area_code": row.place.code,
                "row": before[1],
                "fields": {},
            }
        if key in self.differing:
            said: list[str] = self.differing[key]["fields"].setdefault(name, [before[0]])
            if row.values[name] not in said:
                said.append(row.values[name])

    def having(self) -> list[list[Any]]:
        """Return each field with how many people have a value and how many have none."""
        return [[name, n, max(self._people - n, 0)] for name, n in sorted(self._fields.items())]


_COUNTED = (
    *("rows", "ok", "review", "reject", "duplicates", "known", "no_place", "questions", "moved"),
    *("at_the_door", "values", "unfit_values", "differing"),
)


class PreviewCounts:
    """Counter of what the import of a file would do to a list, without storing anything."""

    def __init__(self, list_id: int, secret_key: str) -> None:
        self._list_import = ListImport(id=0, list_id=list_id)  # never added to a session
        self._secret_key = secret_key
        self.counts: Counter[str] = Counter(dict.fromkeys(_COUNTED, 0))
        self.of_people = _ValuesOfPeople()
        self._seen: set[int] = set()
        self._merged: set[int] = set()

    def add(self, session: Session, rows: Sequence[CheckedRow]) -> list[tuple[str, str]]:
        """Count rows. Returns each row's status, and the reason if it is not ok.

        duplicates: the same person on the same phone further up in this file. known: in the directory
        already. moved: known, but with another commune. at_the_door: of `reject`, those who are stored for visits.
        values: cells that are kept for texts; unfit_values: those of the same columns that are not. differing: people of
        whom two rows have different values.
        """
        apply_answers(session, rows)
        merger, find = self._open_merger(session, rows)
        refused, questions = list[tuple[int, Issue]](), list[Issue]()
        for place, row in enumerate(rows):
            self.counts["values"] += len(row.values)
            self.counts["unfit_values"] += len(row.unfit)
            # Memory: only hashes are kept, of up to a million rows.
            hashes = [hash((number, row.name_key)) for number in row.phone.numbers]
            is_new = row.phone.status is not PhoneStatus.OK or self._seen.isdisjoint(hashes)
            if is_new:
                matches, refusal = match_parts(row, find)
                issue = as_issue(row, refusal) if refusal else None
                if issue and issue[3] not in self._merged:
                    refused.append((place, issue))
                    self.counts["at_the_door"] += row.is_at_the_door and issue[1] is IssueStatus.REJECT
                    continue
                if person := matches[0][1]:  # whom the row is about
                    questions += self._merge(row, person, merger)
                else:
                    self.counts["questions"] += bool(row.birth_doubt)
            self.counts["duplicates"] += not is_new
            self.counts["differing"] += self.of_people.add(hashes, row, is_new=is_new)
            self._seen.update(hashes)
            self.counts["no_place"] += row.place.code is None
        counted = count_issues(session, questions, list_import=self._list_import)
        asked = [issue[2] for issue, status in zip(questions, counted, strict=True) if status]
        statuses = count_issues(session, [issue for _, issue in refused], list_import=self._list_import)
        accepted = statuses.count(None)  # by an earlier decision
        self.counts.update(filter(None, statuses))
        self.counts.update(
            rows=len(rows),
            ok=len(rows) - len(refused) + accepted,
            moved=asked.count(OTHER_COMMUNE),
            questions=asked.count(BIRTH_UNCLEAR),
            known=accepted,
        )
        outcomes = [(PhoneStatus.OK.value, "")] * len(rows)
        for (place, issue), status in zip(refused, statuses, strict=True):
            outcomes[place] = (status.value, issue[2]) if status else outcomes[place]
        return outcomes

    def _open_merger(self, session: Session, rows: Sequence[CheckedRow]) -> tuple[ContactMerger, Find]:
        """Return the merger of these rows, which stores nothing, and what finds whom a row is about."""
        good = [row for row in rows if row.phone.status is PhoneStatus.OK]
        parts = [part for row in rows for part in row.parts()]
        erased = find_erased(session, parts, secret_key=self._secret_key)
        known = find_phones(session, {number for row in good for number in row.phone.numbers})
        new = (number for row in good if row.row not in erased for number in row.phone.numbers)
        # New ones have no id yet: negative numbers stand in for it.
        phones = {number: -place for place, number in enumerate(new, 1)} | known
        merger = ContactMerger(
            session,
            self._list_import,
            phones=phones,
            in_use=known.values(),
            known_areas=set(session.scalars(select(Area.code))),
            now=datetime.now(UTC),
        )
        merger.load_namesakes(parts)
        return merger, partial(match_row, merger=merger, phones=phones, erased=erased)

    def _merge(self, row: CheckedRow, person: ImportedContact, merger: ContactMerger) -> list[Issue]:
        """Merge a row into somebody who is known. Returns the questions about them."""
        self.counts["known"] += 1
        asked = questions_about(row, person, {row.place.code})
        if not merger.is_in_list(person):
            self._merged.add(person.id)
        merger.merge_row(row, person)
        return [(row, IssueStatus.QUESTION, question, person.id) for question in asked]

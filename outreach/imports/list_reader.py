"""Reader of contact lists: from a file's sheets to their headers and checked rows.

The rows are in Unicode, each with its number in the sheet. `contacts check` writes them out, the import
stores them.

The preview of an upload shows its columns, first rows and counts before anything is stored.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.contacts.phones import find_phones
from outreach.contacts.place_questions import apply_answers
from outreach.core.db import advance
from outreach.core.whole_file import whole_file
from outreach.imports.erasures import find_erased
from outreach.imports.file_reader import HiddenContent, RawSheet
from outreach.imports.issues import BIRTH_UNCLEAR, OTHER_COMMUNE, Issue, IssueStatus, count_issues
from outreach.imports.merge_contacts import ContactMerger, ImportedContact
from outreach.imports.sheet_process import read_sheets
from outreach.imports.store_rows import Find, as_issue, match_parts, match_row, questions_about
from outreach.models.accounts import Area
from outreach.models.contacts import ListImport
from outreach.rules.cells import Row, cell_at, cell_text
from outreach.rules.errors import BadInput, BadList
from outreach.rules.gazetteer import Gazetteer
from outreach.rules.identity import mask_number
from outreach.rules.kept_values import value_text
from outreach.rules.legacy_fonts import LegacyEncoding, count_syllables, guess_legacy_encoding, to_unicode
from outreach.rules.list_columns import (
    NO_HEADER,
    ROWS_OF_TABLE,
    ROWS_SEARCHED,
    SENSITIVE,
    Header,
    begins_table,
    find_header,
    find_next_header,
    no_phone_column,
)
from outreach.rules.list_rows import CheckedRow, RowReader
from outreach.rules.list_tables import (
    MOST_LYING,
    Line,
    is_lying,
    is_pasted,
    join_lines,
    split_lines,
    tables_beside,
    upright_rows,
)
from outreach.rules.people_beside import looks_wrong
from outreach.rules.phone_numbers import PhoneStatus, Reason, read_phone_cell

SKIPPED = "left out"  # instead of a header line: do not import this sheet; of a row: leave it out
TAKEN = "taken"  # of a row for review: what was read is right
# A key of the corrections: the list has no numbers, its people are visited.
WITHOUT_NUMBERS = "without numbers"
# Characters that are read of a cell: what names and notes say is searched, in time that grows with their square.
_LONG_CELL, _LONGEST_CELL = 200, 1_000
_RUN = re.compile(r"(\W{5})\W+")
_VIETNAMESE = re.compile("[\u1e00-\u1effăâđêôơưĂÂĐÊÔƠƯ]")
PLACE_OF_FILE = "place of file"  # another: `commune` and `village` of people whose rows and titles name none


@dataclass(frozen=True, slots=True)
class ListSheet:
    """Sheet of a list file, with its header if it holds people.

    `header` is None if the sheet is no list of people; `line` is the header's row, 0 if there is no header
    row. `first` are the first rows, header and titles included; `rows` are those below the header. Blank rows
    are left out; every other row has its number as a spreadsheet counts. `is_left_out`: an officer chose not
    to import it. `is_turned`: the sheet lies on its side; rows are numbered as they stand once it is turned.
    """

    name: str
    rows: Iterator[Line]
    merged: frozenset[tuple[int, int]]
    struck: Mapping[tuple[int, int], str]
    header: Header | None = None
    line: int = 0
    first: list[Line] = field(default_factory=list)
    is_left_out: bool = False
    is_turned: bool = False


def read_list_sheets(
    path: Path, corrected: Mapping[str, Mapping[str, str]], unseen: HiddenContent | None = None
) -> Iterator[ListSheet]:
    """Yield each table of each visible sheet in order, to be read before the next is asked for.

    `corrected` is what an officer corrected: the columns, by the header's signature, and the header's line or
    SKIPPED, by `line_key`. Raises BadList as `read_sheets` does.
    """
    for raw in read_sheets(path, unseen):
        cut = map(_cut_cells, raw.rows)
        rows: Iterator[Line] = ((line, row) for line, row in enumerate(cut, 1) if _is_filled(row))
        first = list(islice(rows, ROWS_SEARCHED))
        if fonts := _fonts([row for _, row in first]):
            first = [(line, _convert(row, fonts)) for line, row in first]
            rows = ((line, _convert(row, fonts)) for line, row in rows)
        for table in _tables(raw, first, rows, is_chosen=line_key(raw.name) in corrected):
            chosen = corrected.get(line_key(table.name), {}).get("line")
            first = list(islice(table.rows, ROWS_SEARCHED))
            header = find_header([row for _, row in first], corrected, at=_index_of(chosen, first))
            below = first[header.first_row :] if header else []
            yield replace(
                table,
                header=header,
                line=first[header.at][0] if header and header.at != NO_HEADER else 0,
                first=first,
                rows=chain(below, table.rows),
                is_left_out=chosen == SKIPPED,
            )


def _cut_cells(row: Row) -> Row:
    """Cut what is longer than a person's cells, and runs of signs in what is long: rows of them take half a second each."""
    for each in row:  # a generator would cost a million rows a second
        if isinstance(each, str) and len(each) > _LONG_CELL:
            return [_RUN.sub(r"\1", cell[:_LONGEST_CELL]) if isinstance(cell, str) else cell for cell in row]
    return row


def _tables(
    raw: RawSheet, first: Sequence[Line], rows: Iterator[Line], *, is_chosen: bool
) -> Iterator[ListSheet]:
    """Yield the tables of a sheet, each standing upright; those beside each other from left to right."""
    found = [row for _, row in first]
    table = ListSheet(raw.name, chain(first, rows), raw.merged, raw.struck)
    if raw.name and not is_chosen and is_pasted(found):
        gone = {(line, 1): "" for (line, _), kept in raw.struck.items() if not kept}
        yield replace(table, rows=split_lines(table.rows, raw.struck, found), merged=frozenset(), struck=gone)
    elif is_lying(found):
        turned, struck = upright_rows([*islice(table.rows, MOST_LYING)], raw.struck)
        upright = iter([*enumerate(turned, 1)])
        yield replace(table, rows=upright, merged=frozenset(), struck=struck, is_turned=True)
    elif beside := tables_beside(found):
        for copy, columns in zip(tee(table.rows, len(beside)), beside, strict=True):
            yield _cut_out(replace(table, rows=copy), columns)
    else:
        yield table


def _cut_out(table: ListSheet, columns: range) -> ListSheet:
    """Return the columns of a sheet as a table of its own; its name says which, but for the first."""
    start, end = columns.start, columns.stop
    cut = ((line, row[start:end]) for line, row in table.rows)
    letters = f" {column_letters(start)}:{column_letters(end - 1)}" if start else ""
    return replace(
        table,
        name=f"{table.name}{letters}".strip() if start else table.name,
        rows=((line, row) for line, row in cut if _is_filled(row)),
        merged=frozenset((line, at - start) for line, at in table.merged if at in columns),
        struck={(line, at - start): kept for (line, at), kept in table.struck.items() if at in columns},
    )


def column_letters(position: int) -> str:
    """Return a column as a spreadsheet names it: A for 0, AA for 26."""
    before, letter = divmod(position, 26)
    return (column_letters(before - 1) if before else "") + chr(ord("A") + letter)


def line_key(sheet: str) -> str:
    """Return the key of a sheet's header line among the corrections."""
    return f"line of {sheet}"


def rows_key(sheet: str) -> str:
    """Return the key of what an officer said of a sheet's rows, by line, among the corrections."""
    return f"rows of {sheet}"


def _as_said(person: CheckedRow, said: str) -> CheckedRow:
    """Return a row with what an officer said of it: TAKEN, or its phone cell as it should be."""
    if said != TAKEN:
        person.phone, person.phone_text, person.people = read_phone_cell(said), said, ()
    elif person.phone.status is PhoneStatus.REVIEW:
        person.phone = replace(person.phone, status=PhoneStatus.OK, reason=None)
    return person


def _index_of(chosen: str | None, first_rows: Sequence[tuple[int, Row]]) -> int | None:
    """Return the index of the chosen header line among the first rows. None if none was chosen."""
    if chosen is None or chosen == SKIPPED:
        return None
    if chosen == "0":
        return NO_HEADER
    return next((index for index, (line, _) in enumerate(first_rows) if str(line) == chosen), None)


def _is_filled(row: Row) -> bool:
    for cell in row:
        if cell is not None and (not isinstance(cell, str) or cell.isalnum() or cell_text(cell)):
            return True
    return False


def _fonts(rows: Sequence[Row]) -> dict[int, LegacyEncoding]:
    """Return the columns written in an old font, with its encoding.

    A column that shows nothing either way gets the encoding of the sheet.
    """
    texts = [[cell for cell in row if isinstance(cell, str)] for row in rows]
    sheet_font = guess_legacy_encoding(text for row in texts for text in row)
    fonts = {}
    for position in range(max(map(len, rows), default=0)):
        column = [cell for row in rows if isinstance(cell := cell_at(row, position), str)]
        font = guess_legacy_encoding(column)
        if font is None and sheet_font:
            as_font = count_syllables(to_unicode(text, sheet_font) for text in column)
            if as_font > count_syllables(column) or not any(map(_VIETNAMESE.search, column)):
                font = sheet_font
        if font:
            fonts[position] = font
    return fonts


def _convert(row: Row, fonts: dict[int, LegacyEncoding]) -> Row:
    return [
        to_unicode(cell, fonts[position]) if isinstance(cell, str) and position in fonts else cell
        for position, cell in enumerate(row)
    ]


_OUT_COLUMNS = ("row", "stt", "status", "e164", "reason", "warnings", "commune_code")


def check_list(
    path: Path,
    gazetteer: Gazetteer,
    corrected: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    turned: list[str] | None = None,
) -> Iterator[CheckedRow]:
    """Yield each person of the file in order; of a CSV file only one row is in memory at a time.

    `corrected`: see `read_list_sheets`. `turned` receives the names of sheets that lie on their side. People of a sheet without phones are rows without a phone. Raises
    BadList, on the first row or while reading, if the file cannot be read as a list; NoPhoneColumn, at the
    end, if no sheet has phones and it was not said that the list has none.
    """
    count = 0
    has_phones = is_without = WITHOUT_NUMBERS in corrected
    labels: tuple[str, ...] = ()
    for sheet in read_list_sheets(path, corrected):
        if sheet.is_left_out:
            continue
        if sheet.is_turned and turned is not None:
            turned.append(sheet.name)
        if sheet.header is None:  # of a file without people the fullest line is shown
            lines = () if count else (tuple(map(cell_text, row)) for _, row in sheet.first)
            labels = max((labels, *lines), key=lambda line: sum(map(bool, line)))
            continue
        if not sheet.header.phones:
            labels = sheet.header.labels
            if not sheet.name and not is_without:  # a text file has no other sheet
                break
        has_phones = has_phones or bool(sheet.header.phones)
        for person in _read_people(sheet, sheet.header, gazetteer, corrected):
            count += 1
            person.row = count
            yield person
    if not has_phones:
        raise no_phone_column(labels) if any(labels) else BadList("file_without_rows", name=path.name)


def _read_people(
    sheet: ListSheet, header: Header, gazetteer: Gazetteer, corrected: Mapping[str, Mapping[str, str]]
) -> Iterator[CheckedRow]:
    """Yield the people of a sheet's tables, as an officer corrected them; they are not counted yet."""
    place, said = corrected.get(PLACE_OF_FILE, {}), corrected.get(rows_key(sheet.name), {})
    above = (cell_text(cell) for _, row in sheet.first[: max(header.first_row - 1, 0)] for cell in row)
    title = ", ".join(dict.fromkeys(filter(None, (sheet.name, *above))))
    for of_table, rows in _tables_below(sheet, header):
        reader = RowReader(
            of_table,
            gazetteer,
            sheet=sheet.name,
            merged=sheet.merged,
            title=title,
            commune=place.get("commune", ""),
            village=place.get("village", ""),
            struck=sheet.struck,
        )
        for line, row in join_lines(rows, of_table, sheet.struck):
            person = reader.read(row, line=line)
            of_row = said.get(str(line)) if said else None
            if person is not None and of_row != SKIPPED:
                yield person if of_row is None else _as_said(person, of_row)


def _tables_below(sheet: ListSheet, header: Header) -> Iterator[tuple[Header, Iterator[Line]]]:
    """Yield the tables below each other, each with its header; its rows are to be read before the next is asked for."""
    ahead: deque[Line] = deque()
    following: list[Header] = [header]

    def rows_of(header: Header) -> Iterator[Line]:
        while numbered := ahead.popleft() if ahead else next(sheet.rows, None):
            row = numbered[1]
            if header.has_digits(row) or not begins_table(row):
                yield numbered
            elif tuple(map(cell_text, row)) != header.labels:
                ahead.extend(islice(sheet.rows, max(ROWS_OF_TABLE - len(ahead), 0)))
                following.append(find_next_header([row, *(row for _, row in ahead)]))
                for _ in range(following[0].first_row - 1):
                    ahead.popleft()
                return

    while following:
        header = following.pop()
        yield header, rows_of(header)


def write_check(
    path: Path, out: Path, gazetteer: Gazetteer, turned: list[str] | None = None
) -> dict[str, int]:
    """Write the check of a list to `out` as CSV. Returns the counts `rows`, `ok`, `review`, `reject`.

    `turned` receives the names of sheets that lie on their side.

    `out` appears only once it is complete. Raises BadList if the list cannot be read, BadInput if `out` would
    overwrite it.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise BadInput("result_is_list")
    counts = Counter[str]()
    with whole_file(out) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_OUT_COLUMNS)
        for row in check_list(path, gazetteer, turned=turned):
            phone = row.phone
            if row.people and phone.numbers:  # an import takes each
                phone = replace(phone, status=PhoneStatus.REVIEW, reason=Reason.TWO_PEOPLE)
            counts[phone.status] += 1
            advance(1)
            numbers, warnings = "|".join(phone.numbers), "|".join(phone.warnings)
            told = (phone.status, numbers, phone.reason or "", warnings, row.commune_code)
            writer.writerow([row.row, row.stt, *told])
    return {"rows": counts.total(), **{status.value: counts[status] for status in PhoneStatus}}


ROWS_SHOWN = 20
DOUBTS_KEPT = 1000  # rows that need an eye; the counts have them all
UNFIT_KEPT = 50
PLACES_KEPT, PLACES_SHOWN = 500, 10  # of a column that is no place at all each cell would be another
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
    """What the page shows of rows, by its parts: the first, those that need an eye, cells that are not kept, names that look wrong.

    `places` are those as written that name no one commune, and the communes that they may be, by how many people name them.
    """

    def __init__(self, understood: Mapping[str, Any]) -> None:
        self.parts: dict[str, list[dict[str, Any]]] = {"rows": [], "doubts": [], "unfit": [], "odd_names": []}
        self.places: Counter[tuple[str, tuple[str, ...]]] = Counter()
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
        self._count_places(both)

    def _count_places(self, rows: Iterable[tuple[CheckedRow, str, str]]) -> None:
        unknown = (row for row, status, _ in rows if status == PhoneStatus.OK and not row.place.code)
        for row in unknown:
            place = ", ".join(filter(None, (row.commune, row.district))), row.place.candidates
            if place[0] and (place in self.places or len(self.places) < PLACES_KEPT):
                self.places[place] += 1

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

    def __init__(self, list_id: int) -> None:
        self._list_import = ListImport(id=0, list_id=list_id)  # never added to a session
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
        erased = find_erased(session, parts)
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

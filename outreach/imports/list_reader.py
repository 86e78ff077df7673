"""Reader of contact lists: from a file's sheets to their headers and checked rows.

The rows are in Unicode, each with its number in the sheet. `contacts check` writes them out, the import
stores them.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, tee
from pathlib import Path
from types import MappingProxyType

from outreach.core.progress import advance
from outreach.imports.file_reader import HiddenContent, RawSheet
from outreach.imports.sheet_process import read_sheets
from outreach.rules.cells import Row, cell_at, cell_text
from outreach.rules.errors import BadInput, BadList
from outreach.rules.gazetteer import Gazetteer
from outreach.rules.legacy_fonts import LegacyEncoding, count_syllables, guess_legacy_encoding, to_unicode
from outreach.rules.list_columns import (
    NO_HEADER,
    ROWS_OF_TABLE,
    ROWS_SEARCHED,
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
        for line, row in join_lines(rows, of_table):
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
    unfinished = out.with_name(f"{out.name}.part")
    counts = Counter[str]()
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
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
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"rows": counts.total(), **{status.value: counts[status] for status in PhoneStatus}}

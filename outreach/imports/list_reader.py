"""Reader of contact lists: from a file's sheets to their headers and checked rows.

The rows are in Unicode, each with its number in the sheet. `contacts check` writes them out, the import
stores them.
"""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from outreach.imports.file_reader import HiddenContent, RawSheet
from outreach.imports.sheet_process import read_sheets
from outreach.rules.cells import Row, cell_text
from outreach.rules.errors import BadInput, BadList
from outreach.rules.gazetteer import Gazetteer
from outreach.rules.legacy_fonts import LegacyEncoding, guess_legacy_encoding, to_unicode
from outreach.rules.list_columns import (
    NO_HEADER,
    ROWS_OF_TABLE,
    ROWS_SEARCHED,
    Header,
    begins_table,
    count_known_labels,
    find_header,
    find_next_header,
    no_phone_column,
)
from outreach.rules.list_rows import CheckedRow, RowReader
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.phone_numbers import PhoneStatus
from outreach.rules.phone_texts import split_line

SKIPPED = "left out"  # instead of a header line: do not import this sheet; of a row: leave it out
TAKEN = "taken"  # of a row for review: what was read is right
# A key of the corrections: the list has no numbers, its people are visited.
WITHOUT_NUMBERS = "without numbers"


@dataclass(frozen=True, slots=True)
class ListSheet:
    """Sheet of a list file, with its header if it holds people.

    `header` is None if the sheet is no list of people; `line` is the header's row, 0 if there is no header
    row. `first` are the first rows, header and titles included; `rows` are those below the header. Blank rows
    are left out; every other row has its number as a spreadsheet counts. `is_left_out`: an officer chose not
    to import it.
    """

    name: str
    header: Header | None
    line: int
    first: list[tuple[int, Row]]
    rows: Iterator[tuple[int, Row]]
    merged: frozenset[tuple[int, int]]
    struck: Mapping[tuple[int, int], str]
    is_left_out: bool = False


def read_list_sheets(
    path: Path, corrected: Mapping[str, Mapping[str, str]], unseen: HiddenContent | None = None
) -> Iterator[ListSheet]:
    """Yield each visible sheet in order, to be read before the next is asked for.

    `corrected` is what an officer corrected: the columns, by the header's signature, and the header's line or
    SKIPPED, by `line_key`. Raises BadList as `read_sheets` does.
    """
    for sheet in read_sheets(path, unseen):
        numbered: Iterator[tuple[int, Row]] = (
            (line, row) for line, row in enumerate(sheet.rows, 1) if _is_filled(row)
        )
        first_rows = list(islice(numbered, ROWS_SEARCHED))
        fonts = _fonts([row for _, row in first_rows])
        if fonts:
            first_rows = [(line, _convert(row, fonts)) for line, row in first_rows]
            numbered = _converted(numbered, fonts)
        chosen = corrected.get(line_key(sheet.name), {}).get("line")
        if sheet.name and chosen is None and _is_pasted([row for _, row in first_rows]):
            first_rows = [*_split_lines(first_rows, sheet.struck)]
            numbered = _split_lines(numbered, sheet.struck)
            sheet = RawSheet(sheet.name, numbered)
        header = find_header([row for _, row in first_rows], corrected, at=_index_of(chosen, first_rows))
        below = first_rows[header.first_row :] if header else []
        line = _line_of(header, first_rows) if header else 0
        yield ListSheet(
            sheet.name,
            header,
            line,
            first_rows,
            chain(below, numbered),
            sheet.merged,
            sheet.struck,
            chosen == SKIPPED,
        )


def _is_pasted(rows: Sequence[Row]) -> bool:
    """Check for a sheet with name and number in one cell in most rows, as pasted from a chat, and no headings."""
    people = numbered = 0
    for row in rows:
        if count_known_labels(row) > 1:
            return False
        texts = [text for cell in row if isinstance(cell, str) and (text := cell_text(cell))]
        lines = [(text, parts) for text in texts if (parts := split_line(text))]
        people += any(
            " " in name and name in text.partition(phone)[0] for text, (_, name, phone, _) in lines if phone
        )
        numbered += any(not phone for _, (_, _, phone, _) in lines)
    return people > 1 and 3 * people > len(rows) and 2 * (people + numbered) > len(rows)


def _split_lines(
    rows: Iterable[tuple[int, Row]], struck: Mapping[tuple[int, int], str]
) -> Iterator[tuple[int, Row]]:
    """Yield each row of a pasted sheet as running number, name, phone and the rest, without what is struck through."""
    for line, row in rows:
        texts = (struck.get((line, at), cell_text(cell)) for at, cell in enumerate(row))
        text = "\t".join(filter(None, texts))
        yield line, split_line(text) or [text]


def _title_of(sheet: ListSheet) -> str:
    """Return the sheet's name and the text above its header, as one text."""
    above = sheet.first[: max(sheet.header.first_row - 1, 0)] if sheet.header else []
    cells = (cell_text(cell) for _line, row in above for cell in row)
    return ", ".join(dict.fromkeys(filter(None, (sheet.name, *cells))))


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


def _line_of(header: Header, first_rows: Sequence[tuple[int, Row]]) -> int:
    above = reversed(first_rows[: header.first_row]) if header.labels else iter(())
    return next((line for line, row in above if tuple(map(cell_text, row)) == header.labels), 0)


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
        column = [cell for row in rows if position < len(row) and isinstance(cell := row[position], str)]
        font = guess_legacy_encoding(column)
        if font is None and sheet_font and not any(map(_is_plain_vietnamese, column)):
            font = sheet_font
        if font:
            fonts[position] = font
    return fonts


def _is_plain_vietnamese(text: str) -> bool:
    return any("\u1e00" <= letter <= "\u1eff" or letter in "ăâđêôơưĂÂĐÊÔƠƯ" for letter in text)


def _converted(
    rows: Iterator[tuple[int, Row]], fonts: dict[int, LegacyEncoding]
) -> Iterator[tuple[int, Row]]:
    for line, row in rows:
        yield line, _convert(row, fonts)


def _convert(row: Row, fonts: dict[int, LegacyEncoding]) -> Row:
    return [
        to_unicode(cell, fonts[position]) if isinstance(cell, str) and position in fonts else cell
        for position, cell in enumerate(row)
    ]


_OUT_COLUMNS = ("row", "stt", "status", "e164", "reason", "warnings", "commune_code")


def check_list(
    path: Path, gazetteer: Gazetteer, corrected: Mapping[str, Mapping[str, str]] | None = None
) -> Iterator[CheckedRow]:
    """Yield each person of the file in order; of a CSV file only one row is in memory at a time.

    `corrected`: see `read_list_sheets`. People of a sheet without phones are rows without a phone. Raises
    BadList, on the first row or while reading, if the file cannot be read as a list; NoPhoneColumn, at the
    end, if no sheet has phones and it was not said that the list has none.
    """
    count = 0
    has_phones = is_without = bool(corrected and WITHOUT_NUMBERS in corrected)
    labels: tuple[str, ...] = ()
    for sheet in read_list_sheets(path, corrected or {}):
        if sheet.is_left_out:
            continue
        if sheet.header is None:
            rows = (tuple(map(cell_text, row)) for _, row in sheet.first)
            labels = labels if count else max((labels, *rows), key=_filled)
            continue
        if not sheet.header.phones:
            labels = sheet.header.labels
            if not sheet.name and not is_without:  # a text file has no other sheet
                break
        has_phones = has_phones or bool(sheet.header.phones)
        reader = _reader(sheet, sheet.header, gazetteer)
        said = corrected.get(rows_key(sheet.name), {}) if corrected else {}
        ahead: deque[tuple[int, Row]] = deque()
        while numbered := ahead.popleft() if ahead else next(sheet.rows, None):
            line, row = numbered
            if not reader.has_digits(row) and begins_table(row):
                if tuple(map(cell_text, row)) != reader.header.labels:
                    ahead.extend(islice(sheet.rows, max(ROWS_OF_TABLE - len(ahead), 0)))
                    header = find_next_header([row, *(row for _, row in ahead)])
                    for _ in range(header.first_row - 1):
                        ahead.popleft()
                    reader = _reader(sheet, header, gazetteer)
                continue
            person = reader.read(row, line=line, number=count + 1)
            of_row = said.get(str(line)) if said else None
            if person is not None and of_row != SKIPPED:
                count += 1
                yield person if of_row is None else _as_said(person, of_row)
    if not has_phones:
        raise no_phone_column(labels) if any(labels) else BadList("file_without_rows", name=path.name)


def _reader(sheet: ListSheet, header: Header, gazetteer: Gazetteer) -> RowReader:
    return RowReader(
        header, gazetteer, sheet=sheet.name, merged=sheet.merged, title=_title_of(sheet), struck=sheet.struck
    )


def write_check(path: Path, out: Path, gazetteer: Gazetteer) -> dict[str, int]:
    """Write the check of a list to `out` as CSV. Returns the counts `rows`, `ok`, `review`, `reject`.

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
            for row in check_list(path, gazetteer):
                phone = row.phone
                counts[phone.status] += 1
                writer.writerow(
                    [
                        row.row,
                        row.stt,
                        phone.status,
                        "|".join(phone.numbers),
                        phone.reason or "",
                        "|".join(phone.warnings),
                        row.commune_code,
                    ]
                )
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"rows": counts.total(), **{status.value: counts[status] for status in PhoneStatus}}


def _filled(labels: Sequence[str]) -> int:
    return sum(map(bool, labels))

"""Sheets to header and checked rows.

The sheets of a file that hold people: in Unicode, their header found, every row with its number in the sheet.

A list's file to checked rows: what `contacts check` writes out and what the importer stores.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from outreach.imports.file_reader import HiddenContent, read_sheets
from outreach.rules.errors import BadInput, BadList
from outreach.rules.gazetteer import Gazetteer
from outreach.rules.list_columns import (
    NO_HEADER,
    ROWS_SEARCHED,
    Header,
    Row,
    cell_text,
    find_header,
    no_phone_column,
)
from outreach.rules.list_rows import CheckedRow, LegacyEncoding, RowReader, guess_legacy_encoding, to_unicode
from outreach.rules.phone_numbers import PhoneStatus

SKIPPED = "left out"  # in the place of a line: nobody of this sheet is wanted


@dataclass(frozen=True, slots=True)
class ListSheet:
    """`header` is None where the sheet is no list of people, `line` its row. `first` are its first rows, header and
    titles among them; `rows` are those below the header. Blank rows are left out, each other has its number as a
    spreadsheet counts; 0 is the line of a header that is not there. `is_left_out` is what a person said of it.
    """

    name: str
    header: Header | None
    line: int
    first: list[tuple[int, Row]]
    rows: Iterator[tuple[int, Row]]
    merged: frozenset[tuple[int, int]]
    is_left_out: bool = False


def read_list_sheets(
    path: Path, corrected: Mapping[str, Mapping[str, str]], unseen: HiddenContent | None = None
) -> Iterator[ListSheet]:
    """Each visible sheet in order, to be read before the next is asked for. Raises BadList as the floors below do.

    `corrected` is what a person said: the columns, by the header's signature, and the header's line or LEFT_OUT, by
    `line_key`.
    """
    for sheet in read_sheets(path, unseen):
        numbered: Iterator[tuple[int, Row]] = (
            (line, row) for line, row in enumerate(sheet.rows, 1) if _is_filled(row)
        )
        begun = list(islice(numbered, ROWS_SEARCHED))
        fonts = _fonts([row for _, row in begun])
        if fonts:
            begun = [(line, _convert(row, fonts)) for line, row in begun]
            numbered = _converted(numbered, fonts)
        chosen = corrected.get(line_key(sheet.name), {}).get("line")
        header = find_header([row for _, row in begun], corrected, at=_index_of(chosen, begun))
        below = begun[header.first_row :] if header else []
        line = _line_of(header, begun) if header else 0
        yield ListSheet(
            sheet.name, header, line, begun, chain(below, numbered), sheet.merged, chosen == SKIPPED
        )


def line_key(sheet: str) -> str:
    """Under which key a person's choice of a sheet's header stands among the corrections."""
    return f"line of {sheet}"


def _index_of(chosen: str | None, begun: Sequence[tuple[int, Row]]) -> int | None:
    """Among the first rows, the one that a person chose by its line; None where nobody did."""
    if chosen is None or chosen == SKIPPED:
        return None
    if chosen == "0":
        return NO_HEADER
    return next((index for index, (line, _) in enumerate(begun) if str(line) == chosen), None)


def _line_of(header: Header, begun: Sequence[tuple[int, Row]]) -> int:
    above = reversed(begun[: header.first_row]) if header.labels else iter(())
    return next((line for line, row in above if tuple(map(cell_text, row)) == header.labels), 0)


def _is_filled(row: Row) -> bool:
    for cell in row:  # noqa: SIM110 - twice as fast as any()
        if cell is not None and cell != "" and cell_text(cell):
            return True
    return False


def _fonts(rows: Sequence[Row]) -> dict[int, LegacyEncoding]:
    """The columns written in an old font; one that shows nothing either way goes with the sheet."""
    texts = [[cell for cell in row if isinstance(cell, str)] for row in rows]
    of_sheet = guess_legacy_encoding(text for row in texts for text in row)
    fonts = {}
    for position in range(max(map(len, rows), default=0)):
        column = [cell for row in rows if position < len(row) and isinstance(cell := row[position], str)]
        font = guess_legacy_encoding(column)
        if font is None and of_sheet and not any(map(_is_plain_vietnamese, column)):
            font = of_sheet
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
    """Yield each person of the file in order; of a CSV file only one row is held at a time.

    `corrected` is what a person said of columns and headers (see `read_list_sheets`). Raises BadList, on the first row or
    while reading, when the file cannot be read as a list. People of a sheet without phones are rows without one;
    NoPhoneColumn says, at the end, that no sheet has any.
    """
    count = 0
    has_phones = False
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
            if not sheet.name:  # there is no other
                break
        has_phones = has_phones or bool(sheet.header.phones)
        reader = RowReader(sheet.header, gazetteer, sheet=sheet.name, merged=sheet.merged)
        for line, row in sheet.rows:
            person = reader.read(row, line=line, number=count + 1)
            if person is not None:
                count += 1
                yield person
    if not has_phones:
        raise no_phone_column(labels) if any(labels) else _no_rows(path)


def write_check(path: Path, out: Path, gazetteer: Gazetteer) -> dict[str, int]:
    """Write the CSV of a list's check to `out` and return the counts `rows`, `ok`, `review`, `reject`.

    `out` appears only once complete. Raises BadList when the list cannot be read, BadInput when `out` would
    overwrite it.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise BadInput("Tệp kết quả trùng với tệp danh sách. Hãy chọn một tên tệp kết quả khác.")
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


def _no_rows(path: Path) -> BadList:
    return BadList(f"Tệp “{path.name}” không có dòng dữ liệu nào. Hãy kiểm tra lại tệp gốc rồi nhập lại.")


def _filled(labels: Sequence[str]) -> int:
    return sum(map(bool, labels))

"""The sheets of a file that hold people: in Unicode, their header found, every row with its number in the sheet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from outreach.people.reading.cells import Row, cell_text
from outreach.people.reading.columns import NO_HEADER, ROWS_SEARCHED, Header, find_header
from outreach.people.reading.files import Unseen, read_sheets
from outreach.people.reading.legacy import Font, guess_font, to_unicode

LEFT_OUT = "left out"  # in the place of a line: nobody of this sheet is wanted


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
    path: Path, corrected: Mapping[str, Mapping[str, str]], unseen: Unseen | None = None
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
            sheet.name, header, line, begun, chain(below, numbered), sheet.merged, chosen == LEFT_OUT
        )


def line_key(sheet: str) -> str:
    """Under which key a person's choice of a sheet's header stands among the corrections."""
    return f"line of {sheet}"


def _index_of(chosen: str | None, begun: Sequence[tuple[int, Row]]) -> int | None:
    """Among the first rows, the one that a person chose by its line; None where nobody did."""
    if chosen is None or chosen == LEFT_OUT:
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


def _fonts(rows: Sequence[Row]) -> dict[int, Font]:
    """The columns written in an old font; one that shows nothing either way goes with the sheet."""
    texts = [[cell for cell in row if isinstance(cell, str)] for row in rows]
    of_sheet = guess_font(text for row in texts for text in row)
    fonts = {}
    for position in range(max(map(len, rows), default=0)):
        column = [cell for row in rows if position < len(row) and isinstance(cell := row[position], str)]
        font = guess_font(column)
        if font is None and of_sheet and not any(map(_is_plain_vietnamese, column)):
            font = of_sheet
        if font:
            fonts[position] = font
    return fonts


def _is_plain_vietnamese(text: str) -> bool:
    return any("\u1e00" <= letter <= "\u1eff" or letter in "ăâđêôơưĂÂĐÊÔƠƯ" for letter in text)


def _converted(rows: Iterator[tuple[int, Row]], fonts: dict[int, Font]) -> Iterator[tuple[int, Row]]:
    for line, row in rows:
        yield line, _convert(row, fonts)


def _convert(row: Row, fonts: dict[int, Font]) -> Row:
    return [
        to_unicode(cell, fonts[position]) if isinstance(cell, str) and position in fonts else cell
        for position, cell in enumerate(row)
    ]

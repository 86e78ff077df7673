"""Tables with declared columns: figures, replies, marks and units, as sheets or CSV. Pure.

Lists of people, whose headings are anybody's, are read by `list_columns`.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from re import Pattern
from typing import NamedTuple

from outreach.rules.cells import Row, cell_text
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.phone_numbers import unaccented

_HEADER_WITHIN = 20  # rows
_MOST_NAMED = 20  # wrong lines


class TableRow(NamedTuple):
    """A row below the headings: its number as a spreadsheet counts, and its cells by the column's name."""

    line: int
    cells: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a cell as displayed, "" where the table has no such column."""
        return cell_text(self.cells.get(name))


def find_table(
    rows: Iterable[Row],
    columns: Mapping[str, Pattern[str]],
    *,
    needed: Sequence[Collection[str]],
    last: Collection[str] = (),
) -> Iterator[TableRow] | None:
    """Return the filled rows below a sheet's row of headings; None if its first 20 rows have none.

    `columns`: each name with the pattern that its heading begins with, unaccented and in lower case; a heading is of the
    first that fits, a name of its first heading, those in `last` of their last. `needed`: of each group one must be there.
    """
    lines = enumerate(rows, 1)
    for _, row in islice(lines, _HEADER_WITHIN):
        positions: dict[str, int] = {}
        for at, cell in enumerate(row):
            heading = unaccented(cell_text(cell))
            fitting = (
                name
                for name, pattern in columns.items()
                if (name not in positions or name in last) and pattern.match(heading)
            )
            if name := next(fitting, None):
                positions[name] = at
        if all(positions.keys() & {*group} for group in needed):
            return _rows_of(lines, positions)
    return None


def _rows_of(lines: Iterator[tuple[int, Row]], positions: Mapping[str, int]) -> Iterator[TableRow]:
    for line, row in lines:
        if any(map(cell_text, row)):
            yield TableRow(line, {name: row[at] for name, at in positions.items() if at < len(row)})


def read_csv(content: bytes, columns: Sequence[str]) -> list[TableRow]:
    """Return the lines of a CSV in UTF-8 whose first line names these columns. Raises BadInput."""
    try:
        lines = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if missing := [name for name in columns if name not in (lines.fieldnames or ())]:
            raise BadInput("first_line_wrong", columns=missing)
        return [
            TableRow(line, {name: (row[name] or "").strip() for name in columns})
            for line, row in enumerate(lines, 2)
        ]
    except UnicodeDecodeError as error:
        raise BadInput("csv_not_utf8") from error
    except csv.Error as error:
        raise BadInput("csv_unreadable") from error


def first_lines(wrong: Sequence[tuple[int, LoaError]]) -> list[LoaError]:
    """Return the first wrong lines of a file with their errors, and how many more there are."""
    named = [LoaError("line_wrong", line=line, reason=reason) for line, reason in wrong[:_MOST_NAMED]]
    more = len(wrong) - _MOST_NAMED
    return [*named, LoaError("more_lines", lines=more)] if more > 0 else named

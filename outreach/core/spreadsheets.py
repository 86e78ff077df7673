"""XLSX workbooks written row by row.

Every cell is a text or a whole number: none is run as a formula, and no text loses a leading zero.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from outreach.rules.texts import clean_text

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MADE_AT = date(2000, 1, 1)  # of every workbook, so that the same rows give the same bytes
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\']")
_MAX_NAME_LENGTH = 31
_NARROWEST, _WIDEST = 9, 45  # of a column, in characters


def write_workbook(path: Path, sheets: Mapping[str, Iterable[Sequence[str | int]]]) -> None:
    """Write an XLSX file: for each sheet its name and rows, the first of which is the header."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - 2 MB, where a file is made alone

    # Rows wait beside the file until it is put together, as they may hold personal data.
    with Workbook(path, {"constant_memory": True, "tmpdir": path.parent}) as book:
        book.set_properties({"created": MADE_AT})
        for name, rows in zip(_names(sheets), sheets.values(), strict=True):
            sheet = book.add_worksheet(name)
            widths: dict[int, int] = {}
            for n, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, int):
                        sheet.write_number(n, column, cell)
                    elif cell:
                        sheet.write_string(n, column, clean_text(cell))
                        if len(row) > 1:  # a row of one cell is a title, which may stand over the others
                            widths[column] = max(widths.get(column, 0), len(cell))
            for column, width in widths.items():
                sheet.set_column(column, column, min(max(width + 1, _NARROWEST), _WIDEST))


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV; no text is run as a formula, and what is not known is an empty cell."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(
        [escape_formula(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return out.getvalue()


def workbook_bytes(sheet: str, rows: Iterable[Sequence[str | int]]) -> bytes:
    """Return an XLSX file of one sheet."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.xlsx"
        write_workbook(path, {sheet: rows})
        return path.read_bytes()


def _names(sheets: Iterable[str]) -> list[str]:
    """Return valid sheet names: short, without forbidden marks, each once."""
    names: list[str] = []
    for sheet in sheets:
        name = _NOT_IN_A_NAME.sub(" ", sheet).strip()[:_MAX_NAME_LENGTH] or f"Trang {len(names) + 1}"
        if name.lower() in map(str.lower, names):
            name = f"{name[: _MAX_NAME_LENGTH - 5]} {len(names) + 1}"
        names.append(name)
    return names


# Some programs take the wide forms of East Asian keyboards as well, and what follows a new line.
_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def escape_formula(text: str) -> str:
    """Return the text so that a spreadsheet does not run it as a formula."""
    return f"'{text}" if text[:1] in _BEGIN_FORMULAS else text

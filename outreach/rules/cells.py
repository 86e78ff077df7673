"""Cells of a list's rows as text. Pure."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from functools import lru_cache

from outreach.rules.texts import clean_text

Row = Sequence[object]


def cell_at(row: Row, position: int) -> object:
    """Return a cell of a row, or None where the row is shorter."""
    return row[position] if position < len(row) else None


def filled_cells(rows: Iterable[Row], position: int) -> list[object]:
    """Return the cells of a column that are not blank."""
    return [cell for row in rows if cell_text(cell := cell_at(row, position))]


def cell_text(cell: object) -> str:
    """Return a cell as displayed: NFC, single spaces, no invisible characters; 12.0 becomes 12."""
    if isinstance(cell, str):
        # Numbers are as they should be, and hardly repeat.
        return cell if cell.isascii() and cell.isalnum() else _normalise(cell)
    return written(cell)


def written(cell: object) -> str:
    """Return a cell as it is in the file, to be exported again; clean."""
    if isinstance(cell, str):
        return clean_text(cell)
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.strftime("%d/%m/%Y")
    return str(cell)


@lru_cache(maxsize=20_000)  # most cells of a list repeat others
def _normalise(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        letters = (" " if letter.isspace() else letter for letter in text)
        text = "".join(letter for letter in letters if unicodedata.category(letter) not in ("Cf", "Cc", "Cs"))
    # The apostrophe that keeps a spreadsheet from running a cell as a formula is not part of its text.
    if text.startswith(_ESCAPED_FORMULA):
        text = text[1:]
    return " ".join(text.split())


_ESCAPED_FORMULA = tuple(f"'{first}" for first in "=+-@")

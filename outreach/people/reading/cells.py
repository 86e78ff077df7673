"""A spreadsheet's cell as text. Pure."""

import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

Row = Sequence[object]


def cell_text(cell: object) -> str:
    """A cell as a person reads it: NFC, single spaces, no invisible marks; 12.0 from a spreadsheet is 12."""
    if cell is None or cell == "":
        return ""
    return _tidy(cell) if isinstance(cell, str) else written(cell)


def written(cell: object) -> str:
    """A cell as it stands in the file, to be given back; without NUL, which no database takes."""
    if isinstance(cell, str):
        return cell.replace("\0", "")
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.strftime("%d/%m/%Y")
    return str(cell)


@lru_cache(maxsize=20_000)  # most cells of a list say what others have said
def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join(" " if letter.isspace() else letter for letter in text if _is_seen(letter))
    # The apostrophe that keeps a spreadsheet from running a cell is no part of what it says.
    if text.startswith(_DEFUSED):
        text = text[1:]
    return " ".join(text.split())


def _is_seen(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc", "Cs")


_DEFUSED = tuple(f"'{first}" for first in "=+-@")

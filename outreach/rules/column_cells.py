"""What the cells of a list's columns are, where no heading says it: numbers, pieces of numbers, people's names. Pure."""

import re
from collections.abc import Iterable, Sequence, Set

from outreach.rules.cells import Row, cell_at, cell_text, filled_cells
from outreach.rules.list_labels import PHONE, Column
from outreach.rules.people_beside import begins_with_family
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.phone_numbers import PhoneStatus
from outreach.rules.sensitive_columns import is_ethnic_origin

MOST_COLUMNS = 200


def is_phone(cell: object) -> bool:
    """Check whether the cell holds a number that may be texted, at once or after review."""
    return read_phone_cell(cell).status is not PhoneStatus.REJECT


def guess_phone_column(rows: Sequence[Row], *, taken: Set[int]) -> int | None:
    """Return the column of which most filled cells hold a phone number, or None."""
    best, most = None, 0
    for position in range(width_of(rows)):
        filled = filled_cells(rows, position)
        phones = sum(map(is_phone, filled))
        if position not in taken and phones > most and 2 * phones > len(filled):
            best, most = position, phones
    return best


def guess_name_column(rows: Sequence[Row], taken: Set[int] = frozenset()) -> int | None:
    """Return the column with most cells of several words without digits (not ethnic origins), or None.

    A cell that begins with a family name counts twice: firms and villages are words, too.
    """
    names = [0] * width_of(rows)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            if position not in taken and " " in text and not any(letter.isdecimal() for letter in text):
                names[position] += 2 if begins_with_family(text) else 1
    for position in range(len(names)):
        if names[position] and is_ethnic_origin(cell_text(cell_at(row, position)) for row in rows):
            names[position] = 0
    return names.index(max(names)) if any(names) else None


def width_of(rows: Sequence[Row]) -> int:
    """Return how many columns are looked at."""
    return min(max(map(len, rows), default=0), MOST_COLUMNS)


def holds_figures(rows: Sequence[Row], position: int) -> bool:
    """Check whether most filled cells of a column have a digit."""
    filled = filled_cells(rows, position)
    return 2 * sum(any(map(str.isdecimal, cell_text(cell))) for cell in filled) > len(filled)


def holds_phones(rows: Sequence[Row], position: int) -> bool:
    """Check whether most filled cells of a column are numbers that may be texted."""
    filled = filled_cells(rows, position)
    return 2 * sum(map(is_phone, filled)) > len(filled)


def are_pieces(rows: Sequence[Row], run: Sequence[int]) -> bool:
    """Check whether most rows have a number only when the cells of these columns are put together."""
    together = apart = 0
    for row in rows:
        cells = [cell for at in run if cell_text(cell := cell_at(row, at))]
        apart += any(map(is_phone, cells))
        together += len(cells) > 1 and not any(map(is_phone, cells)) and is_phone(join_pieces(cells))
    return together > 1 and together > apart


def join_pieces(cells: Iterable[object]) -> str:
    """Return the digits of a number's pieces as one text; other signs stay, and spaces beside words."""
    return re.sub(r"(?<=\d) (?=\d)", "", "".join(map(cell_text, cells)))


def meanings_by_content(rows: Sequence[Row]) -> list[str]:
    """Return what most cells of each column are: names of people, numbers, or something else ("")."""
    meanings = []
    for position in range(width_of(rows)):
        texts = [*map(cell_text, filled_cells(rows, position))]
        named = 2 * sum(" " in text and begins_with_family(text) for text in texts) > len(texts)
        is_of_phones = holds_phones(rows, position)
        meanings.append(PHONE if is_of_phones else str(Column.NAME) if named else "")
    return meanings

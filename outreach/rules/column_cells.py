"""What the cells of a list's columns are, where no heading says it: numbers, pieces of numbers, people's names. Pure."""

import re
from collections.abc import Iterable, Sequence, Set

from outreach.rules.cells import Row, cell_at, cell_text
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
    for position in range(min(max(map(len, rows), default=0), MOST_COLUMNS)):
        filled = [cell for row in rows if cell_text(cell := cell_at(row, position))]
        phones = sum(map(is_phone, filled))
        if position not in taken and phones > most and 2 * phones > len(filled):
            best, most = position, phones
    return best


def guess_name_column(rows: Sequence[Row], taken: Set[int] = frozenset()) -> int | None:
    """Return the column with most cells of several words without digits (not ethnic origins), or None.

    A cell that begins with a family name counts twice: firms and villages are words, too.
    """
    names = [0] * min(max(map(len, rows), default=0), MOST_COLUMNS)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            if position not in taken and " " in text and not any(letter.isdecimal() for letter in text):
                names[position] += 2 if begins_with_family(text) else 1
    for position in range(len(names)):
        if names[position] and is_ethnic_origin(cell_text(cell_at(row, position)) for row in rows):
            names[position] = 0
    return names.index(max(names)) if any(names) else None


def holds_figures(rows: Sequence[Row], position: int) -> bool:
    """Check whether most filled cells of a column have a digit."""
    filled = [text for row in rows if (text := cell_text(cell_at(row, position)))]
    return 2 * sum(any(map(str.isdecimal, text)) for text in filled) > len(filled)


def holds_phones(rows: Sequence[Row], position: int) -> bool:
    """Check whether most filled cells of a column are numbers that may be texted."""
    filled = [cell for row in rows if cell_text(cell := cell_at(row, position))]
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
    for position in range(min(max(map(len, rows), default=0), MOST_COLUMNS)):
        cells = [cell for row in rows if cell_text(cell := cell_at(row, position))]
        named = sum(" " in text and begins_with_family(text) for text in map(cell_text, cells))
        phones = sum(map(is_phone, cells))
        meanings.append(
            PHONE if 2 * phones > len(cells) else str(Column.NAME) if 2 * named > len(cells) else ""
        )
    return meanings

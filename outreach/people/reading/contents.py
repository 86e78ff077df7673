"""What a column holds, by its cells: phones, names, ethnic origin. Pure."""

from collections.abc import Sequence, Set

from outreach.people.phone.cells import PhoneStatus, read_phone_cell
from outreach.people.reading.cells import Row, cell_text
from outreach.people.reading.sensitive import tell_of_origin

MOST_COLUMNS = 200


def guess_phone_column(rows: Sequence[Row], *, taken: Set[int]) -> int | None:
    """The column of which most filled cells hold a phone number."""
    best, most = None, 0
    for position in range(min(max(map(len, rows), default=0), MOST_COLUMNS)):
        filled = [cell for row in rows if cell_text(cell := cell_at(row, position))]
        phones = sum(map(is_phone, filled))
        if position not in taken and phones > most and 2 * phones > len(filled):
            best, most = position, phones
    return best


def guess_name_column(rows: Sequence[Row]) -> int | None:
    """The column of which most cells are words parted by spaces and no ethnic origins."""
    names = [0] * min(max(map(len, rows), default=0), MOST_COLUMNS)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            names[position] += " " in text and not any(letter.isdecimal() for letter in text)
    for position in range(len(names)):
        if names[position] and tell_of_origin(cell_text(cell_at(row, position)) for row in rows):
            names[position] = 0
    return names.index(max(names)) if any(names) else None


def is_phone(cell: object) -> bool:
    """Does the cell hold a number that may be texted, or may once a person has looked at it?"""
    return read_phone_cell(cell).status is not PhoneStatus.REJECT


def cell_at(row: Row, position: int) -> object:
    """The cell of a row; None where the row ends before it."""
    return row[position] if position < len(row) else None

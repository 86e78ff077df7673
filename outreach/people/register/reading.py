"""The numbers of a register's file, in whichever column they stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from outreach.errors import BadList
from outreach.people.phone.cells import PhoneStatus, Reason, read_phone_cell
from outreach.people.reading.cells import Row
from outreach.people.reading.files import read_sheets

_ROWS_LOOKED_AT = 200
# How registers write a mobile number: most cells need no closer look.
_USUAL = re.compile(r"\s*(?:\+?84|0)([35789]\d{8})\s*")
_DIGITS = re.compile(r"\d")
_FEWEST_DIGITS = 8
_NO_MOBILE = (Reason.LANDLINE, Reason.FOREIGN_NUMBER, Reason.SERVICE_NUMBER)


@dataclass(slots=True)
class RegisterCounts:
    """What a file holds and what it changed.

    numbers: different mobile numbers. other: numbers that are no mobiles of Vietnam. unread: what looks like a number
    and is none. added, removed: against the file before it. people: persons of the directory with one of its numbers.
    skipped: names of sheets that were left out, as their first 200 rows have no number.
    """

    rows: int = 0
    numbers: int = 0
    other: int = 0
    unread: int = 0
    added: int = 0
    removed: int = 0
    people: int = 0
    skipped: list[str] = field(default_factory=list)


def read_register(path: Path, counts: RegisterCounts) -> Iterator[str]:
    """Mobile numbers in E.164, one by one; of a text file one row is held at a time. Raises BadList as reading does."""
    found = False
    for sheet in read_sheets(path):
        filled = (row for row in sheet.rows if any(cell not in (None, "") for cell in row))
        first = list(islice(filled, _ROWS_LOOKED_AT))
        column = _number_column(first)
        if column is None:
            if first:
                counts.skipped.append(sheet.name)
            continue
        found = True
        for row in chain(first, filled):
            counts.rows += 1
            yield from _numbers(row[column] if column < len(row) else None, counts)
    if not found:
        raise BadList(
            f"Tệp “{path.name}” không có cột nào chứa số di động. Hãy kiểm tra lại tệp tải từ hệ thống DoNotCall."
        )


def _number_column(rows: list[Row]) -> int | None:
    """The column that most often holds a number."""
    votes = Counter(
        position for row in rows for position, cell in enumerate(row) if read_phone_cell(cell).numbers
    )
    return min(votes, key=lambda position: (-votes[position], position)) if votes else None


def _numbers(cell: object, counts: RegisterCounts) -> tuple[str, ...]:
    usual = _USUAL.fullmatch(cell) if isinstance(cell, str) else None
    read = read_phone_cell(f"0{usual[1]}" if usual else cell)
    if read.status is PhoneStatus.OK:
        return tuple(read.numbers)
    if read.reason in _NO_MOBILE:
        counts.other += 1
    elif len(_DIGITS.findall(str(cell))) >= _FEWEST_DIGITS:
        counts.unread += 1
    return ()

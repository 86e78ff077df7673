"""Lists that are handed over: the code of each of their people, and the marks on a list that came back. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from campaigns.rules.agencies import read_mark
from outreach.rules.cells import Row
from outreach.rules.declared_tables import find_table
from outreach.rules.phone_numbers import unaccented

CODE_HEADING = "Mã"
_CODE = re.compile(r"D?\s*([0-9]{1,9})\s*[-–]\s*([0-9]{1,12})", re.IGNORECASE)
# "Đã tiêm", "Đã đến dự"; the last, as a field of the list may be "đã tiêm mũi 1".
_COLUMNS = {"code": re.compile(rf"{unaccented(CODE_HEADING)}$"), "mark": re.compile(r"da\b")}


@dataclass(slots=True)
class ReturnedMarks:
    """Recipients who are marked on a list that came back, the lines whose mark is not understood, and those of other campaigns."""

    came: set[int] = field(default_factory=set)
    unclear: list[int] = field(default_factory=list)
    strangers: int = 0


def person_code(campaign_id: int, recipient_id: int) -> str:
    """Return the code of a person on a list, such as "D12-345"; no spreadsheet takes it for a day or a number."""
    return f"D{campaign_id}-{recipient_id}"


def value_key(value: str) -> list[tuple[int, int, str]]:
    """Return what values are ordered by: "7h30" before "10h00"; who has none is last."""
    parts = re.findall(r"([0-9]+)|([^0-9]+)", value)
    return [(0, int(digits), "") if digits else (1, 0, unaccented(text)) for digits, text in parts] or [
        (2, 0, "")
    ]


def read_marks(rows: Iterable[Row], *, campaign_id: int) -> ReturnedMarks | None:
    """Return the marks of a sheet; None if it has no row of headings with the code and a column such as "Đã đến"."""
    table = find_table(rows, _COLUMNS, needed=(("code",), ("mark",)), last=("mark",))
    if table is None:
        return None
    marks = ReturnedMarks()
    for row in table:
        code, mark = row.text("code"), row.text("mark")
        person = _CODE.fullmatch(code)
        if person is None or not mark:
            continue  # a signature below the table, or nobody who came
        has_come = read_mark(mark)
        if has_come is None:
            marks.unclear.append(row.line)
        elif has_come and int(person[1]) == campaign_id:
            marks.came.add(int(person[2]))
        else:
            marks.strangers += has_come
    return marks

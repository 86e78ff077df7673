"""Goals and denominators as typed into a form or a file. Pure. Everything here raises BadInput."""

from __future__ import annotations

import re
from datetime import date

from outreach.errors import BadInput

MOST = 2**31 - 1

# 120000 or 120.000, as one writes it in Vietnam.
_COUNT = re.compile(r"[0-9]{1,10}|[0-9]{1,3}(?:\.[0-9]{3})+")
_PERCENT = re.compile(r"([0-9]{1,3}(?:[.,][0-9]{1,2})?) ?%?")


def read_share(typed: str) -> float | None:
    """A share from a percentage such as 50, 50% or 62,5; None where nothing is typed."""
    typed = typed.strip()
    if not typed:
        return None
    found = _PERCENT.fullmatch(typed)
    share = float(found[1].replace(",", ".")) / 100 if found else 0
    if not 0 < share <= 1:
        raise BadInput("Tỷ lệ của mục tiêu là số phần trăm trên 0 và không quá 100, ví dụ 50.")
    return round(share, 6)


def read_count(typed: str) -> int | None:
    """A number of people from 1 up; None where nothing is typed: not known."""
    typed = typed.strip()
    if not typed:
        return None
    count = int(typed.replace(".", "")) if _COUNT.fullmatch(typed) else 0
    if not 1 <= count <= MOST:
        raise BadInput("Số người là số nguyên từ 1 trở lên, ví dụ 120.000. Chưa rõ thì để trống.")
    return count


def read_deadline(typed: str) -> date | None:
    """The last day; None where nothing is typed."""
    return _day(typed, "Hạn") if typed.strip() else None


def read_as_of(typed: str, *, today: date) -> date:
    """The day that a figure is of, today at the latest."""
    day = _day(typed, "Ngày của số liệu")
    if day > today:
        raise BadInput("Ngày của số liệu chưa tới.")
    return day


def _day(typed: str, what: str) -> date:
    typed = typed.strip()
    try:
        if len(typed) == 10:
            return date.fromisoformat(typed)
    except ValueError:
        pass
    raise BadInput(f"{what} phải viết như 2020-08-20.")

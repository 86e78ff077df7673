"""Numbers, days and hours as an official document writes them (Decree 30/2020, Appendix I). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from campaigns.publicity.entry import Kind
from outreach.numerals import number

UNKNOWN = "chưa rõ"
MEANS = {
    Kind.RADIO: "Phát thanh",
    Kind.TELEVISION: "Truyền hình",
    Kind.NEWSPAPER: "Báo viết",
    Kind.PORTAL: "Cổng thông tin, trang mạng",
    Kind.LOUDSPEAKER: "Loa truyền thanh",
    Kind.MEETING: "Họp thôn, tổ dân phố",
    Kind.VISITS: "Đến từng nhà",
}


@dataclass(frozen=True, slots=True)
class Share:
    """A share from 0 up, in a table's cell."""

    value: float


# What may stand in a table: words, a count, a share; None is not known.
Cell = str | int | Share | None


def said(value: int) -> str:
    """A count within a sentence: below ten with a nought before it, as officers write; 0 stays."""
    return f"0{value}" if 0 < value < 10 else number(value)


def percent(value: float, *, is_exact: bool = False) -> str:
    """50,3%; a goal (`is_exact`) without a nought after the comma: 50%.

    Rounding never says that everybody is reached when somebody is not, or nobody when somebody is.
    """
    shown = f"{value * 100:.1f}"
    if value < 1 and shown == "100.0":
        shown = "99.9"
    if value > 0 and shown == "0.0":
        return "dưới 0,1%"
    if is_exact:
        shown = shown.removesuffix(".0")
    return shown.replace(".", ",") + "%"


def cell(value: Cell) -> str:
    """A cell as text."""
    if value is None:
        return UNKNOWN
    if isinstance(value, Share):
        return percent(value.value)
    return number(value) if isinstance(value, int) else value


def short_day(iso: str) -> str:
    """05/8/2020, 10/02/2020: days under 10 and the months 1 and 2 with a nought."""
    day = date.fromisoformat(iso)
    return f"{day.day:02d}/{_month(day)}/{day.year}"


def long_day(iso: str) -> str:
    """ngày 05 tháng 8 năm 2020"""
    day = date.fromisoformat(iso)
    return f"ngày {day.day:02d} tháng {_month(day)} năm {day.year}"


def hour(moment: datetime) -> str:
    """13 giờ 30 phút; the moment's own zone counts."""
    return f"{moment.hour:02d} giờ {moment.minute:02d} phút"


def _month(day: date) -> str:
    return f"{day.month:02d}" if day.month < 3 else str(day.month)

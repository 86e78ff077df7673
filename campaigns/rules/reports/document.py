"""Document blocks; numbers and dates as written.

A report as data: what it says, block by block, before it is a file. Pure.

The three files are written from the same blocks, so that none can say something else than the others.

Numbers, days and hours as an official document writes them (Decree 30/2020, Appendix I). Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from campaigns.rules.activities import ActivityKind
from outreach.rules.formats import format_number


class Style(StrEnum):
    """How a paragraph is set."""

    BASIS = "basis"  # italic: on what the report is founded
    BODY = "body"
    PART = "part"  # I. KẾT QUẢ
    HEADING = "heading"  # 1. Người dân
    NOTE = "note"  # italic and smaller, below a table


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    style: Style = Style.BODY


class Alignment(StrEnum):
    """Where a column's cells stand."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in parts of the whole table's."""

    title: str
    width: int
    side: Alignment = Alignment.RIGHT


@dataclass(frozen=True, slots=True)
class ShareCell:
    """A share from 0 up, in a table's cell."""

    value: float


# What may stand in a table: words, a count, a share; None is not known.
Cell = str | int | ShareCell | None


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is short enough for a sheet's tab. With `has_total` the last row is set apart."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_total: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` is None where it is not known: then there is no bar, only its words."""

    label: str
    value: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Horizontal bars. `goal`: a mark to be reached, with its words; `description` says in a sentence what is seen."""

    name: str
    caption: str
    bars: tuple[Bar, ...]
    description: str
    is_share: bool = True
    goal: float | None = None
    goal_text: str = ""


Block = Paragraph | Table | Chart


@dataclass(frozen=True, slots=True)
class Appendix:
    """On pages of its own, numbered by themselves."""

    title: str  # PHỤ LỤC I
    subject: str
    reference: str  # to which report it belongs
    blocks: tuple[Block, ...]
    is_landscape: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    lines: tuple[str, ...]  # TM. BAN THƯỜNG TRỰC / KT. CHỦ TỊCH / PHÓ CHỦ TỊCH; the name stays blank


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """A whole document. `number` has the blank that the clerk fills in."""

    superior: tuple[str, ...]
    issuer: str
    number: str
    place_and_day: str
    kind: str  # BÁO CÁO
    subject: tuple[str, ...]
    addressees: tuple[str, ...]
    blocks: tuple[Block, ...]
    signature: Signature
    copies: tuple[str, ...]  # nơi nhận
    appendices: tuple[Appendix, ...] = field(default=())

    @property
    def title(self) -> str:
        """For a file's properties."""
        return f"{self.kind}: {' '.join(self.subject)}"


UNKNOWN = "chưa rõ"
ACTIVITY_NAMES = {
    ActivityKind.RADIO: "Phát thanh",
    ActivityKind.TELEVISION: "Truyền hình",
    ActivityKind.NEWSPAPER: "Báo viết",
    ActivityKind.PORTAL: "Cổng thông tin, trang mạng",
    ActivityKind.LOUDSPEAKER: "Loa truyền thanh",
    ActivityKind.MEETING: "Họp thôn, tổ dân phố",
    ActivityKind.VISITS: "Đến từng nhà",
}


def said(value: int) -> str:
    """A count within a sentence: below ten with a nought before it, as officers write; 0 stays."""
    return f"0{value}" if 0 < value < 10 else format_number(value)


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
    if isinstance(value, ShareCell):
        return percent(value.value)
    return format_number(value) if isinstance(value, int) else value


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

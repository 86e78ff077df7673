"""Report document: blocks, tables and charts as data, and the notation of numbers, days and hours.

All file formats are written from the same blocks, so that none can differ from the others. Numbers, days and hours are
written as in official documents (Decree 30/2020, Appendix I).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from campaigns.rules.activities import ActivityKind
from outreach.rules.formats import format_number


class Style(StrEnum):
    """Paragraph styles."""

    BASIS = "basis"  # italic: the legal basis of the report
    BODY = "body"
    PART = "part"  # I. KẾT QUẢ
    HEADING = "heading"  # 1. Người dân
    NOTE = "note"  # italic and smaller, below a table


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Paragraph of text."""

    text: str
    style: Style = Style.BODY


class Alignment(StrEnum):
    """Alignment of a column's cells."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Column:
    """Table column; `width` is relative to the other columns."""

    title: str
    width: int
    side: Alignment = Alignment.RIGHT


@dataclass(frozen=True, slots=True)
class ShareCell:
    """Share in a table cell, 0 or more."""

    value: float


# A table cell: text, a count, a share; None is unknown.
Cell = str | int | ShareCell | None


@dataclass(frozen=True, slots=True)
class Table:
    """Table. `name` fits the tab of a sheet; with `has_total` the last row is the total."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_total: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of a chart; `value` is None if unknown: then only the text is shown."""

    label: str
    value: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Chart of horizontal bars. `goal` is a marker with its text; `description` is the alternative text."""

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
    """Appendix with its own page numbers."""

    title: str  # PHỤ LỤC I
    subject: str
    reference: str  # names the report that it belongs to
    blocks: tuple[Block, ...]
    is_landscape: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """Signature block."""

    lines: tuple[str, ...]  # TM. BAN THƯỜNG TRỰC / KT. CHỦ TỊCH / PHÓ CHỦ TỊCH; the name stays blank


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """Complete document. `number` has a blank, filled in by hand."""

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
        """Return the title for the file properties."""
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
    """Format a count within a sentence: 1 to 9 with a leading zero, as in official documents."""
    return f"0{value}" if 0 < value < 10 else format_number(value)


def percent(value: float, *, is_exact: bool = False) -> str:
    """Format a share, such as 50,3%; with `is_exact` (a goal) without a decimal zero: 50%.

    Rounding never gives 100% when somebody is missing, nor 0% when somebody is reached.
    """
    text = f"{value * 100:.1f}"
    if value < 1 and text == "100.0":
        text = "99.9"
    if value > 0 and text == "0.0":
        return "dưới 0,1%"
    if is_exact:
        text = text.removesuffix(".0")
    return text.replace(".", ",") + "%"


def cell(value: Cell) -> str:
    """Format a table cell."""
    if value is None:
        return UNKNOWN
    if isinstance(value, ShareCell):
        return percent(value.value)
    return format_number(value) if isinstance(value, int) else value


def short_day(iso: str) -> str:
    """Format a day as 05/8/2020 or 10/02/2020: days under 10 and months 1 and 2 have a leading zero."""
    day = date.fromisoformat(iso)
    return f"{day.day:02d}/{_month(day)}/{day.year}"


def long_day(iso: str) -> str:
    """Format a day as: ngày 05 tháng 8 năm 2020."""
    day = date.fromisoformat(iso)
    return f"ngày {day.day:02d} tháng {_month(day)} năm {day.year}"


def hour(moment: datetime) -> str:
    """Format a time, in its own time zone, as: 13 giờ 30 phút."""
    return f"{moment.hour:02d} giờ {moment.minute:02d} phút"


def _month(day: date) -> str:
    return f"{day.month:02d}" if day.month < 3 else str(day.month)

"""Report document: blocks, tables and charts as data, and the notation of numbers, days and hours.

All file formats are written from the same blocks, so that none can differ from the others. Numbers, days and hours are
written as in official documents (Decree 30/2020, Appendix I).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from campaigns.rules.activities import ActivityKind
from campaigns.rules.reports.template import clean_line
from outreach.rules.errors import BadInput
from outreach.rules.formats import format_number
from outreach.rules.stored_data import read_stored
from outreach.rules.texts import clean_texts


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
    """Table; `name` fits a sheet's tab, `has_total`: the last row; `unit` of the counts or ""."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_total: bool = False
    unit: str = ""

    @property
    def above(self) -> str:
        """Return the line above the table: its unit, and what a dash means where one is in it."""
        has_dash = any(value is None for row in self.rows for value in row)
        return "; ".join(
            part
            for part in (f"Đơn vị tính: {self.unit}" if self.unit else "", NO_FIGURE if has_dash else "")
            if part
        )


def without_empty_columns(table: Table) -> Table:
    """Return the table without the columns of which nothing is known."""
    kept = [
        place
        for place in range(len(table.columns))
        if not table.rows or any(row[place] is not None for row in table.rows)
    ]
    return replace(
        table,
        columns=tuple(table.columns[place] for place in kept),
        rows=tuple(tuple(row[place] for place in kept) for row in table.rows),
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """Bar of a chart; `value` is a share from 0 up, or None if unknown: then only the text is shown."""

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
    """Signature block; without a `name` there is room for it."""

    lines: tuple[str, ...]  # TM. BAN THƯỜNG TRỰC / KT. CHỦ TỊCH / PHÓ CHỦ TỊCH
    name: str = ""


@dataclass(frozen=True, slots=True)
class ReportDocument:
    """Complete document. `number` has a blank, filled in by hand; a draft is marked as one."""

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
    is_draft: bool = False

    @property
    def title(self) -> str:
        """Return the title for the file properties."""
        return f"{self.kind}: {' '.join(self.subject)}"


def read_document(data: Mapping[str, Any]) -> ReportDocument:
    """Read a document from its data, also after JSON, its texts clean, as names stored before may not be."""
    return read_stored(ReportDocument, clean_texts(dict(data)))


UNKNOWN = "-"
NO_FIGURE = "(-): chưa có số liệu"
DRAFT = "DỰ THẢO"  # until the report is approved
ACTIVITY_NAMES = {
    ActivityKind.RADIO: "Phát thanh",
    ActivityKind.TELEVISION: "Truyền hình",
    ActivityKind.NEWSPAPER: "Báo viết",
    ActivityKind.PORTAL: "Cổng thông tin, trang mạng",
    ActivityKind.LOUDSPEAKER: "Loa truyền thanh",
    ActivityKind.MEETING: "Họp thôn, tổ dân phố",
    ActivityKind.VISITS: "Đến từng nhà",
    ActivityKind.OPERATORS: "Nhà mạng nhắn tin tới mọi thuê bao",
}


SMALLEST_SHARE = 0.0005  # a smaller one would be printed as 0,0%


def said(value: int) -> str:
    """Format a count within a sentence: 1 to 9 with a leading zero, as in official documents."""
    return f"0{value}" if 0 < value < 10 else format_number(value)


def percent(value: float, *, is_exact: bool = False) -> str:
    """Format a share, 50,3% (exact: 50%); never 100% with one missing, nor 0% with one reached."""
    text = f"{value * 100:.1f}"
    if value < 1 and text == "100.0":
        text = "99.9"
    if 0 < value < SMALLEST_SHARE:
        return "dưới 0,1%"
    if is_exact:
        text = text.removesuffix(".0")
    return text.replace(".", ",") + "%"


def listed(lines: Sequence[str], *, mark: str = "- ") -> list[str]:
    """Return the lines of a list with their marks and final punctuation."""
    return [f"{mark}{line}{'.' if n == len(lines) else ';'}" for n, line in enumerate(lines, start=1)]


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


@dataclass(frozen=True, slots=True)
class Notes:
    """What officers write into a day's report: a remark on the day, what hindered, what is asked for."""

    remark: str = ""
    hindered: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the data that `read_notes` reads."""
        return {"remark": self.remark, "hindered": list(self.hindered), "asked": list(self.asked)}


_MOST_NOTES, _LONGEST_NOTE = 10, 1000


def read_notes(data: Mapping[str, Any]) -> Notes:
    """Read notes from a form or the database; each line of text is a note. Raises BadInput."""
    values: dict[str, tuple[str, ...]] = {}
    for name in ("remark", "hindered", "asked"):
        value = data.get(name) or ()
        lines = value.splitlines() if isinstance(value, str) else value
        cleaned = tuple(text for line in lines if (text := clean_line(line)))
        if len(cleaned) > _MOST_NOTES or any(len(line) > _LONGEST_NOTE for line in cleaned):
            raise BadInput("report_notes_long", most=_MOST_NOTES, longest=_LONGEST_NOTE)
        values[name] = cleaned
    return Notes(". ".join(values["remark"]), values["hindered"], values["asked"])


NO_NOTES = Notes()

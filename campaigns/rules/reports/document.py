"""A report as data: what it says, block by block, before it is a file. Pure.

The three files are written from the same blocks, so that none can say something else than the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from campaigns.report.paper.words import Cell


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


class Side(StrEnum):
    """Where a column's cells stand."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in parts of the whole table's."""

    title: str
    width: int
    side: Side = Side.RIGHT


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
class Paper:
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

"""A report as XLSX: the letterhead and what is said on the first sheet, then a sheet for each table, with native charts.

Counts and shares are numbers, to go on computing with. A count carries its dots whatever the machine's language is; a
share's comma is the machine's own in Excel, as no format can carry one.
"""

from __future__ import annotations

import zipfile
from datetime import datetime
from io import BytesIO
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range_abs

from campaigns.rules.reports.document import (
    UNKNOWN,
    Appendix,
    Chart,
    Paragraph,
    ReportDocument,
    ShareCell,
    Style,
    Table,
)

COUNT = '[<1000]0;[<1000000]0"."000;0"."000"."000'
SHARE = "[$-42A]0.0%"
_FONT = {"font_name": "Times New Roman", "font_size": 12, "valign": "vcenter"}
_MARGINS = {"left": 30 / 25.4, "right": 15 / 25.4, "top": 20 / 25.4, "bottom": 20 / 25.4}
_COLUMNS = 9  # of the first sheet
_LETTERS_A_LINE = 112  # of the first sheet, at 13 points


class _Book:
    def __init__(self, paper: ReportDocument, made_at: datetime) -> None:
        self.held = BytesIO()
        self.book = xlsxwriter.Workbook(self.held, {"in_memory": True})
        self.book.set_properties(
            {"title": paper.title, "author": paper.issuer, "created": made_at.replace(tzinfo=None)}
        )
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def style(self, **how: Any) -> Any:
        key = tuple(sorted(how.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format({**_FONT, **how})
        return self._formats[key]

    def sheet(self, name: str, *, is_landscape: bool) -> Any:
        made = self.book.add_worksheet(name[:31])
        made.set_paper(9)  # A4
        if is_landscape:
            made.set_landscape()
        made.set_margins(**_MARGINS)
        # The number above, in the middle.
        made.set_header('&C&"Times New Roman,Regular"&14&P', {"margin": 10 / 25.4})
        made.fit_to_pages(1, 0)
        made.hide_gridlines(2)
        return made


def write_xlsx(paper: ReportDocument, *, made_at: datetime) -> bytes:
    """The file."""
    book = _Book(paper, made_at)
    first = book.sheet("Báo cáo", is_landscape=False)
    row = _head(book, first, paper)
    for block in paper.blocks:
        if isinstance(block, Paragraph):
            row = _sentence(book, first, row, block)
    _foot(book, first, row + 1, paper)
    for block in paper.blocks:
        if isinstance(block, Table):
            _table_sheet(book, block, paper.subject[0], is_landscape=len(block.columns) > 7)
    charts = [block for block in paper.blocks if isinstance(block, Chart)]
    if charts:
        _chart_sheet(book, charts)
    for appendix in paper.appendices:
        for block in appendix.blocks:
            if isinstance(block, Table):
                _table_sheet(
                    book, block, appendix.subject, is_landscape=appendix.is_landscape, above=appendix
                )
    book.book.close()
    return _hide_first_numbers(book.held.getvalue())


def _hide_first_numbers(content: bytes) -> bytes:
    """No page number on a sheet's first page: Excel can, the library has no word for it."""
    changed = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as made,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as kept,
    ):
        for item in made.infolist():
            part = made.read(item)
            if item.filename.startswith("xl/worksheets/sheet"):
                part = part.replace(b"<headerFooter>", b'<headerFooter differentFirst="1">')
            kept.writestr(item, part)
    return changed.getvalue()


def _head(book: _Book, sheet: Any, paper: ReportDocument) -> int:
    """Points 5 to 10 of the form; the row that is next."""
    sheet.set_column(0, _COLUMNS - 1, 10)
    centred: dict[str, Any] = {"align": "center", "text_wrap": True}
    left: list[tuple[str, dict[str, Any]]] = [
        *((line, {}) for line in paper.superior),
        (paper.issuer, {"bold": True}),
    ]
    right: list[tuple[str, dict[str, Any]]] = [
        ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", {"bold": True}),
        ("Độc lập - Tự do - Hạnh phúc", {"bold": True, "font_size": 13}),
    ]
    for n, (text, how) in enumerate(left):
        sheet.merge_range(n, 0, n, 3, text, book.style(**centred, **how))
    for n, (text, how) in enumerate(right):
        sheet.merge_range(n, 4, n, 8, text, book.style(**centred, **how))
    row = max(len(left), len(right)) + 1
    sheet.merge_range(row, 0, row, 3, paper.number, book.style(font_size=13, align="center"))
    sheet.merge_range(
        row, 4, row, 8, paper.place_and_day, book.style(font_size=13, align="center", italic=True)
    )
    row += 2
    for text in (paper.kind, *paper.subject):
        sheet.merge_range(row, 0, row, 8, text, book.style(font_size=14, bold=True, **centred))
        row += 1
    row += 1
    sheet.merge_range(
        row, 0, row, 8, "Kính gửi: " + "; ".join(paper.addressees) + ".", book.style(font_size=13, **centred)
    )
    return row + 2


def _sentence(book: _Book, sheet: Any, row: int, block: Paragraph) -> int:
    how = {"bold": True} if block.style in (Style.PART, Style.HEADING) else {}
    if block.style in (Style.BASIS, Style.NOTE):
        how = {"italic": True}
    style = book.style(font_size=13, text_wrap=True, align="justify", valign="top", indent=1, **how)
    sheet.merge_range(row, 0, row, _COLUMNS - 1, block.text, style)
    sheet.set_row(row, 18 * (1 + len(block.text) // _LETTERS_A_LINE) + 4)
    return row + 1


def _foot(book: _Book, sheet: Any, row: int, paper: ReportDocument) -> None:
    sheet.merge_range(row, 0, row, 3, "Nơi nhận:", book.style(bold=True, italic=True))
    last = len(paper.copies) - 1
    for n, name in enumerate(paper.copies):
        text = f"- {name}{'.' if n == last else ';'}"
        sheet.merge_range(row + 1 + n, 0, row + 1 + n, 3, text, book.style(font_size=11, text_wrap=True))
    for n, line in enumerate(paper.signature.lines):
        sheet.merge_range(row + n, 4, row + n, 8, line, book.style(font_size=14, bold=True, align="center"))


def _table_sheet(
    book: _Book, table: Table, title: str, *, is_landscape: bool, above: Appendix | None = None
) -> None:
    sheet = book.sheet(table.name, is_landscape=is_landscape)
    last = len(table.columns) - 1
    lines = [above.title, above.subject] if above else [table.caption or title]
    for n, line in enumerate(lines):
        sheet.merge_range(
            n, 0, n, last, line, book.style(font_size=14, bold=True, align="center", text_wrap=True)
        )
    row = len(lines) + 1
    if above:
        sheet.set_row(row - 1, 34)
        sheet.merge_range(
            row - 1,
            0,
            row - 1,
            last,
            above.reference,
            book.style(font_size=13, italic=True, align="center", text_wrap=True),
        )
        row += 1
    parts = sum(column.width for column in table.columns)
    for place, column in enumerate(table.columns):
        sheet.set_column(place, place, max(5.0, (125 if is_landscape else 85) * column.width / parts))
        sheet.write_string(
            row, place, column.title, book.style(bold=True, border=1, align="center", text_wrap=True)
        )
    sheet.repeat_rows(row)
    sheet.freeze_panes(row + 1, 2)
    for n, values in enumerate(table.rows):
        bold = table.has_total and n == len(table.rows) - 1
        for place, value in enumerate(values):
            _cell(book, sheet, (row + 1 + n, place), value, bold=bold)


def _cell(book: _Book, sheet: Any, at: tuple[int, int], value: Any, *, bold: bool) -> None:
    how: dict[str, Any] = {"border": 1, "text_wrap": True, "bold": bold}
    if value is None:
        sheet.write_string(*at, UNKNOWN, book.style(**how, italic=True, align="center"))
    elif isinstance(value, ShareCell):
        sheet.write_number(*at, value.value, book.style(**how, num_format=SHARE))
    elif isinstance(value, int):
        sheet.write_number(*at, value, book.style(**how, num_format=COUNT))
    else:
        sheet.write_string(*at, value, book.style(**how, align="center" if at[1] == 0 else "left"))


def _chart_sheet(book: _Book, charts: list[Chart]) -> None:
    """Each chart beside the figures that it is drawn from."""
    sheet = book.sheet("Biểu đồ", is_landscape=False)
    sheet.fit_to_pages(1, 1)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 2, 12)
    row = 0
    for chart in charts:
        sheet.write_string(row, 0, chart.caption, book.style(bold=True))
        first = row + 1
        for n, bar in enumerate(chart.bars):
            sheet.write_string(first + n, 0, bar.label, book.style(border=1))
            if bar.value is None:
                sheet.write_string(first + n, 1, UNKNOWN, book.style(border=1, italic=True))
            else:
                form = SHARE if chart.is_share else COUNT
                sheet.write_number(first + n, 1, bar.value, book.style(border=1, num_format=form))
        end = first + len(chart.bars) - 1
        sheet.insert_chart(row, 3, _native(book, chart, first, end), {"description": chart.description})
        row = max(end + 3, row + 18)


def _native(book: _Book, chart: Chart, first: int, end: int) -> Any:
    drawn = book.book.add_chart({"type": "bar" if chart.is_share else "column"})
    form = SHARE if chart.is_share else COUNT
    drawn.add_series(
        {
            "name": chart.caption,
            "categories": f"='Biểu đồ'!{xl_range_abs(first, 0, end, 0)}",
            "values": f"='Biểu đồ'!{xl_range_abs(first, 1, end, 1)}",
            "data_labels": {"value": True, "num_format": form, "font": {"name": "Times New Roman"}},
            "fill": {"color": "#2f5d8a"},
            "gap": 60,
        }
    )
    drawn.set_title({"name": chart.caption, "name_font": {"name": "Times New Roman", "size": 12}})
    drawn.set_legend({"none": True})
    font = {"num_font": {"name": "Times New Roman", "size": 10}}
    drawn.set_y_axis({"reverse": True, **font} if chart.is_share else {"min": 0, "num_format": form, **font})
    drawn.set_x_axis({"min": 0, "num_format": form, **font} if chart.is_share else font)
    drawn.set_size({"width": 620, "height": 340})
    return drawn

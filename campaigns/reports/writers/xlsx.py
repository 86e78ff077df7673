"""Writer of the report as XLSX.

The first sheet has letterhead and text; each table has a sheet of its own; the charts are pictures beside their figures.

Counts and shares are numbers, so that they can be used in formulas. A count shows dots as separators whatever
the machine's language is; a share's comma is the machine's own in Excel, as no format can carry one. One that would be rounded to all or
nothing has its words as its format.
"""

import zipfile
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from textwrap import wrap
from typing import Any

from campaigns.rules.reports.document import (
    DRAFT,
    Appendix,
    Chart,
    Paragraph,
    ReportDocument,
    ShareCell,
    Style,
    Table,
    listed,
    percent,
)

COUNT = '[<1000]0;[<1000000]0"."000;0"."000"."000'
_SHARE = "[$-42A]0.0%"


def _share_format(share: float) -> str:
    text = percent(share)
    return _SHARE if text == f"{share:.1%}".replace(".", ",") else f'"{text}"'


_FONT = {"font_name": "Times New Roman", "font_size": 12, "valign": "vcenter"}
_MARGINS = {"left": 30 / 25.4, "right": 15 / 25.4, "top": 20 / 25.4, "bottom": 20 / 25.4}
_COLUMNS = 9  # of the first sheet
_LETTERS_A_LINE = 112  # of the first sheet, at 13 points
_LINES_A_ROW = 20  # a sheet's row is 409 points high at most, and shows no more
_SCALE = 0.48  # of a picture, which then is 620 pixels wide


# Also what `merge_range` writes: no name that begins with "=" is run as a formula, no text becomes a link or a number.
_TEXT_AS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class _Book:
    """The workbook being written, with its formats."""

    def __init__(self, report: ReportDocument, made_at: datetime) -> None:
        self.buffer = BytesIO()
        import xlsxwriter  # noqa: PLC0415 - 2 MB, where a file is made alone

        self.book = xlsxwriter.Workbook(self.buffer, {"in_memory": True, **_TEXT_AS_TEXT})
        self.book.set_properties(
            {"title": report.title, "author": report.issuer, "created": made_at.replace(tzinfo=None)}
        )
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def style(self, **properties: Any) -> Any:
        """Return the format with these properties, created once."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format({**_FONT, **properties})
        return self._formats[key]

    def span(self, sheet: Any, row: int, first: int, last: int, text: str, **properties: Any) -> None:
        """Write a text over several columns of a row."""
        sheet.merge_range(row, first, row, last, text, self.style(**properties))

    def sheet(self, name: str, *, is_landscape: bool) -> Any:
        """Add a worksheet, set up for printing."""
        worksheet = self.book.add_worksheet(name[:31])
        worksheet.set_paper(9)  # A4
        if is_landscape:
            worksheet.set_landscape()
        worksheet.set_margins(**_MARGINS)
        # The page number in the header, centred.
        worksheet.set_header('&C&"Times New Roman,Regular"&14&P', {"margin": 10 / 25.4})
        worksheet.fit_to_pages(1, 0)
        worksheet.hide_gridlines(2)
        return worksheet


def write_xlsx(report: ReportDocument, pictures: Mapping[str, bytes], *, made_at: datetime) -> bytes:
    """Return the XLSX. `pictures` has a PNG by each chart's name."""
    book = _Book(report, made_at)
    first = book.sheet("Báo cáo", is_landscape=False)
    row = _head(book, first, report)
    for block in report.blocks:
        if isinstance(block, Paragraph):
            row = _sentence(book, first, row, block)
    _foot(book, first, row + 1, report)
    for block in report.blocks:
        if isinstance(block, Table):
            _table_sheet(book, block, report.subject[0], is_landscape=len(block.columns) > 7)
    charts = [block for block in report.blocks if isinstance(block, Chart)]
    if charts:
        _chart_sheet(book, charts, pictures)
    for appendix in report.appendices:
        for block in appendix.blocks:
            if isinstance(block, Table):
                _table_sheet(
                    book, block, appendix.subject, is_landscape=appendix.is_landscape, appendix=appendix
                )
    book.book.close()
    return _hide_first_numbers(book.buffer.getvalue())


def _hide_first_numbers(content: bytes) -> bytes:
    """Hide the page number on each sheet's first page, which xlsxwriter has no option for."""
    changed = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(content)) as source,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for item in source.infolist():
            part = source.read(item)
            if item.filename.startswith("xl/worksheets/sheet"):
                part = part.replace(b"<headerFooter>", b'<headerFooter differentFirst="1">')
            target.writestr(item, part)
    return changed.getvalue()


def _head(book: _Book, sheet: Any, report: ReportDocument) -> int:
    """Write points 5 to 10 of the form. Returns the next row."""
    sheet.set_column(0, _COLUMNS - 1, 10)
    top = 0
    if report.is_draft:
        book.span(sheet, 0, 0, 3, DRAFT, font_size=14, bold=True)
        top = 1
    centred: dict[str, Any] = {"align": "center", "text_wrap": True}
    left: list[tuple[str, dict[str, Any]]] = [
        *((line, {}) for line in report.superior),
        (report.issuer, {"bold": True}),
    ]
    right: list[tuple[str, dict[str, Any]]] = [
        ("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", {"bold": True}),
        ("Độc lập - Tự do - Hạnh phúc", {"bold": True, "font_size": 13}),
    ]
    for first, last, lines in ((0, 3, left), (4, 8, right)):
        for n, (text, properties) in enumerate(lines):
            book.span(sheet, top + n, first, last, text, **centred, **properties)
    row = top + max(len(left), len(right)) + 1
    book.span(sheet, row, 0, 3, report.number, font_size=13, align="center")
    book.span(sheet, row, 4, 8, report.place_and_day, font_size=13, align="center", italic=True)
    row += 2
    for text in (report.kind, *report.subject):
        book.span(sheet, row, 0, 8, text, font_size=14, bold=True, **centred)
        row += 1
    row += 1
    book.span(sheet, row, 0, 8, f"Kính gửi: {'; '.join(report.addressees)}.", font_size=13, **centred)
    return row + 2


def _sentence(book: _Book, sheet: Any, row: int, block: Paragraph) -> int:
    properties = {"bold": True} if block.style in (Style.PART, Style.HEADING) else {}
    if block.style in (Style.BASIS, Style.NOTE):
        properties = {"italic": True}
    style = book.style(font_size=13, text_wrap=True, align="justify", valign="top", indent=1, **properties)
    for part in wrap(block.text, _LETTERS_A_LINE * _LINES_A_ROW):
        sheet.merge_range(row, 0, row, _COLUMNS - 1, part, style)
        sheet.set_row(row, 18 * (1 + len(part) // _LETTERS_A_LINE) + 4)
        row += 1
    return row


def _foot(book: _Book, sheet: Any, row: int, report: ReportDocument) -> None:
    book.span(sheet, row, 0, 3, "Nơi nhận:", bold=True, italic=True)
    for n, text in enumerate(listed(report.copies), start=row + 1):
        book.span(sheet, n, 0, 3, text, font_size=11, text_wrap=True)
    signing = [*enumerate(report.signature.lines)]
    if report.signature.name:
        signing.append((len(signing) + 4, report.signature.name))
    for n, line in signing:
        book.span(sheet, row + n, 4, 8, line, font_size=14, bold=True, align="center")


def _table_sheet(
    book: _Book, table: Table, title: str, *, is_landscape: bool, appendix: Appendix | None = None
) -> None:
    sheet = book.sheet(table.name, is_landscape=is_landscape)
    last = len(table.columns) - 1
    lines = [appendix.title, appendix.subject] if appendix else [table.caption or title]
    for n, line in enumerate(lines):
        book.span(sheet, n, 0, last, line, font_size=14, bold=True, align="center", text_wrap=True)
    row = len(lines) + 1
    if appendix:
        sheet.set_row(row - 1, 34)
        centred = {"align": "center", "text_wrap": True}
        book.span(sheet, row - 1, 0, last, appendix.reference, font_size=13, italic=True, **centred)
        row += 1
    if table.unit:
        book.span(sheet, row - 1, 0, last, f"Đơn vị tính: {table.unit}", italic=True, align="right")
    parts = sum(column.width for column in table.columns)
    for position, column in enumerate(table.columns):
        sheet.set_column(position, position, max(5.0, (125 if is_landscape else 85) * column.width / parts))
        sheet.write_string(
            row, position, column.title, book.style(bold=True, border=1, align="center", text_wrap=True)
        )
    sheet.repeat_rows(row)
    sheet.freeze_panes(row + 1, 2)
    for n, values in enumerate(table.rows):
        bold = table.has_total and n == len(table.rows) - 1
        for position, value in enumerate(values):
            _cell(book, sheet, (row + 1 + n, position), value, bold=bold)


def _cell(book: _Book, sheet: Any, at: tuple[int, int], value: Any, *, bold: bool) -> None:
    properties: dict[str, Any] = {"border": 1, "text_wrap": True, "bold": bold}
    if value is None:
        sheet.write_blank(*at, None, book.style(**properties))
    elif isinstance(value, ShareCell):
        sheet.write_number(*at, value.value, book.style(**properties, num_format=_share_format(value.value)))
    elif isinstance(value, int):
        sheet.write_number(*at, value, book.style(**properties, num_format=COUNT))
    else:
        sheet.write_string(*at, value, book.style(**properties, align="center" if at[1] == 0 else "left"))


def _chart_sheet(book: _Book, charts: list[Chart], pictures: Mapping[str, bytes]) -> None:
    """Write each chart beside its figures."""
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
                sheet.write_blank(first + n, 1, None, book.style(border=1))
            else:
                form = _share_format(bar.value) if chart.is_share else COUNT
                sheet.write_number(first + n, 1, bar.value, book.style(border=1, num_format=form))
        picture = {"image_data": BytesIO(pictures[chart.name]), "description": chart.description}
        sheet.insert_image(row, 3, f"{chart.name}.png", {**picture, "x_scale": _SCALE, "y_scale": _SCALE})
        # 18 rows are room for a picture of as many bars as rows of figures.
        row = max(first + len(chart.bars) + 2, row + 18)

"""Files as offices send them: what a sheet holds, written in each format."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import docx
import xlsxwriter
import xlwt

from tests.lists.people import Expected

Cell = object
Merge = tuple[int, int, int, int]


@dataclass(frozen=True)
class Struck:
    """A cell with text that is struck through, and text after it that is not."""

    old: str
    new: str = ""


@dataclass(frozen=True)
class NumberCell:
    """A number that the sheet shows in a format of its own."""

    value: float
    number_format: str


@dataclass
class ListTable:
    """One sheet: its rows, merged ranges (first row, first column, last row, last column), and what to read from it."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)  # rows that the sheet does not show, of XLSX

    def add(self, *cells):
        """Add a row; if it holds a person, what is expected of it follows the cells."""
        self.rows.append([cell for cell in cells if not isinstance(cell, Expected)])
        self.expected += [cell for cell in cells if isinstance(cell, Expected)]

    def title(self, text, width=1, column=0):
        """Add a row with one text, over several columns when a width is given."""
        if width > 1:
            self.merges.append((len(self.rows), column, len(self.rows), column + width - 1))
        self.rows.append([None] * column + [text])


@dataclass(frozen=True)
class ListFile:
    """A file of a shape: how it is written, and what must be read from it."""

    shape: str
    name: str
    write: Callable[[Path], None]
    expected: tuple[Expected, ...]


def workbook(shape, name, *sheets):
    """A file of sheets in the format of its ending: xlsx, xls, ods."""
    write = {"xlsx": write_xlsx, "xls": write_xls, "ods": write_ods}[name.rpartition(".")[2]]
    return ListFile(
        shape, name, lambda path: write(path, sheets), tuple(e for sheet in sheets for e in sheet.expected)
    )


def text_file(shape, name, sheet, *, separator=",", encoding="utf-8", convert=str):
    """A text file with a row a line."""

    def quoted(cell):
        text = "" if cell is None else str(cell)
        return '"' + text.replace('"', '""') + '"' if any(c in text for c in (separator, '"', "\n")) else text

    lines = [separator.join(quoted(cell) for cell in row) for row in sheet.rows]
    content = convert("\r\n".join(lines) + "\r\n").encode(encoding)
    return ListFile(shape, name, lambda path: _write(path, content), tuple(sheet.expected))


def plain(shape, name, text, expected):
    """A file of this very text."""
    return ListFile(shape, name, lambda path: _write(path, text.encode()), tuple(expected))


def _write(path, content):
    path.write_bytes(content)


def write_xlsx(path, sheets):
    """Write a workbook as Excel does."""
    book = xlsxwriter.Workbook(str(path))
    struck = book.add_format({"font_strikeout": True})
    normal = book.add_format()
    for sheet in sheets:
        out = book.add_worksheet(sheet.name)
        for r, c, last_r, last_c in sheet.merges:
            out.merge_range(r, c, last_r, last_c, "")
        for r in sheet.hidden:
            out.set_row(r, None, None, {"hidden": True})
        for r, row in enumerate(sheet.rows):
            for c, cell in enumerate(row):
                match cell:
                    case None | "":
                        pass
                    case Struck(old, ""):
                        out.write_string(r, c, old, struck)
                    case Struck(old, new):
                        out.write_rich_string(r, c, struck, old, normal, new)
                    case NumberCell(value, number_format):
                        out.write_number(r, c, value, book.add_format({"num_format": number_format}))
                    case int() | float():
                        out.write_number(r, c, cell)
                    case _:
                        out.write_string(r, c, str(cell))
    book.close()


def write_xls(path, sheets):
    """Write a workbook as Excel did until 2003."""
    book = xlwt.Workbook()
    for sheet in sheets:
        out = book.add_sheet(sheet.name)
        merged = {(r, c): (last_r, last_c) for r, c, last_r, last_c in sheet.merges}
        for r, row in enumerate(sheet.rows):
            for c, cell in enumerate(row):
                if cell in (None, ""):
                    continue
                if (r, c) in merged:
                    last_r, last_c = merged[(r, c)]
                    out.write_merge(r, last_r, c, last_c, cell)
                else:
                    out.write(r, c, cell)
    book.save(str(path))


def document(shape, name, *tables):
    """A Word document with tables between a letterhead and signatures."""

    def write(path):
        text = docx.Document()
        text.add_paragraph("UBND XÃ ĐĂK MAR\tCỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM")
        text.add_paragraph("DANH SÁCH HỘI VIÊN")
        for sheet in tables:
            table = text.add_table(len(sheet.rows), max(map(len, sheet.rows)))
            for r, c, last_r, last_c in sheet.merges:
                table.cell(r, c).merge(table.cell(last_r, last_c))
            for r, row in enumerate(sheet.rows):
                for c, cell in enumerate(row):
                    if cell not in (None, ""):
                        table.cell(r, c).text = str(cell)
            text.add_paragraph("Tổng cộng: 14 người. Người lập: Y Hyar, ĐT 0905 000 319")
        text.save(str(path))

    return ListFile(shape, name, write, tuple(e for sheet in tables for e in sheet.expected))


_ODS = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'
)
_ODS_STYLES = (
    "<office:automatic-styles>"
    '<style:style style:name="T1" style:family="text"><style:text-properties style:text-line-through-style="solid"/></style:style>'
    '<style:style style:name="ce1" style:family="table-cell">'
    '<style:text-properties style:text-line-through-style="solid"/></style:style></office:automatic-styles>'
)


def write_ods(path, sheets):
    """Write a workbook as LibreOffice does."""

    def cell(value):
        if value in (None, ""):
            return "<table:table-cell/>"
        if isinstance(value, Struck):
            style = "" if value.new else ' table:style-name="ce1"'
            old = (
                f'<text:span text:style-name="T1">{escape(value.old)}</text:span>'
                if value.new
                else escape(value.old)
            )
            content = f"<text:p>{old}{escape(value.new)}</text:p>"
            return f'<table:table-cell{style} office:value-type="string">{content}</table:table-cell>'
        if isinstance(value, int | float):
            return f'<table:table-cell office:value-type="float" office:value="{value}"><text:p>{value}</text:p></table:table-cell>'
        return f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p></table:table-cell>'

    tables = "".join(
        f'<table:table table:name="{escape(sheet.name)}">'
        + "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in sheet.rows)
        + "</table:table>"
        for sheet in sheets
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        archive.writestr(
            "META-INF/manifest.xml",
            '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
            f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
            '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>',
        )
        archive.writestr(
            "content.xml",
            f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_ODS}>{_ODS_STYLES}<office:body>'
            f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>",
        )

"""Writer of the report as DOCX: A4, Times New Roman, in the form of Decree 30/2020, Appendix I.

The records office adds number and signature. The functions at the end set what python-docx has no function for.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from math import ceil
from typing import Any

from docx import Document
from docx.document import Document as Docx
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT, WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Mm, Pt, RGBColor, Twips
from docx.table import Table as WordTable
from docx.table import _Cell, _Row
from docx.text.paragraph import Paragraph as Line

from campaigns.rules.reports.document import (
    DRAFT,
    Alignment,
    Block,
    Paragraph,
    ReportDocument,
    Style,
    Table,
    cell,
    listed,
)

# Millimetres. The decree allows 20-25 above and below, 30-35 left, 15-20 right.
TOP, BOTTOM, LEFT, RIGHT = 20, 20, 30, 15
WIDTH, LENGTH = 210, 297
TEXT = WIDTH - LEFT - RIGHT
# A letter's mean width in parts of its size (Times New Roman): capitals and bold small ones.
_CAPITAL, _SMALL = 0.63, 0.46
_SIDES = {Alignment.LEFT: ALIGN.LEFT, Alignment.CENTER: ALIGN.CENTER, Alignment.RIGHT: ALIGN.RIGHT}
_MOTTO, _MOTTO_EMS = "Độc lập - Tự do - Hạnh phúc", 12.24


def write_docx(report: ReportDocument, charts: Mapping[str, bytes], *, made_at: datetime) -> bytes:
    """Return the DOCX. `charts` has a PNG of about twice 165 mm's width by the chart's name."""
    document = Document()
    _prepare(document, report, made_at)
    if report.is_draft:
        _write(document.add_paragraph(), DRAFT, 14, bold=True, after=6)
    _head(document, report)
    _title(document, report)
    for block in report.blocks:
        _block(document, block, charts, TEXT)
    _foot(document, report)
    for appendix in report.appendices:
        section = document.add_section(WD_SECTION.NEW_PAGE)
        _set_page(section, is_landscape=appendix.is_landscape)
        number_pages(section, restart=True)
        for line in (appendix.title, appendix.subject):
            _write(document.add_paragraph(), line, 14, bold=True, align=ALIGN.CENTER)
        _write(document.add_paragraph(), appendix.reference, 13, italic=True, align=ALIGN.CENTER, after=8)
        for block in appendix.blocks:
            _block(document, block, charts, LENGTH - LEFT - RIGHT if appendix.is_landscape else TEXT)
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def _prepare(document: Docx, report: ReportDocument, made_at: datetime) -> None:
    normal = document.styles["Normal"]
    set_font(normal, 14)
    normal.paragraph_format.space_after = Pt(0)
    for mark in document.styles.element.xpath("w:docDefaults/w:rPrDefault/w:rPr/w:lang"):
        mark.set(qn("w:val"), "vi-VN")  # by which a word processor checks the spelling
        mark.set(qn("w:eastAsia"), "vi-VN")
    for style in ("Header", "Footer"):
        set_font(document.styles[style], 13)
    section = document.sections[0]
    _set_page(section, is_landscape=False)
    number_pages(section, restart=False)
    properties = document.core_properties
    properties.title, properties.author, properties.language = report.title, report.issuer, "vi-VN"
    properties.created = properties.modified = made_at.astimezone(UTC).replace(tzinfo=None)
    properties.last_modified_by, properties.comments = "", ""


def _set_page(section: object, *, is_landscape: bool) -> None:
    width, height = (LENGTH, WIDTH) if is_landscape else (WIDTH, LENGTH)
    section.orientation = WD_ORIENT.LANDSCAPE if is_landscape else WD_ORIENT.PORTRAIT  # type: ignore[attr-defined]
    margins = {"top_margin": TOP, "bottom_margin": BOTTOM, "left_margin": LEFT, "right_margin": RIGHT}
    sides = {"page_width": width, "page_height": height, "header_distance": 10, "footer_distance": 10}
    for name, value in (margins | sides).items():
        # Word counts in twips, and 30 mm are no whole one.
        setattr(section, name, Twips(ceil(value * 1440 / 25.4)))


# -- head of the document


def _head(document: Docx, report: ReportDocument) -> None:
    """Write points 5 to 8: who issues, the country's name and motto, number, place and day."""
    left, right = 70, TEXT - 70
    table = document.add_table(rows=2, cols=2)
    set_widths(table, table._cells, (left, right))
    set_margins(table, 0)
    issuing, country = table.rows[0].cells
    for n, line in enumerate(report.superior):
        _write(_line(issuing, n), line, 12, align=ALIGN.CENTER)
    _write(_line(issuing, len(report.superior)), report.issuer, 12, bold=True, align=ALIGN.CENTER)
    draw_rule(issuing.add_paragraph(), _rule(report.issuer, 12, 0.42), left)
    _write(_line(country, 0), "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 12, bold=True, align=ALIGN.CENTER)
    _write(_line(country, 1), _MOTTO, 13, bold=True, align=ALIGN.CENTER)
    draw_rule(country.add_paragraph(), _MOTTO_EMS * 13 * 0.3528, right)
    number, day = table.rows[1].cells
    _write(_line(number, 0), report.number, 13, align=ALIGN.CENTER)
    _write(_line(day, 0), report.place_and_day, 13, italic=True, align=ALIGN.CENTER)


def _title(document: Docx, report: ReportDocument) -> None:
    """Write points 9 and 10: kind, subject and addressees."""
    _write(document.add_paragraph(), report.kind, 14, bold=True, align=ALIGN.CENTER, before=18)
    for line in report.subject:
        _write(document.add_paragraph(), line, 14, bold=True, align=ALIGN.CENTER)
    longest = max(report.subject, key=len)
    draw_rule(document.add_paragraph(), min(_rule(longest, 14, 0.4), TEXT * 0.45), TEXT)
    if len(report.addressees) == 1:
        only = f"Kính gửi: {report.addressees[0]}"
        _write(document.add_paragraph(), only, 14, align=ALIGN.CENTER, before=6, after=6)
        return
    _write(document.add_paragraph(), "Kính gửi:", 14, before=6, indent=35)
    for line in listed(report.addressees):
        _write(document.add_paragraph(), line, 14, indent=50, after=6 if line.endswith(".") else 0)


def _rule(text: str, size: float, part: float) -> float:
    """Return a part of the text's estimated width, in millimetres."""
    letter = _CAPITAL if text.isupper() else _SMALL
    return len(text) * letter * size * 0.3528 * part


# -- end of the document


def _foot(document: Docx, report: ReportDocument) -> None:
    """Write points 13 and 14: who signs, with room for it, and who gets a copy."""
    # The last sentence stays on the page of the signature.
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    document.add_paragraph().paragraph_format.keep_with_next = True
    table = document.add_table(rows=1, cols=2)
    set_widths(table, table._cells, (75, TEXT - 75))
    set_margins(table, 0)
    set_row(table.rows[0], is_header=False)
    copies, signing = table.rows[0].cells
    _write(_line(copies, 0), "Nơi nhận:", 12, bold=True, italic=True)
    for line in listed(report.copies):
        _write(copies.add_paragraph(), line, 11)
    for n, line in enumerate(report.signature.lines):
        _write(_line(signing, n), line, 14, bold=True, align=ALIGN.CENTER)
    for text in ("", "", "", "", report.signature.name):
        _write(signing.add_paragraph(), text, 14, bold=True, align=ALIGN.CENTER)


# -- blocks


def _block(document: Docx, block: Block, charts: Mapping[str, bytes], width: float) -> None:
    if isinstance(block, Paragraph):
        _paragraph(document.add_paragraph(), block)
    elif isinstance(block, Table):
        _table(document, block, width)
    else:
        line = document.add_paragraph()
        line.alignment = ALIGN.CENTER
        line.paragraph_format.space_before, line.paragraph_format.keep_with_next = Pt(6), True
        shape = line.add_run().add_picture(BytesIO(charts[block.name]), width=Mm(min(width, 150)))
        described = shape._inline.docPr
        described.set("descr", block.description)
        described.set("title", block.caption)
        _write(document.add_paragraph(), block.caption, 13, italic=True, align=ALIGN.CENTER, after=6)


def _paragraph(line: Line, block: Paragraph) -> None:
    is_title = block.style in (Style.PART, Style.HEADING)
    note = block.style is Style.NOTE
    _write(
        line,
        block.text,
        12 if note else 14,
        bold=is_title,
        italic=note or block.style is Style.BASIS,
        align=ALIGN.JUSTIFY,
        before=6,
    )
    shape = line.paragraph_format
    shape.first_line_indent, shape.line_spacing, shape.space_after = Cm(1.27), 1.15, Pt(0)
    shape.keep_with_next = is_title


def _table(document: Docx, block: Table, width: float) -> None:
    if block.caption:
        line = _write(
            document.add_paragraph(), block.caption, 13, bold=True, align=ALIGN.CENTER, before=8, after=4
        )
        line.paragraph_format.keep_with_next = True
    if block.above:
        line = _write(document.add_paragraph(), block.above, 12, italic=True, align=ALIGN.RIGHT, after=2)
        line.paragraph_format.keep_with_next = True
    table = document.add_table(rows=1 + len(block.rows), cols=len(block.columns))
    table.style = "Table Grid"
    parts = sum(column.width for column in block.columns)
    # Read once: the library walks over the whole table for each single cell.
    cells = table._cells
    set_widths(table, cells, [width * column.width / parts for column in block.columns])
    set_margins(table, 1)
    for n, row in enumerate(table.rows):
        set_row(row, is_header=n == 0)
    column_count = len(block.columns)
    for position, column in enumerate(block.columns):
        _fill(cells[position], column.title, ALIGN.CENTER, bold=True)
    for n, values in enumerate(block.rows, 1):
        is_total = block.has_total and n == len(block.rows)
        for position, (value, column) in enumerate(zip(values, block.columns, strict=True)):
            align = ALIGN.CENTER if value is None else _SIDES[column.side]
            word_cell = cells[n * column_count + position]
            _fill(word_cell, cell(value), align, bold=is_total and value is not None, italic=value is None)
    document.add_paragraph().paragraph_format.line_spacing = Pt(6)


def _fill(word_cell: _Cell, text: str, align: ALIGN, *, bold: bool, italic: bool = False) -> None:
    word_cell.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    _write(word_cell.paragraphs[0], text, 12, bold=bold, italic=italic, align=align)


def _line(word_cell: _Cell, n: int) -> Line:
    """Return the n-th paragraph of a cell, which has one from the beginning."""
    return word_cell.paragraphs[n] if n < len(word_cell.paragraphs) else word_cell.add_paragraph()


def _write(
    line: Line,
    text: str,
    size: float,
    *,
    bold: bool = False,
    italic: bool = False,
    align: ALIGN = ALIGN.LEFT,
    before: float = 0,
    after: float = 0,
    indent: float = 0,
) -> Line:
    line.alignment = align
    shape = line.paragraph_format
    shape.space_before, shape.space_after = Pt(before), Pt(after)
    if indent:
        shape.left_indent = Mm(indent)
    run = line.add_run(text)
    set_font(run, size)
    run.bold, run.italic = bold, italic
    return line


FONT = "Times New Roman"
_SCRIPTS = ("w:ascii", "w:hAnsi", "w:cs", "w:eastAsia")


def set_font(of: Any, size: float) -> None:
    """Set Times New Roman in black, for all scripts. `of` is a run or a style; `size` in points."""
    of.font.name, of.font.size, of.font.color.rgb = FONT, Pt(size), RGBColor(0, 0, 0)
    fonts = of.element.get_or_add_rPr().get_or_add_rFonts()
    for name in ("w:asciiTheme", "w:hAnsiTheme", "w:cstheme", "w:eastAsiaTheme"):
        fonts.attrib.pop(qn(name), None)
    for script in _SCRIPTS:
        fonts.set(qn(script), FONT)


def number_pages(section: Any, *, restart: bool) -> None:
    """Number a section's pages, `restart` with 1: 14 points, in the top margin, none on the first page."""
    section.different_first_page_header_footer = True
    for part in (section.header, section.first_page_header, section.footer, section.first_page_footer):
        part.is_linked_to_previous = False
    line = section.header.paragraphs[0]
    line.alignment = ALIGN.CENTER
    run, field = line.add_run("2"), OxmlElement("w:fldSimple")
    set_font(run, 14)
    field.set(qn("w:instr"), "PAGE")
    field.append(run._r)
    line._p.append(field)
    if restart:
        start = OxmlElement("w:pgNumType")
        start.set(qn("w:start"), "1")
        section._sectPr.append(start)


def draw_rule(line: Line, width: float, within: float) -> None:
    """Draw a rule `width` mm long in the middle of `within` mm, close below the line before."""
    margin = Mm(max(0.0, (within - width) / 2))
    shape = line.paragraph_format
    shape.left_indent = shape.right_indent = margin
    shape.space_before, shape.space_after, shape.line_spacing = Pt(2), Pt(0), Pt(4)
    borders, top = OxmlElement("w:pBdr"), OxmlElement("w:top")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "000000")):
        top.set(qn(f"w:{name}"), value)
    borders.append(top)
    line._p.get_or_add_pPr().insert_element_before(
        borders, "w:shd", "w:tabs", "w:suppressAutoHyphens", "w:spacing", "w:ind", "w:jc", "w:rPr"
    )


def set_row(row: _Row, *, is_header: bool) -> None:
    """Keep a row on one page; repeat a header row on each page."""
    properties = row._tr.get_or_add_trPr()
    properties.append(OxmlElement("w:cantSplit"))
    if is_header:
        properties.append(OxmlElement("w:tblHeader"))


def set_widths(table: WordTable, cells: Sequence[_Cell], widths: Sequence[float]) -> None:
    """Set the columns' widths in millimetres. `cells` are all of the table's, row by row."""
    table.autofit = False
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for position, word_cell in enumerate(cells):
        word_cell.width = Mm(widths[position % len(widths)])


def set_margins(table: WordTable, width: float) -> None:
    """Set the left and right margins of a table's cells, in millimetres."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        mark = OxmlElement(f"w:{side}")
        mark.set(qn("w:w"), str(round(width * 56.7)))
        mark.set(qn("w:type"), "dxa")
        margins.append(mark)
    table._tbl.tblPr.append(margins)

"""A report as DOCX: A4, Times New Roman, in the form of Decree 30/2020, Appendix I; the clerk adds number and signature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from math import ceil

from docx import Document
from docx.document import Document as Docx
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.table import WD_CELL_VERTICAL_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH as ALIGN
from docx.shared import Cm, Mm, Pt, Twips
from docx.table import _Cell
from docx.text.paragraph import Paragraph as Line

from campaigns.report.paper.blocks import Appendix, Block, Chart, Paper, Paragraph, Side, Style, Table
from campaigns.report.paper.docx_marks import (
    draw_rule,
    number_pages,
    set_font,
    set_language,
    set_margins,
    set_row,
    set_widths,
)
from campaigns.report.paper.words import cell

# Millimetres. The decree allows 20-25 above and below, 30-35 left, 15-20 right.
TOP, BOTTOM, LEFT, RIGHT = 20, 20, 30, 15
WIDTH, LENGTH = 210, 297
TEXT = WIDTH - LEFT - RIGHT

# A letter's mean width in parts of its size (Times New Roman): capitals and bold small ones.
_CAPITAL, _SMALL = 0.63, 0.46
_SIDES = {Side.LEFT: ALIGN.LEFT, Side.CENTER: ALIGN.CENTER, Side.RIGHT: ALIGN.RIGHT}
_MOTTO, _MOTTO_EMS = "Độc lập - Tự do - Hạnh phúc", 12.24


def write_docx(paper: Paper, charts: Mapping[str, bytes], *, made_at: datetime) -> bytes:
    """The file. `charts`: a PNG of twice 165 mm's width or so by the chart's name."""
    document = Document()
    _prepare(document, paper, made_at)
    _head(document, paper)
    _title(document, paper)
    for block in paper.blocks:
        _block(document, block, charts, TEXT)
    _foot(document, paper)
    for appendix in paper.appendices:
        _appendix(document, appendix, charts)
    held = BytesIO()
    document.save(held)
    return held.getvalue()


def _prepare(document: Docx, paper: Paper, made_at: datetime) -> None:
    normal = document.styles["Normal"]
    set_font(normal, 14)
    normal.paragraph_format.space_after = Pt(0)
    set_language(document, "vi-VN")
    for style in ("Header", "Footer"):
        set_font(document.styles[style], 13)
    section = document.sections[0]
    _set_page(section, is_landscape=False)
    number_pages(section, restart=False)
    properties = document.core_properties
    properties.title, properties.author, properties.language = paper.title, paper.issuer, "vi-VN"
    properties.created = properties.modified = made_at.astimezone(UTC).replace(tzinfo=None)
    properties.last_modified_by, properties.comments = "", ""


def _set_page(section: object, *, is_landscape: bool) -> None:
    width, height = (LENGTH, WIDTH) if is_landscape else (WIDTH, LENGTH)
    section.orientation = WD_ORIENT.LANDSCAPE if is_landscape else WD_ORIENT.PORTRAIT  # type: ignore[attr-defined]
    for name, value in {
        "page_width": width,
        "page_height": height,
        "top_margin": TOP,
        "bottom_margin": BOTTOM,
        "left_margin": LEFT,
        "right_margin": RIGHT,
        "header_distance": 10,
        "footer_distance": 10,
    }.items():
        setattr(
            section, name, Twips(ceil(value * 1440 / 25.4))
        )  # Word counts in twips, and 30 mm are no whole one


# -- what stands above


def _head(document: Docx, paper: Paper) -> None:
    """Points 5 to 8: who issues, the country's name and motto, number, place and day."""
    left, right = 70, TEXT - 70
    table = document.add_table(rows=2, cols=2)
    set_widths(table, table._cells, (left, right))
    set_margins(table, 0)
    issuing, country = table.rows[0].cells
    for n, line in enumerate(paper.superior):
        _write(_line(issuing, n), line, 12, align=ALIGN.CENTER)
    _write(_line(issuing, len(paper.superior)), paper.issuer, 12, bold=True, align=ALIGN.CENTER)
    draw_rule(issuing.add_paragraph(), _rule(paper.issuer, 12, 0.42), left)
    _write(_line(country, 0), "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 12, bold=True, align=ALIGN.CENTER)
    _write(_line(country, 1), _MOTTO, 13, bold=True, align=ALIGN.CENTER)
    draw_rule(country.add_paragraph(), _MOTTO_EMS * 13 * 0.3528, right)
    number, day = table.rows[1].cells
    _write(_line(number, 0), paper.number, 13, align=ALIGN.CENTER)
    _write(_line(day, 0), paper.place_and_day, 13, italic=True, align=ALIGN.CENTER)


def _title(document: Docx, paper: Paper) -> None:
    """Points 9 and 10."""
    _write(document.add_paragraph(), paper.kind, 14, bold=True, align=ALIGN.CENTER, before=18)
    for line in paper.subject:
        _write(document.add_paragraph(), line, 14, bold=True, align=ALIGN.CENTER)
    longest = max(paper.subject, key=len)
    draw_rule(document.add_paragraph(), min(_rule(longest, 14, 0.4), TEXT * 0.45), TEXT)
    if len(paper.addressees) == 1:
        _write(
            document.add_paragraph(),
            f"Kính gửi: {paper.addressees[0]}",
            14,
            align=ALIGN.CENTER,
            before=6,
            after=6,
        )
        return
    _write(document.add_paragraph(), "Kính gửi:", 14, before=6, indent=35)
    last = len(paper.addressees) - 1
    for n, name in enumerate(paper.addressees):
        made = _write(document.add_paragraph(), f"- {name}{'.' if n == last else ';'}", 14, indent=50)
        made.paragraph_format.space_after = Pt(6 if n == last else 0)


def _rule(text: str, size: float, part: float) -> float:
    """So much of the text's width, in millimetres."""
    letter = _CAPITAL if text.isupper() else _SMALL
    return len(text) * letter * size * 0.3528 * part


# -- what stands below


def _foot(document: Docx, paper: Paper) -> None:
    """Points 13 and 14: who signs, with room for it, and who gets a copy."""
    # The last sentence stays with who signs it.
    document.paragraphs[-1].paragraph_format.keep_with_next = True
    document.add_paragraph().paragraph_format.keep_with_next = True
    table = document.add_table(rows=1, cols=2)
    set_widths(table, table._cells, (75, TEXT - 75))
    set_margins(table, 0)
    set_row(table.rows[0], is_header=False)
    copies, signing = table.rows[0].cells
    _write(_line(copies, 0), "Nơi nhận:", 12, bold=True, italic=True)
    last = len(paper.copies) - 1
    for n, name in enumerate(paper.copies):
        _write(copies.add_paragraph(), f"- {name}{'.' if n == last else ';'}", 11)
    for n, line in enumerate(paper.signature.lines):
        _write(_line(signing, n), line, 14, bold=True, align=ALIGN.CENTER)
    for _blank in range(5):
        _write(signing.add_paragraph(), "", 14, bold=True, align=ALIGN.CENTER)


def _appendix(document: Docx, appendix: Appendix, charts: Mapping[str, bytes]) -> None:
    section = document.add_section(WD_SECTION.NEW_PAGE)
    _set_page(section, is_landscape=appendix.is_landscape)
    number_pages(section, restart=True)
    _write(document.add_paragraph(), appendix.title, 14, bold=True, align=ALIGN.CENTER)
    _write(document.add_paragraph(), appendix.subject, 14, bold=True, align=ALIGN.CENTER)
    _write(document.add_paragraph(), appendix.reference, 13, italic=True, align=ALIGN.CENTER, after=8)
    for block in appendix.blocks:
        _block(document, block, charts, LENGTH - LEFT - RIGHT if appendix.is_landscape else TEXT)


# -- blocks


def _block(document: Docx, block: Block, charts: Mapping[str, bytes], width: float) -> None:
    if isinstance(block, Paragraph):
        _paragraph(document.add_paragraph(), block)
    elif isinstance(block, Table):
        _table(document, block, width)
    else:
        _chart(document, block, charts[block.name], width)


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
    table = document.add_table(rows=1 + len(block.rows), cols=len(block.columns))
    table.style = "Table Grid"
    parts = sum(column.width for column in block.columns)
    # Asked for once: the library walks over the whole table for each single one.
    cells = table._cells
    set_widths(table, cells, [width * column.width / parts for column in block.columns])
    set_margins(table, 1)
    for n, row in enumerate(table.rows):
        set_row(row, is_header=n == 0)
    across = len(block.columns)
    for place, column in enumerate(block.columns):
        _fill(cells[place], column.title, ALIGN.CENTER, bold=True)
    for n, values in enumerate(block.rows, 1):
        is_total = block.has_total and n == len(block.rows)
        for place, (value, column) in enumerate(zip(values, block.columns, strict=True)):
            align = ALIGN.CENTER if value is None else _SIDES[column.side]
            inside = cells[n * across + place]
            _fill(
                inside,
                cell(value),
                align,
                bold=is_total and value is not None,
                italic=value is None,
            )
    document.add_paragraph().paragraph_format.line_spacing = Pt(6)


def _fill(inside: _Cell, text: str, align: ALIGN, *, bold: bool, italic: bool = False) -> None:
    inside.vertical_alignment = WD_CELL_VERTICAL_ALIGNMENT.CENTER
    _write(inside.paragraphs[0], text, 12, bold=bold, italic=italic, align=align)


def _chart(document: Docx, block: Chart, picture: bytes, width: float) -> None:
    line = document.add_paragraph()
    line.alignment = ALIGN.CENTER
    line.paragraph_format.space_before, line.paragraph_format.keep_with_next = Pt(6), True
    shape = line.add_run().add_picture(BytesIO(picture), width=Mm(min(width, 150)))
    described = shape._inline.docPr
    described.set("descr", block.description)
    described.set("title", block.caption)
    _write(document.add_paragraph(), block.caption, 13, italic=True, align=ALIGN.CENTER, after=6)


def _line(inside: _Cell, n: int) -> Line:
    """The n-th line of a cell, which has one from the beginning."""
    return inside.paragraphs[n] if n < len(inside.paragraphs) else inside.add_paragraph()


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

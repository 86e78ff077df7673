"""What a Word file can say and python-docx has no word for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docx.document import Document as Docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.table import Table, _Cell, _Row
from docx.text.paragraph import Paragraph

FONT = "Times New Roman"
_SCRIPTS = ("w:ascii", "w:hAnsi", "w:cs", "w:eastAsia")


def set_font(of: Any, size: float) -> None:
    """Times New Roman in black, for all scripts. `of` is a run or a style; `size` in points."""
    of.font.name, of.font.size, of.font.color.rgb = FONT, Pt(size), RGBColor(0, 0, 0)
    fonts = of.element.get_or_add_rPr().get_or_add_rFonts()
    for name in ("w:asciiTheme", "w:hAnsiTheme", "w:cstheme", "w:eastAsiaTheme"):
        fonts.attrib.pop(qn(name), None)
    for script in _SCRIPTS:
        fonts.set(qn(script), FONT)


def set_language(document: Docx, language: str) -> None:
    """So that a word processor checks the right spelling."""
    marks = document.styles.element.xpath("w:docDefaults/w:rPrDefault/w:rPr/w:lang")
    for mark in marks:
        mark.set(qn("w:val"), language)
        mark.set(qn("w:eastAsia"), language)


def number_pages(section: Any, *, restart: bool) -> None:
    """Arabic numbers, 14 points, centred in the top margin, none on the first page; `restart` with 1."""
    section.different_first_page_header_footer = True
    for part in (section.header, section.first_page_header, section.footer, section.first_page_footer):
        part.is_linked_to_previous = False
    line = section.header.paragraphs[0]
    line.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for kind, text in (("begin", ""), ("", "PAGE"), ("separate", ""), ("text", "2"), ("end", "")):
        run = line.add_run()
        set_font(run, 14)
        if kind == "text":
            run.text = text
        elif kind:
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            run._r.append(mark)
        else:
            code = OxmlElement("w:instrText")
            code.set(qn("xml:space"), "preserve")
            code.text = text
            run._r.append(code)
    if restart:
        start = OxmlElement("w:pgNumType")
        start.set(qn("w:start"), "1")
        section._sectPr.append(start)


def draw_rule(line: Paragraph, width: float, within: float) -> None:
    """A rule `width` mm long in the middle of `within` mm, close below the line before."""
    aside = Mm(max(0.0, (within - width) / 2))
    shape = line.paragraph_format
    shape.left_indent = shape.right_indent = aside
    shape.space_before, shape.space_after, shape.line_spacing = Pt(2), Pt(0), Pt(4)
    borders, top = OxmlElement("w:pBdr"), OxmlElement("w:top")
    for name, value in (("val", "single"), ("sz", "6"), ("space", "1"), ("color", "000000")):
        top.set(qn(f"w:{name}"), value)
    borders.append(top)
    line._p.get_or_add_pPr().insert_element_before(
        borders, "w:shd", "w:tabs", "w:suppressAutoHyphens", "w:spacing", "w:ind", "w:jc", "w:rPr"
    )


def set_row(row: _Row, *, is_header: bool) -> None:
    """A row that is not split over two pages; a header's is repeated on each."""
    properties = row._tr.get_or_add_trPr()
    properties.append(OxmlElement("w:cantSplit"))
    if is_header:
        properties.append(OxmlElement("w:tblHeader"))


def set_widths(table: Table, cells: Sequence[_Cell], widths: Sequence[float]) -> None:
    """Columns of so many millimetres, whatever stands in them. `cells` are all of the table's, row by row."""
    table.autofit = False
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for column, width in zip(table.columns, widths, strict=True):
        column.width = Mm(width)
    for place, inside in enumerate(cells):
        inside.width = Mm(widths[place % len(widths)])


def set_margins(table: Table, width: float) -> None:
    """So many millimetres left and right of what stands in a cell."""
    margins = OxmlElement("w:tblCellMar")
    for side in ("left", "right"):
        mark = OxmlElement(f"w:{side}")
        mark.set(qn("w:w"), str(round(width * 56.7)))
        mark.set(qn("w:type"), "dxa")
        margins.append(mark)
    table._tbl.tblPr.append(margins)

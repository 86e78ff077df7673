"""Text that is struck through in an XLSX or ODS workbook: old numbers, which calamine's values do not tell from new ones.

The parts of the workbook are searched only where a font or a piece of text is struck through at all.
"""

import re
import zipfile
from collections.abc import Container, Mapping
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

_MOST_BYTES = 100 * 2**20  # of one part
_STRIKE = re.compile(rb'<strike(?:\s*/?>|\s+val="(?:1|true)")')
_FONTS = re.compile(rb"<fonts\b.*?</fonts>", re.DOTALL)
_FONT = re.compile(rb"<font\s*/>|<font\b.*?</font>", re.DOTALL)
_FORMATS = re.compile(rb"<cellXfs\b.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<xf\b[^>]*>")
_FONT_ID = re.compile(rb'\bfontId="(\d+)"')
_TEXT = re.compile(rb"<si\s*/>|<si\b.*?</si>", re.DOTALL)
_RUN = re.compile(rb"<r>(?P<style><rPr>.*?</rPr>)?\s*<t\b[^>]*?(?:/>|>(?P<text>.*?)</t>)", re.DOTALL)
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_STYLE = re.compile(rb'\bs="(\d+)"')
_SHARED = re.compile(rb'\bt="s"')
_VALUE = re.compile(rb"<v>(\d+)</v>")
_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_STYLE_NS, _TABLE_NS, _TEXT_NS = (_OASIS % each for each in ("style", "table", "text"))
_NOTHING: Mapping[str, Mapping[tuple[int, int], str]] = {}


def find_struck(path: Path) -> Mapping[str, Mapping[tuple[int, int], str]]:
    """Return by sheet the cells with struck text: row from 1, column from 0, and the text that is not struck.

    Raises what zipfile raises for a damaged file.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "content.xml" in names:
            return _struck_in_ods(_read(archive, "content.xml", names))
        styles = _read(archive, "xl/styles.xml", names)
        texts = _read(archive, "xl/sharedStrings.xml", names)
        formats = _struck_formats(styles) if _STRIKE.search(styles) else set()
        shared = _struck_texts(texts) if _STRIKE.search(texts) else {}
        if not formats and not shared:
            return _NOTHING
        return {
            unescape(attribute(tag, b"name")): _struck_cells(_read(archive, part, names), formats, shared)
            for tag, part in sheet_parts(archive, names)
        }


def _read(archive: zipfile.ZipFile, name: str, names: set[str]) -> bytes:
    if name not in names or archive.getinfo(name).file_size > _MOST_BYTES:
        return b""
    return archive.read(name)


def sheet_parts(archive: zipfile.ZipFile, names: set[str]) -> list[tuple[bytes, str]]:
    """Return the tag of each sheet of an XLSX workbook, and the name of the part with its cells."""
    targets = {
        attribute(relation, b"Id"): attribute(relation, b"Target")
        for relation in _RELATION.findall(_read(archive, "xl/_rels/workbook.xml.rels", names))
    }
    return [
        (tag, f"xl/{targets.get(attribute(tag, b'r:id'), '').removeprefix('/xl/')}")
        for tag in _SHEET.findall(_read(archive, "xl/workbook.xml", names))
    ]


def attribute(tag: bytes, name: bytes) -> str:
    """Return an attribute of a tag, "" if it has none."""
    match = re.search(rb'\s%s="([^"]*)"' % name, tag)
    return match[1].decode("utf-8", "replace") if match else ""


def _struck_formats(styles: bytes) -> set[int]:
    """Return the numbers of the cell formats whose font is struck through."""
    fonts, formats = _FONTS.search(styles), _FORMATS.search(styles)
    if not fonts or not formats:
        return set()
    struck = {n for n, font in enumerate(_FONT.findall(fonts[0])) if _STRIKE.search(font)}
    used = [_FONT_ID.search(tag) for tag in _FORMAT.findall(formats[0])]
    return {n for n, font in enumerate(used) if font and int(font[1]) in struck}


def _struck_texts(texts: bytes) -> dict[int, str]:
    """Return by its number each shared text of which a part is struck, without that part."""
    return {n: _kept(text, False) for n, text in enumerate(_TEXT.findall(texts)) if _STRIKE.search(text)}


def _kept(text: bytes, is_struck: bool) -> str:
    """Return the runs that are not struck; a run without a style of its own is as its cell."""
    kept = []
    for run in _RUN.finditer(text):
        style = run["style"]
        if not (_STRIKE.search(style) if style else is_struck):
            kept.append(unescape((run["text"] or b"").decode("utf-8", "replace")))
    return "".join(kept).strip()


def _struck_cells(sheet: bytes, formats: set[int], shared: Mapping[int, str]) -> dict[tuple[int, int], str]:
    cells = {}
    for letters, row, attributes, content in _CELL.findall(sheet):
        style = _STYLE.search(attributes)
        is_struck = style is not None and int(style[1]) in formats
        value = _VALUE.search(content) if _SHARED.search(attributes) else None
        if value and int(value[1]) in shared:
            kept: str | None = shared[int(value[1])]
        elif b"<is>" in content and _STRIKE.search(content):
            kept = _kept(content, is_struck)
        else:
            kept = "" if is_struck and content else None
        if kept is not None:
            cells[(int(row), _column(letters))] = kept
    return cells


def _struck_in_ods(content: bytes) -> dict[str, dict[tuple[int, int], str]]:
    """Return the struck cells of an ODS workbook, which has no entities (see `count_hidden_rows`)."""
    if b"text-line-through" not in content:
        return {}
    found: dict[str, dict[tuple[int, int], str]] = {}
    root = ElementTree.fromstring(content)  # noqa: S314
    styles = {
        style.get(f"{_STYLE_NS}name")
        for style in root.iter(f"{_STYLE_NS}style")
        for each in style.iter(f"{_STYLE_NS}text-properties")
        if {each.get(f"{_STYLE_NS}text-line-through-{part}", "none") for part in ("style", "type")}
        != {"none"}
    }
    for table in root.iter(f"{_TABLE_NS}table"):
        cells, line = found.setdefault(table.get(f"{_TABLE_NS}name", ""), {}), 1
        for row in table.iter(f"{_TABLE_NS}table-row"):
            at = 0
            for cell in row:
                texts = [_kept_of_ods(each, styles) for each in cell.iter(f"{_TEXT_NS}p")]
                if cell.get(f"{_TABLE_NS}style-name") in styles:
                    cells[line, at] = ""
                elif any(kept is not None for kept in texts):
                    whole = ("".join(each.itertext()) for each in cell.iter(f"{_TEXT_NS}p"))
                    kept = (part if each is None else each for each, part in zip(texts, whole, strict=True))
                    cells[line, at] = "\n".join(kept).strip()
                at += int(cell.get(f"{_TABLE_NS}number-columns-repeated", "1"))
            line += int(row.get(f"{_TABLE_NS}number-rows-repeated", "1"))
    return found


def _kept_of_ods(paragraph: ElementTree.Element, styles: Container[str | None]) -> str | None:
    """Return the text of a paragraph that is not struck, None if all of it is not."""
    spans = [
        span for span in paragraph.iter(f"{_TEXT_NS}span") if span.get(f"{_TEXT_NS}style-name") in styles
    ]
    if paragraph.get(f"{_TEXT_NS}style-name") in styles:
        return ""
    if not spans:
        return None
    for span in spans:
        for each in span.iter():
            each.text, each.tail = "", each.tail if each is span else ""
    return "".join(paragraph.itertext())


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number - 1

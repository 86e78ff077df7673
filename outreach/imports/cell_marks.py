"""What an XLSX or ODS workbook shows and calamine's values do not: text that is struck through, which is an old number; zeros
before a number; in XLSX a colour of which a legend says that the person is gone or the number wrong, as if struck through.

The parts of the workbook are searched only where its styles have such a thing at all.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

from outreach.rules.phone_texts import is_gone, is_wrong

_MOST_BYTES = 100 * 2**20  # of one part
_STRIKE = re.compile(rb'<strike(?:\s*/?>|\s+val="(?:1|true)")')
_FONTS = re.compile(rb"<fonts\b.*?</fonts>", re.DOTALL)
_FONT = re.compile(rb"<font\s*/>|<font\b.*?</font>", re.DOTALL)
_FORMATS = re.compile(rb"<cellXfs\b.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<xf\b[^>]*>")
_FILLS = re.compile(rb"<fills\b.*?</fills>", re.DOTALL)
_FILL = re.compile(rb"<fill>.*?</fill>|<fill\s*/>", re.DOTALL)
_COLOUR = re.compile(rb"<fgColor [^>]*>")
_NUMBER_FORMAT = re.compile(rb"<numFmt\s[^>]*>")
_TEXT = re.compile(rb"<si\s*/>|<si\b.*?</si>", re.DOTALL)
_RUN = re.compile(rb"<r>(?P<style><rPr>.*?</rPr>)?\s*<t\b[^>]*?(?:/>|>(?P<text>.*?)</t>)", re.DOTALL)
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_STYLE = re.compile(rb'\bs="(\d+)"')
_SHARED = re.compile(rb'\bt="s"')
_VALUE = re.compile(rb"<v>(\d+)(?:\.0)?</v>")
_TAG = re.compile(rb"<[^>]*>")
_COLOURS = "xám|vàng|đỏ|hồng|xanh|cam|tím"
# Quick to look for.
_SEEN_IN_LEGENDS = re.compile(
    rf"[Mm]àu|MÀU|[Nn]ền|NỀN|[TtBb]ô(?:i )? |(?:{_COLOURS}|{_COLOURS.title()}|{_COLOURS.upper()})(?: \w+)? ?[=:–-]"
    r"|[Gg]hi chú ?:|GHI CHÚ ?:|[Cc]hú (?:thích|giải)|CHÚ (?:THÍCH|GIẢI)|QUY ƯỚC|KÝ HIỆU|[Qq]uy ước|[Kk]ý hiệu"
)
_LEGEND = re.compile(
    r"(?:chú thích|ghi chú|quy ước|ký hiệu|chú giải)(?:[^<]{0,20}\bmàu\b|(?<=chú)\s*:|(?<!chú)\W*$)|(?:các )?màu(?: sắc)?\W*$|\bmàu(?: sắc)?:",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    rf"(?:(?:nền|màu|tô|bôi|ô|chữ)(?: màu)? )?\b(?:{_COLOURS})(?: \w+)?\s*(?:=|:|-|–|là)\s*([^<,;.\n]+)",
    re.IGNORECASE,
)
_ROWS_OF_LEGEND, _TEXTS_OF_LEGEND = 12, 3
_Place = tuple[int, int]  # row from 1, column from 0
_Cells = Mapping[_Place, tuple[str, bytes]]  # text and colour
_Format = tuple[bool, int, bytes]  # struck through, digits shown at least, colour
_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_STYLE_NS, _TABLE_NS, _TEXT_NS = (_OASIS % each for each in ("style", "table", "text"))


def find_marks(path: Path) -> tuple[dict[str, dict[_Place, str]], dict[str, dict[_Place, str]]]:
    """Return by sheet the struck cells, each with the text that is not struck, and the numbers that are shown with zeros before.

    Raises what zipfile raises for a damaged file.
    """
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "content.xml" in names:
            return _struck_in_ods(_read(archive, "content.xml", names)), {}
        formats = _formats(_read(archive, "xl/styles.xml", names))
        texts = _read(archive, "xl/sharedStrings.xml", names)
        parts = {unescape(attribute(tag, b"name")): part for tag, part in sheet_parts(archive, names)}
        inline = [] if _TEXT.search(texts) else [_read(archive, part, names) for part in parts.values()]
        legend = ""
        if any(colour for _, _, colour in formats):
            legend = unescape(b"".join((texts, *inline)).decode("utf-8", "replace"))
        has_legend = _SEEN_IN_LEGENDS.search(legend) is not None
        is_told = has_legend and any(is_gone(said) or is_wrong(said) for said in _IN_WORDS.findall(legend))
        shared = _struck_texts(texts) if _STRIKE.search(texts) else {}
        is_marked = any(is_struck or zeros > 1 for is_struck, zeros, _ in formats)
        if not (shared or has_legend or is_marked or any(map(_STRIKE.search, inline))):
            return {}, {}
        known = [_plain(text) for text in _TEXT.findall(texts)] if has_legend else None
        struck, shown, cells = (
            dict[str, dict[_Place, str]](),
            dict[str, dict[_Place, str]](),
            dict[str, _Cells](),
        )
        for name, part in parts.items():
            content = _read(archive, part, names)
            struck[name], shown[name], cells[name] = _marks_of(content, formats, shared, known)
        for name, places in _told_in(cells, is_told):
            struck[name] |= dict.fromkeys(places, "")
        return struck, shown


def _told_in(sheets: Mapping[str, _Cells], is_told: bool) -> Iterator[tuple[str, Iterator[_Place]]]:
    """Yield of each sheet the cells that its legend, or that of another, says are gone (see `_told`)."""
    legends = {name: _legend_of(cells) for name, cells in sheets.items()}
    told = {colour: said for _, of_sheet in legends.values() for colour, said in of_sheet.items()}
    for name, (rows, of_sheet) in legends.items():
        yield name, _told(sheets[name], rows, told | of_sheet, is_told)


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


def _formats(styles: bytes) -> list[_Format]:
    parts = [pattern.search(styles) for pattern in (_FONTS, _FILLS, _FORMATS)]
    fonts, fills, formats = (match[0] if match else b"" for match in parts)
    struck = {str(n): _STRIKE.search(font) is not None for n, font in enumerate(_FONT.findall(fonts))}
    colours = {
        str(n): colour[0] for n, fill in enumerate(_FILL.findall(fills)) if (colour := _COLOUR.search(fill))
    }
    zeros = {}
    for tag in _NUMBER_FORMAT.findall(styles):
        code = re.sub(r'&quot;|[\\" .-]', "", attribute(tag, b"formatCode"))
        zeros[attribute(tag, b"numFmtId")] = len(code) if {*code} == {"0"} else 0
    return [
        (
            struck.get(attribute(tag, b"fontId"), False),
            zeros.get(attribute(tag, b"numFmtId"), 0),
            colours.get(attribute(tag, b"fillId"), b""),
        )
        for tag in _FORMAT.findall(formats)
    ]


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


def _marks_of(
    sheet: bytes, formats: Sequence[_Format], shared: Mapping[int, str], known: Sequence[str] | None
) -> tuple[dict[_Place, str], dict[_Place, str], dict[_Place, tuple[str, bytes]]]:
    """Return the struck cells, the numbers as shown, and with the `known` shared texts each cell's text and colour."""
    struck, shown, cells = dict[_Place, str](), dict[_Place, str](), dict[_Place, tuple[str, bytes]]()
    for letters, row, attributes, content in _CELL.findall(sheet):
        style, place = _STYLE.search(attributes), (int(row), _column(letters))
        at = int(style[1]) if style else len(formats)
        is_struck, zeros, colour = formats[at] if at < len(formats) else (False, 0, b"")
        number = _VALUE.fullmatch(content)
        text = int(number[1]) if number and _SHARED.search(attributes) else -1
        if text in shared:
            struck[place] = shared[text]
        elif b"<is>" in content and _STRIKE.search(content):
            struck[place] = _kept(content, is_struck)
        elif is_struck and content:
            struck[place] = ""
        elif zeros > 1 and text < 0 and number:
            shown[place] = number[1].decode().zfill(zeros)
        if known is not None:
            words = known[text] if 0 <= text < len(known) else _plain(content)
            if words or colour:
                cells[place] = words, colour
    return struck, shown, cells


def _plain(content: bytes) -> str:
    return unescape(_TAG.sub(b"", content).decode("utf-8", "replace")).strip()


def _legend_of(cells: _Cells) -> tuple[set[int], dict[bytes, bool]]:
    """Return the rows of a sheet's legend, and of its colours whether it says that people or their numbers are gone."""
    texts = Counter(row for (row, _), (text, _) in cells.items() if text)
    heads = (row for (row, _), (text, _) in cells.items() if _LEGEND.match(text) or _IN_WORDS.match(text))
    start = min(heads, default=-_ROWS_OF_LEGEND)
    rows = {row for row in range(start, start + _ROWS_OF_LEGEND) if texts[row] <= _TEXTS_OF_LEGEND}
    return rows, {
        colour: is_gone(said) or is_wrong(said)
        for (row, column), (text, colour) in cells.items()
        if colour and row in rows and (said := text or cells.get((row, column + 1), ("",))[0])
    }


def _told(cells: _Cells, legend: set[int], gone: Mapping[bytes, bool], is_told: bool) -> Iterator[_Place]:
    """Yield the cells of people of whose colour a legend says, or one in words (`is_told`), that they or their numbers are gone."""
    for (row, column), (_, colour) in cells.items():
        if colour and row not in legend and gone.get(colour, is_told):
            for step in (-1, 1):  # the cells on both sides, up to the first empty one
                at = column
                while (row, at) in cells:
                    yield row, at
                    at += step


def _striking_styles(root: ElementTree.Element) -> set[str | None]:
    return {
        style.get(f"{_STYLE_NS}name")
        for style in root.iter(f"{_STYLE_NS}style")
        for each in style.iter(f"{_STYLE_NS}text-properties")
        if {each.get(f"{_STYLE_NS}text-line-through-{part}", "none") for part in ("style", "type")}
        != {"none"}
    }


def _struck_in_ods(content: bytes) -> dict[str, dict[_Place, str]]:
    """Return the struck cells of an ODS workbook, which has no entities (see `count_hidden_rows`)."""
    if b"text-line-through" not in content:
        return {}
    found: dict[str, dict[_Place, str]] = {}
    root = ElementTree.fromstring(content)  # noqa: S314
    styles = _striking_styles(root)
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

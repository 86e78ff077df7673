"""What an XLSX or ODS workbook shows and calamine's values do not: text that is struck through, which is an old number; zeros
before a number; in XLSX a colour of which a legend says that the person is gone or the number wrong, as if struck through.

The parts of the workbook are searched only where its styles have such a thing at all.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
_FORMATS = re.compile(rb"<cellXfs\b.*?</cellXfs>", re.DOTALL)
_FORMAT = re.compile(rb"<xf\b[^>]*>")
_FILLS = re.compile(rb"<fills\b.*?</fills>", re.DOTALL)
_FILL = re.compile(rb"<fill>.*?</fill>|<fill\s*/>", re.DOTALL)
_COLOUR = re.compile(rb'<fgColor ((?:rgb="(?:..)?(..)(..)(..)"|[^>]*?))\s*/?>')
_ZEROS = re.compile(
    rb'<numFmt\b(?=[^>]*\bformatCode="0([0 .-]*0)")[^>]*?\bnumFmtId="(\d+)"|'
    rb'<numFmt\b[^>]*?\bnumFmtId="(\d+)"[^>]*?\bformatCode="0([0 .-]*0)"'
)
_TEXT = re.compile(rb"<si\s*/>|<si\b.*?</si>", re.DOTALL)
_RUN = re.compile(rb"<r>(?P<style><rPr>.*?</rPr>)?\s*<t\b[^>]*?(?:/>|>(?P<text>.*?)</t>)", re.DOTALL)
_CELL = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"([^>]*?)(?:/>|>(.*?)</c>)', re.DOTALL)
_SHEET = re.compile(rb"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_STYLE = re.compile(rb'\bs="(\d+)"')
_SHARED = re.compile(rb'\bt="s"')
_VALUE = re.compile(rb"<v>(\d+)(?:\.0)?</v>")
_TAG = re.compile(rb"<[^>]*>")
_OF_LEGEND = ("màu", "Màu", "MÀU", "nền", "Nền", "NỀN", "Tô ", "tô ", "Bôi ", "bôi ")
_LEGEND = re.compile(
    r"(?:chú thích|ghi chú|quy ước|ký hiệu|chú giải)[^<]{0,20}\bmàu\b|\bmàu(?: sắc)?:", re.IGNORECASE
)
_IN_WORDS = re.compile(
    r"(?:nền|màu|tô|bôi|ô|chữ)(?: màu)? (xám|vàng|đỏ|hồng|xanh|cam)(?: \w+)?\s*(?:=|:|-|–|là)\s*([^<,;.\n]+)",
    re.IGNORECASE,
)
_ROWS_OF_LEGEND, _TEXTS_OF_LEGEND = 12, 3
_OASIS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_STYLE_NS, _TABLE_NS, _TEXT_NS = (_OASIS % each for each in ("style", "table", "text"))


@dataclass(slots=True)
class Marks:
    """Marks of a sheet's cells, by row from 1 and column from 0: struck ones with the text that is not, numbers as shown."""

    struck: dict[tuple[int, int], str] = field(default_factory=dict)
    shown: dict[tuple[int, int], str] = field(default_factory=dict)


def find_marks(path: Path) -> Mapping[str, Marks]:
    """Return the marks of each sheet that may have some. Raises what zipfile raises for a damaged file."""
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        if "content.xml" in names:
            found = _struck_in_ods(_read(archive, "content.xml", names))
            return {sheet: Marks(cells) for sheet, cells in found.items()}
        formats = _formats(_read(archive, "xl/styles.xml", names))
        texts = _read(archive, "xl/sharedStrings.xml", names)
        shared = _struck_texts(texts) if _STRIKE.search(texts) else {}
        sheets = {
            unescape(attribute(tag, b"name")): part
            for tag, part in sheet_parts(archive, names)
            if part in names
        }
        legend = ""
        if any(each.colour for each in formats):
            inline = [] if _TEXT.search(texts) else [_read(archive, part, names) for part in sheets.values()]
            legend = b"".join((texts, *inline)).decode("utf-8", "replace")
            legend = unescape(legend) if "&#" in legend else legend
        is_told = any(
            word in legend for word in _OF_LEGEND
        )  # seldom; the words below take longer to look for
        words = {colour.lower(): said for colour, said in _IN_WORDS.findall(legend)} if is_told else {}
        has_legend = is_told and bool(words or _LEGEND.search(legend))
        if not (shared or has_legend or any(each.is_struck or each.zeros for each in formats)):
            return {}
        known = [_plain(text) for text in _TEXT.findall(texts)] if has_legend else []
        marks = {}
        for name, part in sheets.items():
            content = _read(archive, part, names)
            marks[name] = _marks_of(content, formats, shared)
            if has_legend:
                marks[name].struck |= dict.fromkeys(_told(_coloured(content, formats, known), words), "")
        return marks


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


@dataclass(frozen=True, slots=True)
class _Format:
    """Format of cells: struck through, the digits that it shows of a number at least, and its colour."""

    is_struck: bool
    zeros: int
    colour: bytes


def _formats(styles: bytes) -> list[_Format]:
    parts = [pattern.search(styles) for pattern in (_FONTS, _FILLS, _FORMATS)]
    fonts, fills, formats = (match[0] if match else b"" for match in parts)
    struck = [bool(_STRIKE.search(font)) for font in _FONT.findall(fonts)]
    colours = [match[0] if (match := _COLOUR.search(fill)) else b"" for fill in _FILL.findall(fills)]
    codes = {
        attribute(tag, b"numFmtId"): attribute(tag, b"formatCode") for tag in _NUMBER_FORMAT.findall(styles)
    }
    plain = {at: re.sub(r'&quot;|[\\" .-]', "", code) for at, code in codes.items()}
    zeros = {at: len(code) for at, code in plain.items() if {*code} == {"0"}}
    found = []
    for tag in _FORMAT.findall(formats):
        font, fill = (int(attribute(tag, each) or 0) for each in (b"fontId", b"fillId"))
        found.append(
            _Format(
                font < len(struck) and struck[font],
                zeros.get(attribute(tag, b"numFmtId"), 0),
                colours[fill] if fill < len(colours) else b"",
            )
        )
    return found


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


_NO_FORMAT = _Format(False, 0, b"")


def _cells(
    sheet: bytes, formats: Sequence[_Format]
) -> Iterator[tuple[tuple[int, int], _Format, bytes, int | None]]:
    """Yield each cell's place, format and content, and the number of its shared text, if it has one."""
    for letters, row, attributes, content in _CELL.findall(sheet):
        style = _STYLE.search(attributes)
        at = int(style[1]) if style else len(formats)
        value = _VALUE.search(content) if _SHARED.search(attributes) else None
        format_ = formats[at] if at < len(formats) else _NO_FORMAT
        yield (int(row), _column(letters)), format_, content, int(value[1]) if value else None


def _marks_of(sheet: bytes, formats: Sequence[_Format], shared: Mapping[int, str]) -> Marks:
    marks = Marks()
    for place, format_, content, text in _cells(sheet, formats):
        if text is not None and text in shared:
            marks.struck[place] = shared[text]
        elif b"<is>" in content and _STRIKE.search(content):
            marks.struck[place] = _kept(content, format_.is_struck)
        elif format_.is_struck and content:
            marks.struck[place] = ""
        elif format_.zeros > 1 and text is None and (number := _VALUE.fullmatch(content)):
            marks.shown[place] = number[1].decode().zfill(format_.zeros)
    return marks


def _plain(content: bytes) -> str:
    return unescape(_TAG.sub(b"", content).decode("utf-8", "replace")).strip()


def _coloured(
    sheet: bytes, formats: Sequence[_Format], known: Sequence[str]
) -> dict[tuple[int, int], tuple[str, bytes]]:
    """Return the text and colour of each cell that has one."""
    found = {}
    for place, format_, content, text in _cells(sheet, formats):
        words = known[text] if text is not None and text < len(known) else _plain(content)
        if words or format_.colour:
            found[place] = words, format_.colour
    return found


def _told(
    cells: Mapping[tuple[int, int], tuple[str, bytes]], words: Mapping[str, str]
) -> Iterator[tuple[int, int]]:
    """Yield the cells of people of whose colour a legend, or `words` by a colour's name, say that they or their numbers are gone."""
    texts = Counter(row for (row, _), (text, _) in cells.items() if text)
    start = min((row for (row, _), (text, _) in cells.items() if _LEGEND.match(text)), default=0)
    rows = {row for row in range(start, start + _ROWS_OF_LEGEND) if start and texts[row] <= _TEXTS_OF_LEGEND}
    meanings = {}
    for (row, column), (text, colour) in cells.items():
        if colour and row in rows:
            meanings[colour] = text or cells.get((row, column + 1), ("", b""))[0]
    for (row, column), (_, colour) in cells.items():
        said = meanings.get(colour) or words.get(_hue(colour), "")
        if colour and row not in rows and (is_gone(said) or is_wrong(said)):
            for step in (-1, 1):  # with what stands beside it without a gap
                at = column
                while (row, at) in cells:
                    yield row, at
                    at += step


def _hue(colour: bytes) -> str:
    """Return the Vietnamese name of a colour, "" where it is not given by its parts."""
    rgb = attribute(colour, b"rgb")[-6:]
    if len(rgb) < 6:
        return ""
    red, green, blue = (int(rgb[at : at + 2], 16) for at in (0, 2, 4))
    if max(red, green, blue) - min(red, green, blue) < 25:
        return "xám"
    if red >= max(green, blue):
        if green > blue + 60:
            return "vàng" if green > 200 else "cam"
        return "đỏ" if blue < 140 else "hồng"
    return "xanh"


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

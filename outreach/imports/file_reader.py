"""Reader of list files: XLSX, XLS, ODS, CSV and TSV to sheets of raw rows, within limits.

Workbooks are read by calamine, text files as a stream. The first bytes of a file say what it is; a file whose
name says otherwise is refused, as the sender may have picked the wrong file. A workbook is loaded into memory as a
whole, from its first cell to its last: one whose cells lie too far apart ends at the limits of the process that reads it.
Who needs the rows calls `read_sheets` of `sheet_process`.

The encoding and separator of a text file are guessed. Excel in Vietnam saves CSV as UTF-8, as UTF-16
("Unicode text") or in windows-1258, a list in an old font in windows-1252, separated by commas, semicolons or
tabs as the computer is set.

Of an XLSX or ODS workbook is also read what it shows and calamine's values do not: text that is struck through, which is an old
number; zeros before a number; in XLSX a colour of which a legend says that the person is gone or the number wrong, as if struck
through. The parts of the workbook are searched only where its styles have such a thing at all.
"""

from __future__ import annotations

import codecs
import csv
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import islice
from pathlib import Path
from unicodedata import normalize
from xml.etree import ElementTree
from xml.etree.ElementTree import ParseError

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from outreach.imports.other_files import read_cards, read_word
from outreach.rules.errors import BadList, LoaError
from outreach.rules.identity import soften_name
from outreach.rules.legacy_fonts import count_syllables, guess_legacy_encoding, to_unicode
from outreach.rules.list_columns import ROWS_SEARCHED, count_known_labels
from outreach.rules.people_beside import begins_with_family, is_full_name, plain_name
from outreach.rules.phone_texts import (
    NUMBER,
    OF_SOMEBODY,
    corrects,
    is_about,
    is_gone,
    is_of_sender,
    is_wrong,
    join_heads,
    sent_by,
    split_line,
    split_message,
    tells_of_phone,
)

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
_TEXT_TAG = re.compile(rb"<si\s*/>|<si\b.*?</si>", re.DOTALL)
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
        inline = [] if _TEXT_TAG.search(texts) else [_read(archive, part, names) for part in parts.values()]
        legend = ""
        if any(colour for _, _, colour in formats):
            legend = unescape(b"".join((texts, *inline)).decode("utf-8", "replace"))
        has_legend = _SEEN_IN_LEGENDS.search(legend) is not None
        is_told = has_legend and any(is_gone(said) or is_wrong(said) for said in _IN_WORDS.findall(legend))
        shared = _struck_texts(texts) if _STRIKE.search(texts) else {}
        is_marked = any(is_struck or zeros > 1 for is_struck, zeros, _ in formats)
        if not (shared or has_legend or is_marked or any(map(_STRIKE.search, inline))):
            return {}, {}
        known = [_plain(text) for text in _TEXT_TAG.findall(texts)] if has_legend else None
        struck, shown = dict[str, dict[_Place, str]](), dict[str, dict[_Place, str]]()
        cells = dict[str, _Cells]()
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
    return {n: _kept(text, False) for n, text in enumerate(_TEXT_TAG.findall(texts)) if _STRIKE.search(text)}


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


_TEXT, _WORD, _CARDS = LoaError("kind_text"), LoaError("kind_word"), LoaError("kind_cards")
_PDF = LoaError("kind_pdf")
_KINDS: dict[str, str | LoaError] = {
    ".xlsx": "Excel (.xlsx)",
    ".xlsm": "Excel (.xlsx)",
    ".xls": "Excel 97-2003 (.xls)",
    ".ods": "LibreOffice (.ods)",
    ".csv": _TEXT,
    ".tsv": _TEXT,
    ".txt": _TEXT,
    ".docx": _WORD,
    ".vcf": _CARDS,
}
_MAX_WORKBOOK_BYTES = 50 * 2**20  # bytes; a list of 100,000 people takes about 6
_MAX_UNPACKED_BYTES = 600 * 2**20
_MAX_TEXT_BYTES = 500 * 2**20
_MAX_MERGED_ROWS = 1000  # rows; a longer merged cell is no village of a list
_MAX_MERGED_CELLS = 1_000_000
_HEAD_BYTES = 1 << 16
_MAX_TYPE_BYTES = 100  # bytes; that of a spreadsheet is 46
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError)
_CARD = re.compile(rb"(?:\xef\xbb\xbf|\xff\xfe)?\s*B\0?E\0?G\0?I\0?N\0?:\0?V\0?C\0?A\0?R\0?D", re.IGNORECASE)
_SIGNATURES = (
    (b"%PDF", _PDF),
    (b"\x89PNG", LoaError("kind_png")),
    (b"\xff\xd8\xff", LoaError("kind_jpeg")),
    (b"Rar!", LoaError("kind_rar")),
    (b"7z\xbc\xaf", LoaError("kind_7z")),
    (b"{\\rtf", LoaError("kind_rtf")),
)


@dataclass(slots=True)
class HiddenContent:
    """Hidden parts of a workbook: sheets, which are not read, and rows, which are."""

    sheets: list[str] = field(default_factory=list)
    rows: int = 0


def read_file(path: Path, unseen: HiddenContent | None = None) -> Iterator[RawSheet]:
    """Yield each visible sheet of the file with its rows, blank ones too.

    A text file is one sheet without a name. Hidden content is reported in `unseen`; hidden rows of an old
    Excel file are not known.

    Raises BadList if the file is empty, too large, locked with a password, damaged or not what its name says.
    """
    kind = _check_kind(path)
    if kind == _TEXT:
        yield read_text_sheet(path)
    elif kind == _CARDS:
        yield RawSheet("", read_cards(_lines(path, _guess_encoding(path))))
    elif kind == _WORD:
        try:
            rows, merged, struck = read_word(path)
        except (ParseError, KeyError, *_DAMAGED) as error:
            raise BadList("file_damaged", name=path.name) from error
        yield RawSheet("Word", iter(rows), merged, struck)
    else:
        yield from _read_workbook(path, unseen or HiddenContent())


def _check_kind(path: Path) -> str | LoaError:
    expected = _KINDS.get(path.suffix.lower())
    if expected is None and path.suffix.lower() != ".pdf":
        raise BadList("file_kind_unknown", kind=path.suffix or path.name)
    if not path.is_file():
        raise BadList("file_missing", name=path.name)
    size = path.stat().st_size
    if size == 0:
        raise BadList("file_empty", name=path.name)
    if size > (_MAX_TEXT_BYTES if expected in (_TEXT, _CARDS) else _MAX_WORKBOOK_BYTES):
        raise BadList("file_large", name=path.name)
    actual = _kind_by_content(path)
    if expected is None or actual == _PDF:
        raise BadList("file_is_pdf", name=path.name)
    if actual != expected:
        raise BadList("file_kind_other", name=path.name, suffix=path.suffix, actual=actual)
    return expected


def _kind_by_content(path: Path) -> str | LoaError:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if head.startswith(b"PK\x03\x04"):
            return _kind_of_zip(path)
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            return _kind_of_compound(path, head + file.read(_MAX_WORKBOOK_BYTES))
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if re.match(
        rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|table|meta|\?xml)", head, re.IGNORECASE
    ):
        return LoaError("kind_web")
    return _CARDS if _CARD.match(head) else _TEXT


def _kind_of_zip(path: Path) -> str | LoaError:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if sum(entry.file_size for entry in archive.infolist()) > _MAX_UNPACKED_BYTES:
                raise BadList("file_large", name=path.name)
            kind = ""
            if "mimetype" in names:
                # What an OpenDocument file declares; no more of the entry is read than a type takes.
                with archive.open("mimetype") as entry:
                    kind = entry.read(_MAX_TYPE_BYTES).decode("ascii", "replace")
    except _DAMAGED as error:
        raise BadList("file_damaged", name=path.name) from error
    if "xl/workbook.xml" in names:
        return _KINDS[".xlsx"]
    if "opendocument.spreadsheet" in kind:
        return _KINDS[".ods"]
    if "word/document.xml" in names:
        return _WORD
    if "opendocument.text" in kind:
        return LoaError("kind_other_text")
    return LoaError("kind_archive")


def _kind_of_compound(path: Path, content: bytes) -> str | LoaError:
    """Return a compound file's type by its entries: old Office files, and new ones under a password."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise BadList("file_locked", name=path.name)
    if any(name.encode("utf-16-le") + b"\0\0" in content for name in ("Workbook", "Book")):
        return _KINDS[".xls"]
    is_word = "WordDocument".encode("utf-16-le") in content
    return LoaError("kind_other_text") if is_word else LoaError("kind_other")


def _read_workbook(path: Path, unseen: HiddenContent) -> Iterator[RawSheet]:
    try:
        marks: tuple[dict[str, dict[_Place, str]], dict[str, dict[_Place, str]]] = ({}, {})
        if path.suffix.lower() != ".xls":  # whose format limits its size
            unseen.rows, marks = count_hidden_rows(path), find_marks(path)
        workbook = CalamineWorkbook.from_path(path)
        for metadata in workbook.sheets_metadata:
            if metadata.typ is not SheetTypeEnum.WorkSheet:
                continue
            if metadata.visible is not SheetVisibleEnum.Visible:
                unseen.sheets.append(metadata.name)
            else:
                sheet = workbook.get_sheet_by_name(metadata.name)
                first = sheet.start[1] if sheet.start else 0  # rows begin with the first column that is used
                struck, shown = (
                    {(row, at - first): text for (row, at), text in each.get(metadata.name, {}).items()}
                    for each in marks
                )
                rows = (
                    [shown.get((line, at), cell) for at, cell in enumerate(row)] if shown else row
                    for line, row in enumerate(sheet.iter_rows(), 1)
                )
                yield RawSheet(metadata.name, rows, _merged_below(sheet), struck)
    except PasswordError as error:
        raise BadList("file_locked", name=path.name) from error
    except (CalamineError, *_DAMAGED) as error:
        raise BadList("file_damaged", name=path.name) from error


def _merged_below(sheet: CalamineSheet) -> frozenset[tuple[int, int]]:
    """Return the cells that a merged cell above them covers, as far as the sheet has cells."""
    if not sheet.start or not sheet.end:
        return frozenset()
    first_column = sheet.start[1]  # rows begin with the first column that is used
    last_row, last_column = sheet.end
    ranges = [
        (
            range(top + 1, min(bottom, last_row) + 1),
            range(max(left, first_column), min(right, last_column) + 1),
        )
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
        if bottom - top < _MAX_MERGED_ROWS
    ]
    if sum(len(rows) * len(columns) for rows, columns in ranges) > _MAX_MERGED_CELLS:
        raise BadList("merged_cells_many", sheet=sheet.name[:40])
    return frozenset(
        (row + 1, column - first_column) for rows, columns in ranges for row in rows for column in columns
    )


_SCAN_BYTES = 1 << 20
_XLSX_HIDDEN_ROW = re.compile(rb'<row (?=[^<>]*[^/]>)[^<>]*?hidden="(?:1|true)"')
_ODS_ROW_OR_CELL = re.compile(rb"<table:table-row([^<>]*)>|<table:table-cell([^<>]*[^/<>])>")
_ODS_HIDDEN = re.compile(rb'table:visibility="(?:collapse|filter)"')
_ODS_REPEATED = re.compile(rb'table:number-rows-repeated="(\d{1,9})"')


def count_hidden_rows(path: Path) -> int:
    """Return how many rows with cells are hidden, by hand or by a filter; rows of hidden sheets are not counted.

    Raises zipfile's errors for a damaged file, and for one with entities, which no spreadsheet program writes.
    """
    hidden = 0
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        parts = sheet_parts(archive, names)
        hidden_sheets = {part for tag, part in parts if attribute(tag, b"state") in ("hidden", "veryHidden")}
        for name in names:
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                some = (part for part in _parts(archive, name) if b'hidden="' in part)
                rows = sum(len(_XLSX_HIDDEN_ROW.findall(part)) for part in some)
                hidden += 0 if name in hidden_sheets else rows
            elif name == "content.xml":
                hidden += _hidden_in_ods(archive, name)
    return hidden


def _hidden_in_ods(archive: zipfile.ZipFile, name: str) -> int:
    repeats, hidden, is_hidden = 1, 0, False
    for part in _parts(archive, name):
        for row, cell in _ODS_ROW_OR_CELL.findall(part):
            if cell:
                hidden += repeats * is_hidden
                is_hidden = False  # this row is counted now
            else:
                repeated = _ODS_REPEATED.search(row)
                repeats = int(repeated[1]) if repeated else 1
                is_hidden = b"visibility" in row and _ODS_HIDDEN.search(row) is not None
    return hidden


def _parts(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield the entry in parts that end before a tag begins, so that no tag is cut in two."""
    rest = b""
    with archive.open(name) as file:
        while chunk := file.read(_SCAN_BYTES):
            text = rest + chunk
            if b"<!ENTITY" in text.replace(b"\0", b""):
                raise zipfile.BadZipFile
            end = text.rfind(b"<")
            yield text[:end] if end > 0 else b""
            rest = text[end:] if end > 0 else text[-_SCAN_BYTES:]
    yield rest


_READ_BYTES = 1 << 20
_SEPARATORS = (",", ";", "\t", "|")
_MAX_LINES_IN_CELL = 30
_MOST_CORRECTIONS, _LONGEST_ABOVE = 50, 60  # lines of a chat; letters of a name
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))


@dataclass(frozen=True, slots=True)
class RawSheet:
    """Sheet of a file as read. Its rows can be read once; the first is the spreadsheet's row 1.

    `merged` are the cells, by row from 1 and position from 0, that a merged cell above them covers; `struck` those with
    text that is struck through, each with the text that is not.
    """

    name: str
    rows: Iterator[Sequence[object]]
    merged: frozenset[tuple[int, int]] = frozenset()
    struck: Mapping[tuple[int, int], str] = field(default_factory=dict)


def read_text_sheet(path: Path) -> RawSheet:
    """Return a text file's rows. Raises BadList if it is not readable as text, also while iterating."""
    encoding = _guess_encoding(path)
    separator, has_hint = _guess_separator(path, encoding)
    if not has_hint and _is_pasted(path, encoding, separator):
        return RawSheet("", _chat_rows(path, encoding))
    return RawSheet("", _stream(path, encoding, separator=separator, skip=int(has_hint)))


def _chat_rows(path: Path, encoding: str) -> Iterator[list[str]]:
    """Yield pasted lines as rows; what is said of somebody's number, by name or by who sent theirs alone, is in their note as well.

    In a chat a number that stands alone is that of the name before it, or of who sent it; others are nobody's.
    """
    said, numbers = _said(path, encoding)
    sender, above = "", ""
    for line, by, text in _messages(path, encoding):
        sender, above = (by, "") if by is not None and by != sender else (sender, above)
        row = split_line(text) or list(filter(None, [line]))
        if len(row) < 2 and begins_with_family(above) and tells_of_phone(text):  # cut short
            row, above = split_line(f"{above}, {text}") or row, ""
        elif len(row) < 2:
            joined = f"{above}, {text}" if above and not is_full_name(text) else text
            above = joined[:_LONGEST_ABOVE]
        elif sender and not is_full_name(row[1]):
            of = above if begins_with_family(above) else plain_name(sender)
            if row[2] == text.strip() and is_full_name(of):
                row = split_line(f"{of}, {text}") or row
            elif any(text == each for _, each in said) or is_about(text, row[1]):
                row = [line]
            above = ""
        if len(row) > 1:
            row[-1] = "; ".join(filter(None, (row[-1], *_told_of(row, sender, said, numbers))))
        yield row


def _told_of(
    row: Sequence[str], sender: str, said: Sequence[tuple[str, str]], numbers: Mapping[str, int]
) -> Iterator[str]:
    """Yield what a chat says of somebody's number: that it is the sender's, and what others or they themselves say of it."""
    if sender and is_of_sender(row[-1], sender, row[1]):
        yield f"số của {sender}"
    if " " in (name := soften_name(plain_name(row[1]))):
        called = re.compile(rf"\b\w+ {re.escape(name.split()[-1])}\b")  # "chị Lan", or by the whole name
        for of, each in said:
            if (of == sender and numbers[of] == 1) or called.search(each):
                yield OF_SOMEBODY.sub("", each)


def _said(path: Path, encoding: str) -> tuple[list[tuple[str, str]], Counter[str]]:
    """Return what is said of numbers in a chat, each with who says it of their own, and how many numbers each sent."""
    said, numbers, sender = list[tuple[str, str]](), Counter[str](), ""
    for _, by, text in _messages(path, encoding):
        sender = sender if by is None else by
        names_one = (row := split_line(text)) is not None and not row[2] and is_full_name(row[1])
        if sender and len(said) < _MOST_CORRECTIONS and not names_one and corrects(text):
            said.append(("" if OF_SOMEBODY.match(text) else sender, text))
        else:
            numbers[sender] += NUMBER.search(text) is not None
    return said, numbers


def _messages(path: Path, encoding: str) -> Iterator[tuple[str, str | None, str]]:
    """Yield each line, who sent it and what it says, for each of several people in a line."""
    for line in join_heads(_lines(path, encoding)):
        whole = normalize("NFC", line)
        by, text = sent_by(whole)
        yield from ((whole, None if n else by, part) for n, part in enumerate(split_message(text)))


def _stream(path: Path, encoding: str, *, separator: str, skip: int) -> Iterator[Sequence[object]]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            for _ in range(skip):
                next(file, None)
            reader = csv.reader(file, delimiter=separator)
            for row in reader:
                if any(cell.count("\n") > _MAX_LINES_IN_CELL for cell in row):
                    raise _open_quote(path, reader.line_num)
                yield row
    except csv.Error as error:
        raise _open_quote(path, reader.line_num) from error
    except UnicodeError as error:
        raise BadList("file_encoding_wrong", name=path.name) from error


def _is_pasted(path: Path, encoding: str, separator: str) -> bool:
    """Check for lines as pasted from a chat: no headings, and people in most lines, not in cells."""
    with path.open(encoding=encoding, newline="") as file:
        lines = [*join_heads(file.read(_HEAD_BYTES).splitlines()[:ROWS_SEARCHED])]
    known, _split = _score([line for line in lines if sent_by(line)[0] is None], separator)
    if known > 1 or any(line.count(separator) > 1 for line in lines if separator == "\t"):
        return False
    found = [(line, cells) for line in lines if (cells := split_line(line)) and cells[2]]
    people = sum(bool(cells[1]) for _, cells in found)
    in_cells = sum(any(cell.strip() == cells[2] for cell in line.split(separator)) for line, cells in found)
    is_chat = 5 * sum(sent_by(line)[0] is not None for line in lines) > len(lines)
    return people > 1 and (is_chat or (2 * people > len(lines) and 2 * in_cells < people))


def _lines(path: Path, encoding: str) -> Iterator[str]:
    try:
        with path.open(encoding=encoding) as file:
            yield from file
    except UnicodeError as error:
        raise BadList("file_encoding_wrong", name=path.name) from error


def _guess_encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 8 and min(even, odd) * 20 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    if len(head) - len(head.translate(None, _CONTROL)) > len(head) // 200:
        raise BadList("file_not_text", name=path.name)
    return "utf-8" if _is_utf8(path) else _guess_windows_encoding(head)


def _guess_windows_encoding(head: bytes) -> str:
    """Return cp1258 (Vietnamese Windows), or cp1252 (Western Windows with Vietnamese in an old font)."""
    lines = head.decode("cp1252", "replace").splitlines()
    font = guess_legacy_encoding(lines)
    if font is None:
        return "cp1258"
    font_score = count_syllables(to_unicode(line, font) for line in lines)
    score = count_syllables(head.decode("cp1258", "replace").splitlines())
    return "cp1252" if font_score > score else "cp1258"


def _is_utf8(path: Path) -> bool:
    """Return whether the whole file is UTF-8. Raises BadList if it is UTF-8 with some damaged bytes."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    accented = False
    with path.open("rb") as file:
        while True:
            chunk = file.read(_READ_BYTES)
            try:
                accented = not decode(chunk, not chunk).isascii() or accented
            except UnicodeDecodeError as error:
                # In windows-1258 hardly any two letters together look like UTF-8.
                if accented or not error.object[: error.start].isascii():
                    raise BadList("file_encoding_wrong", name=path.name) from error
                return False
            if not chunk:
                return True


def _guess_separator(path: Path, encoding: str) -> tuple[str, bool]:
    """Return the separator, and whether a first line "sep=;" names it.

    Without such a line it is the separator that yields most headings of a list.
    """
    try:
        with path.open(encoding=encoding, newline="") as file:
            lines = file.read(_HEAD_BYTES).splitlines(keepends=True)
    except UnicodeError as error:
        raise BadList("file_encoding_wrong", name=path.name) from error
    hint = lines[0].strip().lower() if lines else ""
    if hint.startswith("sep=") and len(hint) == 5:
        return hint[-1], True
    return max(_SEPARATORS, key=lambda separator: _score(lines, separator)), False


def _score(lines: list[str], separator: str) -> tuple[int, int]:
    try:
        rows = [*islice(csv.reader(lines, delimiter=separator), ROWS_SEARCHED)]
    except csv.Error:
        return 0, 0
    return max(map(count_known_labels, rows), default=0), sum(len(row) > 1 for row in rows)


def _open_quote(path: Path, line: int) -> BadList:
    return BadList("quote_not_closed", name=path.name, line=line)

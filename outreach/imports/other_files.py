"""Files that are no sheets: the tables of a Word document, and contacts as phones export them (vCard), as rows of cells.

Read with Python's own readers, in the child process of `sheet_process` and within its limits.
"""

import quopri
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from outreach.rules.list_columns import PHONE, Column, is_phone, meaning_of
from outreach.rules.people_beside import begins_with_family

_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MOST_BYTES = 100 * 2**20  # of a document's text
_HEADINGS = ["Họ và tên", "Số điện thoại", "Ngày sinh", "Đơn vị", "Địa chỉ", "Ghi chú"]
_FIELDS = {"FN": 0, "TEL": 1, "BDAY": 2, "ORG": 3, "ADR": 4, "NOTE": 5}
_CARD_LINE = re.compile(
    r"(?:(?P<group>[\w-]+)\.)?(?P<name>[\w-]+)(?P<parameters>(?:;[^:\"]*(?:\"[^\"]*\")?)*):(?P<value>.*)"
)
_CHARSET = re.compile(r"CHARSET=\"?([\w-]+)", re.IGNORECASE)
# Of a number: "con dâu".
_OWN_LABEL = re.compile(r"(?:[\w-]+\.)?TEL\b[^:]*;X-(?!CUSTOM)([^;:=]+)", re.IGNORECASE)
_ESCAPED = re.compile(r"\\(.)")
_SPLIT = re.compile(r"(?<!\\);")

Struck = dict[tuple[int, int], str]


def read_word(path: Path) -> tuple[list[list[str]], frozenset[tuple[int, int]], Struck]:
    """Return a document's tables below each other as rows, the cells that merged cells above them cover, and those with
    text that is struck through.

    Paragraphs outside tables of people stand in a column behind all of them, where they are read as titles; alone, in the first.
    Raises what zipfile and ElementTree raise for a damaged file, zipfile.BadZipFile also for one with entities.
    """
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo("word/document.xml").file_size > _MOST_BYTES:
            raise zipfile.BadZipFile
        content = archive.read("word/document.xml")
    # An entity, which no text program writes; in UTF-16 there is a 0 between.
    if b"<!ENTITY" in content.replace(b"\0", b""):
        raise zipfile.BadZipFile
    body = ElementTree.fromstring(content).find(f"{_WORD}body")  # noqa: S314 - no entities, and within limits
    rows, merged, struck, paragraphs = list[list[str]](), set[tuple[int, int]](), Struck(), list[int]()
    for part in body if body is not None else ():
        if part.tag == f"{_WORD}tbl":
            for line in part.iter(f"{_WORD}tr"):
                _read_line(line, rows, merged, struck)
        elif part.tag == f"{_WORD}p" and (text := _text(part))[0]:
            paragraphs.append(len(rows))
            rows.append([text[0]])
            if text[1] != text[0]:
                struck[len(rows), 0] = text[1]
    lines = [row for n, row in enumerate(rows) if n not in {*paragraphs}]
    width = max(map(len, lines), default=0) if any(map(_is_of_people, lines)) else 0
    for n in paragraphs:
        rows[n] = [*[""] * width, *rows[n]]
    return rows, frozenset(merged), struck


def _is_of_people(line: list[str]) -> bool:
    """Check for a heading for names or numbers, or a number: not for a letterhead."""
    return any(meaning_of(text) in (Column.NAME, PHONE) or is_phone(text) for text in line)


def _read_line(
    line: ElementTree.Element, rows: list[list[str]], merged: set[tuple[int, int]], struck: Struck
) -> None:
    row, number = list[str](), len(rows) + 1
    for cell in line.findall(f"{_WORD}tc"):
        span, is_covered = 1, False
        for property_ in cell.findall(f"{_WORD}tcPr/*"):
            value = property_.get(f"{_WORD}val", "")
            if property_.tag == f"{_WORD}gridSpan" and value.isdecimal():
                span = min(int(value), 100)
            is_covered = is_covered or (property_.tag == f"{_WORD}vMerge" and value != "restart")
        text, kept = _text(cell)
        if is_covered:
            merged.add((number, len(row)))
        elif text != kept:
            struck[number, len(row)] = kept
        row += ["" if is_covered else text, *[""] * (span - 1)]
    rows.append(row)


def _text(element: ElementTree.Element) -> tuple[str, str]:
    """Return the text of a cell or paragraph, and the part that is not struck through."""
    texts, kept = list[str](), list[str]()
    for paragraph in [element] if element.tag == f"{_WORD}p" else element.iter(f"{_WORD}p"):
        for run in paragraph.iter(f"{_WORD}r"):
            strikes = [*run.findall(f"{_WORD}rPr/{_WORD}strike"), *run.findall(f"{_WORD}rPr/{_WORD}dstrike")]
            is_struck = any(each.get(f"{_WORD}val", "1") not in ("0", "false") for each in strikes)
            for piece in run:
                name = piece.tag.removeprefix(_WORD)
                text = (
                    (piece.text or "") if name == "t" else {"tab": "\t", "br": "\n", "cr": "\n"}.get(name, "")
                )
                texts.append(text)
                kept.append("" if is_struck else text)
        texts.append("\n")
        kept.append("\n")
    return "".join(texts).strip(), "".join(kept).strip()


def _unquoted(value: str, charset: re.Match[str] | None) -> str:
    content = quopri.decodestring(value.encode())
    try:
        return content.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:  # an encoding that nobody knows
        return content.decode("utf-8", "replace")


def read_cards(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield headings, then a row for each contact of a vCard file (RFC 6350, and 2.1 with quoted-printable)."""
    yield _HEADINGS
    row, parts, numbers = [list[str]() for _ in _HEADINGS], "", dict[str | None, int]()
    for line in _unfolded(lines):
        match = _CARD_LINE.match(line)
        if not match:
            continue
        name, parameters, value = match["name"].upper(), match["parameters"].upper(), match["value"]
        if "QUOTED-PRINTABLE" in parameters:
            value = _unquoted(value, _CHARSET.search(parameters))
        if name == "BEGIN":
            row, parts, numbers = [[] for _ in _HEADINGS], "", {}
        elif name == "END" and any(cells := _cells_of(row, parts)):
            yield cells
        elif name == "N":
            family, given, middle, *_ = [*map(_plain, _SPLIT.split(value)), "", ""]
            parts = " ".join(filter(None, (family, middle, given)))
        elif name == "X-ABLABEL" and match["group"] in numbers and not value.startswith("_$"):
            row[1][numbers[match["group"]]] += f" ({_plain(value)})"
        elif name in _FIELDS:
            row[_FIELDS[name]].append(_text_of(name, value, _OWN_LABEL.match(line)))
            if name == "TEL":
                numbers[match["group"]] = len(row[1]) - 1


def _text_of(name: str, value: str, label: re.Match[str] | None) -> str:
    is_list = name in ("ADR", "ORG")
    text = ", ".join(filter(None, map(_plain, _SPLIT.split(value)))) if is_list else _plain(value)
    return text.removeprefix("tel:") + (f" ({label[1]})" if label else "")


def _cells_of(row: Sequence[Sequence[str]], parts: str) -> list[str]:
    cells = ["; ".join(dict.fromkeys(filter(None, texts))) for texts in row]
    return [_in_order((row[0] or [""])[0], parts), *cells[1:]]


def _in_order(shown: str, parts: str) -> str:
    """Return the name as shown, or as its parts from the family's to the given one where it is shown the other way round."""
    is_turned = sorted(shown.split()) == sorted(parts.split()) and begins_with_family(parts)
    is_named = begins_with_family(shown) and not shown.startswith(("Thị ", "Văn "))
    return parts if not shown or (is_turned and not is_named) else shown


def _plain(value: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] in "nN" else match[1], value).strip()


def _unfolded(lines: Iterable[str]) -> Iterator[str]:
    """Yield whole lines: one that begins with a space goes on the last, as does one behind a "=" at a quoted line's end."""
    whole = ""
    for line in (line.rstrip("\r\n") for line in lines):
        if line[:1] in (" ", "\t"):
            whole += line[1:]
        elif whole.endswith("=") and "QUOTED-PRINTABLE" in whole.upper():
            whole = whole[:-1] + line
        else:
            yield whole
            whole = line
    yield whole

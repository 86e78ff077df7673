"""How far a workbook's sheets reach, before they are laid out in memory whole, from the first cell to the last; and
how many of their rows nobody sees.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from outreach.errors import BadList

_MOST_CELLS = 10_000_000
_CHUNK = 1 << 20
_XLSX_BOOK, _XLSX_RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_XLSX_HIDDEN_SHEET = re.compile(rb'<(?:\w+:)?sheet (?=[^>]*state="(?:hidden|veryHidden)")[^>]*>')
_XLSX_RELATION = re.compile(rb"<(?:\w+:)?Relationship [^>]*>")
# Of each the row is group 1, the column group 2.
_XLSX_ROW = re.compile(rb'<row [^>]*?r="(\d{1,7})"')
_XLSX_FAR_COLUMN = re.compile(rb'r="()([A-Z]{2,3})\d')  # whatever holds it: ten times as fast
_XLSX_HIDDEN_ROW = re.compile(rb'<row (?=[^>]*[^/]>)[^>]*?hidden="(?:1|true)"')
_XLSX_CELL = re.compile(rb'<c (?=[^>]*[^/]>)[^>]*?r="(?=[A-Z]{1,3}(\d{1,7})")([A-Z]{1,3})')
_ODS_ROW_OR_CELL = re.compile(rb"<table:table-row([^>]*)>|<table:table-cell([^>]*[^/>])>")
_ODS_HIDDEN = re.compile(rb'table:visibility="(?:collapse|filter)"')
_ODS_REPEATED = re.compile(rb'table:number-(?:rows|columns)-repeated="(\d{1,9})"')


def check_extent(path: Path) -> int:
    """Raises BadList for a sheet whose cells would exhaust the memory, zipfile's errors for a damaged file. How many
    rows with cells are hidden, by hand or by a filter, in sheets that are not.
    """
    hidden = 0
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        unseen = _hidden_sheets(archive) if _XLSX_BOOK in names and _XLSX_RELATIONS in names else set()
        for name in names:
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                rows = _check_xlsx(archive, name, path)
                hidden += 0 if name in unseen else rows
            elif name == "content.xml":
                hidden += _check_ods(archive, name, path)
    return hidden


def _hidden_sheets(archive: zipfile.ZipFile) -> set[str]:
    """The parts that hold sheets which nobody sees."""
    with archive.open(_XLSX_BOOK) as book, archive.open(_XLSX_RELATIONS) as relations:
        hidden = {_attribute(sheet, b"r:id") for sheet in _XLSX_HIDDEN_SHEET.findall(book.read(_CHUNK))}
        return {
            f"xl/{_attribute(each, b'Target').removeprefix('/xl/')}"
            for each in _XLSX_RELATION.findall(relations.read(_CHUNK))
            if _attribute(each, b"Id") in hidden
        }


def _attribute(tag: bytes, name: bytes) -> str:
    found = re.search(rb'\s%s="([^"]*)"' % name, tag)
    return found[1].decode("utf-8", "replace") if found else ""


def _check_xlsx(archive: zipfile.ZipFile, name: str, path: Path) -> int:
    rows, columns, hidden = _outermost(archive, name, _XLSX_ROW, _XLSX_FAR_COLUMN)
    if rows * columns > _MOST_CELLS:  # maybe of empty cells that only have a colour
        rows, columns, _ = _outermost(archive, name, _XLSX_CELL, _XLSX_CELL)
    if rows * columns > _MOST_CELLS:
        raise BadList(
            f"Tệp “{path.name}” có ô dữ liệu nằm quá xa (dòng {rows}, cột thứ {columns}). "
            "Hãy chép riêng vùng danh sách sang một tệp mới rồi nhập lại."
        )
    return hidden


def _outermost(
    archive: zipfile.ZipFile, name: str, of_rows: re.Pattern[bytes], of_columns: re.Pattern[bytes]
) -> tuple[int, int, int]:
    """The largest row number and column number that the patterns find, a column of one letter being one of 26; and how
    many rows are hidden.
    """
    rows, columns, hidden = 0, 26 if of_columns is _XLSX_FAR_COLUMN else 0, 0
    for part in _parts(archive, name):
        rows = max([rows, *(int(found[1]) for found in of_rows.finditer(part))])
        far = {found[2] for found in of_columns.finditer(part)}
        columns = max([columns, *map(_column_number, far)])
        if b'hidden="' in part:
            hidden += sum(1 for _ in _XLSX_HIDDEN_ROW.finditer(part))
    return rows, columns, hidden


def _check_ods(archive: zipfile.ZipFile, name: str, path: Path) -> int:
    """A cell may say that it is repeated, and a row likewise: a few letters can stand for millions of cells."""
    cells, times, hidden, is_hidden = 0, 1, 0, False
    for part in _parts(archive, name):
        for row, cell in _ODS_ROW_OR_CELL.findall(part):
            if cell:
                cells += times * _repeated(cell)
                hidden += times * is_hidden
                is_hidden = False  # it is counted
            else:
                times = _repeated(row)
                is_hidden = b"visibility" in row and _ODS_HIDDEN.search(row) is not None
    if cells > _MOST_CELLS:
        raise BadList(
            f"Tệp “{path.name}” có {cells} ô dữ liệu, quá nhiều cho một danh sách. "
            "Hãy chép riêng vùng danh sách sang một tệp mới rồi nhập lại."
        )
    return hidden


def _parts(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The entry in parts that end before a tag begins, so that none is cut in two."""
    rest = b""
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK):
            text = rest + chunk
            end = text.rfind(b"<")
            yield text[:end] if end > 0 else b""
            rest = text[end:] if end > 0 else text[-_CHUNK:]
    yield rest


def _repeated(attributes: bytes) -> int:
    found = _ODS_REPEATED.search(attributes)
    return int(found[1]) if found else 1


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number

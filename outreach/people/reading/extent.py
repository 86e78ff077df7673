"""How far a workbook's sheets reach, before they are laid out in memory whole, from the first cell to the last."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from outreach.errors import BadList

_MOST_CELLS = 10_000_000
_CHUNK = 1 << 20
# Of each the row is group 1, the column group 2.
_XLSX_ROW = re.compile(rb'<row [^>]*?r="(\d{1,7})"')
_XLSX_FAR_COLUMN = re.compile(rb'r="()([A-Z]{2,3})\d')  # whatever holds it: ten times as fast
_XLSX_CELL = re.compile(rb'<c (?=[^>]*[^/]>)[^>]*?r="(?=[A-Z]{1,3}(\d{1,7})")([A-Z]{1,3})')
_ODS_ROW_OR_CELL = re.compile(rb"<table:table-row([^>]*)>|<table:table-cell([^>]*[^/>])>")
_ODS_REPEATED = re.compile(rb'table:number-(?:rows|columns)-repeated="(\d{1,9})"')


def check_extent(path: Path) -> None:
    """Raises BadList for a sheet whose cells would exhaust the memory, zipfile's errors for a damaged file."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                _check_xlsx(archive, name, path)
            elif name == "content.xml":
                _check_ods(archive, name, path)


def _check_xlsx(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    rows, columns = _outermost(archive, name, _XLSX_ROW, _XLSX_FAR_COLUMN)
    if rows * columns > _MOST_CELLS:  # maybe of empty cells that only have a colour
        rows, columns = _outermost(archive, name, _XLSX_CELL, _XLSX_CELL)
    if rows * columns > _MOST_CELLS:
        raise BadList(
            f"Tệp “{path.name}” có ô dữ liệu nằm quá xa (dòng {rows}, cột thứ {columns}). "
            "Hãy chép riêng vùng danh sách sang một tệp mới rồi nhập lại."
        )


def _outermost(
    archive: zipfile.ZipFile, name: str, of_rows: re.Pattern[bytes], of_columns: re.Pattern[bytes]
) -> tuple[int, int]:
    """The largest row number and column number that the patterns find; a column of one letter is one of 26."""
    rows, columns = 0, 26 if of_columns is _XLSX_FAR_COLUMN else 0
    for part in _parts(archive, name):
        rows = max([rows, *(int(found[1]) for found in of_rows.finditer(part))])
        far = {found[2] for found in of_columns.finditer(part)}
        columns = max([columns, *map(_column_number, far)])
    return rows, columns


def _check_ods(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """A cell may say that it is repeated, and a row likewise: a few letters can stand for millions of cells."""
    cells, times = 0, 1
    for part in _parts(archive, name):
        for row, cell in _ODS_ROW_OR_CELL.findall(part):
            if cell:
                cells += times * _repeated(cell)
            else:
                times = _repeated(row)
    if cells > _MOST_CELLS:
        raise BadList(
            f"Tệp “{path.name}” có {cells} ô dữ liệu, quá nhiều cho một danh sách. "
            "Hãy chép riêng vùng danh sách sang một tệp mới rồi nhập lại."
        )


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

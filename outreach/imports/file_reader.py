"""The sheets of a list's file: XLSX, XLS and ODS by calamine, CSV and TSV as a stream.

What a file is, its first bytes say; a name that says otherwise is refused, as the sender may have picked the
wrong file.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from outreach.errors import BadList
from outreach.people.reading.extent import check_extent
from outreach.people.reading.text import Sheet, read_text_sheet

_KINDS = {
    ".xlsx": "Excel (.xlsx)",
    ".xlsm": "Excel (.xlsx)",
    ".xls": "Excel 97-2003 (.xls)",
    ".ods": "LibreOffice (.ods)",
    ".csv": "văn bản",
    ".tsv": "văn bản",
    ".txt": "văn bản",
}
_TEXT = "văn bản"
_LARGEST_WORKBOOK = 50 * 2**20  # bytes; a list of 100,000 people takes about 6
_LARGEST_UNPACKED = 600 * 2**20
_LARGEST_TEXT = 500 * 2**20
_MOST_MERGED = 1000  # rows; more is no village of a list
_LARGE_HEAD = 1 << 16
_LONGEST_KIND = 100  # bytes; the spreadsheet's is 46
_DAMAGED = (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError)
_BEGINNINGS = (
    (b"%PDF", "tệp PDF"),
    (b"\x89PNG", "ảnh PNG"),
    (b"\xff\xd8\xff", "ảnh JPEG"),
    (b"Rar!", "tệp nén RAR"),
    (b"7z\xbc\xaf", "tệp nén 7z"),
    (b"{\\rtf", "văn bản Word (RTF)"),
)


@dataclass(slots=True)
class Unseen:
    """What whoever opens a workbook does not see of it: sheets, which are not read, and rows, which are."""

    sheets: list[str] = field(default_factory=list)
    rows: int = 0


def read_sheets(path: Path, unseen: Unseen | None = None) -> Iterator[Sheet]:
    """Each visible sheet of the file with its rows, blank ones too. A text file is one sheet without a name.

    What is hidden is told in `unseen`; of an old Excel file its rows are not known.

    Raises BadList when the file is empty, too large, locked with a password, damaged or not what its name says.
    """
    kind = _check_kind(path)
    if kind == _TEXT:
        yield read_text_sheet(path)
    else:
        yield from _read_workbook(path, unseen or Unseen())


def _check_kind(path: Path) -> str:
    said = _KINDS.get(path.suffix.lower())
    if said is None:
        raise BadList(
            f"Không đọc được loại tệp “{path.suffix or path.name}”. "
            "Hãy lưu danh sách thành Excel (.xlsx, .xls), LibreOffice (.ods) hoặc CSV (.csv) rồi nhập lại."
        )
    if not path.is_file():
        raise BadList(f"Không tìm thấy tệp “{path.name}”. Hãy kiểm tra lại đường dẫn và tên tệp.")
    size = path.stat().st_size
    if size == 0:
        raise BadList(
            f"Tệp “{path.name}” trống, không có nội dung nào. Hãy kiểm tra lại tệp gốc rồi nhập lại."
        )
    if size > (_LARGEST_TEXT if said == _TEXT else _LARGEST_WORKBOOK):
        raise _too_large(path)
    found = _kind_by_content(path)
    if found != said:
        raise BadList(
            f"Tệp “{path.name}” có đuôi “{path.suffix}” nhưng nội dung là {found}. "
            "Hãy mở đúng danh sách, chọn Lưu thành (Save As) Excel (.xlsx) hoặc CSV UTF-8 rồi nhập lại."
        )
    return said


def _kind_by_content(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_LARGE_HEAD)
        if head.startswith(b"PK\x03\x04"):
            return _kind_of_zip(path)
        if head.startswith(b"\xd0\xcf\x11\xe0"):
            return _kind_of_compound(path, head + file.read(_LARGEST_WORKBOOK))
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if re.match(
        rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html|head|body|table|meta|\?xml)", head, re.IGNORECASE
    ):
        return "trang web (HTML hoặc XML)"
    return _TEXT


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST_UNPACKED:
                raise _too_large(path)
            kind = _said_kind(archive) if "mimetype" in names else ""
    except _DAMAGED as error:
        raise _damaged(path) from error
    if "xl/workbook.xml" in names:
        return _KINDS[".xlsx"]
    if "opendocument.spreadsheet" in kind:
        return _KINDS[".ods"]
    if "word/document.xml" in names or "opendocument.text" in kind:
        return "văn bản Word"
    return "tệp nén hoặc loại tệp khác"


def _said_kind(archive: zipfile.ZipFile) -> str:
    """What an OpenDocument file says that it is: never more of the entry than such a name takes."""
    with archive.open("mimetype") as entry:
        return entry.read(_LONGEST_KIND).decode("ascii", "replace")


def _kind_of_compound(path: Path, content: bytes) -> str:
    """Old Office files, and new ones under a password, share one container; its entries' names tell them apart."""
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise _locked(path)
    if any(name.encode("utf-16-le") + b"\0\0" in content for name in ("Workbook", "Book")):
        return _KINDS[".xls"]
    return "văn bản Word" if "WordDocument".encode("utf-16-le") in content else "loại tệp khác"


def _read_workbook(path: Path, unseen: Unseen) -> Iterator[Sheet]:
    try:
        if path.suffix.lower() != ".xls":  # which cannot reach far
            unseen.rows = check_extent(path)
        workbook = CalamineWorkbook.from_path(path)
        for about in workbook.sheets_metadata:
            if about.typ is not SheetTypeEnum.WorkSheet:
                continue
            if about.visible is not SheetVisibleEnum.Visible:
                unseen.sheets.append(about.name)
            else:
                sheet = workbook.get_sheet_by_name(about.name)
                yield Sheet(about.name, sheet.iter_rows(), _merged_below(sheet))
    except PasswordError as error:
        raise _locked(path) from error
    except (CalamineError, *_DAMAGED) as error:
        raise _damaged(path) from error


def _merged_below(sheet: CalamineSheet) -> frozenset[tuple[int, int]]:
    first_column = sheet.start[1] if sheet.start else 0  # rows begin with the first column that is used
    return frozenset(
        (row + 1, column - first_column)
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ()
        if bottom - top < _MOST_MERGED
        for row in range(top + 1, bottom + 1)
        for column in range(left, right + 1)
    )


def _locked(path: Path) -> BadList:
    return BadList(f"Tệp “{path.name}” được khóa bằng mật khẩu. Hãy gỡ mật khẩu, lưu lại rồi nhập lại.")


def _damaged(path: Path) -> BadList:
    return BadList(
        f"Tệp “{path.name}” bị hỏng hoặc tải lên chưa đủ nên không mở được. "
        "Hãy mở tệp bằng Excel, lưu thành tệp mới rồi nhập lại."
    )


def _too_large(path: Path) -> BadList:
    return BadList(
        f"Tệp “{path.name}” quá lớn. Hãy chia danh sách thành nhiều tệp nhỏ hơn rồi nhập lần lượt."
    )

"""A CSV or TSV file as a stream of rows, its encoding and separator guessed.

Excel in Vietnam saves CSV as UTF-8, as UTF-16 ("Unicode text") or in windows-1258, a list in an old font in
windows-1252, parted by commas, semicolons or tabs as the computer is set.
"""

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outreach.errors import BadList
from outreach.people.reading.columns import ROWS_SEARCHED, count_known_labels
from outreach.people.reading.legacy import count_syllables, guess_font, to_unicode

_CHUNK = 1 << 20
_HEAD = 1 << 16
_SEPARATORS = (",", ";", "\t", "|")
_MOST_LINES_IN_A_CELL = 30
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a list; its rows are read once, the first is the spreadsheet's row 1.

    `merged` are the cells, by row from 1 and position from 0, that a merged cell above them covers.
    """

    name: str
    rows: Iterator[Sequence[object]]
    merged: frozenset[tuple[int, int]] = frozenset()


def read_text_sheet(path: Path) -> Sheet:
    """The rows of a text file. Raises BadList when it is not text or not readable as such, also while iterating."""
    encoding = _guess_encoding(path)
    separator, has_hint = _guess_separator(path, encoding)
    return Sheet("", _stream(path, encoding, separator=separator, skip=int(has_hint)))


def _stream(path: Path, encoding: str, *, separator: str, skip: int) -> Iterator[Sequence[object]]:
    try:
        with path.open(encoding=encoding, newline="") as file:
            for _ in range(skip):
                next(file, None)
            reader = csv.reader(file, delimiter=separator)
            for row in reader:
                if any(cell.count("\n") > _MOST_LINES_IN_A_CELL for cell in row):
                    raise _open_quote(path, reader.line_num)
                yield row
    except csv.Error as error:
        raise _open_quote(path, reader.line_num) from error
    except UnicodeError as error:
        raise _unreadable(path) from error


def _guess_encoding(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) // 8 and min(even, odd) * 20 < max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    if len(head) - len(head.translate(None, _CONTROL)) > len(head) // 200:
        raise BadList(
            f"Tệp “{path.name}” không phải là văn bản. Hãy mở danh sách bằng Excel, chọn Lưu thành (Save As) "
            "CSV UTF-8 hoặc Excel (.xlsx) rồi nhập lại."
        )
    return "utf-8" if _is_utf8(path) else _of_old_windows(head)


def _of_old_windows(head: bytes) -> str:
    """Vietnamese Windows, or Western Windows with Vietnamese in an old font."""
    lines = head.decode("cp1252", "replace").splitlines()
    font = guess_font(lines)
    if font is None:
        return "cp1258"
    as_font = count_syllables(to_unicode(line, font) for line in lines)
    return "cp1252" if as_font > count_syllables(head.decode("cp1258", "replace").splitlines()) else "cp1258"


def _is_utf8(path: Path) -> bool:
    """Is the whole file UTF-8? Raises BadList when it plainly is but for some damaged bytes."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    accented = False
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                accented = not decode(chunk, not chunk).isascii() or accented
            except UnicodeDecodeError as error:
                # In windows-1258 hardly any two letters together look like UTF-8.
                if accented or not error.object[: error.start].isascii():
                    raise _unreadable(path) from error
                return False
            if not chunk:
                return True


def _guess_separator(path: Path, encoding: str) -> tuple[str, bool]:
    """The separator, and whether a first line "sep=;" names it: the one that shows most headings of a list."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            lines = file.read(_HEAD).splitlines(keepends=True)
    except UnicodeError as error:
        raise _unreadable(path) from error
    hint = lines[0].strip().lower() if lines else ""
    if hint.startswith("sep=") and len(hint) == 5:
        return hint[-1], True
    return max(_SEPARATORS, key=lambda separator: _score(lines, separator)), False


def _score(lines: list[str], separator: str) -> tuple[int, int]:
    try:
        rows = [
            row for row, _ in zip(csv.reader(lines, delimiter=separator), range(ROWS_SEARCHED), strict=False)
        ]
    except csv.Error:
        return 0, 0
    parted = sum(len(row) > 1 for row in rows)
    return max(map(count_known_labels, rows), default=0), parted


def _open_quote(path: Path, line: int) -> BadList:
    return BadList(
        f"Tệp “{path.name}” có dấu ngoặc kép mở mà không đóng, trước dòng {line}. "
        "Hãy mở tệp bằng Excel, sửa ô đó và lưu lại rồi nhập lại."
    )


def _unreadable(path: Path) -> BadList:
    return BadList(
        f"Tệp “{path.name}” có chữ không đọc được (sai bảng mã hoặc bị hỏng). "
        "Hãy mở tệp bằng Excel, chọn Lưu thành (Save As) CSV UTF-8 rồi nhập lại."
    )

"""A list's file to checked rows: what `contacts check` writes out and what the importer stores."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path

from outreach.errors import BadInput, BadList
from outreach.people.phone.cells import PhoneCell, PhoneStatus, read_phone_cell
from outreach.people.phone.words import is_ditto, unaccented
from outreach.people.reading.columns import (
    ROWS_SEARCHED,
    Column,
    Header,
    Row,
    cell_text,
    find_header,
    no_phone_column,
)
from outreach.people.reading.files import read_sheets
from outreach.places.matching import Gazetteer, PlaceMatch

_OUT_COLUMNS = ("row", "stt", "status", "e164", "reason", "warnings", "commune_code")
_YES = re.compile(r"x|v|1|y|yes|true|roi|(?:da )?co\b.*")
_NO = re.compile(r"0|k|ko|n|no|false|chua\b.*|(?:khong|ko)\b.*")
_TICKS = {"✓", "✔", "√", "☑"}
_SEXES = {"nam": "male", "m": "male", "male": "male", "nu": "female", "f": "female", "female": "female"}
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SHORT_YEAR = re.compile(r"(?:\d{1,2}[/.\-]\d{1,2}[/.\-])?(\d\d)")
_NAMES_A_COMMUNE = re.compile(r"\b(?:xa|phuong|thi tran)\b")

# What stands between people and is none: the next village or group, a total, whoever signs.
_SECTION_NUMBER = re.compile(r"[ivxlc]+|[a-z]", re.IGNORECASE)
_TITLE = re.compile(
    r"(?:thon|lang|to dan pho|tdp|khoi|xa|phuong|thi tran|huyen|chi hoi|chi doan|tong (?:cong|so)|danh sach"
    r"|nguoi lap|lap bieu)\b|(?:cong|to \d+)$"
)


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One person of a list, every text NFC with single spaces, "" where the list says nothing.

    `row` counts the people of the whole file from 1, over all its sheets; `birth_year` is None when absent or
    unreadable, `has_smartphone` None when the list does not say.
    """

    row: int
    sheet: str
    stt: str
    name: str
    birth_year: int | None
    sex: Sex | None
    village: str
    commune: str
    district: str
    place: PlaceMatch
    unit: str
    note: str
    language: str
    has_smartphone: bool | None
    phone_text: str  # the cell as written, for whoever puts it right
    phone: PhoneCell

    @property
    def commune_code(self) -> str:
        """A code, "ambiguous:23368/23504", or ""."""
        if self.place.candidates:
            return f"ambiguous:{'/'.join(self.place.candidates)}"
        return self.place.code or ""


def check_list(path: Path, gazetteer: Gazetteer) -> Iterator[CheckedRow]:
    """Yield each person of the file in order; of a CSV file only one row is held at a time.

    Raises BadList, on the first row or while reading, when the file cannot be read as a list.
    """
    count = lists = 0
    labels: tuple[str, ...] = ()
    for sheet in read_sheets(path):
        rows = (row for row in sheet.rows if any(map(cell_text, row)))
        first = list(islice(rows, ROWS_SEARCHED))
        header = find_header(first)
        if header is None:
            labels = max((labels, *(tuple(map(cell_text, row)) for row in first)), key=_filled)
            continue
        lists += 1
        above: dict[Column, str] = {}
        for row in chain(first[header.first_row :], rows):
            if _is_person(row, header):
                count += 1
                yield _check_row(row, header, gazetteer, above=above, number=count, sheet=sheet.name)
    if not lists:
        raise no_phone_column(labels) if any(labels) else _no_rows(path)


def write_check(path: Path, out: Path, gazetteer: Gazetteer) -> dict[str, int]:
    """Write the CSV of a list's check to `out` and return the counts `rows`, `ok`, `review`, `reject`.

    `out` appears only once complete. Raises BadList when the list cannot be read, BadInput when `out` would
    overwrite it.
    """
    if out.exists() and path.exists() and out.samefile(path):
        raise BadInput("Tệp kết quả trùng với tệp danh sách. Hãy chọn một tên tệp kết quả khác.")
    unfinished = out.with_name(f"{out.name}.part")
    counts = Counter[str]()
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_OUT_COLUMNS)
            for row in check_list(path, gazetteer):
                phone = row.phone
                counts[phone.status] += 1
                writer.writerow(
                    [
                        row.row,
                        row.stt,
                        phone.status,
                        "|".join(phone.numbers),
                        phone.reason or "",
                        "|".join(phone.warnings),
                        row.commune_code,
                    ]
                )
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
    return {"rows": counts.total(), **{status.value: counts[status] for status in PhoneStatus}}


def _no_rows(path: Path) -> BadList:
    return BadList(f"Tệp “{path.name}” không có dòng dữ liệu nào. Hãy kiểm tra lại tệp gốc rồi nạp lại.")


def _filled(labels: Sequence[str]) -> int:
    return sum(map(bool, labels))


def _is_person(row: Row, header: Header) -> bool:
    """Is this row a person, not a title, a total, a signature or the header again?"""
    if any(cell_text(cell) for cell in _phones(row, header)):
        return not header.is_repeated_in(row)
    number = _text(row, header, Column.STT)
    name = _text(row, header, Column.NAME)
    others = sum(map(bool, map(cell_text, row))) - bool(number) - bool(name)
    if Column.NAME not in header.columns:
        return others > 0
    if not name:
        return number.isdigit() and others > 0
    if _TITLE.match(unaccented(name)) and not number.isdigit():
        return False
    return others > 0 or not _SECTION_NUMBER.fullmatch(number)


def _check_row(
    row: Row, header: Header, gazetteer: Gazetteer, *, above: dict[Column, str], number: int, sheet: str
) -> CheckedRow:
    for column in (Column.VILLAGE, Column.COMMUNE, Column.DISTRICT, Column.UNIT):
        text = _text(row, header, column)
        if not is_ditto(text):
            above[column] = text
    village, commune, district = above[Column.VILLAGE], above[Column.COMMUNE], above[Column.DISTRICT]
    phones = [cell for cell in _phones(row, header) if cell_text(cell)]
    in_address = Column.COMMUNE not in header.columns and _NAMES_A_COMMUNE.search(unaccented(village))
    return CheckedRow(
        row=number,
        sheet=sheet,
        stt=_text(row, header, Column.STT),
        name=f"{_text(row, header, Column.FAMILY_NAME)} {_text(row, header, Column.NAME)}".strip(),
        birth_year=_birth_year(row, header),
        sex=_sex(row, header),
        village=village,
        commune=commune,
        district=district,
        place=gazetteer.match(village if in_address else commune, district),
        unit=above[Column.UNIT],
        note=_text(row, header, Column.NOTE),
        language=_text(row, header, Column.LANGUAGE),
        has_smartphone=_yes_or_no(_text(row, header, Column.SMARTPHONE)),
        phone_text="; ".join(map(cell_text, phones)),
        phone=_read_phones(phones),
    )


def _phones(row: Row, header: Header) -> list[object]:
    return [row[position] for position in header.phones if position < len(row)]


def _read_phones(filled: Sequence[object]) -> PhoneCell:
    """Several phone columns are read as one cell with several numbers."""
    if len(filled) > 1:
        return read_phone_cell("; ".join(map(cell_text, filled)))
    return read_phone_cell(filled[0] if filled else None)


def _cell(row: Row, header: Header, column: Column) -> object:
    position = header.columns.get(column)
    return None if position is None or position >= len(row) else row[position]


def _text(row: Row, header: Header, column: Column) -> str:
    return cell_text(_cell(row, header, column))


def _birth_year(row: Row, header: Header) -> int | None:
    for column in (Column.BIRTH, Column.BIRTH_OF_MEN, Column.BIRTH_OF_WOMEN):
        cell = _cell(row, header, column)
        if isinstance(cell, date):
            return cell.year
        text = cell_text(cell).removesuffix(".0")
        if year := _YEAR.search(text):
            return int(year[0])
        if short := _SHORT_YEAR.fullmatch(text):
            return int(short[1]) + (2000 if int(short[1]) <= 20 else 1900)
    return None


def _sex(row: Row, header: Header) -> Sex | None:
    said = _SEXES.get(unaccented(_text(row, header, Column.SEX)))
    if said:
        return Sex(said)
    if _text(row, header, Column.BIRTH_OF_MEN):
        return Sex.MALE
    return Sex.FEMALE if _text(row, header, Column.BIRTH_OF_WOMEN) else None


def _yes_or_no(text: str) -> bool | None:
    words = unaccented(text)
    if text in _TICKS or _YES.fullmatch(words):
        return True
    return False if _NO.fullmatch(words) else None

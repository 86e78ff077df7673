"""One row of a list to one person. Pure.

What can be read in two ways is not guessed: it stands in `doubt` for a person to decide.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from outreach.people.phone.cells import PhoneCell, read_phone_cell
from outreach.people.phone.words import is_ditto, unaccented
from outreach.people.reading.cells import Row, cell_text, written
from outreach.people.reading.columns import Header
from outreach.people.reading.labels import Column
from outreach.places.matching import Gazetteer, PlaceMatch

_PLACES = (Column.VILLAGE, Column.COMMUNE, Column.DISTRICT, Column.UNIT)
_BIRTHS = (Column.BIRTH, Column.BIRTH_OF_MEN, Column.BIRTH_OF_WOMEN)
_YES = re.compile(r"x|v|1|y|yes|true|roi|(?:da )?co\b.*")
_NO = re.compile(r"0|k|ko|n|no|false|chua\b.*|(?:khong|ko)\b.*")
_TICKS = {"✓", "✔", "√", "☑"}
_SEXES = {"nam": "male", "m": "male", "male": "male", "nu": "female", "f": "female", "female": "female"}
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DATE_OF_SHORT_YEAR = re.compile(r"\d{1,2}[/.\-]\d{1,2}[/.\-](\d\d)")
_TWO_DIGITS = re.compile(r"[1-9]\d")
# 5/8/41 was in the last century; 5/8/12 may be in either.
_CENTURY_IS_CLEAR_FROM = 26
_NAMES_A_COMMUNE = re.compile(r"\b(?:xa|phuong|thi tran)\b")

# What stands between people and is none: the next village or group, a total, whoever signs.
_SECTION_NUMBER = re.compile(r"[ivxlc]+|[a-z]", re.IGNORECASE)
_TITLE = re.compile(
    r"(?:thon|lang|to dan pho|tdp|khoi|xa|phuong|thi tran|huyen|chi hoi|chi doan|tong (?:cong|so)|danh sach"
    r"|nguoi lap|lap bieu)\b|(?:cong|to \d+)$"
)
_is_ditto = lru_cache(maxsize=20_000)(is_ditto)


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


@dataclass(slots=True)  # frozen would cost a million rows two seconds
class CheckedRow:
    """One person of a list, every text NFC with single spaces, "" where the list says nothing.

    `row` counts the people of the whole file from 1, over all its sheets; `line` is the row's number in its sheet
    as a spreadsheet shows it. `birth_year` is None when absent or unreadable; where the cell may be a year or an
    age, it stands in `birth_doubt`. `has_smartphone` is None when the list does not say. `corrects` names the
    row of an earlier import that this one puts right, "L12.345" for row 345 of import 12.
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
    line: int
    birth_doubt: str
    corrects: str
    header: Header = field(repr=False)
    cells: Row = field(repr=False)

    @property
    def commune_code(self) -> str:
        """A code, "ambiguous:23368/23504", or ""."""
        if self.place.candidates:
            return f"ambiguous:{'/'.join(self.place.candidates)}"
        return self.place.code or ""

    def as_written(self) -> list[str]:
        """The cells as they stood in the file, for a file to correct: "as above" is said in full, and ethnic origin
        and religion, which we may not keep, are left out.
        """
        texts = [
            "" if position in self.header.sensitive else written(cell)
            for position, cell in enumerate(self.cells)
        ]
        for column in _PLACES:
            position = self.header.columns.get(column)
            if position is not None and position < len(texts):
                said = cell_text(texts[position])
                if not said or _is_ditto(said):
                    texts[position] = getattr(self, column.value)
        return texts


class RowReader:
    """Reads the rows of one sheet; it remembers what "as above" means, said by a mark or by a merged cell."""

    def __init__(
        self,
        header: Header,
        gazetteer: Gazetteer,
        *,
        sheet: str,
        merged: frozenset[tuple[int, int]] = frozenset(),
    ) -> None:
        self._header, self._gazetteer, self._sheet, self._merged = header, gazetteer, sheet, merged
        self._columns = header.columns
        self._above = dict.fromkeys(_PLACES, "")
        self._births = [header.columns[column] for column in _BIRTHS if column in header.columns]
        self._has_commune = Column.COMMUNE in header.columns

    def is_person(self, row: Row) -> bool:
        """Is this row a person, not a title, a total, a signature or the header again?"""
        header = self._header
        if any(cell_text(cell) for cell in self._phones(row)):
            return not header.is_repeated_in(row)
        number, name = self._text(row, Column.STT), self._text(row, Column.NAME)
        others = sum(map(bool, map(cell_text, row))) - bool(number) - bool(name)
        if Column.NAME not in header.columns:
            return others > 0
        if not name:
            return number.isdigit() and others > 0
        if _TITLE.match(unaccented(name)) and not number.isdigit():
            return False
        return others > 0 or not _SECTION_NUMBER.fullmatch(number)

    def read(self, row: Row, *, line: int, number: int) -> CheckedRow:
        """The person of a row; `line` and `number` are its `line` and `row`."""
        above = self._above
        for column in _PLACES:
            text = self._text(row, column)
            if text:
                if not _is_ditto(text):
                    above[column] = text
            elif not self._merged or (line, self._header.columns.get(column)) not in self._merged:
                above[column] = ""
        village, commune, district = above[Column.VILLAGE], above[Column.COMMUNE], above[Column.DISTRICT]
        phones = [cell for cell in self._phones(row) if cell_text(cell)]
        in_address = not self._has_commune and _NAMES_A_COMMUNE.search(unaccented(village))
        birth_year, birth_doubt = self._birth(row)
        family, given = self._text(row, Column.FAMILY_NAME), self._text(row, Column.NAME)
        return CheckedRow(
            row=number,
            sheet=self._sheet,
            stt=self._text(row, Column.STT),
            name=f"{family} {given}".strip() if family else given,
            birth_year=birth_year,
            sex=self._sex(row),
            village=village,
            commune=commune,
            district=district,
            place=self._gazetteer.match(village if in_address else commune, district),
            unit=above[Column.UNIT],
            note=self._text(row, Column.NOTE),
            language=self._text(row, Column.LANGUAGE),
            has_smartphone=_yes_or_no(self._text(row, Column.SMARTPHONE)),
            phone_text="; ".join(map(cell_text, phones)),
            phone=_read_phones(phones),
            line=line,
            birth_doubt=birth_doubt,
            corrects=self._text(row, Column.CORRECTS),
            header=self._header,
            cells=row,
        )

    def _phones(self, row: Row) -> list[object]:
        return [row[position] for position in self._header.phones if position < len(row)]

    def _text(self, row: Row, column: Column) -> str:
        position = self._columns.get(column)
        if position is None or position >= len(row):
            return ""
        return cell_text(row[position])

    def _birth(self, row: Row) -> tuple[int | None, str]:
        doubt = ""
        for position in self._births:
            year, unclear = read_birth(row[position]) if position < len(row) else (None, "")
            if year:
                return year, ""
            doubt = doubt or unclear
        return None, doubt

    def _sex(self, row: Row) -> Sex | None:
        said = _sex(self._text(row, Column.SEX))
        if said or len(self._births) < 2:
            return said
        if self._text(row, Column.BIRTH_OF_MEN):
            return Sex.MALE
        return Sex.FEMALE if self._text(row, Column.BIRTH_OF_WOMEN) else None


def read_birth(cell: object) -> tuple[int | None, str]:
    """The year of birth, or None and the two digits that may be a year or an age."""
    if isinstance(cell, date):
        return cell.year, ""
    return _read_birth(cell_text(cell).removesuffix(".0"))


@lru_cache(maxsize=20_000)
def _read_birth(text: str) -> tuple[int | None, str]:
    if year := _YEAR.search(text):
        return int(year[0]), ""
    if (short := _DATE_OF_SHORT_YEAR.fullmatch(text)) and int(short[1]) >= _CENTURY_IS_CLEAR_FROM:
        return 1900 + int(short[1]), ""
    return None, text if short or _TWO_DIGITS.fullmatch(text) else ""


def _read_phones(filled: list[object]) -> PhoneCell:
    """Several phone columns are read as one cell with several numbers."""
    if len(filled) > 1:
        return read_phone_cell("; ".join(map(cell_text, filled)))
    return read_phone_cell(filled[0] if filled else None)


@lru_cache(maxsize=1000)
def _sex(text: str) -> Sex | None:
    said = _SEXES.get(unaccented(text))
    return Sex(said) if said else None


@lru_cache(maxsize=1000)
def _yes_or_no(text: str) -> bool | None:
    words = unaccented(text)
    if text in _TICKS or _YES.fullmatch(words):
        return True
    return False if _NO.fullmatch(words) else None

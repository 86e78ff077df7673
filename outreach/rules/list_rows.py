"""One row of a list to one person. Pure.

What can be read in two ways is not guessed: it stands in `doubt` for a person to decide.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from outreach.people.names import given_key, name_key
from outreach.people.phone.cells import PhoneCell, PhoneStatus, read_phone_cell
from outreach.people.phone.words import is_ditto, unaccented
from outreach.people.reading.cells import Row, cell_text, written
from outreach.people.reading.columns import Header
from outreach.people.reading.labels import Column
from outreach.people.reading.legacy import is_odd, mend_row
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
    row of an earlier import that this one puts right, "L12.345" for row 345 of import 12. `name_key` and `given_key` are
    those of the name (see `names`).
    """

    row: int
    sheet: str
    stt: str
    name: str
    name_key: str
    given_key: str
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

    def read(self, row: Row, *, line: int, number: int) -> CheckedRow | None:
        """The person of a row, `line` and `number` being its `line` and `row`; None where it is none: a title, a total,
        a signature, the header again.
        """
        width = len(row)
        said = self._said(row)
        name, commune = said.get(Column.NAME, ""), said.get(Column.COMMUNE, "")
        if is_odd(commune if name.isascii() else name):  # both would cost a million rows half a second more
            row = mend_row(row)
            said = self._said(row)
        phones = [row[at] for at in self._header.phones if at < width and cell_text(row[at])]
        if self._header.is_repeated_in(row) if phones else not self._names_a_person(row, said):
            return None
        if phones and not name and Column.NAME in self._columns and _is_signature(row, phones):
            return None
        above, text = self._above, said.get
        for column in _PLACES:
            place = text(column)
            if place:
                if not _is_ditto(place):
                    above[column] = place
            elif not self._merged or (line, self._columns.get(column)) not in self._merged:
                above[column] = ""
        village, commune, district = above[Column.VILLAGE], above[Column.COMMUNE], above[Column.DISTRICT]
        places = self._gazetteer
        birth_year, birth_doubt = self._birth(row)
        family, name = text(Column.FAMILY_NAME), text(Column.NAME, "")
        if family:
            name = f"{family} {name}".strip()
        return CheckedRow(
            row=number,
            sheet=self._sheet,
            stt=text(Column.STT, ""),
            name=name,
            name_key=name_key(name),
            given_key=given_key(name),
            birth_year=birth_year,
            sex=self._sex(said),
            village=village,
            commune=commune,
            district=district,
            place=places.match(commune, district)
            if self._has_commune
            else places.match_address(village, district),
            unit=above[Column.UNIT],
            note=text(Column.NOTE, ""),
            language=text(Column.LANGUAGE, ""),
            has_smartphone=read_yes_or_no(text(Column.SMARTPHONE, "")),
            phone_text="; ".join(map(cell_text, phones)),
            phone=_read_phones(phones),
            line=line,
            birth_doubt=birth_doubt,
            corrects=text(Column.CORRECTS, ""),
            header=self._header,
            cells=row,
        )

    def _said(self, row: Row) -> dict[Column, str]:
        width = len(row)
        return {column: cell_text(row[at]) for column, at in self._columns.items() if at < width}

    def _names_a_person(self, row: Row, said: dict[Column, str]) -> bool:
        """Is this row a person although it has no phone?"""
        if not self._header.phones and self._header.is_repeated_in(row):
            return False
        number, name = said.get(Column.STT, ""), said.get(Column.NAME, "")
        others = sum(map(bool, map(cell_text, row))) - bool(number) - bool(name)
        if Column.NAME not in self._columns:
            return others > 0
        if not name:
            return number.isdigit() and others > 0
        if _TITLE.match(unaccented(name)) and not number.isdigit():
            return False
        return others > 0 or not _SECTION_NUMBER.fullmatch(number)

    def _birth(self, row: Row) -> tuple[int | None, str]:
        doubt = ""
        for position in self._births:
            year, unclear = read_birth(row[position]) if position < len(row) else (None, "")
            if year:
                return year, ""
            doubt = doubt or unclear
        return None, doubt

    def _sex(self, said: dict[Column, str]) -> Sex | None:
        known = _sex(said.get(Column.SEX, ""))
        if known or len(self._births) < 2:
            return known
        if said.get(Column.BIRTH_OF_MEN):
            return Sex.MALE
        return Sex.FEMALE if said.get(Column.BIRTH_OF_WOMEN) else None


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


def _is_signature(row: Row, phones: list[object]) -> bool:
    """Do words without a number stand alone in the row, as place, date and whoever signs do below a list?"""
    if len(phones) > 1 or sum(map(bool, map(cell_text, row))) > 1:
        return False
    words = cell_text(phones[0])
    return any(map(str.isalpha, words)) and read_phone_cell(words).status is PhoneStatus.REJECT


@lru_cache(maxsize=1000)
def _sex(text: str) -> Sex | None:
    said = _SEXES.get(unaccented(text))
    return Sex(said) if said else None


@lru_cache(maxsize=1000)
def read_yes_or_no(text: str) -> bool | None:
    """A mark or a word of a list: x, ✓, có, 1, rồi; không, 0, chưa. None where it is neither."""
    words = unaccented(text)
    if text in _TICKS or _YES.fullmatch(words):
        return True
    return False if _NO.fullmatch(words) else None

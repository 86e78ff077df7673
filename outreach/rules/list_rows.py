"""Rows of a contact list as checked contacts. Pure.

A value that can be read in two ways is not guessed: it is kept in `birth_doubt` or for review.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache

from outreach.rules.cells import Row, cell_text, written
from outreach.rules.gazetteer import Gazetteer, PlaceMatch
from outreach.rules.identity import name_key, soften_name
from outreach.rules.kept_values import Unfit, read_values
from outreach.rules.legacy_fonts import convert_legacy_row, is_odd
from outreach.rules.list_columns import Column, Header
from outreach.rules.people_beside import PersonBeside, split_names
from outreach.rules.phone_cells import in_order, read_phone_cell, read_phone_cells
from outreach.rules.phone_numbers import (
    PhoneCell,
    PhoneStatus,
    PhoneWarning,
    Reason,
    is_ditto,
    reject,
    unaccented,
)
from outreach.rules.phone_texts import (
    NUMBER,
    beside_note,
    find_number_beside,
    for_review,
    read_phone_in_text,
    without_numbers,
)
from outreach.rules.sort_order import name_order

_PLACES = (Column.VILLAGE, Column.COMMUNE, Column.DISTRICT, Column.UNIT)
_BIRTHS = (Column.BIRTH, Column.BIRTH_OF_MEN, Column.BIRTH_OF_WOMEN)
_YES = re.compile(r"x|v|1|y|yes|true|roi|(?:da )?co\b.*")
_NO = re.compile(r"0|k|ko|n|no|false|chua\b.*|(?:khong|ko)\b.*")
_TICKS = {"✓", "✔", "√", "☑"}
_SEXES = {"nam": "male", "m": "male", "male": "male", "nu": "female", "f": "female", "female": "female"}
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_DATE_OF_SHORT_YEAR = re.compile(r"\d{1,2}[/.\-]\d{1,2}[/.\-](\d\d)")
_TWO_DIGITS = re.compile(r"[1-9]\d")
# 5/8/41 is in the last century; 5/8/12 may be in either.
_CENTURY_IS_CLEAR_FROM = 26
# Rows between people that are none: the next village or group, a total, a signature.
_SECTION_NUMBER = re.compile(r"[ivxlc]+|[a-z]", re.IGNORECASE)
_TITLE = re.compile(
    r"(?:thon|lang|to dan pho|tdp|khoi|xa|phuong|thi tran|huyen|chi hoi|chi doan|tong (?:cong|so)|danh sach"
    r"|nguoi lap|lap (?:bieu|bang)|(?:mang|chuyen) sang|luy ke)\b|(?:cong|to \d+)$|cong ?[:(\d]"
    r"|cong (?:thon|lang|to|xa|chi|trang)\b"
)
_ROLE = re.compile(
    r"(?!(?:con|chau|vo|chong|bo|me|cha|ong|ba|anh|chi|em|zalo|so|sdt|dt|dtdd|di dong)\b)[a-z]{3}[a-z ]{0,30}$"
)
_WHO_SIGNS = re.compile(r"nguoi (?:lap|tong hop|viet|ky|thong ke|duyet)\b|lap (?:bieu|bang)\b")
# Lines below a list: a total in words, place and day, who signs.
_CLOSING = re.compile(
    r"tong (?:cong|so|dt|sl|nhan khau)\b|tong ?[:(]|cong ?(?:[:(\d]|$)|danh sach (?:nay )?(?:co|gom)\b|(?:.*, ?)?ngay\b.*\bthang\b|nguoi (?:lap|tong hop|viet|ky"
    r"|thong ke|duyet|cung cap)\b|lap (?:bieu|bang|danh sach)\b|(?:tm|kt|tl|tuq)\. ?|xac nhan\b|noi nhan\b|can bo (?:lap|tong hop)\b|ke toan\b"
    r"|\(? ?(?:da )?ky\b|(?:pho )?(?:chu tich|bi thu|(?:chi )?hoi truong|truong (?:thon|ban|lang|khoi|phong))$"
)
_OF_ANOTHER = re.compile(
    r"\bkhan cap\b|\bkhi can\b|\bnguoi (?:than|nha|bao lanh|giam ho)\b|\bthan nhan\b|\bnt$|\bchu (?:tro|nha|co so)\b"
    r"|\bemergency\b|\brelatives?\b|\bnext of kin\b"
)
_LEAST_DIGITS = 6  # of what may be a phone number
_LIST_NUMBER = re.compile(r"\d{1,4}[.)]\s*(?=\D)")
_ROMAN = re.compile(r"[IVX]{1,5}\.?")
_NO_VALUES: tuple[dict[str, str], dict[str, Unfit]] = ({}, {})  # the same for all rows of most lists
_is_ditto = lru_cache(maxsize=20_000)(is_ditto)


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


@dataclass(slots=True)  # frozen would cost a million rows two seconds
class CheckedRow:
    """One person of a list; every text is NFC with single spaces, "" where the cell is empty. A name in capitals is softened.

    `row` counts the people of the whole file from 1, over all its sheets; `line` is the row's number in its sheet
    as a spreadsheet shows it. `birth_year` is None when absent or unreadable; where the cell may be a year or an
    age, its text is in `birth_doubt`. `has_smartphone` is None when the list does not say. `corrects` names the
    row of an earlier import that this one corrects, "L12.345" for row 345 of import 12. `name_key` is that of
    the name (see `identity`), `given_key` its `name_order`.
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
    phone_text: str  # the cell as written, for its correction
    phone: PhoneCell
    line: int
    birth_doubt: str
    corrects: str
    header: Header = field(repr=False)
    cells: Row = field(repr=False)
    place_question: int | None = None  # the question about the place, once it is stored
    people: tuple[PersonBeside, ...] = ()  # all people of the row, where it has several
    values: Mapping[str, str] = field(default_factory=dict)  # kept for texts, by the field's name
    unfit: Mapping[str, Unfit] = field(default_factory=dict)  # why other cells of these columns are not kept

    @property
    def commune_code(self) -> str:
        """Code of the commune, "ambiguous:23368/23504", or ""."""
        return self.place.as_text

    @property
    def is_at_the_door(self) -> bool:
        """Return whether the row is a person without a usable number, whom only a visit reaches."""
        return (
            self.phone.status is PhoneStatus.REJECT
            and sum(map(str.isalpha, self.name_key)) > 1
            and not _is_title(self.name)
        )

    def each_person(self) -> list[CheckedRow]:
        """Return a row for each of its people who has a number; this row itself where it has one person."""
        if not self.people:
            return [self]
        return [
            replace(
                self,
                name=soften_name(each.name),
                name_key=name_key(each.name),
                given_key=name_order(each.name),
                birth_year=each.birth_year,
                sex=None,
                phone=replace(self.phone, numbers=each.numbers),
                people=(),
            )
            for each in self.people
            if each.numbers
        ] or [self]

    def as_written(self) -> list[str]:
        """Return the cells as written in the file, for a file to correct.

        "As above" is written in full. Ethnic origin and religion, which we may not keep, are left out.
        """
        texts = [
            "" if position in self.header.sensitive else written(cell)
            for position, cell in enumerate(self.cells)
        ]
        for column in _PLACES:
            position = self.header.columns.get(column)
            if position is not None and position < len(texts):
                place = cell_text(texts[position])
                if not place or _is_ditto(place):
                    texts[position] = getattr(self, column.value)
        return texts


def phones_of_others(header: Header) -> frozenset[int]:
    """Return the phone columns whose heading names somebody else (a relative, a landlord), where another column is the person's own."""
    others = {
        at
        for at in header.phones
        if at < len(header.labels) and _OF_ANOTHER.search(unaccented(header.labels[at]))
    }
    return frozenset(others if others != {*header.phones} else ())


class RowReader:
    """Reader of one sheet's rows; remembers the places above for "as above" marks and merged cells."""

    def __init__(
        self,
        header: Header,
        gazetteer: Gazetteer,
        *,
        sheet: str,
        merged: frozenset[tuple[int, int]] = frozenset(),
        title: str = "",
        struck: Mapping[tuple[int, int], str] | None = None,
    ) -> None:
        """`title` is the text above the header; a commune named there, or in a row between people, is theirs.

        `struck` are cells with text that is struck through, by line and position, each with the text that is not.
        """
        self._struck = struck or {}
        self._is_below = False  # below the total, where people sign
        self._section, self._place_of_section = gazetteer.match_title(title)
        self.header = self._header = header
        self._gazetteer, self._sheet, self._merged = gazetteer, sheet, merged
        self._columns = header.columns
        self._cells = [*header.columns.items()]
        self._place_columns = [
            (column, header.columns[column]) for column in _PLACES if column in header.columns
        ]
        self._of_others = phones_of_others(header)
        self._above = dict.fromkeys(_PLACES, "")
        self._births = [header.columns[column] for column in _BIRTHS if column in header.columns]
        self._has_commune = Column.COMMUNE in header.columns

    def has_digits(self, row: Row) -> bool:
        """Check whether a phone column of this row has a digit: then it is not the header of a further table."""
        width = len(row)
        for at in self.header.phones:
            if at < width and (cell := row[at]) is not None:
                text = cell if isinstance(cell, str) else str(cell)
                if text[-1:].isdigit() or (not text.isalpha() and any(map(str.isdigit, text))):
                    return True
        return False

    def read(self, row: Row, *, line: int, number: int) -> CheckedRow | None:
        """Read a row as a contact; `line` and `number` become its `line` and `row`.

        Returns None if it is a title, a total, a signature or the header again.
        """
        width = len(row)
        texts = self._texts(row)
        name, commune = texts.get(Column.NAME, ""), texts.get(Column.COMMUNE, "")
        if is_odd(commune if name.isascii() else name):  # both would cost a million rows half a second more
            row = convert_legacy_row(row)
            texts = self._texts(row)
        phones = [row[at] for at in self._header.phones if at < width and cell_text(row[at])]
        phone_text = "; ".join(map(cell_text, phones)) if len(phones) != 1 else cell_text(phones[0])
        untouched, crossed = row, self._crossed_out(row, line) if self._struck else ()
        if crossed:
            row = [self._struck[line, at] if at in crossed else cell for at, cell in enumerate(row)]
            texts = self._texts(row)
        if self._header.is_repeated_in(row) if phones else not self._is_person(row, texts):
            self._note_section(row)
            return None
        if phones and Column.NAME in self._columns and self._is_no_person(row, texts, phones):
            self._note_section(row)
            return None
        above, text = self._above, texts.get
        for column, at in self._place_columns:
            place = text(column)
            if place:
                if not _is_ditto(place):
                    above[column] = place
            elif not self._merged or (line, at) not in self._merged:
                above[column] = ""
        village, commune, district = above[Column.VILLAGE], above[Column.COMMUNE], above[Column.DISTRICT]
        places = self._gazetteer
        found = (
            places.match(commune, district) if self._has_commune else places.match_address(village, district)
        )
        if not commune and self._section and not found.code and not found.candidates:
            commune, found = self._section, self._place_of_section
        birth_year, birth_doubt = self._birth(row)
        family, name = text(Column.FAMILY_NAME), text(Column.NAME, "")
        if family:
            name = f"{family} {name}".strip()
        if name and name[0].isdecimal():
            name = _LIST_NUMBER.sub("", name, count=1)
        if crossed:
            phones = [row[at] for at in self._header.phones if at < width and cell_text(row[at])]
        phone, people = self._phone(row, phones)
        if people:
            name = people[0].name or name
            birth_year = birth_year or people[0].birth_year
            people = people if len(people) > 1 else ()
        note = text(Column.NOTE, "")
        if phone.numbers:
            self._is_below = False
            phone = beside_note(phone, note) if note and not people else phone
        elif found_beside := self._beside_phones(row):
            phone_text, phone = "; ".join(filter(None, (phone_text, found_beside[0]))), found_beside[1]
            name = without_numbers(name)
        if crossed:
            phone = replace(phone, warnings=in_order({*phone.warnings, PhoneWarning.STRUCK_THROUGH}))
        if self._header.texts:
            village, name = village and without_numbers(village), name and without_numbers(name)
        values, unfit = read_values(row, self._header.fields) if self._header.fields else _NO_VALUES
        name, key, order = _name_with_keys(name)
        return CheckedRow(
            row=number,
            sheet=self._sheet,
            stt=text(Column.STT, ""),
            name=name,
            name_key=key,
            given_key=order,
            birth_year=birth_year,
            sex=self._sex(texts),
            village=village,
            commune=commune,
            district=district,
            place=found,
            unit=above[Column.UNIT],
            note=note,
            language=text(Column.LANGUAGE, ""),
            has_smartphone=read_yes_or_no(text(Column.SMARTPHONE, "")),
            phone_text=phone_text,
            phone=phone,
            people=people,
            line=line,
            birth_doubt=birth_doubt,
            corrects=text(Column.CORRECTS, ""),
            header=self._header,
            cells=untouched,
            values=values,
            unfit=unfit,
        )

    def _own_phone(self, row: Row) -> PhoneCell:
        """Return the person's own number; one that is a relative's or a landlord's alone is for review."""
        own, others = (
            read_phone_cells(
                [
                    row[at]
                    for at in self._header.phones
                    if at < len(row) and (at in self._of_others) is theirs and cell_text(row[at])
                ]
            )
            for theirs in (False, True)
        )
        return own if own.numbers or not others.numbers else for_review(others)

    def _crossed_out(self, row: Row, line: int) -> Set[int]:
        """Return the positions of those cells with numbers of which all or a part is struck through."""
        note = self._columns.get(Column.NOTE)
        return {
            at
            for at, cell in enumerate(row)
            if (line, at) in self._struck
            and (at in self._header.phones or (at == note and NUMBER.search(cell_text(cell))))
        }

    def _phone(self, row: Row, phones: list[object]) -> tuple[PhoneCell, tuple[PersonBeside, ...]]:
        """Return the numbers of a row, and its people if it has several."""
        header = self._header
        if header.texts:
            texts = [cell_text(row[at]) for at in header.phones if at < len(row) and at in header.texts]
            plain = [row[at] for at in header.phones if at < len(row) and at not in header.texts]
            cell = read_phone_in_text("; ".join(texts))
            if any(map(cell_text, plain)):
                own = read_phone_cells(plain)
                cell = own if own.numbers or not cell.numbers else cell
            return (for_review(cell) if header.guessed else cell), ()
        if self._of_others and not header.people:
            return self._own_phone(row), ()
        cell = read_phone_cells(phones)
        if header.people:
            return self._beside(row, cell)
        at = self._columns.get(Column.NAME)
        if len(cell.numbers) < 2 or at is None or not isinstance(written_name := row[at], str):
            return cell, ()
        names = split_names(written_name, len(cell.numbers))
        people = tuple(
            PersonBeside(name, (number,)) for name, number in zip(names, cell.numbers, strict=False)
        )
        return (_of_two_people(cell), people) if people else (cell, ())

    def _beside_phones(self, row: Row) -> tuple[str, PhoneCell] | None:
        """Return a text of the row that holds numbers, and these: in the note, or among words elsewhere."""
        note = self._columns.get(Column.NOTE)
        passed = {*self._header.phones, *self._header.sensitive}
        texts = {
            at: cell_text(cell) for at, cell in enumerate(row) if at not in passed and isinstance(cell, str)
        }
        return find_number_beside(
            [text for at, text in texts.items() if at == note or any(map(str.isalpha, text))]
        )

    def _beside(self, row: Row, together: PhoneCell) -> tuple[PhoneCell, tuple[PersonBeside, ...]]:
        """Return the numbers and people of a row with columns for several; one that names a single person is that one's."""
        people, cells = [], []
        for columns in self._header.people:
            name = cell_text(row[columns.name]) if columns.name < len(row) else ""
            filled = [row[at] for at in columns.phones if at < len(row) and cell_text(row[at])]
            if name or filled:
                cell = read_phone_cells(filled) if filled else reject(Reason.MISSING)
                born = columns.birth if columns.birth is not None and columns.birth < len(row) else None
                year = None if born is None else read_birth(row[born])[0]
                cells.append(cell)
                people.append(PersonBeside(name, cell.numbers, year))
        if len(people) < 2:
            return (cells[0] if cells else together), tuple(people)
        numbers = tuple(dict.fromkeys(number for cell in cells for number in cell.numbers))
        if not numbers:
            return together, ()
        return _of_two_people(replace(together, numbers=numbers)), tuple(people)

    def _note_section(self, row: Row) -> None:
        """Remember the commune that a row between people names, as in "II. Xã Đắk La"."""
        self._is_below = self._is_below or _closes(row)
        section, place = self._gazetteer.match_title(
            ", ".join(dict.fromkeys(filter(None, map(cell_text, row))))
        )
        if section:
            self._section, self._place_of_section = section, place

    def _texts(self, row: Row) -> dict[Column, str]:
        width = len(row)
        return {column: cell_text(row[at]) for column, at in self._cells if at < width}

    def _is_person(self, row: Row, texts: dict[Column, str]) -> bool:
        """Check whether a row without a phone is a person."""
        if not self._header.phones and self._header.is_repeated_in(row):
            return False
        number, name = texts.get(Column.STT, ""), texts.get(Column.NAME, "")
        others = sum(map(bool, map(cell_text, row))) - bool(number) - bool(name)
        if Column.NAME not in self._columns:
            return others > 0
        if not name:
            right = any(cell_text(row[each.name]) for each in self._header.people[1:] if each.name < len(row))
            return right or (number.isdigit() and others > 0)
        if number.isdigit():
            return True
        if self._is_below or _closes(row) or _TITLE.match(unaccented(name)) or _ROMAN.fullmatch(number):
            return False
        if not number and not others and Column.STT in self._columns and len(self._columns) > 2:
            return False
        return others > 0 or not _SECTION_NUMBER.fullmatch(number)

    def _is_no_person(self, row: Row, texts: dict[Column, str], phones: list[object]) -> bool:
        """Check whether a row with something in a phone column is a signature, or a sum of the people above."""
        name = texts.get(Column.NAME, "")
        if not name and _is_signature(row, phones):
            return True
        if texts.get(Column.STT, "").isdigit():
            return False
        if _WHO_SIGNS.match(unaccented(name)):
            return True
        if sum(letter.isdecimal() for cell in phones for letter in cell_text(cell)) >= _LEAST_DIGITS:
            return False
        return self._is_below or _closes(row) or (bool(name) and _TITLE.match(unaccented(name)) is not None)

    def _birth(self, row: Row) -> tuple[int | None, str]:
        doubt = ""
        for position in self._births:
            year, unclear = read_birth(row[position]) if position < len(row) else (None, "")
            if year:
                return year, ""
            doubt = doubt or unclear
        return None, doubt

    def _sex(self, texts: dict[Column, str]) -> Sex | None:
        known = _sex(texts.get(Column.SEX, ""))
        if known or len(self._births) < 2:
            return known
        if texts.get(Column.BIRTH_OF_MEN):
            return Sex.MALE
        return Sex.FEMALE if texts.get(Column.BIRTH_OF_WOMEN) else None


def read_birth(cell: object) -> tuple[int | None, str]:
    """Return the year of birth, or None and the text that may be a year or an age."""
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


def _of_two_people(cell: PhoneCell) -> PhoneCell:
    return replace(cell, status=PhoneStatus.REVIEW, reason=Reason.TWO_PEOPLE)


def _closes(row: Row) -> bool:
    """Check for a row below a list: a total, place and day, who signs."""
    return any(_CLOSING.match(unaccented(text)) for cell in row if (text := cell_text(cell)))


def _is_signature(row: Row, phones: list[object]) -> bool:
    """Check for a row with only words and no number, as place, date and signature below a list."""
    if len(phones) > 1 or sum(map(bool, map(cell_text, row))) > 1:
        return False
    words = cell_text(phones[0])
    role, colon, _name = words.partition(":")
    if colon and _ROLE.match(unaccented(role)):  # "GVCN: …"
        return True
    return any(map(str.isalpha, words)) and read_phone_cell(words).status is PhoneStatus.REJECT


@lru_cache(maxsize=20_000)
def _is_title(name: str) -> bool:
    return _TITLE.match(unaccented(name)) is not None


@lru_cache(maxsize=20_000)
def _name_with_keys(name: str) -> tuple[str, str, str]:
    return soften_name(name), name_key(name), name_order(name)


@lru_cache(maxsize=1000)
def _sex(text: str) -> Sex | None:
    sex = _SEXES.get(unaccented(text))
    return Sex(sex) if sex else None


@lru_cache(maxsize=1000)
def read_yes_or_no(text: str) -> bool | None:
    """Return True for x, ✓, có, 1, rồi; False for không, 0, chưa; None for anything else."""
    words = unaccented(text)
    if text in _TICKS or _YES.fullmatch(words):
        return True
    return False if _NO.fullmatch(words) else None

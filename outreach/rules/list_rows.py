"""Rows of a contact list as checked contacts: which are people, and which are titles, sums, remarks and signatures. Pure.

A value that can be read in two ways is not guessed: it is kept in `birth_doubt` or for review.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum, StrEnum
from functools import lru_cache
from itertools import pairwise

from outreach.rules.cells import Row, cell_at, cell_text, written
from outreach.rules.gazetteer import Gazetteer, PlaceMatch
from outreach.rules.identity import name_key, name_order, soften_name
from outreach.rules.kept_values import Unfit, read_values
from outreach.rules.legacy_fonts import convert_legacy_row, is_odd
from outreach.rules.list_columns import (
    PHONE,
    WHOSE,
    Column,
    Header,
    is_phone,
    join_pieces,
    meaning_of,
    not_for_phones,
)
from outreach.rules.people_beside import (
    PersonBeside,
    are_two,
    begins_with_family,
    behind_name,
    is_full_name,
    is_nobody,
    is_sentence,
    names_another,
    plain_name,
    split_names,
    stand_alike,
    whose_numbers,
)
from outreach.rules.phone_numbers import (
    SAYS_NOTHING,
    PhoneCell,
    PhoneStatus,
    PhoneWarning,
    Reason,
    for_review,
    in_order,
    is_ditto,
    read_phone_cell,
    read_phone_cells,
    reject,
    unaccented,
)
from outreach.rules.phone_texts import (
    NUMBER,
    beside_note,
    find_number_beside,
    holds_only_own,
    is_gone,
    is_relative,
    read_phone_in_text,
    says_wrong,
    shared_with,
    without_numbers,
)

_SECTION_NUMBER = re.compile(r"[ivxlc]+|[a-z]", re.IGNORECASE)
_ROMAN = re.compile(r"[IVX]{1,5}\.?")
_TITLE = re.compile(
    r"(?:thon|lang|to dan pho|tdp|khoi|xa|phuong|thi tran|huyen|chi hoi|chi doan|tong (?:cong|so|\d+)|danh sach|ghi chu|luu y"
    r"|nguoi lap|lap (?:bieu|bang)|(?:mang|chuyen) sang|luy ke)\b|(?:cong|tong|to \d+)$|cong ?[:(\d]"
    r"|cong (?:thon|lang|to|xa|chi|trang)\b"
)
# As written: "Tống" and "Công" are names. What ends a list, and what names nobody.
_ENDS = re.compile(
    r"(?:tổng|cộng)\b|(?:chú thích|ký hiệu|quy ước)(?: màu)?\W*$|(?:nền|tô|bôi|màu) (?:màu )?(?-i:xám|vàng|đỏ|xanh|cam|hồng)\b"
    r"|(?:xám|vàng|đỏ|xanh|cam|hồng|tím)(?: \w+)?\s*[:=–-]\s",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r".*\b(?:giấu|không ghi|không rõ) tên$|(?:còn |bỏ )?trống$|(?:phòng|kho|văn phòng|sảnh|nhà (?:để xe|kho|văn hóa|văn hoá)|hầm)(?-i: [a-zà-ỹđ]|$)|test\b|khuyết$|(?:ẩn|nặc) danh$",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"(?!(?:con|chau|vo|chong|bo|me|cha|ong|ba|anh|chi|em|zalo|so|sdt|dt|dtdd|di dong)\b)[a-z]{3}[a-z ]{0,30}$"
)
_WHO_SIGNS = re.compile(
    r"nguoi (?:lap|tong hop|viet|ky|thong ke|duyet|thu|tiem|chi|phat|giao|cap nhat|nhap|ghi|kiem tra)\b|lap (?:bieu|bang)\b"
)
# Of somebody who is named below or beside a list with a number, as who keeps it: "Trưởng thôn: …".
_OFFICE = re.compile(
    r"(?:pho )?(?:truong (?:thon|ban|lang|khoi|phong)|to truong|chi hoi truong|bi thu|chu tich|hieu truong)(?: .*)?"
    r"|to pho|chi hoi pho|can bo .*|nguoi (?:phu trach|lien he|lien lac)|phu trach|gvcn|giao vien chu nhiem|ke toan|thu quy"
)
# Lines below a list: a total in words, then place and day, who signs.
_SUM = re.compile(
    r"(?:si|quan) so(?! dien)\b|tong (?:(?:thu|chi|tien)$|cong|so|dt|sl|nhan khau|\d+)\b|tong$|cong (?:don|luy ke)\b|cong(?: ?\d| ?$| (?:thon|lang|to|xa|chi|trang)\b)|danh sach (?:nay )?(?:co|gom)\b"
    r"|(?:mang|chuyen) sang\b|luy ke\b"
)
_SIGNATURE = re.compile(
    r"(?:.* )?ngay\b.*\bthang\b|nguoi (?:lap|tong hop|viet|ky|thong ke|duyet|cung cap|cap nhat|nhap|ghi|kiem tra)\b|lap (?:bieu|bang|danh sach)\b"
    r"|(?:tm|kt|tl|tuq) |xac nhan\b|noi nhan\b|can bo (?:lap|tong hop)\b|ke toan\b|(?:da )?ky\b"
    r"|(?:pho )?(?:chu tich|bi thu|chu nhiem htx|giam doc htx|(?:chi )?hoi truong|truong (?:thon|ban|lang|khoi|phong))$"
)
_LEAST_DIGITS = 6  # of what may be a phone number


class Below(IntEnum):
    """What the lines above a row say since the last person: nothing, a sum, a signature."""

    PEOPLE = 0
    SUM = 1
    SIGNATURE = 2


def is_person(
    row: Row, texts: Mapping[Column, str], phones: Sequence[object], *, header: Header, below: Below
) -> bool:
    """Check whether a row is a person; `phones` are its filled cells for numbers."""
    if (phones or not header.phones) and header.is_repeated_in(row):
        return False
    if phones and Column.NAME in header.columns:
        return _with_number(row, texts, phones, is_counted=Column.STT in header.columns, below=below)
    return bool(phones) or _without_number(row, texts, header=header, below=below)


def _with_number(
    row: Row, texts: Mapping[Column, str], phones: Sequence[object], *, is_counted: bool, below: Below
) -> bool:
    """Check that a row with something in a column for numbers is no signature and no sum of the people above."""
    name = texts.get(Column.NAME, "")
    if not name and _is_signature(row, phones):
        return False
    if texts.get(Column.STT, "").isdigit():
        return True
    if below is Below.SIGNATURE or (below is Below.SUM and is_counted and (not name or ":" in name)):
        return False
    if below and _OFFICE.match(unaccented(name)):
        return False
    if _names_an_office(name) or _names_an_office(next(filter(None, map(cell_text, row)), "")):
        return False
    if _NOBODY.match(name) and not any(map(is_phone, phones)):
        return False
    if sum(letter.isdecimal() for cell in phones for letter in cell_text(cell)) >= _LEAST_DIGITS:
        return True
    if meaning_of(name) == Column.NAME and meaning_of(cell_text(phones[0])) == PHONE:  # headings
        return False
    return not (below or closes(row) or is_title(name))


def _without_number(row: Row, texts: Mapping[Column, str], *, header: Header, below: Below) -> bool:
    number, name = texts.get(Column.STT, ""), texts.get(Column.NAME, "")
    others = sum(map(bool, map(cell_text, row))) - bool(number) - bool(name)
    if Column.NAME not in header.columns:
        return others > 0
    if not name:
        is_named = any(cell_text(cell_at(row, each.name)) for each in header.people[1:])
        return (is_named and not (below or closes(row))) or (number.isdigit() and others > 0)
    if number.isdigit():
        return True
    if below or closes(row) or is_title(name) or _ROMAN.fullmatch(number):
        return False
    known = max(len(header.columns), sum(map(bool, header.labels)) - 1)
    is_counted = Column.STT in header.columns and known > 2
    if not number and not others and (is_counted or name.endswith(":")):
        return False
    return others > 0 or not _SECTION_NUMBER.fullmatch(number)


@lru_cache(maxsize=20_000)
def _names_an_office(text: str) -> bool:
    """Check for the words that announce who keeps or signs the list, before a colon or alone."""
    words = unaccented(text)
    if begins_with_family(plain_name(text)):  # "Tổ trưởng - Y Blưm"
        return ":" in text and _names_an_office(text.partition(":")[0])
    return bool(_WHO_SIGNS.match(words) or _OFFICE.fullmatch(unaccented(text.partition(":")[0])))


@lru_cache(maxsize=20_000)
def is_title(name: str) -> bool:
    """Check whether the cell for a name is the title of a part of the list, a sum or a remark."""
    if name[:1] in "(-*=_#>[→•" and name and not begins_with_family(plain_name(name.strip("-*=_#>•→ "))):
        return True
    return (
        any(pattern.match(name) for pattern in (_ENDS, _NOBODY)) or _TITLE.match(unaccented(name)) is not None
    )


def closes(row: Row) -> Below:
    """Return what a row below a list is: a total, or place and day, who signs."""
    words = [unaccented(text) for cell in row if (text := cell_text(cell))]
    heads = (unaccented(text.partition(":")[0]) for cell in row if ":" in (text := cell_text(cell)))
    if any(map(_SIGNATURE.match, words)):
        return Below.SIGNATURE
    is_sum = any(_ENDS.match(cell_text(cell)) for cell in row)
    return Below.SUM if is_sum or any(map(_SUM.match, (*words, *heads))) else Below.PEOPLE


def _is_signature(row: Row, phones: Sequence[object]) -> bool:
    """Check for a row with only words and no number, as place, date and signature below a list."""
    if len(phones) > 1 or sum(map(bool, map(cell_text, row))) > 1:
        return False
    words = cell_text(phones[0])
    role, colon, _name = words.partition(":")
    if colon and _ROLE.match(unaccented(role)):  # "GVCN: …"
        return True
    return any(map(str.isalpha, words)) and read_phone_cell(words).status is PhoneStatus.REJECT


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
_OF_ANOTHER = re.compile(
    r"\bkhan cap\b|\bkhi can\b|\bnguoi (?:than|nha|bao lanh|giam ho|quan ly)\b|\bthan nhan\b|\bnt$|\bchu (?:tro|nha|co so)\b"
    r"|\bemergency\b|\brelatives?\b|\bnext of kin\b"
)
_OF_RELATIVE = re.compile(r"\b(?:nguoi (?:than|nha)|than nhan)\b")
_NEW = re.compile(
    r"\bmoi(?: nhat)?$|\bcap nhat\b|\bhien (?:nay|tai)\b|\bdang (?:dung|su dung)$|\bdieu chinh\b"
)
_OWN = re.compile(r"(?:(?:so )?chinh chu|ban than|cua minh|minh|toi|x)\b")
_OF_KIN = re.compile(
    r"\b(vo|chong|con|chau|bo|cha|me|phu huynh|gia dinh)(?: (?:me|trai|gai|dau|re|chau|cai))?(?: (?:so )?(?:dt|sdt|dtdd|dien thoai))?$"
)
_ANOTHER = re.compile(
    r"(?:ho (?:va )?ten )?(?:(?:giao vien|gvcn|co giao|thay giao|nguoi (?:than|bao lanh|giam ho|phu trach|lien he|gioi thieu)"
    r"|can bo (?:phu trach|theo doi)|to truong|truong thon|chu (?:tro|nha))\b|(?:vo|chong|con|cha|me|bo)(?: me)?$)"
)
_OF_CHILD = re.compile(r"^(?!.*\b(?:phu huynh|ph|bo|cha|me|ba)\b).*\b(?:hs|hoc sinh|chau|tre|be)\b")
_COLUMNS_OF_NO_HEADING = 8
_MOST_BEHIND = 4  # words behind a name that say what somebody is: "Y Lan phụ nữ thôn 3"
_IN_ORDER = re.compile(r"\b(?:(?:theo|dung) thu tu|lan luot|tuong ung)\b")
_MOST_ABOVE = 200  # people among whom somebody else is looked for, by number or by name
_BEHIND_PLACE = re.compile(r"[(>→;]")  # before what a cell for places says besides
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
    name: str
    name_key: str
    given_key: str
    birth_year: int | None
    sex: Sex | None
    village: str
    commune: str
    place: PlaceMatch
    unit: str
    has_smartphone: bool | None
    phone_text: str  # the cell as written, for its correction
    phone: PhoneCell
    line: int
    header: Header = field(repr=False)
    cells: Row = field(repr=False)
    stt: str = ""
    district: str = ""
    note: str = ""
    language: str = ""
    birth_doubt: str = ""
    corrects: str = ""
    place_question: int | None = None  # the question about the place, once it is stored
    # That of the name with its titles and notes, as earlier versions knew it; "" if it is the same.
    written_key: str = ""
    people: tuple[PersonBeside, ...] = ()  # all people of the row, where it has several
    values: Mapping[str, str] = field(default_factory=dict)  # kept for texts, by the field's name
    unfit: Mapping[str, Unfit] = field(default_factory=dict)  # why other cells of these columns are not kept

    @property
    def name_keys(self) -> set[str]:
        """Keys by which the person may be known."""
        return {self.name_key, self.written_key} if self.written_key else {self.name_key}

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
            and not is_title(self.name)
        )

    def each_person(self) -> list[CheckedRow]:
        """Return a row for each of its people; this row itself where it has one person.

        Who has no number is rejected, to be visited; a cell without a name of a person is nobody.
        """
        rows = []
        for each in self.people:
            name, key, order, written_key = _name_with_keys(each.name)
            if each.numbers or begins_with_family(name):
                own = replace(self.phone, numbers=each.numbers) if each.numbers else reject(Reason.MISSING)
                phone = each.phone or own
                row = replace(self, name=name, name_key=key, given_key=order, written_key=written_key)
                rows.append(replace(row, birth_year=each.birth_year, sex=None, phone=phone, people=()))
        return rows or [self]

    def parts(self) -> list[CheckedRow]:
        """Return the rows to store: of each person where nothing is in doubt."""
        return self.each_person() if self.people and self.phone.status is not PhoneStatus.REVIEW else [self]

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
    """Return the phone columns whose heading, or that of a column before them, names somebody else (a relative, a landlord),
    where another column is the person's own; a relative's always."""
    name = unaccented(header.heading(header.columns.get(Column.NAME, -1)))
    of_name = {*name.split()}
    others = set()
    for before, at in pairwise((-1, *header.phones)):
        words = unaccented(header.heading(at))
        beside = (unaccented(header.heading(each)) for each in range(max(before + 1, at - 2), at))
        # In a list of landlords theirs is nobody else's.
        if (
            ((another := _OF_ANOTHER.search(words)) and another[0] not in name)
            or ((kin := _kin(words)) and kin.split()[0] not in of_name)
            or (before >= 0 and any(map(_ANOTHER.match, beside)))
        ):
            others.add(at)
    is_relatives = all(_OF_RELATIVE.search(unaccented(header.heading(at))) for at in others) and not (
        _OF_RELATIVE.search(name)
    )
    if others == {*header.phones} and not is_relatives:  # of couples: his, where he is named beside her
        named = {_kin(path) for path in header.paths if meaning_of(path) == Column.NAME} - {_kin(name), ""}
        others = {at for at in others if _kin(header.heading(at)) in named}
    return frozenset(others)


def _kin(heading: str) -> str:
    found = _OF_KIN.search(unaccented(heading))
    return found[1] if found else ""


def _is_of_another(heading: str) -> bool:
    words = unaccented(heading)
    is_said = re.search(r"\b(?:ghi|nhan xet|danh gia|y kien)$", words)  # "GVCN ghi"
    return not is_said and bool(_OF_ANOTHER.search(words) or _OF_KIN.search(words) or _ANOTHER.match(words))


def _columns_beside(header: Header) -> tuple[list[int], list[int], list[int]]:
    """Return further columns with notes, those that say whose a number is, and those under no known heading."""
    read, paths = {*header.meanings(), *header.sensitive}, header.paths or ("",) * _COLUMNS_OF_NO_HEADING
    unread = [(at, path.replace("_", " ")) for at, path in enumerate(paths) if at not in read]
    # In a file of what was not stored these two tell what was wrong with a row, which has been put right since.
    told = ("tinh trang", "ly do") if Column.CORRECTS in header.columns else ()
    notes = [
        at
        for at, path in unread
        if not path or (meaning_of(path) == Column.NOTE and unaccented(path) not in told)
    ]
    whose = [at for at, path in unread if WHOSE.search(unaccented(path))]
    remarks = [at for at, path in unread if path and not meaning_of(path) and not _is_of_another(path)]
    return notes, whose, remarks


class RowReader:
    """Reader of one table's rows; remembers the places above for "as above" marks and merged cells."""

    def __init__(
        self,
        header: Header,
        gazetteer: Gazetteer,
        *,
        sheet: str,
        merged: frozenset[tuple[int, int]] = frozenset(),
        title: str = "",
        commune: str = "",
        village: str = "",
        struck: Mapping[tuple[int, int], str] | None = None,
    ) -> None:
        """`title` is the text above the header; a commune named there, or in a row between people, is theirs.

        `commune` and `village` are those of people whose row has none. `struck` are cells with text that is struck through, by line and
        position, each with the text that is not.
        """
        self._struck = struck or {}
        self._below, self._has_begun = Below.PEOPLE, False
        self._section, self._place_of_section = (
            (commune, gazetteer.match(commune)) if commune else gazetteer.match_title(title)
        )
        self._header, self._village = header, village
        self._gazetteer, self._sheet, self._merged = gazetteer, sheet, merged
        columns = self._columns = header.columns
        self._cells = [*columns.items()]
        self._place_columns = [(column, columns[column]) for column in _PLACES if column in columns]
        self._others = phones_of_others(header)
        self._own = tuple(at for at in header.phones if at not in self._others)
        self._newest = [at for at in header.phones[1:] if _NEW.search(unaccented(header.heading(at)))]
        self._plain = tuple(at for at in header.phones if at not in header.texts)
        self._above, self._name_above, self._note_above = dict.fromkeys(_PLACES, ""), "", ""
        self._births = [columns[column] for column in _BIRTHS if column in columns]
        self._has_commune = Column.COMMUNE in columns
        self._stand_alike = stand_alike([header.heading(each.name) for each in header.people])
        numbered = sum(meaning_of(label) == Column.STT for label in header.labels)
        self._is_counted = self._stand_alike and numbered == len(header.people)
        self._passed: set[int] | None = None
        self._people = deque[tuple[str, str, PhoneCell]](maxlen=_MOST_ABOVE)
        named = unaccented(header.heading(columns.get(Column.NAME, -1)))
        self._are_parents = re.search(r"phu huynh|(?:bo|cha|me|ba)\W+(?:bo|cha|me|ma)\b", named) is not None
        self._more_notes, self._whose, remarks = _columns_beside(header)
        # The number is perhaps of whom another column names.
        self._is_child = _OF_CHILD.search(named) is not None
        self._told = [*(header.phones if len(header.phones) > 1 else ()), *remarks]

    def read(self, row: Row, *, line: int) -> CheckedRow | None:
        """Read a line's row as a contact, not counted yet; None for a title, total, signature or header."""
        header, written = self._header, row
        texts = self._texts(row)
        name, commune = texts.get(Column.NAME, ""), texts.get(Column.COMMUNE, "")
        if is_odd(commune if name.isascii() else name):  # both would cost a million rows half a second more
            row = written = convert_legacy_row(row)
            texts = self._texts(row)
        phones = _cells(row, header.phones, header.pieces)
        phone_text = cell_text(phones[0]) if len(phones) == 1 else "; ".join(map(cell_text, phones))
        crossed = self._crossed_out(row, line) if self._struck else frozenset[int]()
        is_gone = self._columns.get(Column.NAME) in crossed  # the person's whole row, to be seen as it was
        if crossed and not is_gone:
            row = [self._struck[line, at] if at in crossed else cell for at, cell in enumerate(row)]
            texts = self._texts(row)
        if not is_person(row, texts, phones, header=header, below=self._below):
            self._note_section(row)
            return None
        self._has_begun = True
        if crossed:
            phones = _cells(row, header.phones, header.pieces)
        text = texts.get
        village, commune, district, place = self._places(texts, line)
        birth_year, birth_doubt = self._birth(row)
        note = text(Column.NOTE, "")
        note = self._note_above = self._note_above if note and _is_ditto(note) else note
        name = self._name(row, texts, line)
        phone, people = self._phone(row, phones, note)
        if people:
            name = people[0].name or name
            birth_year = birth_year or people[0].birth_year
            people = self._with_years(row, people) if len(people) > 1 else ()
        if header.texts:
            village, name = village and without_numbers(village), name and without_numbers(name)
        if phone.numbers:
            self._below = Below.PEOPLE
            phone = self._beside_notes(phone, row, note, phone_text, name, people)
        elif found := self._elsewhere(row, line, name, note, phone_text, is_one=not people):
            (phone, phone_text, name), people = found, ()
        if crossed:  # in part, or whole: the person is gone
            phone = replace(phone, warnings=in_order({*phone.warnings, PhoneWarning.STRUCK_THROUGH}))
            phone = for_review(phone) if is_gone else phone
        values, unfit = read_values(row, header.fields) if header.fields else _NO_VALUES
        name, key, order, written_key = _name_with_keys(name)
        self._people.append((text(Column.STT, ""), name, phone))
        return CheckedRow(
            row=0,
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
            place=place,
            unit=self._above[Column.UNIT],
            note=note,
            language=text(Column.LANGUAGE, ""),
            has_smartphone=read_yes_or_no(text(Column.SMARTPHONE, "")),
            phone_text=phone_text,
            phone=phone,
            people=people,
            line=line,
            birth_doubt=birth_doubt,
            corrects=text(Column.CORRECTS, ""),
            header=header,
            cells=written,
            written_key=written_key,
            values=values,
            unfit=unfit,
        )

    def _texts(self, row: Row) -> dict[Column, str]:
        width = len(row)
        return {column: cell_text(row[at]) for column, at in self._cells if at < width}

    def _crossed_out(self, row: Row, line: int) -> Set[int]:
        """Return the positions of names that are struck through, and of cells with numbers of which a part is."""
        name, note = self._columns.get(Column.NAME), self._columns.get(Column.NOTE)
        return {
            at
            for at, cell in enumerate(row)
            if (line, at) in self._struck
            and (
                at in self._header.phones
                or (at == note and NUMBER.search(cell_text(cell)))
                or (at == name and not self._struck[line, at])
            )
        }

    def _places(self, texts: Mapping[Column, str], line: int) -> tuple[str, str, str, PlaceMatch]:
        """Return village, commune and district as written, here or above, and the commune they mean."""
        above = self._above
        for column, at in self._place_columns:
            place = texts.get(column)
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
        return village or self._village, commune, district, found

    def _name(self, row: Row, texts: Mapping[Column, str], line: int) -> str:
        """Return the name put together of its parts, a household's in lines; under a merged cell that of the row above."""
        name = texts.get(Column.NAME, "")
        if name and isinstance(cell := row[self._columns[Column.NAME]], str) and "\n" in cell:
            name = "\n".join(filter(None, map(cell_text, cell.split("\n"))))
        name = self._of_parts(row, name)
        if not name and self._merged and (line, self._columns.get(Column.NAME)) in self._merged:
            return self._name_above
        self._name_above = name
        return name

    def _of_parts(self, row: Row, name: str) -> str:
        """Return a name with the family's and the middle name before it, where they have columns of their own."""
        if Column.FAMILY_NAME not in self._columns:
            return name
        at = (self._columns.get(part) for part in (Column.FAMILY_NAME, Column.MIDDLE_NAME))
        return " ".join(filter(None, (*(cell_text(cell_at(row, n)) for n in at if n is not None), name)))

    def _phone(self, row: Row, phones: list[object], note: str) -> tuple[PhoneCell, tuple[PersonBeside, ...]]:
        """Return the numbers of a row, and its people if it has several."""
        header = self._header
        if header.texts:
            texts = [cell_text(row[at]) for at in header.phones if at < len(row) and at in header.texts]
            cell = read_phone_in_text("; ".join(texts))
            if plain := _cells(row, self._plain, ()):
                own = read_phone_cells(plain)
                cell = own if own.numbers or not cell.numbers else cell
            return (for_review(cell) if header.guessed else cell), ()
        if header.people:
            return self._beside(row, read_phone_cells(phones))
        if self._others:
            return self._own_phone(row), ()
        newest = read_phone_cells(_cells(row, self._newest, ())) if self._newest else None
        cell = newest if newest and newest.numbers else read_phone_cells(phones)
        if newest and newest.numbers and newest.status is PhoneStatus.REVIEW:  # or the older one is right
            older = read_phone_cells(_cells(row, [at for at in header.phones if at not in self._newest], ()))
            cell = replace(cell, numbers=tuple(dict.fromkeys((*older.numbers, *cell.numbers))))
        at = self._columns.get(Column.NAME)
        if not cell.numbers or at is None or not isinstance(written_name := cell_at(row, at), str):
            return cell, ()
        said = " ".join((note, *(cell_text(cell_at(row, at)) for at in self._more_notes)))
        return _people_of_name(written_name, cell, phones, said)

    def _own_phone(self, row: Row) -> PhoneCell:
        """Return the person's own numbers where other columns are somebody else's, or theirs where there are none."""
        own = read_phone_cells(_cells(row, self._own, self._header.pieces))
        others = read_phone_cells(_cells(row, self._others, ()))
        if not own.numbers:
            return for_review(others) if others.numbers else own
        # One phone for both is perhaps the other's.
        is_shared = others.reason is Reason.DITTO or not {*own.numbers}.isdisjoint(others.numbers)
        return for_review(own) if is_shared else own

    def _beside_notes(
        self, phone: PhoneCell, row: Row, note: str, written: str, name: str, people: Sequence[PersonBeside]
    ) -> PhoneCell:
        """Return the numbers, as `written`, as what the notes and the names beside them leave of them."""
        names = [each.name for each in people] or [name]
        note = "" if self._are_parents and is_relative(note) else note  # which of the parents it is
        if PhoneWarning.TEXT_PRESENT in phone.warnings:
            is_said = names_another(written, names) or is_gone(without_numbers(written))
            phone = for_review(phone) if is_said else phone
        for name in names:
            if note or not name.replace(" ", "").isalpha() or behind_name(name):
                phone = beside_note(phone, note, name, is_named=Column.NAME in self._columns)
            if name and _names_nobody(name):
                phone = for_review(phone)
        if self._says_elsewhere(row):
            phone = for_review(phone)
        for at in self._more_notes:
            if more := cell_text(cell_at(row, at)):
                phone = beside_note(phone, more)
        for at in self._whose:
            whose = unaccented(cell_text(cell_at(row, at)))
            if whose and not _OWN.match(whose) and whose not in map(unaccented, names):
                phone = for_review(phone)
        return phone

    def _with_years(self, row: Row, people: tuple[PersonBeside, ...]) -> tuple[PersonBeside, ...]:
        """Return the people with their years of birth where the row has one for each, as "1955, 1958" of a couple."""
        years = [int(year) for at in self._births for year in _YEAR.findall(cell_text(cell_at(row, at)))]
        if len(years) != len(people):
            return people
        return tuple(replace(each, birth_year=n) for each, n in zip(people, years, strict=True))

    def _says_elsewhere(self, row: Row) -> bool:
        """Check whether another cell says that the person is gone or the number wrong, or of a child names somebody else: one
        beside the number, of a place, or unread."""
        for at in self._told:
            text = cell_text(cell) if isinstance(cell := cell_at(row, at), str) else ""
            is_said = text and (is_gone(text) or says_wrong(text) or (self._is_child and is_full_name(text)))
            if is_said and not (at in self._header.phones and is_phone(cell)):
                return True
        places = (cell_text(row[at]) for _, at in self._place_columns if at < len(row))
        # "Thôn 5 -> về ở với con"
        return any(_BEHIND_PLACE.search(place) and is_gone(place) for place in places)

    def _elsewhere(
        self, row: Row, line: int, name: str, note: str, written: str, *, is_one: bool
    ) -> tuple[PhoneCell, str, str] | None:
        """Return the number of a person without one in another cell, or that of somebody above whose merged cell goes on here or with
        whom the row says it is shared; its text and the name."""
        if beside := self._number_beside(row):
            is_own = _is_own(beside[0], name, note, written)
            phone = read_phone_in_text(beside[0]) if is_own else beside[1]
            return phone, "; ".join(filter(None, (written, beside[0]))), without_numbers(name)
        said = ", ".join((written, note, *(cell_text(cell_at(row, at)) for at in self._more_notes)))
        is_covered = not written and any((line, at) in self._merged for at in self._own)
        above = shared_with(said, is_covered=is_covered, people=self._people) if is_one else None
        return (for_review(above), written, name) if above else None

    def _number_beside(self, row: Row) -> tuple[str, PhoneCell] | None:
        """Return a text of the row that holds numbers, and these, in any column but those of papers and accounts."""
        header, passed = self._header, self._passed
        if passed is None:
            passed = self._passed = {*header.phones, *header.sensitive, *not_for_phones(header.paths)}
        return find_number_beside(
            [cell_text(cell) for at, cell in enumerate(row) if isinstance(cell, str) and at not in passed]
        )

    def _beside(self, row: Row, together: PhoneCell) -> tuple[PhoneCell, tuple[PersonBeside, ...]]:
        """Return the numbers and people of a row with columns for several, those with a number first.

        One that names a single person is that one's. People whose headings make them equals, each with a number of their
        own or none, are no doubt.
        """
        found = self._people_beside(row)
        people = tuple(person for person, _cell in found)
        if len(people) < 2:
            return (found[0][1] if found else together), people
        written = [number for person in people for number in person.numbers]
        if not written:
            return together, people
        cell = replace(together, numbers=tuple(dict.fromkeys(written)))
        names = {name_key(person.name) for person in people}
        is_apart = len(cell.numbers) == len(written) and len(names) == len(people)
        if self._is_counted and is_apart:  # a list that goes on beside itself
            people = tuple(replace(person, phone=own) for person, own in found)
            return replace(cell, status=PhoneStatus.OK, reason=None), people
        if not (self._stand_alike and is_apart and all(_is_sure(person.name, own) for person, own in found)):
            return replace(cell, status=PhoneStatus.REVIEW, reason=Reason.TWO_PEOPLE), people
        warnings = in_order(warning for _person, own in found for warning in own.warnings)
        return replace(cell, status=PhoneStatus.OK, reason=None, warnings=warnings), people

    def _people_beside(self, row: Row) -> list[tuple[PersonBeside, PhoneCell]]:
        """Return each person of a row with columns for several, and what is read of their cells for numbers."""
        found = []
        for columns in self._header.people:
            name, filled = cell_text(cell_at(row, columns.name)), _cells(row, columns.phones, ())
            name = self._of_parts(row, name) if columns is self._header.people[0] else name
            if name or filled:
                cell = read_phone_cells(filled)
                year = None if columns.birth is None else read_birth(cell_at(row, columns.birth))[0]
                found.append((PersonBeside(name, cell.numbers, year), cell))
        return sorted(found, key=lambda each: not each[1].numbers)

    def _note_section(self, row: Row) -> None:
        """Remember the commune that a row between people names, as in "II. Xã Đắk La"."""
        if self._has_begun:  # above the first person stands a letterhead, which has a day as well
            self._below = max(self._below, closes(row))
        section, place = self._gazetteer.match_title(
            ", ".join(dict.fromkeys(filter(None, map(cell_text, row))))
        )
        if section:
            self._section, self._place_of_section = section, place

    def _birth(self, row: Row) -> tuple[int | None, str]:
        read = [read_birth(cell_at(row, at)) for at in self._births]
        year = next((year for year, _ in read if year), None)
        return year, "" if year else next((doubt for _, doubt in read if doubt), "")

    def _sex(self, texts: Mapping[Column, str]) -> Sex | None:
        known = _sex(texts.get(Column.SEX, ""))
        if known or len(self._births) < 2:
            return known
        if texts.get(Column.BIRTH_OF_MEN):
            return Sex.MALE
        return Sex.FEMALE if texts.get(Column.BIRTH_OF_WOMEN) else None


def _cells(row: Row, positions: Iterable[int], pieces: Sequence[tuple[int, ...]]) -> list[object]:
    """Return the filled cells of a row's columns for numbers, a number's pieces as one."""
    width = len(row)
    if not pieces:
        return [row[at] for at in positions if at < width and cell_text(row[at])]
    cells, apart = list[object](), {*positions}
    for run in pieces:
        parts = [row[at] for at in run if at < width and cell_text(row[at])]
        apart -= {*run}
        together = join_pieces(parts)
        cells += parts if any(map(is_phone, parts)) and not is_phone(together) else filter(None, [together])
    return cells + _cells(row, sorted(apart), ())


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


def _is_sure(name: str, cell: PhoneCell) -> bool:
    """Check for somebody's name beside a number of their own, or beside a cell that says there is none."""
    if not begins_with_family(plain_name(name)) or are_two(name):
        return False
    return cell.status is PhoneStatus.OK or cell.reason in SAYS_NOTHING


def _is_own(text: str, name: str, note: str, written: str) -> bool:
    """Check for a note that is the person's number and nothing else, or for a whole name before it in the cell for names."""
    if text == note:
        return bool(name) and not _names_nobody(name) and holds_only_own(note)
    alone = without_numbers(name)
    return text == name and not (note or written) and is_full_name(alone) and alone == plain_name(alone)


def _people_of_name(
    written_name: str, cell: PhoneCell, phones: Sequence[object], note: str
) -> tuple[PhoneCell, tuple[PersonBeside, ...]]:
    """Return the numbers of a cell, and the people whom a cell of names names, each with theirs."""
    count = len(cell.numbers)
    if count == 1 and not are_two(written_name):
        return cell, ()
    names = split_names(written_name, 0 if count == 1 else count)
    if not names:
        return cell, ()
    of_two = replace(cell, status=PhoneStatus.REVIEW, reason=Reason.TWO_PEOPLE)
    whose, told = whose_numbers("; ".join(map(cell_text, phones)), names, count)
    if count == len(names) and _IN_ORDER.search(unaccented(note)):
        whose = [*range(count)]
    if not whose:  # of both, where there is one
        return of_two, tuple(
            PersonBeside(name, (cell.numbers[min(at, count - 1)],)) for at, name in enumerate(names)
        )
    people = []
    for at, name in enumerate(names):
        is_told = at in told or len(whose) == len(names)  # else they are reached through the other
        own = tuple(number for n, number in zip(whose, cell.numbers, strict=True) if n == at)
        people.append(PersonBeside(name, own if is_told else cell.numbers, phone=None if is_told else of_two))
    return replace(cell, status=PhoneStatus.OK, reason=None), tuple(people)


@lru_cache(maxsize=20_000)
def _names_nobody(written: str) -> bool:
    name = plain_name(written)
    small = sum(map(str.islower, written.split(" "))) - sum(map(str.islower, name.split(" ")))
    is_said = written.replace(" ", "").isalnum() and small > _MOST_BEHIND
    return is_said or is_nobody(name, written) or is_sentence(name)


@lru_cache(maxsize=20_000)
def _name_with_keys(written: str) -> tuple[str, str, str, str]:
    name = soften_name(plain := plain_name(written))
    return name, name_key(name), name_order(name), "" if plain == written else name_key(written)


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

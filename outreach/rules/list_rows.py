"""Rows of a contact list as checked contacts, and texts in legacy Vietnamese fonts as Unicode. Pure.

A value that can be read in two ways is not guessed: it is kept in `birth_doubt` or for review.

Legacy fonts are TCVN3 (.VnTime) and VNI (VNI-Times). In such a file the font alone made Vietnamese of it:
"NguyÔn V¨n An" (TCVN3) and "Nguyeãn Vaên An" (VNI) are both Nguyễn Văn An. Half of their letters are Vietnamese letters
too, so one word proves nothing: a column, or a row pasted among others, is taken for one of them when far more of its
words are Vietnamese syllables after conversion than before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum, StrEnum, auto
from functools import lru_cache

from outreach.rules.gazetteer import Gazetteer, PlaceMatch
from outreach.rules.identity import given_key, name_key
from outreach.rules.list_columns import Column, Header, Row, cell_text, written
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
from outreach.rules.phone_texts import for_review, read_phone_in_text, without_numbers

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
    r"|nguoi lap|lap bieu)\b|(?:cong|to \d+)$|cong ?[:(\d]|cong (?:thon|lang|to|xa|chi)\b"
)
# Lines below a list: a total in words, place and day, who signs.
_CLOSING = re.compile(
    r"tong (?:cong|so)\b|cong ?(?:[:(\d]|$)|danh sach (?:nay )?(?:co|gom)\b|(?:.*, ?)?ngay\b.*\bthang\b|nguoi (?:lap|tong hop|viet|ky"
    r"|thong ke|duyet)\b|lap (?:bieu|danh sach)\b|(?:tm|kt|tl|tuq)\. ?|xac nhan\b|noi nhan\b|can bo (?:lap|tong hop)\b|ke toan\b"
    r"|\(? ?(?:da )?ky\b|(?:pho )?(?:chu tich|bi thu|(?:chi )?hoi truong|truong (?:thon|ban|lang|khoi|phong))$"
)
_LEAST_DIGITS = 6  # of what may be a phone number
_LIST_NUMBER = re.compile(r"\d{1,4}[.)]\s*(?=\D)")
_ROMAN = re.compile(r"[IVX]{1,5}\.?")
_is_ditto = lru_cache(maxsize=20_000)(is_ditto)


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


@dataclass(slots=True)  # frozen would cost a million rows two seconds
class CheckedRow:
    """One person of a list; every text is NFC with single spaces, "" where the cell is empty.

    `row` counts the people of the whole file from 1, over all its sheets; `line` is the row's number in its sheet
    as a spreadsheet shows it. `birth_year` is None when absent or unreadable; where the cell may be a year or an
    age, its text is in `birth_doubt`. `has_smartphone` is None when the list does not say. `corrects` names the
    row of an earlier import that this one corrects, "L12.345" for row 345 of import 12. `name_key` and `given_key` are
    those of the name (see `identity`).
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

    @property
    def commune_code(self) -> str:
        """Code of the commune, "ambiguous:23368/23504", or ""."""
        return self.place.as_text

    @property
    def is_at_the_door(self) -> bool:
        """Return whether the row is a person without a usable number, whom only a visit reaches."""
        return self.phone.status is PhoneStatus.REJECT and sum(map(str.isalpha, self.name_key)) > 1

    def each_person(self) -> list[CheckedRow]:
        """Return a row for each of its people who has a number; this row itself where it has one person."""
        if not self.people:
            return [self]
        return [
            replace(
                self,
                name=each.name,
                name_key=name_key(each.name),
                given_key=given_key(each.name),
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
        self._above = dict.fromkeys(_PLACES, "")
        self._births = [header.columns[column] for column in _BIRTHS if column in header.columns]
        self._has_commune = Column.COMMUNE in header.columns

    def has_digits(self, row: Row) -> bool:
        """Check whether a phone column of this row has a digit: then it is not the header of a further table."""
        width = len(row)
        for at in self.header.phones:
            if at < width and (cell := row[at]) is not None:
                text = cell if isinstance(cell, str) else str(cell)
                if not text.isalpha() and any(map(str.isdigit, text)):
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
        if self._header.is_repeated_in(row) if phones else not self._is_person(row, texts):
            self._note_section(row)
            return None
        if phones and Column.NAME in self._columns and self._is_no_person(row, texts, phones):
            self._note_section(row)
            return None
        above, text = self._above, texts.get
        for column in _PLACES:
            place = text(column)
            if place:
                if not _is_ditto(place):
                    above[column] = place
            elif not self._merged or (line, self._columns.get(column)) not in self._merged:
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
        phone, people = self._phone(row, phones, line)
        if people:
            name = people[0].name or name
            birth_year = birth_year or people[0].birth_year
            people = people if len(people) > 1 else ()
        if phone.numbers:
            self._is_below = False
        if self._header.texts:
            village, name = village and without_numbers(village), name and without_numbers(name)
        return CheckedRow(
            row=number,
            sheet=self._sheet,
            stt=text(Column.STT, ""),
            name=name,
            name_key=name_key(name),
            given_key=given_key(name),
            birth_year=birth_year,
            sex=self._sex(texts),
            village=village,
            commune=commune,
            district=district,
            place=found,
            unit=above[Column.UNIT],
            note=text(Column.NOTE, ""),
            language=text(Column.LANGUAGE, ""),
            has_smartphone=read_yes_or_no(text(Column.SMARTPHONE, "")),
            phone_text="; ".join(map(cell_text, phones)),
            phone=phone,
            people=people,
            line=line,
            birth_doubt=birth_doubt,
            corrects=text(Column.CORRECTS, ""),
            header=self._header,
            cells=row,
        )

    def _phone(self, row: Row, phones: list[object], line: int) -> tuple[PhoneCell, tuple[PersonBeside, ...]]:
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
        struck = {at: kept for at in header.phones if (kept := self._struck.get((line, at))) is not None}
        if struck:
            cells = [struck.get(at, row[at]) for at in header.phones if at < len(row)]
            cell = read_phone_cells([each for each in cells if cell_text(each)])
            return replace(cell, warnings=in_order({*cell.warnings, PhoneWarning.STRUCK_THROUGH})), ()
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
        return {column: cell_text(row[at]) for column, at in self._columns.items() if at < width}

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
    return any(map(str.isalpha, words)) and read_phone_cell(words).status is PhoneStatus.REJECT


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


class LegacyEncoding(Enum):
    TCVN3 = auto()
    VNI = auto()


# The letter and its code, as in TCVN 5712:1993 (the bytes read as windows-1252).
_TCVN3 = dict(
    zip(
        "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉË®ÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ¡¢£¤¥¦§",
        "àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĂÂÊÔƠƯĐ",
        strict=True,
    )
)
# VNI writes the accent as a letter behind the vowel; a few letters stand for themselves.
_MARKS = {
    **{"ù": "\u0301", "ø": "\u0300", "û": "\u0309", "õ": "\u0303", "ï": "\u0323"},
    **{"â": "\u0302", "á": "\u0302\u0301", "à": "\u0302\u0300", "å": "\u0302\u0309", "ã": "\u0302\u0303"},
    **{"ä": "\u0302\u0323", "ê": "\u0306", "é": "\u0306\u0301", "è": "\u0306\u0300", "ú": "\u0306\u0309"},
    **{"ü": "\u0306\u0303", "ë": "\u0306\u0323"},
}
_SINGLE_LETTERS = dict(zip("íìæóòôöîñ", "íìỉĩịơưỵđ", strict=True))
_VNI = {
    **{
        base + mark: unicodedata.normalize("NFC", vowel + marks)
        for base, vowel in (
            ("a", "a"),
            ("e", "e"),
            ("o", "o"),
            ("u", "u"),
            ("y", "y"),
            ("ô", "ơ"),
            ("ö", "ư"),
        )
        for mark, marks in _MARKS.items()
    },
    **_SINGLE_LETTERS,
}
_VNI_RUN = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)), re.IGNORECASE)
_WORD = re.compile(r"[^\s\d.,;:/()\"'!?+\-_\[\]]+")
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_NUCLEI = (
    "iêu yêu oai oay oao oeo uây uôi ươi ươu uya uyê uyu ai ao au ay âu ây eo êu ia iê iu oa oă oe oi oo ôi ơi ua uâ "
    "uê ui uô uơ uy ưa ưi ươ ưu yê a ă â e ê i o ô ơ u ư y"
)
_SYLLABLE = re.compile(
    r"(?:ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdđghklmnpqrstvx])?"
    rf"(?:{'|'.join(_NUCLEI.split())})(?:ng|nh|ch|[ckmnpt])?"
)
# Vietnamese puts the tone of "ao" on the a and none on an n: so VNI's "Xaõ" (Xã) and "Ñen" (Đen) are recognised.
_MISPLACED_TONE = re.compile(f"(?:[ae][ou]|n)[{_TONES}]")
_ONLY_UNICODE = re.compile(
    "[\u0102\u0103\u0110\u0111\u0128\u0129\u0168\u0169\u01a0\u01a1\u01af\u01b0\u1e00-\u1eff]"
)
# Latin-1 letters that Vietnamese in Unicode does use (Ð is often typed for Đ).
_VIETNAMESE_LATIN1 = "ÀÁÂÃÈÉÊÌÍÐÒÓÔÕÙÚÝàáâãèéêìíòóôõùúý"
_NOT_VIETNAMESE = re.compile(
    f"[{''.join(letter for letter in map(chr, range(0xA1, 0x100)) if letter not in _VIETNAMESE_LATIN1)}]"
    # … and VNI's accents behind a and e.
    "|[aA][àáâãèéêõùúÀÁÂÃÈÉÊÕÙÚ]|[eE][àáâãõùÀÁÂÃÕÙ]"
)


def guess_legacy_encoding(texts: Iterable[str]) -> LegacyEncoding | None:
    """Return the legacy font of these texts, or None if they are Unicode or do not tell."""
    accented = [text for text in texts if not text.isascii()]
    if not accented:
        return None
    as_is = count_syllables(accented)
    counts = {font: count_syllables(to_unicode(text, font) for text in accented) for font in LegacyEncoding}
    best = max(LegacyEncoding, key=counts.__getitem__)
    return best if counts[best] >= 2 and counts[best] > 2 * as_is else None


def is_odd(text: str) -> bool:
    """Check for a letter or sign that Vietnamese in Unicode does not use."""
    return not text.isascii() and _NOT_VIETNAMESE.search(text) is not None


def convert_legacy_row(row: Row) -> Row:
    """Return a row in a legacy font, pasted among rows in Unicode, converted; any other row as it is.

    Cells with letters that only Unicode has were typed later and do not decide.
    """
    odd = [cell for cell in row if isinstance(cell, str) and is_odd(cell) and not _ONLY_UNICODE.search(cell)]
    font = guess_legacy_encoding(odd)
    return [to_unicode(cell, font) if isinstance(cell, str) else cell for cell in row] if font else row


def to_unicode(text: str, font: LegacyEncoding) -> str:
    """Return the text in Unicode. A text with a letter that legacy fonts lack is Unicode already."""
    if text.isascii() or _ONLY_UNICODE.search(text):
        return text
    if font is LegacyEncoding.TCVN3:
        return _WORD.sub(_tcvn3_word, text)
    return _VNI_RUN.sub(_vni_letter, text)


def count_syllables(texts: Iterable[str]) -> int:
    """Count the words that are Vietnamese syllables with an accent."""
    return sum(
        1 for text in texts for word in _WORD.findall(text) if not word.isascii() and _is_syllable(word)
    )


def _tcvn3_word(match: re.Match[str]) -> str:
    word = "".join(_TCVN3.get(letter, letter) for letter in match[0])
    plain = [letter for letter in match[0] if letter.isascii() and letter.isalpha()]
    # The font .VnTimeH shows small letters as capitals.
    return word.upper() if len(plain) > 1 and all(map(str.isupper, plain)) else word


def _vni_letter(match: re.Match[str]) -> str:
    letter = _VNI[match[0].lower()]
    return letter.upper() if match[0][0].isupper() else letter


def _is_syllable(word: str) -> bool:
    if not word.isalpha() and not unicodedata.normalize("NFC", word).isalpha():
        return False
    apart = unicodedata.normalize("NFD", unicodedata.normalize("NFC", word).lower())
    if sum(letter in _TONES for letter in apart) > 1 or _MISPLACED_TONE.search(apart):
        return False
    plain = "".join(letter for letter in apart if letter not in _TONES)
    return _SYLLABLE.fullmatch(unicodedata.normalize("NFC", plain)) is not None

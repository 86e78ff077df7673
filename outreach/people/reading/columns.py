"""Which column of a list holds what: the header row under its titles, by the words that organisations use.

Ethnic origin is never read: it is sensitive, and the language to write in is what a campaign needs.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from outreach.errors import BadList
from outreach.people.phone.cells import PhoneStatus, Reason, read_phone_cell
from outreach.people.phone.words import unaccented

Row = Sequence[object]

ROWS_SEARCHED = 40  # titles, header and enough people to recognise a phone column by what it holds
_MOST_COLUMNS = 200
_LONGEST_LABEL = 60


class Column(StrEnum):
    """What a column tells about a person; phone columns are kept apart, as there may be several."""

    STT = "stt"
    FAMILY_NAME = "family_name"
    NAME = "name"
    BIRTH = "birth"
    BIRTH_OF_MEN = "birth_of_men"
    BIRTH_OF_WOMEN = "birth_of_women"
    SEX = "sex"
    VILLAGE = "village"
    COMMUNE = "commune"
    DISTRICT = "district"
    UNIT = "unit"
    NOTE = "note"
    SMARTPHONE = "smartphone"
    LANGUAGE = "language"


_PHONE = "phone"
_NOT_READ = "not read"

# The first that fits decides: "Điện thoại thông minh" is no phone number, "Tên chi hội" no person's name.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (meaning, re.compile(pattern))
    for meaning, pattern in (
        (Column.SMARTPHONE, r"\bsmart ?phone\b|\bthong minh\b|\bdttm\b"),
        (_NOT_READ, r"\bdan toc\b|\bton giao\b|\bco (?:dt|sdt|dien thoai)\b|\bloai (?:dt|dien thoai)\b"),
        (
            _PHONE,
            r"\b(?:sdt|dtdd|sddd|telephone|tel|phone|mobile|dien thoai|di dong|so dt|dt lien (?:he|lac))\b",
        ),
        (Column.FAMILY_NAME, r"^ho$|^ho (?:va )?(?:ten |chu )?(?:dem|lot|lot dem)$"),
        (Column.UNIT, r"\bten (?:chi|to|don vi|co quan|hoi)\b(?! vien)"),
        (
            Column.NAME,
            r"\bho (?:va )?ten\b|\bhoten\b|\bfull ?name\b|^(?:ten|name)$|^ten .*(?:vien|nguoi|dan|bo)\b",
        ),
        (Column.NAME, r"^(?:hoi|doan) vien$"),
        (Column.BIRTH, r"\bnam sinh\b|\bngay sinh\b|\bsinh (?:nam|ngay)\b|\bntns\b|^ns$|\bbirth"),
        (Column.SEX, r"\bgioi tinh\b|^gioi$|^gt$|^phai$|^nam nu$|\bsex\b|\bgender\b"),
        (Column.NOTE, r"\bghi chu\b|\bnotes?\b|^gc$"),
        (Column.LANGUAGE, r"\bngon ngu\b|^tieng\b|\blanguage\b"),
        (Column.STT, r"^(?:stt|tt|so tt|so thu tu|no)$"),
        (
            Column.UNIT,
            r"\bchi hoi\b|\bchi doan\b|\bcong doan\b|\bto chuc\b|\bdon vi\b|\bco quan\b|\bban ct|^unit$",
        ),
        (
            Column.VILLAGE,
            r"\bthon\b|\blang\b|\btdp\b|\bto dan pho\b|\bkhoi\b|\bxom\b|\bdia chi\b|\b(?:noi|cho) o\b",
        ),
        (Column.VILLAGE, r"\b(?:thuong|cu) tru\b|^to$|^village$|^address$"),
        (Column.COMMUNE, r"\bxa\b|\bphuong\b|\bthi tran\b|\bcommune\b|\bward\b"),
        (Column.DISTRICT, r"\bhuyen\b|\bthanh pho\b|^tp$|^quan$|\bdistrict\b"),
    )
)


@dataclass(frozen=True, slots=True)
class Header:
    """Where each column stands, counted from 0, and the first row below the header."""

    labels: tuple[str, ...]
    first_row: int
    columns: dict[Column, int] = field(default_factory=dict)
    phones: tuple[int, ...] = ()

    def is_repeated_in(self, row: Row) -> bool:
        """Is this row the header again, as at the top of a printed page?"""
        labels = tuple(cell_text(cell) for cell in row[: len(self.labels)])
        return any(self.labels) and labels == self.labels


def cell_text(cell: object) -> str:
    """A cell as a person reads it: NFC, single spaces, no invisible marks; 12.0 from a spreadsheet is 12."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.strftime("%d/%m/%Y")
    text = unicodedata.normalize("NFC", str(cell))
    if not text.isprintable():
        text = "".join(" " if letter.isspace() else letter for letter in text if _is_seen(letter))
    return " ".join(text.split())


def find_header(rows: Sequence[Row]) -> Header | None:
    """Find the header among a sheet's first rows; None if the sheet is no list of people at all.

    Raises BadList when people are listed without a phone column, or the header is too wide.
    """
    header = _best_header(rows)
    if header is None:
        return _header_by_content(rows)
    if sum(map(bool, header.labels)) > _MOST_COLUMNS:
        raise BadList(
            f"Dòng tiêu đề có hơn {_MOST_COLUMNS} cột nên không thể là một danh sách. "
            "Hãy giữ lại các cột cần thiết (họ tên, số điện thoại, thôn, xã…) rồi nạp lại."
        )
    if header.phones:
        return header
    phone = _guess_phone_column(rows[header.first_row :], taken=set(header.columns.values()))
    if phone is None:
        raise no_phone_column(header.labels)
    return Header(header.labels, header.first_row, header.columns, (phone,))


def no_phone_column(labels: Sequence[str]) -> BadList:
    """The error that names the columns found and says what to do."""
    found = ", ".join(f"“{label[:_LONGEST_LABEL]}”" for label in labels[:30] if label) or "không có cột nào"
    return BadList(
        f"Không tìm thấy cột số điện thoại. Các cột đọc được: {found}. "
        "Hãy đặt tên cột chứa số điện thoại là “SĐT” hoặc “Số điện thoại” ở dòng tiêu đề rồi nạp lại."
    )


def count_known_labels(row: Row) -> int:
    """How many cells of a row are headings of a list of people."""
    return len({meaning for cell in row if (meaning := _meaning(cell_text(cell)))})


def _best_header(rows: Sequence[Row]) -> Header | None:
    best, most = None, 0
    for index, row in enumerate(rows[:ROWS_SEARCHED]):
        labels = tuple(cell_text(cell) for cell in row)
        if any(_holds_a_number(label) for label in labels):
            continue
        known = {meaning for label in labels if (meaning := _meaning(label))} - {_NOT_READ}
        alone = known == {_PHONE} and sum(map(bool, labels)) == 1 and len("".join(labels)) <= 20
        is_header = bool(known & {_PHONE, Column.NAME}) and (len(known) >= 2 or (alone and best is None))
        if is_header and len(known) > most:
            best, most = index, len(known)
    return None if best is None else _read_header(rows, best)


def _read_header(rows: Sequence[Row], index: int) -> Header:
    labels = [cell_text(cell) for cell in rows[index]]
    meanings = [_meaning(label) for label in labels]
    first = index + 1
    if first < len(rows) and (below := _second_line(labels, meanings, rows[first])):
        meanings, first = below, first + 1
    if first < len(rows) and _numbers_the_columns(rows[first]):
        first += 1
    columns: dict[Column, int] = {}
    for position, meaning in enumerate(meanings):
        if isinstance(meaning, Column):
            columns.setdefault(meaning, position)
    if Column.FAMILY_NAME in columns and Column.NAME not in columns:
        columns[Column.NAME] = columns.pop(Column.FAMILY_NAME)
    phones = tuple(position for position, meaning in enumerate(meanings) if meaning == _PHONE)
    return Header(tuple(labels), first, columns, phones)


def _second_line(labels: Sequence[str], meanings: Sequence[str], row: Row) -> list[str] | None:
    """The meanings when the row below divides merged headings: "Năm sinh" into men and women, "Địa chỉ" into places."""
    below = [cell_text(cell) for cell in row[: len(labels)]]
    below += [""] * (len(labels) - len(below))
    if sum(map(bool, below)) < 2 or any(letter.isdecimal() for label in below for letter in label):
        return None
    divided, above = [], ""
    for label, meaning, part in zip(labels, meanings, below, strict=True):
        above = label or above
        found = meaning if not part else _meaning(part) or _meaning(f"{above} {part}")
        if part and (not found or meaning == Column.NAME):
            return None
        if found == Column.BIRTH and part:
            found = Column.BIRTH_OF_WOMEN if unaccented(part) == "nu" else Column.BIRTH_OF_MEN
        divided.append(found)
    return divided


def _numbers_the_columns(row: Row) -> bool:
    """Is it the line (1) (2) (3) … under a header?"""
    numbers = [text.strip("()[] ") for cell in row if (text := cell_text(cell))]
    return len(numbers) > 2 and numbers == [str(number) for number in range(1, len(numbers) + 1)]


def _header_by_content(rows: Sequence[Row]) -> Header | None:
    """A list whose header says nothing that we know, or that has none: go by what its columns hold."""
    phone = _guess_phone_column(rows, taken=set())
    if phone is None:
        return None
    first_phone = next(index for index, row in enumerate(rows) if _is_phone(_at(row, phone)))
    above = (index for index in range(first_phone) if _may_be_header(rows[index], phone))
    index = next(above, -1)
    labels = tuple(cell_text(cell) for cell in rows[index]) if index >= 0 else ()
    first = index + 1
    name = _guess_name_column(rows[first:])
    return Header(labels, first, {} if name is None else {Column.NAME: name}, (phone,))


def _may_be_header(row: Row, phone: int) -> bool:
    """Words and no figures, also over the phones, where they do not say that someone has none."""
    texts = [text for cell in row if (text := cell_text(cell))]
    figures = any(letter.isdecimal() for text in texts for letter in text)
    over_phones = _at(row, phone)
    in_words = read_phone_cell(over_phones).reason is Reason.MISSING and cell_text(over_phones) != ""
    return len(texts) > 1 and not figures and in_words


def _guess_phone_column(rows: Sequence[Row], *, taken: set[int]) -> int | None:
    """The column of which most filled cells hold a phone number."""
    best, most = None, 0
    for position in range(min(max(map(len, rows), default=0), _MOST_COLUMNS)):
        filled = [cell for row in rows if cell_text(cell := _at(row, position))]
        phones = sum(map(_is_phone, filled))
        if position not in taken and phones > most and 2 * phones > len(filled):
            best, most = position, phones
    return best


def _guess_name_column(rows: Sequence[Row]) -> int | None:
    names = [0] * min(max(map(len, rows), default=0), _MOST_COLUMNS)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            names[position] += " " in text and not any(letter.isdecimal() for letter in text)
    return names.index(max(names)) if any(names) else None


def _meaning(label: str) -> str:
    if not label or len(label) > _LONGEST_LABEL:
        return ""
    words = unaccented(label)
    if re.search(r"\bđ\.?t\b", label.lower()):  # without its stroke it is as likely "dân tộc"
        words += " dien thoai"
    return next((meaning for meaning, pattern in _LABELS if pattern.search(words)), "")


def _holds_a_number(label: str) -> bool:
    return sum(letter.isdecimal() for letter in label) >= 6


def _is_phone(cell: object) -> bool:
    return read_phone_cell(cell).status is not PhoneStatus.REJECT


def _at(row: Row, position: int) -> object:
    return row[position] if position < len(row) else None


def _is_seen(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc", "Cs")

"""Cell text; which column of a list holds what; sensitive columns.

Which column of a list holds what: the header row under its titles, by its words or by what stands below. Pure.

What the headings of a list mean, by the words that organisations use. Pure.

Ethnic origin is never read: it is sensitive, and the language to write in is what a campaign needs.

What a column holds, by its cells: phones, names, ethnic origin. Pure.

Columns that tell ethnic origin or religion, which we may not keep: by their headings or by what they hold. Pure.

A spreadsheet's cell as text. Pure.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from functools import lru_cache

from outreach.rules.errors import BadList, NoPhoneColumn
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.phone_numbers import PhoneStatus, Reason, unaccented

ROWS_SEARCHED = 40  # titles, header and enough people to recognise a phone column by what it holds
NO_HEADER = -1  # a list that begins with its first person


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
    CORRECTS = "corrects"  # of a file that we gave back: the row of an earlier import


@dataclass(frozen=True, slots=True)
class Header:
    """Where each column stands, counted from 0, and the first row below the header."""

    labels: tuple[str, ...]
    first_row: int
    columns: dict[Column, int] = field(default_factory=dict)
    phones: tuple[int, ...] = ()
    sensitive: frozenset[int] = frozenset()  # which we may not keep: ethnic origin and religion

    def is_repeated_in(self, row: Row) -> bool:
        """Is this row the header again, as at the top of a printed page?"""
        for position in self.phones:  # all that most rows need
            if (
                position >= min(len(row), len(self.labels))
                or cell_text(row[position]) != self.labels[position]
            ):
                return False
        labels = tuple(cell_text(cell) for cell in row[: len(self.labels)])
        return any(self.labels) and labels == self.labels

    def meanings(self) -> dict[int, str]:
        """What each column that is read is taken for: a `Column`, or PHONE."""
        return {position: column.value for column, position in self.columns.items()} | dict.fromkeys(
            self.phones, PHONE
        )

    def labels_to_give_back(self) -> list[str]:
        """The file's own headings, a plain one where its own would not be understood without the row below."""
        meanings = self.meanings()
        width = max(len(self.labels), *(position + 1 for position in meanings))
        labels = [*self.labels, *[""] * (width - len(self.labels))]
        for position, meaning in meanings.items():
            if meaning_of(labels[position]) != meaning:
                labels[position] = PLAIN_LABELS[meaning]
        return labels

    @property
    def signature(self) -> str:
        """The same for all lists with these headings in this order, whatever stands in them."""
        said = "\n".join(map(unaccented, self.labels)) or f"#{max(self.phones, default=0)}"
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()

    def corrected(self, columns: Mapping[str, str]) -> Header:
        """The header with what a person says of its columns: their positions and meanings, PHONE among them."""
        said = {int(position): meaning for position, meaning in sorted(columns.items()) if meaning}
        named: dict[Column, int] = {}
        for position, meaning in said.items():
            if meaning != PHONE:
                named.setdefault(Column(meaning), position)
        phones = tuple(position for position, meaning in said.items() if meaning == PHONE)
        return replace(self, columns=named, phones=phones)


def find_header(
    rows: Sequence[Row],
    corrected: Mapping[str, Mapping[str, str]] | None = None,
    *,
    at: int | None = None,
) -> Header | None:
    """Find the header among a sheet's first rows; None if the sheet is no list of people at all.

    `corrected` are columns that a person named, by the header's signature; `at` is the row that a person chose, from
    0, or NO_HEADER. A header without phones is one in which no column was found to hold them. Raises BadList when it
    is too wide.
    """
    header: Header | None
    if at == NO_HEADER:
        name = guess_name_column(rows)
        header = Header((), 0, {} if name is None else {Column.NAME: name})
    elif at is not None:
        header = _read_header(rows, at)
    else:
        header = _best_header(rows) or _header_by_content(rows) or _header_of_names(rows)
    if header is None:
        return None
    if sum(map(bool, header.labels)) > MOST_COLUMNS:
        raise BadList(
            f"Dòng tiêu đề có hơn {MOST_COLUMNS} cột nên không thể là một danh sách. "
            "Hãy giữ lại các cột cần thiết (họ tên, số điện thoại, thôn, xã…) rồi nhập lại."
        )
    if corrected and header.signature in corrected:
        header = header.corrected(corrected[header.signature])
    elif not header.phones:
        phone = guess_phone_column(rows[header.first_row :], taken=set(header.columns.values()))
        header = header if phone is None else replace(header, phones=(phone,))
    return _without_sensitive(header, rows)


def no_phone_column(labels: Sequence[str]) -> NoPhoneColumn:
    """The error that names the columns found and says what to do."""
    found = ", ".join(f"“{label[:LONGEST_LABEL]}”" for label in labels[:30] if label) or "không có cột nào"
    return NoPhoneColumn(
        f"Không tìm thấy cột số điện thoại. Các cột đọc được: {found}. "
        "Hãy đặt tên cột chứa số điện thoại là “SĐT” hoặc “Số điện thoại” ở dòng tiêu đề rồi nhập lại."
    )


def count_known_labels(row: Row) -> int:
    """How many cells of a row are headings of a list of people."""
    return len({meaning for cell in row if (meaning := meaning_of(cell_text(cell)))})


def _best_header(rows: Sequence[Row]) -> Header | None:
    best, most = None, 0
    for index, row in enumerate(rows[:ROWS_SEARCHED]):
        labels = tuple(cell_text(cell) for cell in row)
        if any(_holds_a_number(label) for label in labels):
            continue
        known = {meaning for label in labels if (meaning := meaning_of(label))} - {SENSITIVE}
        alone = known == {PHONE} and sum(map(bool, labels)) == 1 and len("".join(labels)) <= 20
        is_header = bool(known & {PHONE, Column.NAME}) and (len(known) >= 2 or (alone and best is None))
        if is_header and len(known) > most:
            best, most = index, len(known)
    return None if best is None else _read_header(rows, best)


def _read_header(rows: Sequence[Row], index: int) -> Header:
    labels = [cell_text(cell) for cell in rows[index]]
    meanings = [meaning_of(label) for label in labels]
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
    phones = tuple(position for position, meaning in enumerate(meanings) if meaning == PHONE)
    return Header(tuple(labels), first, columns, phones)


def _without_sensitive(header: Header, rows: Sequence[Row]) -> Header:
    """The header with the columns that we may not keep, none of which is read."""
    by_heading = _headed_as_sensitive(header, rows)
    # A language has the name of its people, and people are called Thái and Hoa.
    named = {header.columns.get(column) for column in (Column.LANGUAGE, Column.NAME, Column.FAMILY_NAME)}
    below = rows[header.first_row :]
    by_content = {
        position
        for position in range(min(max(map(len, below), default=0), MOST_COLUMNS))
        if position not in named and position not in header.phones and _holds_origins(header, below, position)
    }
    sensitive = frozenset(by_heading | by_content)
    return replace(
        header,
        columns={column: at for column, at in header.columns.items() if at not in sensitive},
        phones=tuple(at for at in header.phones if at not in sensitive),
        sensitive=sensitive,
    )


def _headed_as_sensitive(header: Header, rows: Sequence[Row]) -> set[int]:
    """By the header itself, a second line under merged headings, or a first line that is less of a header."""
    found = {position for position, label in enumerate(header.labels) if is_sensitive_heading(label)}
    at = next((n for n, row in enumerate(rows) if tuple(map(cell_text, row)) == header.labels), None)
    if at is None:
        return found
    above = ""
    for position, (label, part) in enumerate(zip(header.labels, _words(rows, at + 1, header), strict=True)):
        above = label or above
        if part and is_sensitive_heading(f"{above} {part}"):
            found.add(position)
    first_line = _words(rows, at - 1, header)
    known = {*header.columns.values(), *header.phones}
    if sum(map(bool, first_line)) > 1:
        found |= {n for n, label in enumerate(first_line) if is_sensitive_heading(label) and n not in known}
    return found


def _words(rows: Sequence[Row], index: int, header: Header) -> list[str]:
    """What stands above or below each heading; nothing where it is a person's row, as its figures show."""
    row = rows[index] if 0 <= index < len(rows) else ()
    texts = [cell_text(cell_at(row, position)) for position in range(len(header.labels))]
    return [""] * len(texts) if any(letter.isdecimal() for text in texts for letter in text) else texts


def _holds_origins(header: Header, rows: Sequence[Row], position: int) -> bool:
    cells = [cell_at(row, position) for row in rows]
    if is_ethnic_origin(map(cell_text, cells)):
        return True
    label = header.labels[position] if position < len(header.labels) else ""
    return may_be_sensitive_heading(label) and not any(map(is_phone, cells))


def _second_line(labels: Sequence[str], meanings: Sequence[str], row: Row) -> list[str] | None:
    """The meanings when the row below divides merged headings: "Năm sinh" into men and women, "Địa chỉ" into places."""
    below = [cell_text(cell) for cell in row[: len(labels)]]
    below += [""] * (len(labels) - len(below))
    if sum(map(bool, below)) < 2 or any(letter.isdecimal() for label in below for letter in label):
        return None
    divided, above = [], ""
    for label, meaning, part in zip(labels, meanings, below, strict=True):
        above = label or above
        found = meaning if not part else meaning_of(part) or meaning_of(f"{above} {part}")
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
    phone = guess_phone_column(rows, taken=set())
    if phone is None:
        return None
    first_phone = next(index for index, row in enumerate(rows) if is_phone(cell_at(row, phone)))
    above = (index for index in range(first_phone) if _may_be_header(rows[index], phone))
    index = next(above, -1)
    labels = tuple(cell_text(cell) for cell in rows[index]) if index >= 0 else ()
    first = index + 1
    name = guess_name_column(rows[first:])
    return Header(labels, first, {} if name is None else {Column.NAME: name}, (phone,))


def _header_of_names(rows: Sequence[Row]) -> Header | None:
    """A row that names one column for people's names among others that nobody knows: a person may say what they are."""
    for index, row in enumerate(rows):
        labels = [cell_text(cell) for cell in row]
        if sum(map(bool, labels)) > 1 and any(meaning_of(label) == Column.NAME for label in labels):
            return _read_header(rows, index)
    return None


def _may_be_header(row: Row, phone: int) -> bool:
    """Words and no figures, also over the phones, where they do not say that someone has none."""
    texts = [text for cell in row if (text := cell_text(cell))]
    figures = any(letter.isdecimal() for text in texts for letter in text)
    over_phones = cell_at(row, phone)
    in_words = read_phone_cell(over_phones).reason is Reason.MISSING and cell_text(over_phones) != ""
    return len(texts) > 1 and not figures and in_words


def _holds_a_number(label: str) -> bool:
    return sum(letter.isdecimal() for letter in label) >= 6


LONGEST_LABEL = 60


PHONE = "phone"
SENSITIVE = "not read"
# The first that fits decides: "Điện thoại thông minh" is no phone number, "Tên chi hội" no person's name.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (meaning, re.compile(pattern))
    for meaning, pattern in (
        (Column.CORRECTS, r"^ma dong(?: giu nguyen)?$"),
        (Column.SMARTPHONE, r"\bsmart ?phone\b|\bthong minh\b|\bdttm\b"),
        (SENSITIVE, r"\bco (?:dt|sdt|dien thoai)\b|\bloai (?:dt|dien thoai)\b"),
        (
            PHONE,
            r"\b(?:sdt|dtdd|sddd|telephone|tel|phone|mobile|dien thoai|di dong|so dt|so may|dt lien (?:he|lac))\b",
        ),
        (Column.FAMILY_NAME, r"^ho$|^ho (?:va )?(?:ten |chu )?(?:dem|lot|lot dem)$"),
        (Column.UNIT, r"\bten (?:chi|to|don vi|co quan|hoi)\b(?! vien)"),
        (
            Column.NAME,
            r"\bho (?:va )?ten\b|\bhoten\b|\bfull ?name\b|^(?:ten|name)$|^ten .*(?:vien|nguoi|dan|bo)\b",
        ),
        (Column.NAME, r"^(?:hoi|doan) vien$"),
        (Column.BIRTH_OF_MEN, r"\bnam sinh (?:cua )?nam$"),
        (Column.BIRTH_OF_WOMEN, r"\bnam sinh (?:cua )?nu$"),
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

# A heading that says each meaning, where the file's own does not.
PLAIN_LABELS = {
    PHONE: "SĐT",
    Column.STT: "STT",
    Column.FAMILY_NAME: "Họ và tên đệm",
    Column.NAME: "Họ và tên",
    Column.BIRTH: "Năm sinh",
    Column.BIRTH_OF_MEN: "Năm sinh nam",
    Column.BIRTH_OF_WOMEN: "Năm sinh nữ",
    Column.SEX: "Giới tính",
    Column.VILLAGE: "Thôn",
    Column.COMMUNE: "Xã",
    Column.DISTRICT: "Huyện",
    Column.UNIT: "Chi hội",
    Column.NOTE: "Ghi chú",
    Column.SMARTPHONE: "Điện thoại thông minh",
    Column.LANGUAGE: "Ngôn ngữ",
    Column.CORRECTS: "Mã dòng",
}


def meaning_of(label: str) -> str:
    """What a heading means: a `Column`, PHONE, NOT_READ, or "" where it is none that we know."""
    if not label or len(label) > LONGEST_LABEL:
        return ""
    if is_sensitive_heading(label):
        return SENSITIVE
    words = unaccented(label)
    if re.search(r"\bđ\.?t\b", label.lower()):  # without its stroke it is as likely "dân tộc"
        words += " dien thoai"
    return next((meaning for meaning, pattern in _LABELS if pattern.search(words)), "")


MOST_COLUMNS = 200


def guess_phone_column(rows: Sequence[Row], *, taken: Set[int]) -> int | None:
    """The column of which most filled cells hold a phone number."""
    best, most = None, 0
    for position in range(min(max(map(len, rows), default=0), MOST_COLUMNS)):
        filled = [cell for row in rows if cell_text(cell := cell_at(row, position))]
        phones = sum(map(is_phone, filled))
        if position not in taken and phones > most and 2 * phones > len(filled):
            best, most = position, phones
    return best


def guess_name_column(rows: Sequence[Row]) -> int | None:
    """The column of which most cells are words parted by spaces and no ethnic origins."""
    names = [0] * min(max(map(len, rows), default=0), MOST_COLUMNS)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            names[position] += " " in text and not any(letter.isdecimal() for letter in text)
    for position in range(len(names)):
        if names[position] and is_ethnic_origin(cell_text(cell_at(row, position)) for row in rows):
            names[position] = 0
    return names.index(max(names)) if any(names) else None


def is_phone(cell: object) -> bool:
    """Does the cell hold a number that may be texted, or may once a person has looked at it?"""
    return read_phone_cell(cell).status is not PhoneStatus.REJECT


def cell_at(row: Row, position: int) -> object:
    """The cell of a row; None where the row ends before it."""
    return row[position] if position < len(row) else None


_HEADING = re.compile(r"\b(?:(?:dan|sac|d) ?toc|dtts|thieu so|ton ?giao|dao phai|ethnic\w*|religion)\b")
_MAY_BE_HEADING = re.compile(r"d ?t")  # "dân tộc" or "điện thoại", where no phones stand below
_BEFORE = re.compile(r"^(?:dan toc|nguoi|dao) (?=.)")
_SAYS_NONE = {"khong", "ko", "k", "khong co", "khac"}
# The 54 peoples and the religions that Vietnam registers, with the spellings of lists, unaccented and without spaces.
# Left out are those that unaccented are everyday words: Co, Giáy, Mảng, Cống, Bố Y.
_NAMES = """
    kinh viet kinhviet dtts thieuso dantocthieuso
    bana banar bahnar rongao xodang xedang sedang xdang giarai jarai jrai gialai gietrieng giatrieng
    gie trieng jehtrieng jeh brau romam ede rade hre mnong mong hmong meo tay nung thai muong dao
    hoa khmer khome cham sanchay caolan sandiu tho cotu bruvankieu vankieu taoi raglai xtieng stieng coho koho
    khomu choro churu hani lachi laha lahu lao lolo khang ngai odu pathen phula pupeo sila chut xinhmun cor katu
    conggiao thienchua thienchuagiao kito kitogiao tinlanh phat phatgiao caodai hoahao
    phatgiaohoahao hoigiao islam balamon bahai luonggiao khongtongiao khongtheodao
"""
_SAID = frozenset(_NAMES.split())


def is_sensitive_heading(label: str) -> bool:
    """Does a heading announce ethnic origin or religion?"""
    return _HEADING.search(unaccented(label)) is not None


def may_be_sensitive_heading(label: str) -> bool:
    """Is it DT, which stands for ethnic origin as often as for a phone?"""
    return "đ" not in label.lower() and _MAY_BE_HEADING.fullmatch(unaccented(label)) is not None


def is_ethnic_origin(texts: Iterable[str]) -> bool:
    """Are most of a column's texts peoples or religions? What says that there is none is not counted."""
    before_brackets = (unaccented(text.partition("(")[0]) for text in texts)
    said = [words for words in before_brackets if words and words not in _SAYS_NONE]
    telling = sum(_BEFORE.sub("", words).replace(" ", "") in _SAID for words in said)
    return 2 * telling > len(said)


Row = Sequence[object]


def cell_text(cell: object) -> str:
    """A cell as a person reads it: NFC, single spaces, no invisible marks; 12.0 from a spreadsheet is 12."""
    if cell is None or cell == "":
        return ""
    return _tidy(cell) if isinstance(cell, str) else written(cell)


def written(cell: object) -> str:
    """A cell as it stands in the file, to be given back; without NUL, which no database takes."""
    if isinstance(cell, str):
        return cell.replace("\0", "")
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, date):
        return cell.strftime("%d/%m/%Y")
    return str(cell)


@lru_cache(maxsize=20_000)  # most cells of a list say what others have said
def _tidy(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    if not text.isprintable():
        text = "".join(" " if letter.isspace() else letter for letter in text if _is_seen(letter))
    # The apostrophe that keeps a spreadsheet from running a cell is no part of what it says.
    if text.startswith(_DEFUSED):
        text = text[1:]
    return " ".join(text.split())


def _is_seen(letter: str) -> bool:
    return letter.isspace() or unicodedata.category(letter) not in ("Cf", "Cc", "Cs")


_DEFUSED = tuple(f"'{first}" for first in "=+-@")

"""Columns of a contact list: the header row, the meaning of each column, and what its cells are. Pure.

The header row may stand below titles. It is found by the words that organisations use in headings; where these are
unknown, a column is recognised by its cells (phones, names).

Columns with ethnic origin or religion are never read: they are sensitive data that we may not keep, and the language to
write in is what a campaign needs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate

from outreach.rules.cells import Row, cell_at, cell_text, filled_cells
from outreach.rules.errors import BadList, LoaError, NoPhoneColumn
from outreach.rules.kept_values import (
    MOST_FIELDS,
    PREFIX,
    field_of,
    field_of_heading,
    is_ethnic_origin,
    is_sensitive_heading,
    may_be_sensitive_heading,
)
from outreach.rules.people_beside import PersonColumns, begins_with_family, find_people_columns
from outreach.rules.phone_numbers import (
    PhoneStatus,
    Reason,
    mentions_identity_paper,
    read_phone_cell,
    unaccented,
)
from outreach.rules.phone_texts import has_numbers_in_text


class Column(StrEnum):
    """Meaning of a column; phone columns are not among them, as there may be several (see PHONE)."""

    STT = "stt"
    FAMILY_NAME = "family_name"
    MIDDLE_NAME = "middle_name"
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
    CORRECTS = "corrects"  # in a file that we exported for correction: the row of an earlier import


LONGEST_LABEL = 60


PHONE = "phone"
SENSITIVE = "not read"
# Whose a number is, or who answers it: "Chủ số ĐT", "SĐT của ai", "Người giữ máy".
WHOSE = re.compile(
    r"\bcua ai\b|\bai (?:nghe|giu|cam|dung)\b|\b(?:(?<!ghi )chu|nguoi (?:nghe|giu|cam|dung|su dung)) (?:so(?! huu)|sdt|may|thue bao|sim|dt|dien thoai)\b"
    r"|\b(?:so|may|dt|sdt|dien thoai|thue bao) (?:nay )?(?:la )?cua$"
)
_STROKED = re.compile(r"(?<!gd&)(?<!gd-)(?<!gd & )(?<!gd và )\bđ\.?t\d?\b|\bd\.?đ\b")
# The first match decides: "Điện thoại thông minh" is no phone number, "Tên chi hội" no person's name.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (meaning, re.compile(pattern))
    for meaning, pattern in (
        (Column.CORRECTS, r"^ma dong(?: giu nguyen)?$"),
        (SENSITIVE, WHOSE.pattern),
        (Column.SMARTPHONE, r"\bsmart ?phone\b|\bthong minh\b|\bdttm\b"),
        (SENSITIVE, r"\bco (?:dt|sdt|dien thoai)\b|\bloai (?:dt|dien thoai)\b|\bphone \d+ (?:label|type)$"),
        (
            SENSITIVE,  # "SĐT cũ": not to be texted
            r"^(?!.*\bmoi\b).*(?:\bso|may|dt|dtdd|dien thoai|di dong|phone|mobile)"
            r" (?:di dong )?(?:cu(?! (?:dan|tru))|sai|hong|truoc (?:day|kia)|(?:khong|ko) (?:con )?(?:dung|su dung|lien lac))\b",
        ),
        (
            PHONE,
            r"\b(?:sdt|dtdd|sddd|telephone|tel|phone|mobile|dien thoai|d thoai|di dong|so dt|so may|dt lien (?:he|lac))\d?\b"
            r"|^(?:so )?lien (?:lac|he) cua (?!.*\bai\b)|^(?:(?:so|mang|sim) )?(?:viettel|vina|mobi|vietnamobile|gmobile|itel)|^so (?:khac|zalo|thue bao)$|^(?:so )?lien (?:lac|he)$|^(?:dau so|ma mang|thue bao)$",
        ),
        (Column.FAMILY_NAME, r"^ho(?: va)?$|^ho (?:va )?(?:ten |chu )?(?:dem|lot|lot dem)$"),
        (Column.FAMILY_NAME, r"^(?:last|family) name$|^surname$"),
        (Column.MIDDLE_NAME, r"^(?:ten |chu )?(?:dem|lot|lot dem)$|^(?:middle|additional) name$"),
        (Column.UNIT, r"\bten (?:chi|to|don vi|co quan|hoi)\b(?! vien)"),
        (
            Column.NAME,
            r"\bho (?:va |,? ?chu dem (?:va |, ?)?)?ten\b|\bhoten\b|\bfull ?name\b|^(?:ten|(?:first |given )?name)$"
            r"|^(?:cac )?thanh vien\b|^ten .*(?:vien|nguoi|dan|bo)\b|^ten (?:vo|chong|cha|me|chu ho)\b|^(?:nguoi )?dai dien(?: ho)?$|^chu ho$|^quy danh$",
        ),
        (
            Column.NAME,
            r"^(?:hoi|doan|hoc|dang|xa) vien$|^nguoi (?:nop|dang ky|khai|lam don)\b(?! (?:thay|ho|giup))|^(?:nguoi (?:cham soc|nuoi duong|giam ho)|phu huynh|phhs|cha me|bo me|cha hoac me)$"
            r"|^(?:me|cha|bo|ba|ma)\W+(?:me|cha|bo|ba|ma)\b|^(?:ten )?(?:dong chi|khach(?: hang| moi)?|phat tu|tieu thuong|ho dung nuoc|benh nhan|nguoi benh|ba me|thai phu|san phu)$",
        ),
        (Column.BIRTH_OF_MEN, r"\bnam sinh (?:cua )?nam$"),
        (Column.BIRTH_OF_WOMEN, r"\bnam sinh (?:cua )?nu$"),
        (
            Column.BIRTH,
            r"\bnam sinh\b|\bngay sinh\b|\bsinh (?:nam|ngay)\b|\bntns\b|^n ?s(?:inh)?$|^sn$|^sinh$|\bbirth",
        ),
        (Column.SEX, r"\bgioi tinh\b|^gioi$|^gt$|^phai$|^nam nu$|\bsex\b|\bgender\b"),
        (
            Column.NOTE,
            r"\bly do\b|\bbien dong\b|\bghi chu\b|\bnotes?\b|^gc$|^g\. ?chu$|^tinh trang$|^(?:chu y|luu y|chu thich|nhan xet|dien giai|phu chu|hien trang|trang thai|tinh hinh|noi dung khac)$|^thong tin (?:khac|them)$",
        ),
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
        (Column.COMMUNE, r"\bxa\b|\bphuong\b(?! (?:tien|thuc|phap|an)\b)|\bthi tran\b|\bcommune\b|\bward\b"),
        (Column.DISTRICT, r"\bhuyen\b|\bthanh pho\b|^tp$|^quan$|\bdistrict\b"),
    )
)

# The heading for each meaning, used where the file's own is not recognised.
PLAIN_LABELS = {
    PHONE: "SĐT",
    Column.STT: "STT",
    Column.FAMILY_NAME: "Họ và tên đệm",
    Column.MIDDLE_NAME: "Tên đệm",
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
    """Return the meaning of a heading: a `Column`, PHONE, SENSITIVE, a field's, or "" if it is unknown."""
    if not label or len(label) > LONGEST_LABEL:
        return ""
    if field := field_of_heading(label):
        return field
    if is_sensitive_heading(label):
        return SENSITIVE
    words = unaccented(label.replace("_", " "))
    if _STROKED.search(label.lower()):  # without the stroke, "dt" is as likely "dân tộc"
        words += " dien thoai"
    if label.strip().lower() == "hộ":  # a household, not "họ", the family's name
        return ""
    found = next((meaning for meaning, pattern in _LABELS if pattern.search(words)), "")
    translated = None if found else _IN_ENGLISH.search(label)
    return meaning_of(label[: translated.start()]) if translated and translated.start() else found


# What a heading in two languages says again: "Họ và đệm / Last & middle name".
_IN_ENGLISH = re.compile(
    r"(?: */? *\b(?:full|first|last|middle|family|given|name|no|code|d\.?o\.?b|date|of|birth|sex|phone|mobile|number|address|note|remark)s?\b\.?| &| and)+$",
    re.IGNORECASE,
)
_TO_CALL = re.compile(r"\b(?:nguoi (?:than|nha)|than nhan|khan cap|emergency|bao tin|khi can)\b")
_RELATION = re.compile(r"(?:moi )?quan he\b|la gi cua\b")
_HUSBAND = re.compile(r"(?:ben )?chong$")
_OF_PARENT = r"\b(?:phu huynh|phhs|cha|me|bo)\b"
_OF_PUPIL = re.compile(r"^(?!.*\b(?:phu huynh|cha|me|bo)\b).*\b(?:hoc sinh|sinh vien|hoc vien|hs|sv|hssv)\b")
MOST_COLUMNS = 200


def is_phone(cell: object) -> bool:
    """Check whether the cell holds a number that may be texted, at once or after review."""
    return read_phone_cell(cell).status is not PhoneStatus.REJECT


def guess_phone_column(rows: Sequence[Row], *, taken: Set[int]) -> int | None:
    """Return the column of which most filled cells hold a phone number, or None."""
    found = [at for at in range(width_of(rows)) if at not in taken and holds_phones(rows, at)]
    return max(found, key=lambda at: sum(map(is_phone, filled_cells(rows, at))), default=None)


def guess_name_column(rows: Sequence[Row], taken: Set[int] = frozenset()) -> int | None:
    """Return the column with most cells of several words without digits (not ethnic origins), or None.

    A cell that begins with a family name counts twice: firms and villages are words, too.
    """
    names = [0] * width_of(rows)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            if position not in taken and " " in text and not any(letter.isdecimal() for letter in text):
                names[position] += 2 if begins_with_family(text) else 1
    for position in range(len(names)):
        if names[position] and is_ethnic_origin(cell_text(cell_at(row, position)) for row in rows):
            names[position] = 0
    return names.index(max(names)) if any(names) else None


def width_of(rows: Sequence[Row]) -> int:
    """Return how many columns are looked at."""
    return min(max(map(len, rows), default=0), MOST_COLUMNS)


def holds_figures(rows: Sequence[Row], position: int) -> bool:
    """Check whether most filled cells of a column have a digit."""
    filled = filled_cells(rows, position)
    return 2 * sum(any(map(str.isdecimal, cell_text(cell))) for cell in filled) > len(filled)


def holds_phones(rows: Sequence[Row], position: int) -> bool:
    """Check whether most filled cells of a column are numbers that may be texted."""
    filled = filled_cells(rows, position)
    return 2 * sum(map(is_phone, filled)) > len(filled)


def are_pieces(rows: Sequence[Row], run: Sequence[int]) -> bool:
    """Check whether most rows have a number only when the cells of these columns are put together."""
    together = apart = 0
    for row in rows:
        cells = [cell for at in run if cell_text(cell := cell_at(row, at))]
        apart += any(map(is_phone, cells))
        together += len(cells) > 1 and not any(map(is_phone, cells)) and is_phone(join_pieces(cells))
    return together > 1 and together > apart


def join_pieces(cells: Iterable[object]) -> str:
    """Return the digits of a number's pieces as one text; other signs stay, and spaces beside words."""
    return re.sub(r"(?<=\d) (?=\d)", "", "".join(map(cell_text, cells)))


def meanings_by_content(rows: Sequence[Row]) -> list[str]:
    """Return what most cells of each column are: names of people, numbers, or something else ("")."""
    meanings = []
    for position in range(width_of(rows)):
        texts = [*map(cell_text, filled_cells(rows, position))]
        named = 2 * sum(" " in text and begins_with_family(text) for text in texts) > len(texts)
        is_of_phones = holds_phones(rows, position)
        meanings.append(PHONE if is_of_phones else str(Column.NAME) if named else "")
    return meanings


ROWS_SEARCHED = 40  # titles, header and enough people to recognise a phone column by its cells
ROWS_OF_TABLE = 12  # of a further table, to recognise its columns
NO_HEADER = -1  # the list has no header row
_NAME_AND_PHONE = re.compile(r"\bho (?:va )?ten\b")
_CUT_OFF = re.compile(r" (?:th[iị]|v[aă]n)$", re.IGNORECASE)
_IS_GIVEN = re.compile(r"(?:first|given) name$|tên$", re.IGNORECASE)
_GENERIC = {"ho", "va", "ten", "nguoi", "so", "cua"}
_PUPILS = {"sinh", "hs", "tre", "be", "con", "chau"}
_DAY = re.compile(r"\b\d{1,2}/\d{1,2}(?:/\d{4})?\b|(?<=[^\W\d_])\d\b")  # or "L1", a test's marks
_ORDINAL = re.compile(r"(?<!\d)\d(?!\d)")
_MOST_LEVELS = 3  # of headings
_PARTS_OF_NAME = (Column.FAMILY_NAME, Column.MIDDLE_NAME, Column.NAME)
_PARTS_OF_BIRTH = {
    **{"nam": Column.BIRTH_OF_MEN, "nữ": Column.BIRTH_OF_WOMEN, "nu": Column.BIRTH_OF_WOMEN},
    **{"năm": Column.BIRTH, "tháng": "", "ngày": ""},
}
_ADDRESSES = {"anh", "chi", "ong", "ba", "co", "chu", "bac", "thay", "em"}
_NO_NAMES = {"nam", "nu", "co", "khong", "vo", "chong", "con", "chu ho", "x"}
# Headings that stand beside those of two lines, as high as both.
_TALL = {Column.STT, Column.NOTE, Column.NAME, Column.FAMILY_NAME, Column.BIRTH, Column.SEX, PHONE, SENSITIVE}


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a sheet: its labels, the positions of its columns from 0, and its first data row."""

    labels: tuple[str, ...]
    first_row: int
    columns: dict[Column, int] = field(default_factory=dict)
    phones: tuple[int, ...] = ()
    sensitive: frozenset[int] = frozenset()  # ethnic origin and religion: may not be kept
    people: tuple[PersonColumns, ...] = ()  # of each person, where a row has several
    texts: frozenset[int] = frozenset()  # phone columns that are texts with numbers in them: notes, addresses
    guessed: bool = False  # no column is known to be for phones; `texts` are where numbers were found
    fields: dict[str, int] = field(default_factory=dict)  # columns kept for texts, by the field's name
    paths: tuple[str, ...] = ()  # each column's headings of all levels
    pieces: tuple[tuple[int, ...], ...] = ()  # phone columns that hold one number in pieces
    at: int = NO_HEADER  # the row of the labels, from 0
    # Each number is alone on the line below its name; `phones` is a column behind all others.
    numbers_below: bool = False

    def heading(self, position: int) -> str:
        """Return a column's headings of all levels as one text, "" if it has none."""
        return self.paths[position] if 0 <= position < len(self.paths) else ""

    def is_unlabelled(self, position: int) -> bool:
        """Check whether a column has no heading of its own, and no meaning yet, in a list with headings."""
        is_known = position in self.columns.values() or position in self.phones
        return position < len(self.paths) and not is_known and not self.paths[position]

    def has_digits(self, row: Row) -> bool:
        """Check whether a phone column of this row has a digit: then it is not the header of a further table."""
        width = len(row)
        for at in self.phones:
            if at < width and (cell := row[at]) is not None:
                text = cell if isinstance(cell, str) else str(cell)
                if text[-1:].isdigit() or (not text.isalpha() and any(map(str.isdigit, text))):
                    return True
        return False

    def is_repeated_in(self, row: Row) -> bool:
        """Check whether this row is the header again, as at the top of a printed page."""
        for position in self.phones:  # decides for most rows; no heading begins with a digit
            if position >= min(len(row), len(self.labels)):
                return False
            cell = row[position]
            if not isinstance(cell, str) or cell[:1].isdigit() or cell_text(cell) != self.labels[position]:
                return False
        labels = tuple(cell_text(cell) for cell in row[: len(self.labels)])
        return any(self.labels) and labels == self.labels

    def meanings(self) -> dict[int, str]:
        """Return the meaning of each column that is read, by position: a `Column`, PHONE, or PREFIX and a field's name."""
        names = [person.name for person in self.people[1:]]
        return (
            {position: column.value for column, position in self.columns.items()}
            | dict.fromkeys(names, Column.NAME.value)
            | dict.fromkeys(self.phones, PHONE)
            | {position: PREFIX + name for name, position in self.fields.items()}
        )

    def labels_to_give_back(self) -> list[str]:
        """Return the headings for a file to correct, so that they can be read again.

        A heading of the file stays; a plain one replaces it where it means nothing without the row below.
        """
        meanings = self.meanings()
        width = max(len(self.labels), *(position + 1 for position in meanings))
        labels = [*self.labels, *[""] * (width - len(self.labels))]
        for position, meaning in meanings.items():
            if meaning_of(labels[position]) != meaning:
                name = field_of(meaning)
                labels[position] = f"{{{name}}}" if name else PLAIN_LABELS[meaning]
        return labels

    @property
    def signature(self) -> str:
        """Hash of the headings in their order; the same for all lists with these headings."""
        headings = "\n".join(map(unaccented, self.labels)) or f"#{max(self.phones, default=0)}"
        return hashlib.blake2b(headings.encode(), digest_size=16).hexdigest()

    def corrected(self, columns: Mapping[str, str]) -> Header:
        """Return the header with the columns that a user named, by position; a meaning may be PHONE or a field's."""
        meanings = {int(position): meaning for position, meaning in sorted(columns.items()) if meaning}
        named: dict[Column, int] = {}
        fields: dict[str, int] = {}
        for position, meaning in meanings.items():
            if name := field_of(meaning):
                fields.setdefault(name, position)
            elif meaning != PHONE:
                named.setdefault(Column(meaning), position)
        phones = tuple(position for position, meaning in meanings.items() if meaning == PHONE)
        for position in phones:  # an address with a number in it stays an address
            meant = meaning_of(self.labels[position]) if position < len(self.labels) else ""
            if meant in (Column.NOTE, Column.VILLAGE):
                named.setdefault(Column(meant), position)
        texts = frozenset(phones) & frozenset(named.values())
        all_columns = [meanings.get(position, "") for position in range(max(meanings, default=-1) + 1)]
        return replace(
            self,
            columns=named,
            phones=phones,
            texts=texts,
            people=_people_of(all_columns),
            guessed=False,
            fields=fields,
        )


def find_header(
    rows: Sequence[Row], corrected: Mapping[str, Mapping[str, str]] | None = None, *, at: int | None = None
) -> Header | None:
    """Find the header among a table's first rows. Returns None if they are no list of people.

    `corrected` holds columns that a user named, by the header's signature; `at` is the header row that a user chose,
    from 0, or NO_HEADER. In the result, `phones` is empty where no column with phone numbers was found. Raises BadList
    when the header has too many columns.
    """
    header: Header | None
    if at == NO_HEADER:
        name = guess_name_column(rows)
        header = Header((), 0, {} if name is None else {Column.NAME: name})
    elif at is not None:
        header = read_header(rows, at)
    else:
        header = _best_header(rows) or _header_by_content(rows) or _header_of_names(rows)
    if header is None:
        return None
    if sum(map(bool, header.labels)) > MOST_COLUMNS:
        raise BadList("too_many_columns", most=MOST_COLUMNS)
    below = rows[header.first_row :]
    if corrected and header.signature in corrected:
        header = header.corrected(corrected[header.signature])
    else:
        header = _with_phones(header, below)
    return _completed(header, below)


def find_next_header(rows: Sequence[Row]) -> Header:
    """Return the header of a further table: its first row is that of the headings, others follow."""
    header = read_header(rows, 0)
    return _completed(header, rows[header.first_row :])


def _completed(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with what the cells below it say of its columns."""
    found = _with_names(_with_people(header, below), below)
    return _without_sensitive(_with_pieces(found, below), below)


def _with_phones(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with columns that hold numbers, where no heading names them or those that are named are empty."""
    if not header.phones:
        taken = {*header.columns.values(), *header.fields.values(), *not_for_phones(header.paths)}
        phone = guess_phone_column(below, taken=taken)
        if phone is None:
            return _with_numbers_in_texts(header, below)
        phones = [phone]  # with the next ones, as in "Liên hệ 1", "Liên hệ 2"
        while phones[-1] + 1 not in taken and holds_phones(below, phones[-1] + 1):
            phones.append(phones[-1] + 1)
        return replace(header, phones=tuple(phones))
    both = next((at for at in header.phones if _NAME_AND_PHONE.search(unaccented(header.heading(at)))), None)
    if both is not None and header.columns.get(Column.NAME, both) == both and _stand_alone(below, both):
        columns, behind = {**header.columns, Column.NAME: both}, (max(len(header.labels), width_of(below)),)
        return replace(header, columns=columns, phones=behind, texts=frozenset(), numbers_below=True)
    if not any(is_phone(cell_at(row, at)) for row in below for at in header.phones):
        found = _with_numbers_in_texts(header, below)
        return replace(found, phones=tuple(sorted({*header.phones, *found.phones})))
    return header


def _stand_alone(rows: Sequence[Row], position: int) -> bool:
    """Check for numbers in this column, each alone in its row, below most names."""
    alone = [row for row in rows if sum(map(bool, map(cell_text, row))) == 1]
    numbers = sum(is_phone(cell_at(row, position)) for row in alone)
    return numbers > 1 and 3 * numbers > len(rows) - len(alone)


def _with_people(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with as many people as it has numbers, where further columns hold names under unknown headings.

    Each number follows its name, or its heading has a word of the name's: "Người lái", "SĐT người lái".
    """
    if header.people or len(header.phones) < 2 or header.texts or not header.labels:
        return header
    own = header.columns.get(Column.NAME)
    others = [
        at
        for at, heading in enumerate(map(header.heading, range(width_of(below))))
        if not meaning_of(heading) and not _TO_CALL.search(unaccented(heading))
    ]
    meanings = meanings_by_content(below)
    named = [
        at for at, meaning in enumerate(meanings) if meaning == Column.NAME and (at == own or at in others)
    ]
    if len(named) != len(header.phones):
        return header
    pairs = [*zip(named, header.phones, strict=True)]
    headings = [[{*unaccented(header.heading(at)).split()} - _GENERIC for at in pair] for pair in pairs]
    follow = sorted(at for pair in pairs for at in pair) == [at for pair in pairs for at in pair]
    if not follow and not all(of_name & of_phone for of_name, of_phone in headings):
        return header
    people = tuple(PersonColumns(name, (phone,)) for name, phone in pairs)
    return replace(header, columns={**header.columns, Column.NAME: named[0]}, people=people)


def _with_names(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with the column of names, found by its cells where no heading names it, and with the parts of a name.

    A heading over two columns has the family's name in the first and the given name in the second: a word, or two
    ("Bé Ba") where the first shows that it holds no whole names. Or the first says how each is addressed ("Anh", "Chị").
    """
    if not header.phones or not header.labels or header.people:
        return header
    name = header.columns.get(Column.NAME)
    if name is None:
        taken = {at for at, label in enumerate(header.paths) if meaning_of(label)} | set(header.phones)
        name = guess_name_column(below, taken)
        return header if name is None else replace(header, columns={**header.columns, Column.NAME: name})
    if Column.FAMILY_NAME in header.columns or not header.is_unlabelled(name + 1):
        return header
    given = [*map(cell_text, filled_cells(below, name + 1))]
    words = {
        text
        for text in given
        if text.replace(" ", "", 1).isalpha() and not meaning_of(text) and unaccented(text) not in _NO_NAMES
    }
    named = [*map(cell_text, filled_cells(below, name))]
    if {*map(unaccented, named)} <= _ADDRESSES:
        return replace(header, columns={**header.columns, Column.NAME: name + 1})
    cut_off = sum(" " not in text or text.endswith((" Thị", " Văn")) for text in named)
    is_place = sum(" " in text for text in given) * 4 > len(given) and 4 * cut_off <= len(named)
    if 3 * len(words) < len(given) or 2 * len(given) <= len(named) or is_place:
        return header
    return replace(header, columns={**header.columns, Column.FAMILY_NAME: name, Column.NAME: name + 1})


def _with_pieces(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with further numbers under a merged heading, and with columns that hold a number in pieces."""
    phones, pieces = set(header.phones) - header.texts, list[tuple[int, ...]]()
    for first in sorted(phones):
        if first - 1 in phones:
            continue
        end = first + 1
        while end in phones or (header.is_unlabelled(end) and holds_figures(below, end)):
            end += 1
        run = tuple(range(first, end))
        if len(run) > 1 and are_pieces(below, run):
            pieces.append(run)
            phones.update(run)
        else:
            phones.update(at for at in run if holds_phones(below, at))
    return replace(header, phones=tuple(sorted(phones | {*header.phones})), pieces=tuple(pieces))


def not_for_phones(labels: Sequence[str]) -> set[int]:
    """Return the columns headed as papers, accounts or old numbers."""
    headed = enumerate(labels)
    return {at for at, label in headed if meaning_of(label) == SENSITIVE or mentions_identity_paper(label)}


def _people_of(meanings: Sequence[str]) -> tuple[PersonColumns, ...]:
    return find_people_columns(meanings, name=Column.NAME, phone=PHONE, number=Column.STT, birth=Column.BIRTH)


def _with_numbers_in_texts(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with the columns whose texts hold numbers, if it names people."""
    if Column.NAME not in header.columns:
        return header
    texts = ([*map(cell_text, filled_cells(below, position))] for position in range(width_of(below)))
    found = [position for position, column in enumerate(texts) if has_numbers_in_text(column)]
    return replace(header, phones=tuple(found), texts=frozenset(found), guessed=bool(found))


def begins_table(row: Row) -> bool:
    """Check whether a further table begins with this row: headings for phones, and for names or running numbers."""
    labels = [label for cell in row if (label := cell_text(cell))]
    known = [meaning_of(label) for label in labels]
    is_named = Column.NAME in known or (len(known) > 2 and known[0] == Column.STT)
    return is_named and PHONE in known and not any(map(_holds_a_number, labels))


def no_phone_column(labels: Sequence[str]) -> NoPhoneColumn:
    """Return the error that names the columns found and says what to do."""
    columns = [f"“{label[:LONGEST_LABEL]}”" for label in labels[:30] if label]
    return NoPhoneColumn("no_phone_column", columns=columns or LoaError("no_column"))


def count_known_labels(row: Row) -> int:
    """Count the cells of a row that are known headings."""
    return len({meaning for cell in row if (meaning := meaning_of(cell_text(cell)))})


def _best_header(rows: Sequence[Row]) -> Header | None:
    best, most = None, 0
    for index, row in enumerate(rows[:ROWS_SEARCHED]):
        labels = [*map(cell_text, row)]
        if any(map(_holds_a_number, labels)):
            continue
        known = {meaning for label in labels if (meaning := meaning_of(label))} - {SENSITIVE}
        alone = known == {PHONE} and sum(map(bool, labels)) == 1 and len("".join(labels)) <= 20
        is_header = bool(known & {PHONE, Column.NAME}) and (len(known) >= 2 or (alone and best is None))
        if known >= {PHONE, Column.NAME}:  # further down may be a further table with more headings
            above = rows[index if best is None else best + 1 : index]
            is_second = sum(any(map(is_phone, row)) for row in above) > 1
            return read_header(rows, best if is_second and best is not None else index)
        if is_header and len(known) > most:
            best, most = index, len(known)
    return None if best is None else read_header(rows, best)


def read_header(rows: Sequence[Row], index: int) -> Header:
    """Return the header whose headings stand in this row, with those above and below that complete them."""
    levels, first = _levels(rows, index)
    paths = [_path(column) for column in zip(*_filled_up(levels), strict=True)]
    meanings = _meanings(paths)
    columns: dict[Column, int] = {}
    fields: dict[str, int] = {}
    for position, meaning in enumerate(meanings):
        if isinstance(meaning, Column):
            columns.setdefault(meaning, position)
        elif name := field_of(meaning):
            fields.setdefault(name, position)
    if Column.FAMILY_NAME in columns and Column.NAME not in columns:
        columns[Column.NAME] = columns.pop(Column.FAMILY_NAME)
    if len(fields) > MOST_FIELDS:
        raise BadList("list_fields_many", most=MOST_FIELDS)
    phones = tuple(position for position, meaning in enumerate(meanings) if meaning == PHONE)
    people = _people_of(_without_relatives(paths, meanings))
    if people:
        columns[Column.NAME] = people[0].name
        before = people[0].name - 1
        if columns.get(Column.FAMILY_NAME) != before - (columns.get(Column.MIDDLE_NAME) == before):
            columns.pop(Column.FAMILY_NAME, None)  # the pupil's, where the people are the parents
    elif (owner := _name_of_phones(paths, meanings)) is not None:
        columns[Column.NAME] = owner
    labels = tuple(map(cell_text, rows[index]))
    if columns.get(Column.FAMILY_NAME, -1) > columns.get(Column.NAME, 0) and not _IS_GIVEN.match(
        labels[columns[Column.NAME]]
    ):
        for part in (Column.FAMILY_NAME, Column.MIDDLE_NAME):  # of the whole name before them
            columns.pop(part, None)
    both = next((at for at in phones if _NAME_AND_PHONE.search(unaccented(labels[at]))), None)
    if both is not None and Column.NAME not in columns:
        columns[Column.NAME] = both
    texts = frozenset({both} if columns.get(Column.NAME) == both and both is not None else ())
    all_paths = tuple(map(" ".join, paths))
    found = Header(labels, first, columns, phones, people=people, texts=texts, fields=fields, paths=all_paths)
    return replace(found, at=index)


def _meanings(paths: Sequence[Sequence[str]]) -> list[str]:
    meanings = [_meaning_of_path(path) for path in paths]
    phones = [at for at, meaning in enumerate(meanings) if meaning == PHONE]
    noted = {at for at in phones if "ghi chu" in unaccented(paths[at][-1])}
    if len(noted) < len(phones):  # "ĐT nhà/ Ghi chú" beside "ĐT di động"
        meanings = [Column.NOTE if at in noted else meaning for at, meaning in enumerate(meanings)]
    return _without_kin(paths, meanings)


def _without_kin(paths: Sequence[Sequence[str]], meanings: Sequence[str]) -> list[str]:
    """Return the meanings without those under the heading of kin ("Người thừa kế" over name, relation and number, or "Chồng" beside
    "Thai phụ"), where people have names and numbers of their own before them."""
    headings = [unaccented(path[0]) if len(path) > 1 else "" for path in paths]
    kin = {
        heading
        for heading, path in zip(headings, paths, strict=True)
        if heading and (_RELATION.match(unaccented(path[-1])) or _HUSBAND.match(heading))
    }
    first = next((at for at, heading in enumerate(headings) if heading in kin), 0)
    if not {Column.NAME, PHONE}.issubset(meanings[:first]):
        return [*meanings]
    return ["" if heading in kin else meaning for heading, meaning in zip(headings, meanings, strict=True)]


def _without_relatives(paths: Sequence[Sequence[str]], meanings: Sequence[str]) -> list[str]:
    """Return the meanings without the names and numbers of whom to call in an emergency, and of pupils' parents, where other columns are
    for people's own numbers."""
    headings = [unaccented(" ".join(path)) for path in paths]
    are_pupils = any(
        each == PHONE and _OF_PUPIL.search(heading) for heading, each in zip(headings, meanings, strict=True)
    )
    whose = re.compile(f"{_TO_CALL.pattern}|{_OF_PARENT}") if are_pupils else _TO_CALL
    of_relatives = {at for at, heading in enumerate(headings) if whose.search(heading)}
    own = any(meaning == PHONE and at not in of_relatives for at, meaning in enumerate(meanings))
    is_left_out = [
        own and at in of_relatives and meaning in (Column.NAME, PHONE) for at, meaning in enumerate(meanings)
    ]
    return ["" if left_out else meaning for left_out, meaning in zip(is_left_out, meanings, strict=True)]


def _name_of_phones(paths: Sequence[Sequence[str]], meanings: Sequence[str]) -> int | None:
    """Return which of several columns of names is that of whom the numbers are: parents', where pupils are named as well."""
    names = {
        at: {*unaccented(paths[at][-1]).split()} for at, each in enumerate(meanings) if each == Column.NAME
    }
    phones = [{*unaccented(paths[at][-1]).split()} for at, each in enumerate(meanings) if each == PHONE]
    if len(names) < 2 or not phones:
        return None
    shared = {at: len((words - _GENERIC) & phones[0]) for at, words in names.items()}
    return max(names, key=lambda at: (shared[at], not names[at] & _PUPILS, -at))


def _levels(rows: Sequence[Row], index: int) -> tuple[list[list[str]], int]:
    """Return the headings of all levels, the highest first and as wide as the row `index`, and the first row of people."""
    levels = [[cell_text(cell) for cell in rows[index]]]
    first = index + 1
    while (
        first < len(rows)
        and len(levels) < _MOST_LEVELS
        and _divides(levels, row := _as_wide(levels, rows[first]))
    ):
        levels.append(row)
        first += 1
    if first < len(rows):  # the line (1) (2) (3) … under a header
        numbers = [text.strip("()[] ") for cell in rows[first] if (text := cell_text(cell))]
        first += len(numbers) > 2 and numbers == [str(number) for number in range(1, len(numbers) + 1)]
    above = [_as_wide(levels, row) for row in rows[max(index - _MOST_LEVELS + len(levels), 0) : index]]
    while above and not _heads([*above[1:], *levels], above[0]):  # below may be headings of groups alone
        del above[0]
    return [*above, *levels], first


def _as_wide(levels: Sequence[Sequence[str]], row: Row) -> list[str]:
    texts = [cell_text(cell) for cell in row[: len(levels[0])]]
    return texts + [""] * (len(levels[0]) - len(texts))


def _filled_up(levels: Sequence[Sequence[str]]) -> list[list[tuple[str, str]]]:
    """Return each label beside the nearest to its left, which stands for it where a heading was merged."""
    nearest: list[Iterable[str]] = [
        accumulate(level, lambda before, label: label or before) for level in levels
    ]
    return [[*zip(level, left, strict=True)] for level, left in zip(levels, nearest, strict=True)]


def _path(column: Sequence[tuple[str, str]]) -> list[str]:
    """Return a column's headings from the highest level down to its own."""
    own = max((level for level, (label, _) in enumerate(column) if label), default=-1)
    return [nearest for _, nearest in column[: own + 1] if nearest]


def _meaning_of_path(path: Sequence[str]) -> str:
    """Return the meaning of the lowest heading: of its own, or with the one above."""
    if not path:
        return ""
    own, above = path[-1], path[-2] if len(path) > 1 else ""
    if meaning_of(above) == Column.BIRTH and (of_day := _PARTS_OF_BIRTH.get(own.lower())) is not None:
        return of_day
    meaning = meaning_of(own)
    if meaning == Column.MIDDLE_NAME and above.lower() == "họ và":  # a heading over two lines
        return Column.FAMILY_NAME
    if not meaning or (meaning == Column.UNIT and meaning_of(above) == PHONE):  # an office's telephone
        meaning = above and (meaning_of(f"{above} {own}") or meaning_of(" ".join(path)))
    return meaning


def _has_figures(row: Sequence[str]) -> bool:
    """Check for figures other than those of headings as "Trước 01/7/2025" and "Di động 1"."""
    labels = (_ORDINAL.sub("", text) if meaning_of(text) == PHONE else text for text in row)
    return any(map(str.isdecimal, _DAY.sub("", " ".join(labels))))


def _divides(levels: Sequence[Sequence[str]], row: Sequence[str]) -> bool:
    """Check whether the row below divides merged headings, as "Năm sinh" into men and women, "Địa chỉ" into places."""
    if _has_figures(row):
        return False
    known, labels = 0, [label for label in row if label]
    columns = zip(*_filled_up([*levels, row]), strict=True)
    for own, column in zip(row, columns, strict=True):
        if not own:
            continue
        meaning, above = _meaning_of_path(_path(column)), column[-2]
        headed = next((label for label, _ in column[-2::-1] if label), "")
        if meaning_of(headed) == Column.NAME and meaning_of(own) not in (*_PARTS_OF_NAME, PHONE):
            return False  # somebody's name
        if not meaning and meaning_of(above[1]) and own.lower() not in _PARTS_OF_BIRTH:
            return False
        known += bool(meaning)
    return known > 0 if len(labels) > 1 else known == 1 and meaning_of(labels[0]) in (PHONE, SENSITIVE)


def _heads(levels: Sequence[Sequence[str]], row: Sequence[str]) -> bool:
    """Check whether the row above has headings for columns that have none below, as a running number over two lines."""
    if sum(map(bool, row)) < 2 or _has_figures(row):
        return False
    if any(map(_has_figures, levels[:-1])):
        return False
    below = zip(*levels, strict=True)
    return any(
        meaning_of(label) in _TALL and not any(column) for label, column in zip(row, below, strict=True)
    )


def _without_sensitive(header: Header, below: Sequence[Row]) -> Header:
    """Return the header with its sensitive columns marked and left out of those that are read."""
    by_heading = {position for position, path in enumerate(header.paths) if is_sensitive_heading(path)}
    # Languages bear the names of peoples, and Thái and Hoa are also personal names.
    named = {header.columns.get(column) for column in (Column.LANGUAGE, *_PARTS_OF_NAME)}
    by_content = {
        position
        for position in range(width_of(below))
        if position not in named and position not in header.phones and _holds_origins(header, below, position)
    }
    sensitive = frozenset(by_heading | by_content)
    return replace(
        header,
        columns={column: at for column, at in header.columns.items() if at not in sensitive},
        phones=tuple(at for at in header.phones if at not in sensitive),
        texts=header.texts - sensitive,
        fields={name: at for name, at in header.fields.items() if at not in sensitive},
        sensitive=sensitive,
    )


def _holds_origins(header: Header, rows: Sequence[Row], position: int) -> bool:
    cells = [cell_at(row, position) for row in rows]
    if is_ethnic_origin(map(cell_text, cells)):
        return True
    label = header.labels[position] if position < len(header.labels) else ""
    return may_be_sensitive_heading(label) and not any(map(is_phone, cells))


def _header_by_content(rows: Sequence[Row]) -> Header | None:
    """Find the header by the cells of its columns, where it is missing or has no known heading."""
    barred: set[int] = set()
    while (phone := guess_phone_column(rows, taken=barred)) is not None:
        first_phone = next(index for index, row in enumerate(rows) if is_phone(cell_at(row, phone)))
        index = next((n for n in range(first_phone) if _may_be_header(rows[n], phone)), -1)
        levels = _levels(rows, index)[0] if index >= 0 else []
        paths = tuple(" ".join(_path(column)) for column in zip(*_filled_up(levels), strict=True))
        labels = tuple(cell_text(cell) for cell in rows[index]) if index >= 0 else ()
        barred |= not_for_phones(labels)
        if phone not in barred:
            break
    else:
        return None
    first = index + 1
    people = _people_of(meanings_by_content(rows[first:]))
    if people:
        numbers = tuple(at for columns in people for at in columns.phones)
        columns = {Column.NAME: people[0].name}
        return Header(labels, first, columns, numbers, people=people, paths=paths, at=index)
    name = guess_name_column(rows[first:])
    worded = sum(any(map(str.isalpha, cell_text(cell_at(row, phone)))) for row in rows[first:])
    texts = frozenset({phone} if 2 * worded > len(rows) - first else ())  # notes: whose numbers, is not known
    columns = read_header(rows, index).columns if index >= 0 else {}
    if name is not None:
        columns = {**columns, Column.NAME: name}
    if index < 0:
        columns |= _parts_of_names(rows)
    return Header(labels, first, columns, (phone,), texts=texts, guessed=bool(texts), paths=paths, at=index)


def _parts_of_names(rows: Sequence[Row]) -> dict[Column, int]:
    """Return the columns of a name in two or three, where no heading says so."""
    texts = {at: [*map(cell_text, filled_cells(rows, at))] for at in range(width_of(rows))}
    filled = [at for at, cells in texts.items() if cells]
    for n, at in enumerate(filled[:-1]):
        given, people = filled[n + 1 : n + 3], len(texts[at])
        if _are_families(texts[at], texts[given[0]]):
            if len(given) > 1 and not _are_given(texts[given[1]], people, most_words=1):
                given.pop()
            if _are_given(texts[given[-1]], people, most_words=1) and _are_given(
                texts[given[0]], 0, most_words=2
            ):
                between = {Column.MIDDLE_NAME: given[0]} if len(given) > 1 else {}
                return {Column.FAMILY_NAME: at, **between, Column.NAME: given[-1]}
    return {}


def _are_families(texts: Sequence[str], beside: Sequence[str]) -> bool:
    """Check for families' names in most cells, alone or cut off ("Nguyễn Thị"); rarer ones are known by "Thị" or "Văn" beside most."""
    middle = sum(unaccented(text).split()[:1] in (["thi"], ["van"]) for text in beside)
    alone = sum(
        " " not in text or _CUT_OFF.search(text) is not None for text in filter(begins_with_family, texts)
    )
    return 2 * middle > len(beside) or 2 * alone > len(texts)


def _are_given(texts: Sequence[str], people: int, *, most_words: int) -> bool:
    """Check for given names, or their first words, of about as many people: words of a name, in most rows, of which many differ."""
    words = [
        text for text in texts if re.sub(r"[ '’.-]", "", text).isalpha() and text.count(" ") < most_words
    ]
    differ = {text for text in map(unaccented, words) if text not in _NO_NAMES and not meaning_of(text)}
    return 4 * len(words) >= 3 * max(len(texts), people) and 3 * len(differ) >= people and bool(differ)


def _header_of_names(rows: Sequence[Row]) -> Header | None:
    """Find a row with a heading for names and others that are unknown: the user may name those."""
    for index, row in enumerate(rows):
        labels = [*filter(None, map(cell_text, row))]
        if len(labels) > 1 and Column.NAME in map(meaning_of, labels):
            return read_header(rows, index)
    return None


def _may_be_header(row: Row, phone: int) -> bool:
    """Check for words without digits, with a heading over the phones that does not mean "no phone"."""
    texts = [text for cell in row if (text := cell_text(cell))]
    figures = any(letter.isdecimal() for text in texts for letter in text)
    over_phones = cell_at(row, phone)
    in_words = read_phone_cell(over_phones).reason is Reason.MISSING and cell_text(over_phones) != ""
    return len(texts) > 1 and not figures and in_words


def _holds_a_number(label: str) -> bool:
    return sum(letter.isdecimal() for letter in label) >= 6

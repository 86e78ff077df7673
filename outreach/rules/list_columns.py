"""Columns of a contact list: the header row, the meaning of each column, and cells as text. Pure.

The header row may stand below titles. It is found by the words that organisations use in headings; where these are
unknown, a column is recognised by its cells (phones, names).

Columns with ethnic origin or religion are never read: see `sensitive_columns`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum

from outreach.rules.cells import Row, cell_at, cell_text
from outreach.rules.errors import BadList, LoaError, NoPhoneColumn
from outreach.rules.kept_values import MOST_FIELDS, PREFIX, field_of, field_of_heading
from outreach.rules.people_beside import PersonColumns, begins_with_family, find_people_columns
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.phone_numbers import PhoneStatus, Reason, mentions_identity_paper, unaccented
from outreach.rules.phone_texts import has_numbers_in_text
from outreach.rules.sensitive_columns import (
    is_ethnic_origin,
    is_sensitive_heading,
    may_be_sensitive_heading,
)

ROWS_SEARCHED = 40  # titles, header and enough people to recognise a phone column by its cells
ROWS_OF_TABLE = 12  # of a further table, to recognise its columns
NO_HEADER = -1  # the list has no header row


class Column(StrEnum):
    """Meaning of a column; phone columns are not among them, as there may be several (see PHONE)."""

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
    CORRECTS = "corrects"  # in a file that we exported for correction: the row of an earlier import


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

    def is_repeated_in(self, row: Row) -> bool:
        """Check whether this row is the header again, as at the top of a printed page."""
        for position in self.phones:  # decides for most rows
            if (
                position >= min(len(row), len(self.labels))
                or cell_text(row[position]) != self.labels[position]
            ):
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
    rows: Sequence[Row],
    corrected: Mapping[str, Mapping[str, str]] | None = None,
    *,
    at: int | None = None,
) -> Header | None:
    """Find the header among a sheet's first rows. Returns None if the sheet is no list of people.

    `corrected` holds columns that a user named, by the header's signature; `at` is the header row that a user chose,
    from 0, or NO_HEADER. In the result, `phones` is empty where no column with phone numbers was found. Raises BadList
    when the header has too many columns.
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
        raise BadList("too_many_columns", most=MOST_COLUMNS)
    if corrected and header.signature in corrected:
        header = header.corrected(corrected[header.signature])
    elif not header.phones:
        taken = {*header.columns.values(), *header.fields.values(), *_not_for_phones(header.labels)}
        phone = guess_phone_column(rows[header.first_row :], taken=taken)
        header = _with_numbers_in_texts(header, rows) if phone is None else replace(header, phones=(phone,))
    elif not any(is_phone(cell_at(row, at)) for row in rows[header.first_row :] for at in header.phones):
        found = _with_numbers_in_texts(header, rows)  # the column for numbers was left empty
        header = replace(found, phones=tuple(sorted({*header.phones, *found.phones})))
    return _without_sensitive(_with_names(header, rows), rows)


def _with_names(header: Header, rows: Sequence[Row]) -> Header:
    """Return the header with the column of names, found by its cells where no heading names it."""
    if Column.NAME in header.columns or not header.phones or not header.labels:
        return header
    taken = {at for at, label in enumerate(header.labels) if meaning_of(label)} | set(header.phones)
    name = guess_name_column(rows[header.first_row :], taken)
    return header if name is None else replace(header, columns={**header.columns, Column.NAME: name})


def _not_for_phones(labels: Sequence[str]) -> set[int]:
    """Return the columns headed as papers, accounts or old numbers."""
    headed = enumerate(labels)
    return {at for at, label in headed if meaning_of(label) == SENSITIVE or mentions_identity_paper(label)}


def _people_of(meanings: Sequence[str]) -> tuple[PersonColumns, ...]:
    return find_people_columns(meanings, name=Column.NAME, phone=PHONE, number=Column.STT, birth=Column.BIRTH)


def _with_numbers_in_texts(header: Header, rows: Sequence[Row]) -> Header:
    """Return the header with the columns whose texts hold numbers, if it names people."""
    if Column.NAME not in header.columns:
        return header
    below = rows[header.first_row :]
    width = min(max(map(len, below), default=0), MOST_COLUMNS)
    found = [
        position
        for position in range(width)
        if has_numbers_in_text([text for row in below if (text := cell_text(cell_at(row, position)))])
    ]
    return replace(header, phones=tuple(found), texts=frozenset(found), guessed=bool(found))


def begins_table(row: Row) -> bool:
    """Check whether a further table begins with this row: headings for phones, and for names or running numbers."""
    labels = [label for cell in row if (label := cell_text(cell))]
    known = [meaning_of(label) for label in labels]
    is_named = Column.NAME in known or (len(known) > 2 and known[0] == Column.STT)
    return is_named and PHONE in known and not any(map(_holds_a_number, labels))


def find_next_header(rows: Sequence[Row]) -> Header:
    """Return the header of a further table: its first row is that of the headings, others follow."""
    return _without_sensitive(_with_names(_read_header(rows, 0), rows), rows)


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
        labels = tuple(cell_text(cell) for cell in row)
        if any(_holds_a_number(label) for label in labels):
            continue
        known = {meaning for label in labels if (meaning := meaning_of(label))} - {SENSITIVE}
        alone = known == {PHONE} and sum(map(bool, labels)) == 1 and len("".join(labels)) <= 20
        is_header = bool(known & {PHONE, Column.NAME}) and (len(known) >= 2 or (alone and best is None))
        if known >= {PHONE, Column.NAME}:  # further down may be a further table with more headings
            return _read_header(rows, index)
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
    fields: dict[str, int] = {}
    for position, meaning in enumerate(meanings):
        if name := field_of(meaning):
            fields.setdefault(name, position)
    if len(fields) > MOST_FIELDS:
        raise BadList("list_fields_many", most=MOST_FIELDS)
    phones = tuple(position for position, meaning in enumerate(meanings) if meaning == PHONE)
    people = _people_of(meanings)
    if people:
        columns[Column.NAME] = people[0].name
        if columns.get(Column.FAMILY_NAME) != people[0].name - 1:
            columns.pop(Column.FAMILY_NAME, None)  # the pupil's, where the people are the parents
    return Header(tuple(labels), first, columns, phones, people=people, fields=fields)


def _without_sensitive(header: Header, rows: Sequence[Row]) -> Header:
    """Return the header with its sensitive columns marked and left out of those that are read."""
    by_heading = _headed_as_sensitive(header, rows)
    # Languages bear the names of peoples, and Thái and Hoa are also personal names.
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
        texts=header.texts - sensitive,
        fields={name: at for name, at in header.fields.items() if at not in sensitive},
        sensitive=sensitive,
    )


def _headed_as_sensitive(header: Header, rows: Sequence[Row]) -> set[int]:
    """Return columns that are sensitive by their heading or by the row above or below it."""
    sensitive = {position for position, label in enumerate(header.labels) if is_sensitive_heading(label)}
    at = next((n for n, row in enumerate(rows) if tuple(map(cell_text, row)) == header.labels), None)
    if at is None:
        return sensitive
    above = ""
    for position, (label, part) in enumerate(
        zip(header.labels, _header_line(rows, at + 1, header), strict=True)
    ):
        above = label or above
        if part and is_sensitive_heading(f"{above} {part}"):
            sensitive.add(position)
    first_line = _header_line(rows, at - 1, header)
    known = {*header.columns.values(), *header.phones}
    if sum(map(bool, first_line)) > 1:
        sensitive |= {
            n for n, label in enumerate(first_line) if is_sensitive_heading(label) and n not in known
        }
    return sensitive


def _header_line(rows: Sequence[Row], index: int, header: Header) -> list[str]:
    """Return the texts of the row above or below the headings; blank if it holds digits: a person's row."""
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
    """Return the meanings if the row below divides merged headings, else None.

    Examples: "Năm sinh" into men and women, "Địa chỉ" into places.
    """
    below = [cell_text(cell) for cell in row[: len(labels)]]
    below += [""] * (len(labels) - len(below))
    if sum(map(bool, below)) < 2 or any(letter.isdecimal() for label in below for letter in label):
        return None
    divided, above = [], ""
    for label, meaning, part in zip(labels, meanings, below, strict=True):
        above = label or above
        combined = meaning if not part else meaning_of(part) or meaning_of(f"{above} {part}")
        if part and (meaning == Column.NAME or (not combined and meaning_of(above))):
            return None
        if combined == Column.BIRTH and part:
            combined = Column.BIRTH_OF_WOMEN if unaccented(part) == "nu" else Column.BIRTH_OF_MEN
        divided.append(combined)
    return divided


def _numbers_the_columns(row: Row) -> bool:
    """Check for the line (1) (2) (3) … under a header."""
    numbers = [text.strip("()[] ") for cell in row if (text := cell_text(cell))]
    return len(numbers) > 2 and numbers == [str(number) for number in range(1, len(numbers) + 1)]


def _header_by_content(rows: Sequence[Row]) -> Header | None:
    """Find the header by the cells of its columns, where it is missing or has no known heading."""
    barred: set[int] = set()
    while (phone := guess_phone_column(rows, taken=barred)) is not None:
        first_phone = next(index for index, row in enumerate(rows) if is_phone(cell_at(row, phone)))
        index = next((n for n in range(first_phone) if _may_be_header(rows[n], phone)), -1)
        labels = tuple(cell_text(cell) for cell in rows[index]) if index >= 0 else ()
        barred |= _not_for_phones(labels)
        if phone not in barred:
            break
    else:
        return None
    first = index + 1
    people = _people_of(_meanings_by_content(rows[first:]))
    if people:
        numbers = tuple(at for columns in people for at in columns.phones)
        return Header(labels, first, {Column.NAME: people[0].name}, numbers, people=people)
    name = guess_name_column(rows[first:])
    worded = sum(any(map(str.isalpha, cell_text(cell_at(row, phone)))) for row in rows[first:])
    texts = frozenset({phone} if 2 * worded > len(rows) - first else ())  # notes: whose numbers, is not known
    columns = {} if name is None else {Column.NAME: name}
    return Header(labels, first, columns, (phone,), texts=texts, guessed=bool(texts))


def _meanings_by_content(rows: Sequence[Row]) -> list[str]:
    """Return what most cells of each column are: names of people, numbers, or something else ("")."""
    meanings = []
    for position in range(min(max(map(len, rows), default=0), MOST_COLUMNS)):
        cells = [cell for row in rows if cell_text(cell := cell_at(row, position))]
        named = sum(" " in text and begins_with_family(text) for text in map(cell_text, cells))
        phones = sum(map(is_phone, cells))
        meanings.append(
            PHONE if 2 * phones > len(cells) else str(Column.NAME) if 2 * named > len(cells) else ""
        )
    return meanings


def _header_of_names(rows: Sequence[Row]) -> Header | None:
    """Find a row with a heading for names and others that are unknown: the user may name those."""
    for index, row in enumerate(rows):
        labels = [cell_text(cell) for cell in row]
        if sum(map(bool, labels)) > 1 and any(meaning_of(label) == Column.NAME for label in labels):
            return _read_header(rows, index)
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


LONGEST_LABEL = 60


PHONE = "phone"
SENSITIVE = "not read"
# The first match decides: "Điện thoại thông minh" is no phone number, "Tên chi hội" no person's name.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (meaning, re.compile(pattern))
    for meaning, pattern in (
        (Column.CORRECTS, r"^ma dong(?: giu nguyen)?$"),
        (Column.SMARTPHONE, r"\bsmart ?phone\b|\bthong minh\b|\bdttm\b"),
        (SENSITIVE, r"\bco (?:dt|sdt|dien thoai)\b|\bloai (?:dt|dien thoai)\b"),
        (
            SENSITIVE,  # "SĐT cũ": not to be texted
            r"^(?!.*\bmoi\b).*(?:\bso|may|dt|dtdd|dien thoai|di dong|phone|mobile)"
            r" (?:di dong )?(?:cu(?! (?:dan|tru))|sai|hong|truoc (?:day|kia)|(?:khong|ko) (?:con )?(?:dung|su dung|lien lac))\b",
        ),
        (
            PHONE,
            r"\b(?:sdt|dtdd|sddd|telephone|tel|phone|mobile|dien thoai|di dong|so dt|so may|dt lien (?:he|lac))\b",
        ),
        (Column.FAMILY_NAME, r"^ho$|^ho (?:va )?(?:ten |chu )?(?:dem|lot|lot dem)$"),
        (Column.UNIT, r"\bten (?:chi|to|don vi|co quan|hoi)\b(?! vien)"),
        (
            Column.NAME,
            r"\bho (?:va |,? ?chu dem (?:va |, ?)?)?ten\b|\bhoten\b|\bfull ?name\b|^(?:ten|name)$"
            r"|^ten .*(?:vien|nguoi|dan|bo)\b|^ten (?:vo|chong|cha|me|chu ho)\b|^(?:nguoi )?dai dien(?: ho)?$|^chu ho$",
        ),
        (Column.NAME, r"^(?:hoi|doan) vien$"),
        (Column.BIRTH_OF_MEN, r"\bnam sinh (?:cua )?nam$"),
        (Column.BIRTH_OF_WOMEN, r"\bnam sinh (?:cua )?nu$"),
        (Column.BIRTH, r"\bnam sinh\b|\bngay sinh\b|\bsinh (?:nam|ngay)\b|\bntns\b|^ns$|\bbirth"),
        (Column.SEX, r"\bgioi tinh\b|^gioi$|^gt$|^phai$|^nam nu$|\bsex\b|\bgender\b"),
        (Column.NOTE, r"\bghi chu\b|\bnotes?\b|^gc$|^g\. ?chu$|^tinh trang$"),
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

# The heading for each meaning, used where the file's own is not recognised.
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
    """Return the meaning of a heading: a `Column`, PHONE, SENSITIVE, a field's, or "" if it is unknown."""
    if not label or len(label) > LONGEST_LABEL:
        return ""
    if field := field_of_heading(label):
        return field
    if is_sensitive_heading(label):
        return SENSITIVE
    words = unaccented(label)
    if re.search(r"\bđ\.?t\b", label.lower()):  # without the stroke, "dt" is as likely "dân tộc"
        words += " dien thoai"
    if label.strip().lower() == "hộ":  # a household, not "họ", the family's name
        return ""
    return next((meaning for meaning, pattern in _LABELS if pattern.search(words)), "")


MOST_COLUMNS = 200


def guess_phone_column(rows: Sequence[Row], *, taken: Set[int]) -> int | None:
    """Return the column of which most filled cells hold a phone number, or None."""
    best, most = None, 0
    for position in range(min(max(map(len, rows), default=0), MOST_COLUMNS)):
        filled = [cell for row in rows if cell_text(cell := cell_at(row, position))]
        phones = sum(map(is_phone, filled))
        if position not in taken and phones > most and 2 * phones > len(filled):
            best, most = position, phones
    return best


def guess_name_column(rows: Sequence[Row], taken: Set[int] = frozenset()) -> int | None:
    """Return the column with most cells of several words without digits (not ethnic origins), or None.

    A cell that begins with a family name counts twice: firms and villages are words, too.
    """
    names = [0] * min(max(map(len, rows), default=0), MOST_COLUMNS)
    for row in rows:
        for position, cell in enumerate(row[: len(names)]):
            text = cell_text(cell)
            if position not in taken and " " in text and not any(letter.isdecimal() for letter in text):
                names[position] += 2 if begins_with_family(text) else 1
    for position in range(len(names)):
        if names[position] and is_ethnic_origin(cell_text(cell_at(row, position)) for row in rows):
            names[position] = 0
    return names.index(max(names)) if any(names) else None


def is_phone(cell: object) -> bool:
    """Check whether the cell holds a number that may be texted, at once or after review."""
    return read_phone_cell(cell).status is not PhoneStatus.REJECT

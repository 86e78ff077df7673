"""Which rows of a table are people, and which are titles, sums, remarks and signatures. Pure."""

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import lru_cache

from outreach.rules.cells import Row, cell_at, cell_text
from outreach.rules.column_cells import is_phone
from outreach.rules.list_columns import Header
from outreach.rules.list_labels import PHONE, Column, meaning_of
from outreach.rules.people_beside import begins_with_family, plain_name
from outreach.rules.phone_cells import read_phone_cell
from outreach.rules.phone_numbers import PhoneStatus, unaccented

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
    r".*\b(?:giấu|không ghi|không rõ) tên$|(?:còn |bỏ )?trống$|test\b|khuyết$|(?:ẩn|nặc) danh$", re.IGNORECASE
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
    if not number and not others and Column.STT in header.columns and len(header.columns) > 2:
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

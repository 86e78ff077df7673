"""What the headings of a list mean, by the words that organisations use. Pure.

Ethnic origin is never read: it is sensitive, and the language to write in is what a campaign needs.
"""

import re
from enum import StrEnum

from outreach.people.phone.words import unaccented
from outreach.people.reading.sensitive import is_sensitive_heading

LONGEST_LABEL = 60


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


PHONE = "phone"
NOT_READ = "not read"

# The first that fits decides: "Điện thoại thông minh" is no phone number, "Tên chi hội" no person's name.
_LABELS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (meaning, re.compile(pattern))
    for meaning, pattern in (
        (Column.CORRECTS, r"^ma dong(?: giu nguyen)?$"),
        (Column.SMARTPHONE, r"\bsmart ?phone\b|\bthong minh\b|\bdttm\b"),
        (NOT_READ, r"\bco (?:dt|sdt|dien thoai)\b|\bloai (?:dt|dien thoai)\b"),
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
        return NOT_READ
    words = unaccented(label)
    if re.search(r"\bđ\.?t\b", label.lower()):  # without its stroke it is as likely "dân tộc"
        words += " dien thoai"
    return next((meaning for meaning, pattern in _LABELS if pattern.search(words)), "")

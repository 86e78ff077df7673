"""Words of headings: what each column of a contact list means. Pure."""

import re
from enum import StrEnum

from outreach.rules.kept_values import field_of_heading, is_sensitive_heading
from outreach.rules.phone_numbers import unaccented


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
_STROKED = re.compile(r"\bđ\.?t\d?\b|\bd\.?đ\b")
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
            r"|^(?:so )?lien (?:lac|he) cua (?!.*\bai\b)|^(?:(?:so|mang|sim) )?(?:viettel|vina|mobi|vietnamobile|gmobile|itel)|^so (?:khac|zalo|lien lac|thue bao)$|^(?:dau so|ma mang|thue bao)$",
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
            r"^(?:hoi|doan|hoc|dang|xa) vien$|^(?:nguoi (?:cham soc|nuoi duong|giam ho)|phu huynh|phhs|cha me|bo me|cha hoac me)$"
            r"|^(?:ten )?(?:dong chi|khach(?: hang| moi)?|phat tu|tieu thuong|ho dung nuoc|benh nhan|nguoi benh|ba me|thai phu|san phu)$",
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
    return next((meaning for meaning, pattern in _LABELS if pattern.search(words)), "")

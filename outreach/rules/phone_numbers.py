"""One run of digits as a Vietnamese number, and the words around it in a phone cell. Pure.

`phonenumbers` decides what a valid mobile or landline is. What it does not know is added here: the 11-digit
numbers converted on 15/9/2018, zeros that a spreadsheet dropped, identity numbers, made-up numbers.

Also here: the result of a phone cell (status, reason, warnings), and the words in a cell that mean "no phone" or make
its number doubtful.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

# Old prefix to new without the trunk 0; the last seven digits stay (the conversion of 15/9/2018).
NEW_PREFIX = {
    **{"120": "70", "121": "79", "122": "77", "126": "76", "128": "78"},  # MobiFone
    **{"123": "83", "124": "84", "125": "85", "127": "81", "129": "82"},  # VinaPhone
    **{"162": "32", "163": "33", "164": "34", "165": "35"},  # Viettel
    **{"166": "36", "167": "37", "168": "38", "169": "39"},
    **{"186": "56", "188": "58"},  # Vietnamobile
    "199": "59",  # Gmobile
}
LONGEST = 15  # digits of an international number (E.164)
_ALL_THE_SAME = re.compile(r"0+|(\d)\1{3,}")
_SAME_TAIL = 7
_SAME_PAIRS = re.compile(r"0?(\d\d)\1{3,}\d?")
_COUNTING = "012345678901234567890"
EIGHT_IN_A_ROW = {
    line[start : start + 8] for line in (_COUNTING, _COUNTING[::-1]) for start in range(len(line) - 7)
}
_SIX_IN_A_ROW = {each[start : start + 6] for each in EIGHT_IN_A_ROW for start in range(3)}
_SERVICE = re.compile(r"1\d\d|10\d\d|1[89]00\d{4,6}")
_CITIZEN_ID = re.compile(r"0(?:0[1-9]|[1-8]\d|9[0-6])[0-3]\d{8}")  # province, century and sex, year, serial
_LOST_DIGITS = "000000"
# Area codes of three digits until 2017, with a subscriber's seven.
_FORMER_LANDLINE = re.compile(r"(?:2[348][01]|32[01]|35[01]|50[01]|51[01]|65[01]|71[01]|78[01])[2-8]\d{6}")
_VIETNAM: Any = phonenumbers.PhoneMetadata.metadata_for_region("VN")
_MOBILE = re.compile(_VIETNAM.mobile.national_number_pattern)


class NumberKind(Enum):
    MOBILE = auto()
    LANDLINE = auto()
    DOUBTFUL = auto()  # perhaps a mobile: an officer decides
    NOTHING = auto()


class Reason(StrEnum):
    """Reason why a cell is not OK. The last five lead to review, the others to rejection."""

    MISSING = "missing"
    NO_PHONE_STATED = "no_phone_stated"
    PLACEHOLDER = "placeholder"
    DITTO = "ditto"
    SPREADSHEET_ERROR = "spreadsheet_error"
    DATE_LIKE = "date_like"
    LOSSY_SCIENTIFIC = "lossy_scientific"
    ID_NUMBER = "id_number"
    SERVICE_NUMBER = "service_number"
    FOREIGN_NUMBER = "foreign_number"
    LANDLINE = "landline"
    INVALID_PREFIX = "invalid_prefix"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NO_VALID_NUMBER = "no_valid_number"
    LETTER_SUBSTITUTION = "letter_substitution"
    SECOND_NUMBER_TOO_SHORT = "second_number_too_short"
    CONCATENATED_NUMBERS = "concatenated_numbers"
    UNPARSED_REMAINDER = "unparsed_remainder"
    TWO_PEOPLE = "two_people"


@dataclass(frozen=True, slots=True)
class ParsedNumber:
    """Result for a run of digits. `e164` is set for MOBILE and DOUBTFUL, `reason` for all but MOBILE."""

    kind: NumberKind
    e164: str = ""
    reason: Reason | None = None
    legacy: bool = False
    zero_restored: bool = False

    @property
    def warnings(self) -> set[PhoneWarning]:
        warnings = set()
        if self.legacy:
            warnings.add(PhoneWarning.LEGACY_CONVERTED)
        if self.zero_restored:
            warnings.add(PhoneWarning.ZERO_RESTORED)
        return warnings


_LANDLINE = ParsedNumber(NumberKind.LANDLINE, reason=Reason.LANDLINE)


def read_digits(digits: str, *, international: bool = False) -> ParsedNumber:
    """Read ASCII digits as one number; `international` if there was a + before them."""
    if is_made_up(digits):
        return _nothing(Reason.PLACEHOLDER)
    if international or digits.startswith("00"):
        return _read_international(digits, plus=international)
    if digits.startswith("84") and 10 <= len(digits) <= 13:
        return _read_national(digits[2:].removeprefix("0"))
    if _SERVICE.fullmatch(digits):
        return _nothing(Reason.SERVICE_NUMBER)
    if digits.startswith("0"):
        if digits.startswith("084") and len(digits) == 12 and is_mobile(digits[3:]):
            # "+84" typed as "084", or an identity number of Trà Vinh (084): an officer decides.
            return ParsedNumber(NumberKind.DOUBTFUL, f"+{digits[1:]}", Reason.UNPARSED_REMAINDER)
        if _CITIZEN_ID.fullmatch(digits):
            return _nothing(Reason.ID_NUMBER)
        return _read_national(digits[1:])
    return _read_without_zero(digits)


def is_mobile(national: str) -> bool:
    """Check for a valid mobile number of Vietnam; `national` is without the trunk 0."""
    # libphonenumber also lists a few nine-digit machine ranges beginning with 1, which no person holds.
    # Its own pattern is used directly, as a list needs it a million times; a test compares the two.
    return len(national) == 9 and national[0] in "35789" and _MOBILE.fullmatch(national) is not None


def read_common_mobile(text: str) -> str:
    """Return a number as most lists have it, 0905000123, in E.164; "" for any other text, also for one that may be made up.

    It says of a number what `read_digits` says at ten times the cost.
    """
    # Eight in a row have these six; where seven digits or four pairs are the same, there are no more than four digits.
    if (
        len(text) == 10
        and text[0] == "0"
        and text.isascii()
        and text.isdigit()
        and text[2:8] not in _SIX_IN_A_ROW
        and len(set(text)) > 4
        and is_mobile(text[1:])
    ):
        return f"+84{text[1:]}"
    return ""


def is_made_up(digits: str) -> bool:
    """Check for one digit or pair repeated, or eight counting up or down, as typed into required cells."""
    if len(set(digits)) <= 3 and (_ALL_THE_SAME.fullmatch(digits) or _SAME_PAIRS.fullmatch(digits)):
        return True
    if digits and digits[-_SAME_TAIL:] == digits[-1] * _SAME_TAIL:
        return True
    for start in range(len(digits) - 7):  # noqa: SIM110 - runs twice for every number
        if digits[start : start + 8] in EIGHT_IN_A_ROW:
            return True
    return False


def split_concatenated(digits: str) -> tuple[ParsedNumber, ...]:
    """Split numbers written without a separator; empty unless there is exactly one valid way.

    Each must begin with 0 or 84; of numbers without their zero, only two of nine digits are accepted.
    """
    if not 18 <= len(digits) <= 40:
        return ()
    ways = list(_ways_to_split(digits))
    if not ways and len(digits) == 18:
        halves = (read_digits(digits[:9]), read_digits(digits[9:]))
        ways = [halves] if all(half.kind is NumberKind.MOBILE for half in halves) else []
    return ways[0] if len(ways) == 1 else ()


def _ways_to_split(digits: str) -> list[tuple[ParsedNumber, ...]]:
    if not digits:
        return [()]
    if not digits.startswith(("0", "84")):
        return []
    ways = []
    for length in range(10, min(14, len(digits)) + 1):
        first = read_digits(digits[:length])
        if first.kind in (NumberKind.MOBILE, NumberKind.LANDLINE):
            ways += [(first, *rest) for rest in _ways_to_split(digits[length:])]
    return ways


def _read_international(digits: str, *, plus: bool) -> ParsedNumber:
    body = digits.removeprefix("00")
    if body.startswith("84"):
        return _read_national(body[2:].removeprefix("0"))
    if plus and body.startswith("0"):  # a + before a national number: no country code begins with 0
        return _read_national(body[1:])
    if not plus and is_mobile(body):
        return _nothing(Reason.TOO_LONG)  # the trunk zero typed twice
    return _nothing(Reason.FOREIGN_NUMBER if len(body) > 7 else Reason.TOO_SHORT)


def _read_without_zero(digits: str) -> ParsedNumber:
    if len(digits) == 9 and digits[0] in "12":
        # No phone number without its zero begins so; identity cards of nine digits do (Kon Tum: 233).
        return _nothing(Reason.ID_NUMBER)
    if len(digits) == 11 and _CITIZEN_ID.fullmatch(f"0{digits}"):
        return _nothing(Reason.ID_NUMBER)
    if 11 <= len(digits) <= LONGEST and _is_foreign(digits):
        return _nothing(Reason.FOREIGN_NUMBER)
    if len(digits) == 10 and digits[:3] not in NEW_PREFIX and digits[0] != "2":
        return _nothing(Reason.TOO_LONG if is_mobile(digits[:9]) else Reason.INVALID_PREFIX)
    number = _read_national(digits)
    if number.kind is not NumberKind.MOBILE:
        return number
    if digits.endswith(_LOST_DIGITS):  # 9.05E+08, opened and saved again as a number
        return _nothing(Reason.LOSSY_SCIENTIFIC)
    return replace(number, zero_restored=True)


def _read_national(national: str) -> ParsedNumber:
    """Read what follows the trunk 0 or the country code."""
    if is_made_up(national):
        return _nothing(Reason.PLACEHOLDER)
    if is_mobile(national):
        return ParsedNumber(NumberKind.MOBILE, f"+84{national}")
    if len(national) == 10:
        return _read_ten(national)
    if len(national) == 9:
        # Area codes until 2017 (060 Kon Tum, 061 to 068, 04 Hà Nội), or of today a digit short: no mobile either way.
        if national[0] in "246":
            return _LANDLINE
        return _nothing(Reason.TOO_SHORT if national[:3] in NEW_PREFIX else Reason.INVALID_PREFIX)
    return _nothing(Reason.TOO_SHORT if len(national) < 9 else Reason.TOO_LONG)


def _read_ten(national: str) -> ParsedNumber:
    new_prefix = NEW_PREFIX.get(national[:3])
    if new_prefix and is_mobile(new_prefix + national[3:]):
        return ParsedNumber(NumberKind.MOBILE, f"+84{new_prefix}{national[3:]}", legacy=True)
    number = phonenumbers.PhoneNumber(country_code=84, national_number=int(national))
    is_landline = phonenumbers.number_type(number) == PhoneNumberType.FIXED_LINE
    if is_landline or _FORMER_LANDLINE.fullmatch(national):
        return _LANDLINE
    return _nothing(Reason.TOO_LONG if is_mobile(national[:9]) else Reason.INVALID_PREFIX)


def _is_foreign(digits: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return False


def _nothing(reason: Reason) -> ParsedNumber:
    return ParsedNumber(NumberKind.NOTHING, reason=reason)


class PhoneStatus(StrEnum):
    """Status of a phone cell: may be texted, needs an officer's decision, or has no number to text."""

    OK = "ok"
    REVIEW = "review"
    REJECT = "reject"


class PhoneWarning(StrEnum):
    """Correction or omission made while reading a cell, in the order of display."""

    LEGACY_CONVERTED = "legacy_converted"
    ZERO_RESTORED = "zero_restored"
    SCIENTIFIC_EXACT = "scientific_exact"
    MULTIPLE_NUMBERS = "multiple_numbers"
    SAME_NUMBER_TWICE = "same_number_twice"
    TEXT_PRESENT = "text_present"
    LANDLINE_DROPPED = "landline_dropped"
    STRUCK_THROUGH = "struck_through"


@dataclass(frozen=True, slots=True)
class PhoneCell:
    """Result for a phone cell. `numbers` are E.164 mobiles in the order written, each once."""

    status: PhoneStatus
    numbers: tuple[str, ...] = ()
    reason: Reason | None = None
    warnings: tuple[PhoneWarning, ...] = ()


def reject(reason: Reason) -> PhoneCell:
    """Return the result for a cell without a number to text."""
    return PhoneCell(PhoneStatus.REJECT, reason=reason)


_SPREADSHEET_ERROR = re.compile(
    r"#(?:n/a|ref!|value!|name\?|div/0!|num!|null!|spill!|calc!|error!|#+)|err:\d+", re.IGNORECASE
)
_DITTO_MARK = re.compile(r"[\s\-.,]*(?:[\"“”„‟〃]|''|′′|,,|``)[\s\-.,\"“”„‟〃'′`]*")
_DITTO = {"nt", "n t", "ntr", "nt tren", "nhu tren", "giong tren", "tuong tu", "tuong tu tren", "ditto"}
_NO = r"(?:khong|khog|khong he|ko|kh|khg|kg|hong|hok|k|chua|chang|0)"
_NO_PHONE = re.compile(
    rf"^{_NO}$"
    rf"|^{_NO}(?: \w+)? (?:co|dung|su dung|sd|xai|mua|sam|lap|biet|nho)\b"
    rf"|\b{_NO} (?:(?:co|dung|su dung|sd|xai|xin|hoi|cho|biet|nho|lay)(?: duoc)? )?(?:dien thoai|dt|dtdd|sdt|so|may|phone|mobile)\b"
    r"|\b(?:mat|hong|hu) (?:dien thoai|dt|may)\b|^no(?: phone)?$"
)
_CLOCK = r"(?:[ T]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
_DAY_FIRST = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4}|\d\d)" + _CLOCK)
_YEAR_FIRST = re.compile(r"(\d{4})[/.\-](\d{1,2})[/.\-](\d{1,2})" + _CLOCK)
_MONTH_AND_YEAR = re.compile(r"(\d{1,2})[/.\-](\d{4})")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|thg ?\d{1,2})[a-z]*"
_DATE_IN_WORDS = re.compile(
    rf"\d{{1,2}}[\-/ ]{_MONTH}(?:[\-/ ]\d{{2,4}})?|{_MONTH}[\-/ ]\d{{2,4}}", re.IGNORECASE
)
# An hour, or the ordinal in a label: digits that are no phone number.
HOUR_OR_LABEL = re.compile(
    r"(?<!\d)\d{1,2} ?(?:h|g|giờ)(?: ?\d\d(?!\d))?(?![^\W\d_])"
    r"|\b(?:sđt|sdt|đtdđ|đt|dt|số|so|sim|tel|máy) ?\.?[1-3] ?[:).](?= |0|\+)",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\?|[-=]>|→|\b(?:cũ|nhầm|hỏng|hư|sai|mất|chết|ngừng|thu hồi|khóa|khoá|bỏ|(?<!hay )tắt|thuê bao|dùng chung|(?:đã|bị) (?:cắt|đổi))\b"
    r"|(?<=\d)[x*](?!\d)|\b(?:không|ko|k) (?:gọi )?được(?! thì)"
)
_DOUBT_UNACCENTED = re.compile(
    r"\b(?:sai so|so sai|so cu|nham so|doi so|bo so|khoa may|(?:khong|ko|k) phai|(?:doi|chuyen|thay) (?:thanh|sang|bang)"
    r"|(?:khong|ko|k) (?:con )?(?:dung|su dung)|(?:khong|ko|k|chua) (?:lien lac|goi|lien he|chac|ro|dung nua|xac minh|kiem tra))\b"
)
_IDENTITY = re.compile(r"\b(?:cmnd|cmtnd|cccd|can cuoc|chung minh|ho chieu|bhyt|bhxh|s?tk|tai khoan|mst)\b")


def clean(text: str) -> str:
    """Return the text in NFKC with ASCII digits and dashes, without invisible characters."""
    if text.isascii() and text.isprintable():
        return text.strip()
    # Footnote marks (²) and the letters of old fonts that look like them (tho¹i) are no digits of a number.
    plain = "".join(" " if unicodedata.category(letter) == "No" else letter for letter in text)
    cleaned = []
    for letter in unicodedata.normalize("NFKC", plain):
        kind = unicodedata.category(letter)
        if kind == "Nd":
            cleaned.append(str(unicodedata.decimal(letter)))
        elif kind == "Pd" or letter == "−":
            cleaned.append("-")
        elif kind in ("Zl", "Zp") or letter in "\r\n\v\f":
            cleaned.append("\n")
        elif kind in ("Zs", "Cc"):
            cleaned.append(" ")
        elif kind not in ("Cf", "Mn", "Me"):
            cleaned.append(letter)
    return "".join(cleaned).strip()


def local_number(e164: str) -> str:
    """Return a Vietnamese number as people write it, with 0 for +84; anything else as it is."""
    return e164.replace("+84", "0", 1)


def unaccented(text: str) -> str:
    """Return the words in lower case without accents, separated by one space, for comparisons."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", bare))


def rejection_reason(text: str) -> Reason | None:
    """Return why the whole cell is no number (an error, a date, only words), or None if it may be one."""
    if _SPREADSHEET_ERROR.fullmatch(text):
        return Reason.SPREADSHEET_ERROR
    if is_ditto(text):
        return Reason.DITTO
    if _is_date(text) or _DATE_IN_WORDS.fullmatch(text):
        return Reason.DATE_LIKE
    if any(letter.isdigit() for letter in text):
        return None
    words = unaccented(text)
    return Reason.NO_PHONE_STATED if states_no_phone(words) else Reason.MISSING


def is_ditto(text: str) -> bool:
    """Check whether the cell means "as above": nt, như trên, or a ditto mark."""
    return _DITTO_MARK.fullmatch(text) is not None or (len(text) < 20 and unaccented(text) in _DITTO)


def states_no_phone(words: str) -> bool:
    """Check whether these unaccented words mean that the person has no phone."""
    return _NO_PHONE.search(words) is not None


def is_doubtful(text: str) -> bool:
    """Check whether the text says that the number is old, wrong, out of service or unsure."""
    return bool(_DOUBT.search(text.lower()) or _DOUBT_UNACCENTED.search(unaccented(text)))


def mentions_identity_paper(text: str) -> bool:
    """Check whether the cell names an identity card, insurance card or bank account."""
    return _IDENTITY.search(unaccented(text)) is not None


def _is_date(text: str) -> bool:
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year = (int(part) for part in match.groups())
    elif match := _YEAR_FIRST.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
    elif match := _MONTH_AND_YEAR.fullmatch(text):
        day, month, year = 1, *(int(part) for part in match.groups())
    else:
        return False
    in_calendar = 1 <= day <= 31 and 1 <= month <= 31 and min(day, month) <= 12  # also with the month first
    return in_calendar and (year < 100 or 1880 <= year <= 2100)

"""Cells of a phone column as E.164 mobile numbers, or the reason why there are none. Pure.

`phonenumbers` decides what a valid mobile or landline is. What it does not know is added here: the 11-digit
numbers converted on 15/9/2018, zeros that a spreadsheet dropped, identity numbers, made-up numbers; the words in a cell
that mean "no phone" or make its number doubtful.

A wrong number must never be read as OK: a cell that can be read in two ways, or has digits left over, is for an officer
to decide. A cell is split into groups of digits; the rules decide which groups form a number and which are left over.

Also here: which operator a number was first given to. Since 2018 numbers move between operators and keep their series, so a series
is a guess; what a gateway reports of a number comes before it. Source: the operators' series as assigned by the Ministry, and the
conversion of 15/9/2018.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from enum import Enum, IntEnum, StrEnum, auto
from itertools import pairwise
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
_EIGHT_IN_A_ROW = {
    line[start : start + 8] for line in (_COUNTING, _COUNTING[::-1]) for start in range(len(line) - 7)
}
_SIX_IN_A_ROW = {each[start : start + 6] for each in _EIGHT_IN_A_ROW for start in range(3)}
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
        if digits[start : start + 8] in _EIGHT_IN_A_ROW:
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


_MAX_GROUPS = 40
_MAX_LETTERS = 1000
_SCIENTIFIC = re.compile(r"(\d+)(?:[.,](\d+))? ?[eE] ?\+?(\d{1,3})")
# 0905 000 123, 090.500.0123, +84 905-000-123
_COMMON_FORM = re.compile(
    r"(?:(0)|\+?(84)[ .]?)([0-9]{2,3})(?:\.([0-9]{3})\.|-([0-9]{3})-| ([0-9]{3}) )([0-9]{3,4})"
)
_GROUPED_WITH_DECIMALS = re.compile(
    r"(\d{9,12}|[1-9]\d{3,7}(?=.0$)|\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+)[.,]0{1,2}"
)
# The second O, o and I of each set are Cyrillic.
_LETTERS_FOR_DIGITS = str.maketrans("OoОоQDlLIiІSsZzB", "0000001111155228")
_LIKE_DIGITS = re.compile(
    r"(?<=\d)[OoОоlLIiІSsZzBQD]+(?=\d)|(?<![^\W\d_])[OoОоlLIiІ]+(?=\d)|(?<=\d)[OoОоlLIiІ]+(?![^\W\d_])"
)
_NOW = re.compile(r"^(?:[-=]*>|→)\s*(?=[+\d])")  # "-> 0905…": the number is this one now
_LETTER_O_GROUP = re.compile(r"(?<=\d[ .\-])[OoОо]{2,4}(?=[ .\-]\d)|(?<=\d[ .\-])[OoОо]{3}$")


def read_phone_cell(cell: object) -> PhoneCell:
    """Read one cell as a spreadsheet library or CSV gives it (text, number, date, None). Never raises."""
    if cell is None:
        return reject(Reason.MISSING)
    if isinstance(cell, str):
        return _read_text(cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _read_numeric(cell)
    if isinstance(cell, date | time | timedelta):
        return reject(Reason.DATE_LIKE)
    return reject(Reason.NO_VALID_NUMBER)


SAYS_NOTHING = {Reason.MISSING, Reason.NO_PHONE_STATED, Reason.PLACEHOLDER, Reason.DITTO}
_CUT_SHORT = {Reason.TOO_SHORT, Reason.SERVICE_NUMBER}


def read_phone_cells(cells: Sequence[object]) -> PhoneCell:
    """Read the phone cells of one person, each by itself, as one with all their numbers.

    A cell without a number does not count beside one with a number, nor one that names whose else its number is; one
    with a number that is wrong makes the whole for review.
    """
    if len(cells) == 1:
        return read_phone_cell(cells[0])
    read = [read_phone_cell(cell) for cell in cells]
    own = [each for cell, each in zip(cells, read, strict=True) if not _is_not_to_use(cell, each)]
    read = own if any(each.numbers for each in own) else read
    written = [number for each in read for number in each.numbers]
    if not written:
        first = read[0] if read else reject(Reason.MISSING)
        return next((each for each in read if each.reason not in SAYS_NOTHING), first)
    warnings = {warning for each in read for warning in each.warnings}
    has_landline = any(each.reason is Reason.LANDLINE for each in read)
    reasons = [each.reason for each in read if each.numbers and each.reason]
    reasons += [  # why cells without a number make those with one doubtful
        Reason.SECOND_NUMBER_TOO_SHORT if each.reason in _CUT_SHORT else Reason.UNPARSED_REMAINDER
        for each in read
        if not each.numbers and each.reason not in SAYS_NOTHING | {Reason.LANDLINE}
    ]
    return _cell_of(written, warnings, reasons, has_landline=has_landline)


def _cell_of(
    written: Sequence[str], warnings: set[PhoneWarning], reasons: Sequence[Reason], *, has_landline: bool
) -> PhoneCell:
    numbers = tuple(dict.fromkeys(written))
    if len(numbers) > 1:
        warnings.add(PhoneWarning.MULTIPLE_NUMBERS)
    if len(numbers) < len(written):
        warnings.add(PhoneWarning.SAME_NUMBER_TWICE)
    if has_landline:
        warnings.add(PhoneWarning.LANDLINE_DROPPED)
    status = PhoneStatus.REVIEW if reasons else PhoneStatus.OK
    return PhoneCell(status, numbers, reasons[0] if reasons else None, in_order(warnings))


def _read_numeric(cell: int | float) -> PhoneCell:
    if isinstance(cell, float) and not math.isfinite(cell):
        return reject(Reason.MISSING if math.isnan(cell) else Reason.NO_VALID_NUMBER)
    if cell < 0 or cell != int(cell):
        return reject(Reason.NO_VALID_NUMBER)
    if cell >= 10**LONGEST:
        return reject(Reason.TOO_LONG)
    return _read_plain(str(int(cell)))


def _read_text(cell: str) -> PhoneCell:
    if common := read_common_mobile(cell):
        return PhoneCell(PhoneStatus.OK, (common,))
    # Nine cells in ten; the general way reads them as well, at twenty times the cost.
    if len(cell) <= LONGEST:
        if cell.isdigit() and cell.isascii():
            return _read_plain(cell)
        if match := _COMMON_FORM.fullmatch(cell):
            before, *groups = filter(None, match.groups())
            national = "".join(groups)
            if is_mobile(national) and not (is_made_up(before + national) or is_made_up(national)):
                return PhoneCell(PhoneStatus.OK, (f"+84{national}",))
    if len(cell) > _MAX_LETTERS:
        return reject(Reason.NO_VALID_NUMBER)
    text = _NOW.sub("", clean(cell))
    if _EXTENSION.fullmatch(text):
        return reject(Reason.LANDLINE)
    if reason := rejection_reason(text):
        return reject(reason)
    if scientific := _SCIENTIFIC.fullmatch(text):
        return _read_scientific(*scientific.groups(default=""))
    if decimal := _GROUPED_WITH_DECIMALS.fullmatch(text):
        return _read_plain(re.sub(r"\D", "", decimal[1]))
    corrected = _LIKE_DIGITS.sub(lambda letters: letters[0].translate(_LETTERS_FOR_DIGITS), text)
    corrected = _LETTER_O_GROUP.sub(lambda letters: letters[0].translate(_LETTERS_FOR_DIGITS), corrected)
    if corrected == text:
        return _read_mixed(text)
    corrected_cell = _read_mixed(corrected)
    if corrected_cell.numbers:
        return replace(corrected_cell, status=PhoneStatus.REVIEW, reason=Reason.LETTER_SUBSTITUTION)
    original_cell = _read_mixed(text)
    return for_review(original_cell) if original_cell.numbers else corrected_cell


def _read_scientific(whole: str, fraction: str, exponent: str) -> PhoneCell:
    """Read scientific notation: 9.05000123E+08 has all digits; 9.05E+08 has lost some for good."""
    places = int(exponent)
    if len(fraction) < places or not fraction:
        return reject(Reason.LOSSY_SCIENTIFIC)
    if len(fraction) > places:
        return reject(Reason.NO_VALID_NUMBER)
    cell = _read_plain(whole + fraction)
    if cell.status is not PhoneStatus.OK:
        return cell
    warnings = set(cell.warnings) - {PhoneWarning.ZERO_RESTORED} | {PhoneWarning.SCIENTIFIC_EXACT}
    return replace(cell, warnings=in_order(warnings))


def _read_plain(digits: str) -> PhoneCell:
    number = read_digits(digits)
    if number.kind is NumberKind.MOBILE:
        return PhoneCell(PhoneStatus.OK, (number.e164,), None, in_order(number.warnings))
    if number.reason and not number.e164 and len(digits) <= LONGEST:  # too short for several numbers
        return reject(number.reason)
    return read_groups([DigitGroup(digits)], text_present=False)


def _read_mixed(text: str) -> PhoneCell:
    """Read a cell with digits and perhaps words."""
    text = _IN_RESERVE.sub("", text)
    groups, words = split_groups(HOUR_OR_LABEL.sub(" giờ ", text))
    if not groups or len(groups) > _MAX_GROUPS:
        return reject(Reason.NO_VALID_NUMBER)
    cell = read_groups(groups, text_present=bool(words))
    if not words and not any(mark in text for mark in "?*>→"):
        return cell
    if mentions_identity_paper(text):
        is_only_id = not cell.numbers or (len(cell.numbers) == 1 and cell.status is PhoneStatus.OK)
        return reject(Reason.ID_NUMBER) if is_only_id else for_review(cell)
    no_phone = states_no_phone(unaccented(text))
    parts = [part for part in _APART.split(text) if part.strip()] if len(cell.numbers) > 1 else []
    if len(parts) > 1 and any(_is_not_to_use(part, read_phone_cell(part)) for part in parts):
        return read_phone_cells(parts)
    if cell.numbers:
        is_sure = not (no_phone or is_doubtful(text) or _is_anothers(text, cell))
        return cell if is_sure else for_review(cell)
    return reject(Reason.NO_PHONE_STATED) if no_phone else cell


# Through whom somebody is called, and whose the number is: "gọi nhờ chị Lan", "(của bố)", "(ck)". Without accents fewer
# words: "so con" may be "số còn dùng", "so di" is "số di động".
_OTHERS = (
    r"(?:vợ|chồng|con|cháu|mẹ|má|bố|ba|cha|ông|bà|anh|chị|em|cô|chú|bác(?! sĩ)|cậu|dì|thím|mợ|nội|ngoại|bạn|người (?:nhà|thân|quen|khác)"
    r"|hàng xóm|(?:nhà )?(?:kế|cạnh|sát) (?:bên|nhà|vách)|nhà bên|bên nhà|thị giả|thôn trưởng|trưởng thôn|tổ trưởng|gvcn|y tế|trạm|chùa|trường|cty|công ty|cơ quan|thầy|chủ hộ|ck|vk|vo|chong|chau|me|bo|anh|chi|em|hang xom|thon truong"
    r"|truong thon|to truong|nguoi nha)"
)
_PHONE = r"(?:máy|may|sim|số|so|sđt|sdt|đt|dt|điện thoại|zalo)"
_OF_OTHERS = re.compile(
    rf"\b(?:gọi|goi|gặp|nhắn|kêu|kiu|hỏi|liên hệ|liên lạc|lh|ll|(?<!ở )nhờ|nho|qua|mượn|{_PHONE}) (?:(?:nhờ|nho|qua|cho|với|tin|này|nay|nhà|của|cua|{_PHONE}) )*"
    rf"{_OTHERS}\b(?! \d\d?\b)|\b{_OTHERS}(?: \w+){{0,3}} (?:nghe|bắt|cầm|cam|giữ|giu|dùng|xài)(?: máy| may| đt| dt| điện thoại| giùm| giúp| hộ|$)"
    r"|(?:^|\d |\b(?:dùng|xài|lấy) )(?:của|cua) (?!mình|minh|tôi|toi|chính|hội viên)|(?<!ở )\bnhờ\b|\bdùng chung (?:\w+ )?(?:với|của) |^chung với "
)
_BESIDE_NUMBER = re.compile(
    rf"\d gặp |\d (?:(?!(?:\d+|tối|sáng|trưa|chiều|đêm|chỉ) )\w+ ){{1,4}}nghe$|^(?:nhà )?{_OTHERS} (?:\w+ ){{0,5}}\d"
    rf"|\d {_OTHERS}(?: (?:trai|gái|gai|dâu|dau|rể|re|nội|ngoại|ngoai|ruột|cả|út|nuôi))?(?: \w+)?(?: (?:ở|o|làm|lam|dưới|trong|ngoài|trên) .+)?$"
)
_BESIDE_IN_BRACKETS = re.compile(
    rf"\d[^()\d]*\((?:[^)\d]*[\s-])?(?:{_OTHERS}|thư ký)\b(?![^)]*\d)", re.IGNORECASE
)
_OF_COUPLE = re.compile(  # "V: …, C: …", "Ba: … Mẹ: …"
    rf"(?<!\w)(?:[vcbm]k?|{_OTHERS}(?: \w+)?)\W+\d.*\d\W+(?:[vcbm]k?|{_OTHERS}(?: \w+)?)\W+\d"
)

# "0905… gọi không được thì 0913…": whose the second is, is not said.
_IN_RESERVE = re.compile(
    r"(?<=\d)[\s,;(-]*(?:(?:nếu|gọi|số này) )*(?:không|khong|ko|k) (?:(?:gọi|liên lạc|goi) )?(?:được|duoc)\b\W*(?:thì|thi)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_EXTENSION = re.compile(r"(?:(?:số )?máy lẻ|(?:so )?may le|nhánh|nội bộ|ext)[.:]* ?\d{1,5}", re.IGNORECASE)
_OUT_OF_USE = re.compile(
    r"\d\W*\(?(?:số |máy |đã |bị )*(?:cũ|hư|hỏng|bỏ|khóa|khoá|không (?:còn )?(?:dùng|xài|sử dụng))\b"
    r"|\b(?:bỏ|cũ)\b\W*(?:số |sim )?(?:cũ\W*)?(?=[\d+])"
)
_APART = re.compile(
    r"[;,\n|/]|\s[-–+]\s|\s(?:hoặc|hay|và)\s|(?<=\d{9})\s+(?=0\d|[^\W\d_]+\s*:)|(?<=\d)\s+(?=(?:vợ|chồng|con|mẹ|bố|vk|ck)\s+0\d)|(?!^)(?=\([^)]*\d)|(?<=[^\W\d_]\))\s*(?=[\d+])"
)  # between numbers of several people, in words or brackets


def _is_not_to_use(cell: object, read: PhoneCell) -> bool:
    """Check whether a cell with one number says that it is somebody else's, or out of use."""
    if len(read.numbers) != 1 or not isinstance(cell, str) or cell.isdigit():
        return False
    return _is_anothers(cell, read) or _OUT_OF_USE.search(cell.lower()) is not None


def is_of_others(text: str) -> bool:
    """Check for words that a number is somebody else's: "máy vợ", "gọi nhờ chị Lan", "con nghe"."""
    return _OF_OTHERS.search(_plain_words(text)) is not None


def _plain_words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _is_anothers(text: str, cell: PhoneCell) -> bool:
    """Check whether a cell says that its number is somebody else's, or has numbers of several people by name."""
    if len(cell.numbers) == 1:
        beside = _BESIDE_NUMBER.search(_plain_words(text)) or _BESIDE_IN_BRACKETS.search(text)
        return beside is not None or is_of_others(text)
    between = (re.findall(r"[^\W\d_]+", part) for part in re.split(r"\d[\d .]+\d", text))
    if _OF_COUPLE.search(text.lower()):
        return True
    initials = ([word[0].isupper() for word in words] for words in between)
    return any(pair == (True, True) for each in initials for pair in pairwise(each))


def for_review(cell: PhoneCell) -> PhoneCell:
    """Return the cell as one for an officer to decide, if it has numbers."""
    reason = cell.reason or Reason.UNPARSED_REMAINDER
    return replace(cell, status=PhoneStatus.REVIEW, reason=reason) if cell.numbers else cell


_TOKEN = re.compile(r"(?P<digits>\d+)|(?P<word>[^\W\d_]+)|(?P<hard>[;|&\n])|(?P<slash>[/\\])|(?P<plus>\+)")
_BETWEEN_NUMBERS = re.compile(r"\s-+\s|,\s")
_AND = {"và", "va", "hoặc", "hoac", "hay", "or", "and"}


class Separator(IntEnum):
    """Separator before a group of digits, from those inside a number to those that end it."""

    INSIDE = 0  # a space, dot, dash, bracket: as within a number
    LOOSE = 1  # " - " or ", ": more often between two numbers
    SLASH = 2  # 0905/000/123 or 0905000123/0913000123
    HARD = 3
    WORD = 4
    START = 5


@dataclass(slots=True)
class DigitGroup:
    """Adjacent digits, the separator before them, and whether there was a + before them."""

    digits: str
    gap: Separator = Separator.START
    plus: bool = False
    mark: str = ""  # the text between the group before and this one


def split_groups(text: str) -> tuple[list[DigitGroup], list[str]]:
    """Split a cell into groups of digits with their separators, and the words other than "and"."""
    groups: list[DigitGroup] = []
    words = []
    gap, plus, end = Separator.START, False, 0
    for token in _TOKEN.finditer(text):
        if _BETWEEN_NUMBERS.search(text, end, token.start()):
            gap = max(gap, Separator.LOOSE)
        end_before, end = end, token.end()
        match token.lastgroup:
            case "digits":
                groups.append(DigitGroup(token[0], gap, plus, text[end_before : token.start()]))
                gap, plus = Separator.INSIDE, False
            case "word" if token[0].lower() in _AND:
                gap = max(gap, Separator.HARD)
            case "word":
                words.append(token[0])
                gap, plus = Separator.WORD, False
            case "hard":
                gap, plus = max(gap, Separator.HARD), False
            case "slash":
                gap, plus = max(gap, Separator.SLASH), False
            case _:
                gap, plus = max(gap, Separator.HARD), True
    return groups, words


def read_groups(groups: Sequence[DigitGroup], *, text_present: bool) -> PhoneCell:
    """Read all groups of one cell; `groups` is not empty."""
    numbers = _cover(groups)
    if numbers is not None:
        return _build_cell(numbers, [], text_present=text_present)
    numbers = []
    rest: list[tuple[DigitGroup, ParsedNumber]] = []
    for chunk in _chunks(groups):
        number = _read_run(chunk)
        parts = split_concatenated(chunk[0].digits) if len(chunk) == 1 else ()
        if parts:
            kind, why = NumberKind.DOUBTFUL, Reason.CONCATENATED_NUMBERS
            numbers += [replace(each, kind=kind, reason=why) if each.e164 else each for each in parts]
        elif number.e164 or number.kind is NumberKind.LANDLINE:
            numbers.append(number)
        else:
            rest.append((chunk[0], number))
    if any(number.e164 for number in numbers):
        reasons = [
            Reason.SECOND_NUMBER_TOO_SHORT
            if number.reason in _CUT_SHORT and group.gap is not Separator.WORD
            else Reason.UNPARSED_REMAINDER
            for group, number in rest
        ]
        return _build_cell(numbers, reasons, text_present=text_present)
    if not rest:
        return reject(Reason.LANDLINE)
    together = "".join(group.digits for group in groups)
    if len(together) <= LONGEST and all(_may_follow(group) for group in groups[1:]):
        whole = read_digits(together, international=groups[0].plus)
        if whole.reason:
            return reject(whole.reason)
    return reject(rest[0][1].reason or Reason.NO_VALID_NUMBER)


def in_order(warnings: Iterable[PhoneWarning]) -> tuple[PhoneWarning, ...]:
    """Return each warning once, in the order of display."""
    present = set(warnings)
    return tuple(warning for warning in PhoneWarning if warning in present) if present else ()


def _build_cell(
    read: Sequence[ParsedNumber], rest_reasons: Sequence[Reason], *, text_present: bool
) -> PhoneCell:
    mobiles = [number for number in read if number.e164]
    if not mobiles:
        return reject(Reason.LANDLINE)
    warnings = {warning for number in mobiles for warning in number.warnings}
    if text_present:
        warnings.add(PhoneWarning.TEXT_PRESENT)
    reasons = [*rest_reasons, *(number.reason for number in mobiles if number.reason)]
    written = [number.e164 for number in mobiles]
    return _cell_of(written, warnings, reasons, has_landline=len(mobiles) < len(read))


def _cover(groups: Sequence[DigitGroup]) -> list[ParsedNumber] | None:
    """Read all groups as the fewest possible mobiles and landlines; None if a group is left over.

    Also None if there are two ways with equally few numbers, as that is ambiguous.
    """
    best: list[list[list[ParsedNumber]]] = [[[]]]
    for end in range(1, len(groups) + 1):
        ways: list[list[ParsedNumber]] = []
        for start in range(end - 1, -1, -1):
            run = groups[start:end]
            if sum(len(group.digits) for group in run) > LONGEST or not _may_join(run):
                break  # a longer run is not valid either
            if best[start]:
                number = _read_run(run)
                if number.kind in (NumberKind.MOBILE, NumberKind.LANDLINE):
                    ways += [[*way, number] for way in best[start]]
        fewest = min((len(way) for way in ways), default=0)
        best.append([way for way in ways if len(way) == fewest][:2])
    return best[-1][0] if len(best[-1]) == 1 else None


def _may_join(run: Sequence[DigitGroup]) -> bool:
    if not all(_may_follow(group) for group in run[1:]):
        return False
    has_slash = any(group.gap is Separator.SLASH for group in run[1:])
    return not has_slash or all(len(group.digits) <= 6 for group in run)


def _may_follow(group: DigitGroup) -> bool:
    return group.gap <= Separator.SLASH and not group.plus


def _chunks(groups: Sequence[DigitGroup]) -> list[list[DigitGroup]]:
    """Split the groups where a number most likely ends: at separators and around a whole number."""
    chunks = [[groups[0]]]
    for before, group in pairwise(groups):
        if group.plus or group.gap > Separator.INSIDE or _is_whole(before) or _is_whole(group):
            chunks.append([group])
        else:
            chunks[-1].append(group)
    return chunks


def _is_whole(group: DigitGroup) -> bool:
    return len(group.digits) >= 10 and _read_run([group]).kind in (NumberKind.MOBILE, NumberKind.LANDLINE)


def _read_run(run: Sequence[DigitGroup]) -> ParsedNumber:
    number = read_digits("".join(group.digits for group in run), international=run[0].plus)
    if number.kind is NumberKind.MOBILE and _is_oddly_grouped(run):
        return replace(number, kind=NumberKind.DOUBTFUL, reason=Reason.UNPARSED_REMAINDER)
    return number


def _is_oddly_grouped(run: Sequence[DigitGroup]) -> bool:
    """Check for a stray digit joined to a number cut short: "09050001 23 tuổi", "tổ 9 05000123"."""
    first = run[0]
    starts_number = first.plus or first.digits.startswith(("0", "84"))
    if first.gap is Separator.WORD and len(first.digits) <= 2 and not starts_number:
        return True
    if any(group.gap >= Separator.LOOSE and len(group.digits) < 3 for group in run[1:]):
        return True
    if len(run) < 2:
        return False
    if len(run) > 2 and {group.mark for group in run[1:]} in ({"."}, {"-"}) and len(run[-1].digits) > 1:
        return False  # 0905.0001.23: the same sign between all
    before, last = (len(group.digits) for group in run[-2:])
    return (last <= 2 and before >= 4) or (last == 1 and before > 1)


class Operator(StrEnum):
    """Operator of a number."""

    VIETTEL = "viettel"
    MOBIFONE = "mobifone"
    VINAPHONE = "vinaphone"
    VIETNAMOBILE = "vietnamobile"
    GMOBILE = "gmobile"
    ITEL = "itel"
    WINTEL = "wintel"
    OTHER = "other"


_SERIES = {
    Operator.VIETTEL: "32 33 34 35 36 37 38 39 86 96 97 98",
    Operator.MOBIFONE: "70 76 77 78 79 89 90 93",
    Operator.VINAPHONE: "81 82 83 84 85 88 91 94",
    Operator.VIETNAMOBILE: "52 56 58 92",
    Operator.GMOBILE: "59 99",
    Operator.ITEL: "87",
    Operator.WINTEL: "55",
}
_BY_SERIES = {series: operator for operator, all_of in _SERIES.items() for series in all_of.split()}


def operator_of(e164: str, reported: str | None = None) -> Operator:
    """Return the operator that a gateway reported, else the one of whose series the number is: its first two digits."""
    return Operator(reported) if reported else _BY_SERIES.get(e164.removeprefix("+84")[:2], Operator.OTHER)

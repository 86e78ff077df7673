"""One run of digits to one Vietnamese number, or the reason why it is none.

`phonenumbers` decides what a valid mobile or landline is. What it does not know is added here: the 11-digit
numbers converted on 15/9/2018, zeros that a spreadsheet dropped, identity numbers, made-up numbers.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

from outreach.people.phone.outcome import PhoneWarning, Reason

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
_SERVICE = re.compile(r"1\d\d|10\d\d|1[89]00\d{4,6}")
_CITIZEN_ID = re.compile(r"0(?:0[1-9]|[1-8]\d|9[0-6])[0-3]\d{8}")  # province, century and sex, year, serial
_LOST_DIGITS = "000000"
# Area codes of three digits until 2017, with a subscriber's seven.
_FORMER_LANDLINE = re.compile(r"(?:2[348][01]|32[01]|35[01]|50[01]|51[01]|65[01]|71[01]|78[01])[2-8]\d{6}")

_VIETNAM: Any = phonenumbers.PhoneMetadata.metadata_for_region("VN")
_MOBILE = re.compile(_VIETNAM.mobile.national_number_pattern)


class Kind(Enum):
    MOBILE = auto()
    LANDLINE = auto()
    DOUBTFUL = auto()  # a mobile if read kindly: a person decides
    NOTHING = auto()


@dataclass(frozen=True, slots=True)
class Number:
    """A run of digits once read. `e164` is set for MOBILE and DOUBTFUL, `reason` for all but MOBILE."""

    kind: Kind
    e164: str = ""
    reason: Reason | None = None
    legacy: bool = False
    zero_restored: bool = False

    @property
    def warnings(self) -> set[PhoneWarning]:
        found = set()
        if self.legacy:
            found.add(PhoneWarning.LEGACY_CONVERTED)
        if self.zero_restored:
            found.add(PhoneWarning.ZERO_RESTORED)
        return found


_LANDLINE = Number(Kind.LANDLINE, reason=Reason.LANDLINE)


def read_digits(digits: str, *, international: bool = False) -> Number:
    """Read ASCII digits as one number; `international` when a + stood before them."""
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
            # "+84" typed as "084", or an identity number of Trà Vinh (084): only a person can tell.
            return Number(Kind.DOUBTFUL, f"+{digits[1:]}", Reason.UNPARSED_REMAINDER)
        if _CITIZEN_ID.fullmatch(digits):
            return _nothing(Reason.ID_NUMBER)
        return _read_national(digits[1:])
    return _read_without_zero(digits)


def is_mobile(national: str) -> bool:
    """Is this, without its trunk 0, a valid mobile number of Vietnam?"""
    # libphonenumber also lists a few nine-digit machine ranges beginning with 1, which no person holds.
    # Its own pattern is asked directly, as a list asks it a million times; a test compares the two.
    return len(national) == 9 and national[0] in "35789" and _MOBILE.fullmatch(national) is not None


def is_made_up(digits: str) -> bool:
    """Is it one digit or pair repeated, or eight counting up or down, as one fills a required cell?"""
    if len(set(digits)) <= 3 and (_ALL_THE_SAME.fullmatch(digits) or _SAME_PAIRS.fullmatch(digits)):
        return True
    if digits and digits[-_SAME_TAIL:] == digits[-1] * _SAME_TAIL:
        return True
    for start in range(len(digits) - 7):  # noqa: SIM110 - asked twice for every number
        if digits[start : start + 8] in _EIGHT_IN_A_ROW:
            return True
    return False


def split_concatenated(digits: str) -> tuple[Number, ...]:
    """Numbers written without anything between them; empty unless exactly one way to part them is valid.

    Each must begin with 0 or 84; of numbers that lost their zero only two of nine digits are taken.
    """
    if not 18 <= len(digits) <= 40:
        return ()
    ways = list(_ways_to_part(digits))
    if not ways and len(digits) == 18:
        halves = (read_digits(digits[:9]), read_digits(digits[9:]))
        ways = [halves] if all(half.kind is Kind.MOBILE for half in halves) else []
    return ways[0] if len(ways) == 1 else ()


def _ways_to_part(digits: str) -> list[tuple[Number, ...]]:
    if not digits:
        return [()]
    if not digits.startswith(("0", "84")):
        return []
    ways = []
    for length in range(10, min(14, len(digits)) + 1):
        first = read_digits(digits[:length])
        if first.kind in (Kind.MOBILE, Kind.LANDLINE):
            ways += [(first, *rest) for rest in _ways_to_part(digits[length:])]
    return ways


def _read_international(digits: str, *, plus: bool) -> Number:
    body = digits.removeprefix("00")
    if body.startswith("84"):
        return _read_national(body[2:].removeprefix("0"))
    if plus and body.startswith("0"):  # a + put before a national number: no country code begins with 0
        return _read_national(body[1:])
    if not plus and is_mobile(body):
        return _nothing(Reason.TOO_LONG)  # the trunk zero typed twice
    return _nothing(Reason.FOREIGN_NUMBER if len(body) > 7 else Reason.TOO_SHORT)


def _read_without_zero(digits: str) -> Number:
    if len(digits) == 9 and digits[0] in "12":
        # No number without its zero looks so; identity cards of nine digits do (Kon Tum: 233).
        return _nothing(Reason.ID_NUMBER)
    if len(digits) == 11 and _CITIZEN_ID.fullmatch(f"0{digits}"):
        return _nothing(Reason.ID_NUMBER)
    if 11 <= len(digits) <= LONGEST and _is_foreign(digits):
        return _nothing(Reason.FOREIGN_NUMBER)
    if len(digits) == 10 and digits[:3] not in NEW_PREFIX and digits[0] != "2":
        return _nothing(Reason.TOO_LONG if is_mobile(digits[:9]) else Reason.INVALID_PREFIX)
    number = _read_national(digits)
    if number.kind is not Kind.MOBILE:
        return number
    if digits.endswith(_LOST_DIGITS):  # 9.05E+08 opened and saved again as a number
        return _nothing(Reason.LOSSY_SCIENTIFIC)
    return replace(number, zero_restored=True)


def _read_national(national: str) -> Number:
    """Read what follows the trunk 0 or the country code."""
    if is_made_up(national):
        return _nothing(Reason.PLACEHOLDER)
    if is_mobile(national):
        return Number(Kind.MOBILE, f"+84{national}")
    if len(national) == 10:
        return _read_ten(national)
    if len(national) == 9:
        if national[0] in "46":  # area codes until 2017: 060 Kon Tum, 061 to 068, 04 Hà Nội
            return _LANDLINE
        cut_short = national[:3] in NEW_PREFIX or national[0] == "2"
        return _nothing(Reason.TOO_SHORT if cut_short else Reason.INVALID_PREFIX)
    return _nothing(Reason.TOO_SHORT if len(national) < 9 else Reason.TOO_LONG)


def _read_ten(national: str) -> Number:
    new_prefix = NEW_PREFIX.get(national[:3])
    if new_prefix and is_mobile(new_prefix + national[3:]):
        return Number(Kind.MOBILE, f"+84{new_prefix}{national[3:]}", legacy=True)
    if _type_of(national) == PhoneNumberType.FIXED_LINE or _FORMER_LANDLINE.fullmatch(national):
        return _LANDLINE
    return _nothing(Reason.TOO_LONG if is_mobile(national[:9]) else Reason.INVALID_PREFIX)


def _is_foreign(digits: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{digits}"))
    except phonenumbers.NumberParseException:
        return False


def _type_of(national: str) -> int:
    number = phonenumbers.PhoneNumber(country_code=84, national_number=int(national))
    return phonenumbers.number_type(number)


def _nothing(reason: Reason) -> Number:
    return Number(Kind.NOTHING, reason=reason)

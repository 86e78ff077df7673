"""The words in which a phone cell's reading is told: status, reason, warnings."""

from dataclasses import dataclass
from enum import StrEnum


class PhoneStatus(StrEnum):
    """`OK` may be texted, `REVIEW` waits for a person, `REJECT` holds nothing to text."""

    OK = "ok"
    REVIEW = "review"
    REJECT = "reject"


class Reason(StrEnum):
    """Why a cell is not simply ok. The last four ask for a person, the others reject."""

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


class PhoneWarning(StrEnum):
    """What was mended or set aside on the way to the numbers, in the order in which it is told."""

    LEGACY_CONVERTED = "legacy_converted"
    ZERO_RESTORED = "zero_restored"
    SCIENTIFIC_EXACT = "scientific_exact"
    MULTIPLE_NUMBERS = "multiple_numbers"
    SAME_NUMBER_TWICE = "same_number_twice"
    TEXT_PRESENT = "text_present"
    LANDLINE_DROPPED = "landline_dropped"


@dataclass(frozen=True, slots=True)
class PhoneCell:
    """What one phone cell says. `numbers` are E.164 mobiles in the order written, each once."""

    status: PhoneStatus
    numbers: tuple[str, ...] = ()
    reason: Reason | None = None
    warnings: tuple[PhoneWarning, ...] = ()


def reject(reason: Reason) -> PhoneCell:
    """A cell with nothing to text."""
    return PhoneCell(PhoneStatus.REJECT, reason=reason)

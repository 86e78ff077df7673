"""Any cell of a list's phone column to E.164 mobile numbers, or to the reason why there are none.

A wrong number must never come out as ok: what can be read in two ways, or leaves digits over, is for
a person to decide.
"""

import math
import re
from dataclasses import replace
from datetime import date, time, timedelta

from outreach.people.phone import words as phone_text
from outreach.people.phone.digits import LONGEST, Kind, is_made_up, is_mobile, read_digits
from outreach.people.phone.groups import Group, in_order, read_groups, take_apart
from outreach.people.phone.outcome import PhoneCell, PhoneStatus, PhoneWarning, Reason, reject

__all__ = ["PhoneCell", "PhoneStatus", "PhoneWarning", "Reason", "read_phone_cell"]

_MOST_GROUPS = 40
_MOST_LETTERS = 1000
_SCIENTIFIC = re.compile(r"(\d+)(?:[.,](\d+))? ?[eE] ?\+?(\d{1,3})")
# 0905 000 123, 090.500.0123, +84 905-000-123
_WRITTEN_AS_USUAL = re.compile(
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


def _read_numeric(cell: int | float) -> PhoneCell:
    if isinstance(cell, float) and not math.isfinite(cell):
        return reject(Reason.MISSING if math.isnan(cell) else Reason.NO_VALID_NUMBER)
    if cell < 0 or cell != int(cell):
        return reject(Reason.NO_VALID_NUMBER)
    if cell >= 10**LONGEST:
        return reject(Reason.TOO_LONG)
    return _read_plain(str(int(cell)))


def _read_text(cell: str) -> PhoneCell:
    if len(cell) <= LONGEST:  # nine cells in ten; what follows reads them as well, at twenty times the price
        if cell.isdigit() and cell.isascii():
            return _read_plain(cell)
        if usual := _WRITTEN_AS_USUAL.fullmatch(cell):
            before, *groups = filter(None, usual.groups())
            national = "".join(groups)
            if is_mobile(national) and not (is_made_up(before + national) or is_made_up(national)):
                return PhoneCell(PhoneStatus.OK, (f"+84{national}",))
    if len(cell) > _MOST_LETTERS:
        return reject(Reason.NO_VALID_NUMBER)
    text = phone_text.clean(cell)
    why_not = phone_text.why_no_number(text)
    if why_not:
        return reject(why_not)
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific:
        return _read_scientific(*scientific.groups(default=""))
    decimal = _GROUPED_WITH_DECIMALS.fullmatch(text)
    if decimal:
        return _read_plain(re.sub(r"\D", "", decimal[1]))
    mended = _LETTER_O_GROUP.sub(_as_digits, _LIKE_DIGITS.sub(_as_digits, text))
    if mended == text:
        return _read_written(text)
    cell_read = _read_written(mended)
    if cell_read.numbers:
        return replace(cell_read, status=PhoneStatus.REVIEW, reason=Reason.LETTER_SUBSTITUTION)
    as_it_stands = _read_written(text)
    return _for_review(as_it_stands) if as_it_stands.numbers else cell_read


def _as_digits(letters: re.Match[str]) -> str:
    return letters[0].translate(_LETTERS_FOR_DIGITS)


def _read_scientific(whole: str, fraction: str, exponent: str) -> PhoneCell:
    """9.05000123E+08 still holds every digit; 9.05E+08 has lost them for good."""
    places = int(exponent)
    if len(fraction) < places or not fraction:
        return reject(Reason.LOSSY_SCIENTIFIC)
    if len(fraction) > places:
        return reject(Reason.NO_VALID_NUMBER)
    cell = _read_plain(whole + fraction)
    if cell.status is not PhoneStatus.OK:
        return cell
    kept = set(cell.warnings) - {PhoneWarning.ZERO_RESTORED} | {PhoneWarning.SCIENTIFIC_EXACT}
    return replace(cell, warnings=in_order(kept))


def _read_plain(digits: str) -> PhoneCell:
    number = read_digits(digits)
    if number.kind is Kind.MOBILE:
        return PhoneCell(PhoneStatus.OK, (number.e164,), None, in_order(number.warnings))
    if number.reason and not number.e164 and len(digits) <= LONGEST:  # too short to be several
        return reject(number.reason)
    return read_groups([Group(digits)], text_present=False)


def _read_written(text: str) -> PhoneCell:
    """Read a cell that holds digits and maybe words."""
    groups, words = take_apart(phone_text.without_hours_and_labels(text))
    if not groups or len(groups) > _MOST_GROUPS:
        return reject(Reason.NO_VALID_NUMBER)
    cell = read_groups(groups, text_present=bool(words))
    if not words and not any(mark in text for mark in "?*>→"):
        return cell
    if phone_text.speaks_of_identity_papers(text):
        alone = not cell.numbers or (len(cell.numbers) == 1 and cell.status is PhoneStatus.OK)
        return reject(Reason.ID_NUMBER) if alone else _for_review(cell)
    no_phone = phone_text.states_no_phone(phone_text.unaccented(text))
    if cell.numbers:
        return _for_review(cell) if no_phone or phone_text.casts_doubt(text) else cell
    return reject(Reason.NO_PHONE_STATED) if no_phone else cell


def _for_review(cell: PhoneCell) -> PhoneCell:
    reason = cell.reason or Reason.UNPARSED_REMAINDER
    return replace(cell, status=PhoneStatus.REVIEW, reason=reason) if cell.numbers else cell

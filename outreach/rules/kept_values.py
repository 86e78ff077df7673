"""Values of a list's own columns that are kept for each person and written into texts: a place to meet, an hour. Pure.

Such a column is a field of the texts of the list's campaigns, by a name of its own. Values are personal data and come from
files of unknown hands: one that would change what a text is, as a link or a number to call, is not kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, time
from enum import StrEnum

from outreach.rules.cells import Row, cell_text
from outreach.rules.errors import BadInput
from outreach.rules.phone_numbers import mentions_identity_paper, unaccented
from outreach.rules.phone_texts import read_phone_in_text
from outreach.rules.segments import TYPOGRAPHIC, unaccent
from outreach.rules.sensitive_columns import is_sensitive_heading

MOST_FIELDS = 5  # of a file
LONGEST_NAME = 30
# A place to meet with its commune fits; what is longer is a note. Less than a further segment holds (67), so that one
# value makes a text longer by one segment at most.
LONGEST_VALUE = 60
PREFIX = "field:"  # of a column's meaning, before the field's name
_RESERVED = frozenset({"name", "link", "time"})
_NAME = re.compile(r"[^\W\d_][^\W_]*(?: [^\W_]+)*")
_NO_NAME = re.compile(r"[\W_]+")
_HEADING = re.compile(r"\{([^{}]*)\}")
# Letters as Vietnam's languages write them, digits and signs; all of GSM-7 once the accents are gone.
_WRITTEN = re.compile(r"[A-Za-z0-9 .,;:/()%+&'\"!?#*=@$_-]+")
_LINK = re.compile(
    r"://|\bwww\.|\b[\w-]+\.(?:vn|com|net|org|info|app|edu|gov|io|ly|me|co|to|cc|gl|gd|link|click|site|online|shop|store|top|xyz"
    r"|club|vip|live|page|dev|asia|biz|tk|cn|ru|icu|win|fun|zip|pro|ph|us|uk|eu|ai|cc|mobi|cloud|world|space|website|tech|host|life|today"
    r"|bid|loan|cfd|sbs|cyou|buzz|fit|mom|one|gg|su|ws|kh|hk|sg|tw|kr|jp)\b|\b[\w-]+\.[a-z]{2,}/\w|\w@\w",
    re.IGNORECASE,
)
# Of an identity card, an insurance card or an account: what nobody needs in a text, and what others may read on a phone.
_LONG_NUMBER = re.compile(r"\d{9}|(?:\d{4}[ .-]){2}\d{4}")
_PRIVATE = re.compile(r"\b(?:hiv|aids|chan doan|benh(?! vien\b))\b")
_HOTLINE = re.compile(r"(?<!\d)1[89]00(?:[ .-]?\d){4,6}(?!\d)")


class Unfit(StrEnum):
    """Why a cell is not kept as a value."""

    LONG = "long"
    LINK = "link"
    PHONE = "phone"
    SIGNS = "signs"


def field_key(name: str) -> str:
    """Return a field's name as it is compared: NFC, one space between words, no capitals."""
    return unicodedata.normalize("NFC", " ".join(name.split()).lower())


def name_of_label(label: str) -> str:
    """Return the name that a column's title suggests for its field; "" if it suggests none."""
    words = _NO_NAME.sub(" ", label).strip().lower()
    name = words if len(words) <= LONGEST_NAME else words[:LONGEST_NAME].rpartition(" ")[0]
    return name if is_field_name(name) else ""


def is_field_name(name: str) -> bool:
    """Return whether a field may have this name: words of letters and digits that begin with a letter."""
    return (
        len(name) <= LONGEST_NAME
        and name not in _RESERVED
        and _NAME.fullmatch(name) is not None
        and name == field_key(name)
        and not _is_sensitive(name)
    )


def _is_sensitive(name: str) -> bool:
    """Return whether a name says that its column is nothing for texts: origin, religion, sickness, papers and accounts."""
    plain = unaccented(name)
    return is_sensitive_heading(name) or mentions_identity_paper(name) or _PRIVATE.search(plain) is not None


def read_field_name(typed: str) -> str:
    """Return the name that an officer typed for a field, with or without braces. Raises BadInput."""
    name = field_key(cell_text(typed).strip("{} "))
    if _is_sensitive(name):
        raise BadInput("field_name_sensitive", name=name)
    if not is_field_name(name):
        raise BadInput("field_name_wrong", name=name[: 2 * LONGEST_NAME], most=LONGEST_NAME)
    return name


def field_of_heading(label: str) -> str:
    """Return the meaning of a heading in braces, as `{giờ hẹn}`: the field of that name. "" for any other heading."""
    braced = _HEADING.fullmatch(label.strip())
    name = field_key(braced[1]) if braced else ""
    return PREFIX + name if is_field_name(name) else ""


def field_of(meaning: str) -> str:
    """Return the name of the field that a column's meaning says, "" if it is none or has no valid name."""
    name = meaning.removeprefix(PREFIX)
    return name if meaning.startswith(PREFIX) and is_field_name(name) else ""


def value_text(cell: object) -> str:
    """Return a cell as it stands in a text: an hour without its seconds, a day with its hour if it has one."""
    if isinstance(cell, datetime):
        return f"{cell:%H:%M %d/%m/%Y}" if (cell.hour, cell.minute) != (0, 0) else f"{cell:%d/%m/%Y}"
    if isinstance(cell, time):
        return f"{cell:%H:%M}"
    return cell_text(cell)


def find_unfit(value: str) -> Unfit | None:
    """Return why a value is not kept, None if it is."""
    if len(value) > LONGEST_VALUE:
        return Unfit.LONG
    if _LINK.search(value):
        return Unfit.LINK
    if _LONG_NUMBER.search(value) or _HOTLINE.search(value) or read_phone_in_text(value).numbers:
        return Unfit.PHONE
    return None if _WRITTEN.fullmatch(unaccent(value.translate(TYPOGRAPHIC))) else Unfit.SIGNS


def read_values(row: Row, fields: Mapping[str, int]) -> tuple[dict[str, str], dict[str, Unfit]]:
    """Return a row's values by field, and why others are not kept."""
    values, unfit = dict[str, str](), dict[str, Unfit]()
    for name, position in fields.items():
        text = value_text(row[position]) if position < len(row) else ""
        if not text:
            continue
        if reason := find_unfit(text):
            unfit[name] = reason
        else:
            values[name] = text
    return values, unfit

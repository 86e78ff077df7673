"""People looked for by a number: no digit more of it than a masked one shows, or all of it by those who may see it."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, false, select
from sqlalchemy.orm import InstrumentedAttribute

from outreach.access.models import Role, User
from outreach.people.models import Contact, ContactPhone, Phone
from outreach.people.phone.cells import read_phone_cell

SEE_NUMBERS = (Role.ADMINISTRATOR, Role.STAFF, Role.APPROVER)
LAST_DIGITS = 3
_LAST = "\U0010ffff"


def has_number(text: str, user: User) -> ColumnElement[bool]:
    """The condition that a contact has the number that was typed: its last three digits, or all of them."""
    digits = "".join(letter for letter in text if letter.isdecimal())
    if len(digits) == LAST_DIGITS:
        return has_phone(begins(Phone.backwards, digits[::-1]))
    whole = whole_numbers(text)
    if whole and user.role in SEE_NUMBERS:
        return has_phone(Phone.e164.in_(whole))
    return false()


def is_of_a_number(text: str) -> bool:
    """Are these a number's digits and no name?"""
    return any(map(str.isdecimal, text)) and not any(map(str.isalpha, text))


def whole_numbers(text: str) -> tuple[str, ...]:
    """The numbers, E.164, that were typed in full."""
    return read_phone_cell(text).numbers if is_of_a_number(text) else ()


def has_phone(found: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition that a contact is on a phone of which `found` is true."""
    return Contact.id.in_(
        select(ContactPhone.contact_id).join(Phone, Phone.id == ContactPhone.phone_id).where(found)
    )


def begins(column: InstrumentedAttribute[str], start: str) -> ColumnElement[bool]:
    """The condition that a column's text begins so."""
    # A range, as every database answers it from the index.
    return and_(column >= start, column < start + _LAST)

"""Parsers of environment variables and push fields; numbers as written in Vietnamese. Pure.

Each parser raises BadInput with what is wrong.

The map of an identity provider's groups to roles is as `OIDC_ROLES` has it: `loa-canbo=staff:PN, loa-qt=administrator`.
"""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from outreach.rules.errors import BadInput, LoaError
from outreach.rules.phone_numbers import read_phone_cell

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


def text(value: str) -> str:
    """Accept any text."""
    return value


def url(*schemes: str) -> Callable[[str], str]:
    """Return a parser of URLs with one of these schemes."""

    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes:
            raise BadInput("setting_scheme", schemes=_either(schemes))
        if parts.scheme in ("http", "https") and not parts.hostname:
            raise BadInput("setting_no_host")
        check_port(value)
        return value.rstrip("/") if "http" in schemes else value

    return check


def _either(schemes: tuple[str, ...]) -> str | LoaError:
    *others, last = schemes
    return LoaError("one_or_other", first=_either((*others,)), second=f"{last}:") if others else f"{last}:"


def database(value: str) -> str:
    """Parse the URL of a PostgreSQL or SQLite database."""
    # Operators write the plain scheme; the driver is chosen here.
    value = re.sub(r"^(postgres|postgresql)://", "postgresql+psycopg://", value)
    if not value.startswith(("postgresql+psycopg://", "sqlite:///")):
        raise BadInput("setting_database")
    check_port(value)
    return value


def check_port(value: str) -> None:
    """Raise BadInput if the URL's port is not a number."""
    try:
        _ = urlsplit(value).port
    except ValueError:
        raise BadInput("setting_port") from None


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a parser that accepts only these values."""

    def check(value: str) -> str:
        if value not in allowed:
            raise BadInput("setting_choice", choices=list(allowed))
        return value

    return check


def yes_or_no(value: str) -> bool:
    """Read yes or no. Raises ValueError."""
    return choice("yes", "no")(value) == "yes"


def number(low: float, high: float) -> Callable[[str], float]:
    """Return a parser of numbers between `low` and `high`, inclusive."""

    def check(value: str) -> float:
        try:
            result = float(value)
        except ValueError:
            raise BadInput("setting_not_number") from None
        if not low <= result <= high:
            raise BadInput("setting_range", low=f"{low:g}", high=f"{high:g}")
        return result

    return check


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return a parser of whole numbers between `low` and `high`, inclusive."""

    def check(value: str) -> int:
        result = number(low, high)(value)
        if result != int(result):
            raise BadInput("setting_not_whole")
        return int(result)

    return check


def outside_places(value: str) -> tuple[str, ...]:
    """Parse places outside the database, separated by commas: `file:/path`, `mail:address`, `syslog`."""
    places = listed(value)
    for place in places:
        kind, _, where = place.partition(":")
        is_right = {"file": where.startswith("/"), "mail": "@" in where, "syslog": not where}
        if not is_right.get(kind):
            raise BadInput("setting_outside_places")
    return places


def hours(value: str) -> str:
    """Parse hours of one day, as in `08:00-20:00`."""
    opens, _, closes = value.replace(" ", "").partition("-")
    if not (_CLOCK.fullmatch(opens) and _CLOCK.fullmatch(closes) and opens < closes):
        raise BadInput("setting_hours")
    return f"{opens}-{closes}"


def listed(value: str) -> tuple[str, ...]:
    """Parse texts separated by commas."""
    return tuple(filter(None, map(str.strip, value.split(","))))


def way_to(contact: str) -> Literal["webhook", "mail", "sms"]:
    """Return by what a contact is told."""
    if contact.startswith(("https://", "http://")):
        return "webhook"
    return "mail" if "@" in contact else "sms"


def contacts(value: str) -> tuple[str, ...]:
    """Parse mail addresses, webhooks and mobile numbers separated by commas; a number as +84 and nine digits. Raises BadInput."""
    found: list[str] = []
    for part in listed(value):
        numbers = (part,) if way_to(part) != "sms" else read_phone_cell(part).numbers
        if len(numbers) != 1:
            raise BadInput("contact_wrong", contact=part)
        found += numbers
    return tuple(found)


def read_lines(content: str) -> dict[str, str]:
    """Parse a file with a `NAME=value` on each line; lines with # are comments."""
    lines = content.splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


# 1.250.000 and 1 250 are groups of three; 12,5, 12.5 and 0.125 are fractions.
_GROUPED = re.compile(r"[1-9][0-9]{0,2}([., \u00a0])[0-9]{3}(?:\1[0-9]{3})*")
_PLAIN = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,15})?")


def read_decimal(text: str) -> Decimal | None:
    """Read a number as people write it in Vietnam. Returns None if empty. Raises ValueError."""
    text = text.strip()
    if not text:
        return None
    if _GROUPED.fullmatch(text):
        return Decimal(re.sub(r"[^0-9]", "", text))
    if not _PLAIN.fullmatch(text):
        raise ValueError(text)
    return Decimal(text.replace(",", "."))


def read_positive(text: str, *, most: float, error: LoaError) -> float | None:
    """Read a number above 0 up to `most`, as `read_decimal` does. Returns None if empty. Raises `error`."""
    try:
        number = read_decimal(text)
    except ValueError:
        raise error from None
    if number is not None and not 0 < number <= most:
        raise error
    return None if number is None else float(number)


def read_day(text: str) -> date | None:
    """Return a day written as YYYY-MM-DD, None for anything else, as a day of a week (2020-W33-1)."""
    with suppress(ValueError):
        day = date.fromisoformat(text.strip())
        return day if day.isoformat() == text.strip() else None
    return None


def read_whole(text: str, *, most: int) -> int | None:
    """Read a whole number up to `most`, as `read_decimal` does. Returns None if empty. Raises ValueError, as for a fraction."""
    number = read_decimal(text)
    if number is None:
        return None
    if number != int(number) or number > most:
        raise ValueError(text)
    return int(number)


def format_number(value: int) -> str:
    """Return the number with points: 1.234.567."""
    return f"{value:,}".replace(",", ".")


class PushFields(NamedTuple):
    """Names that an operator gives to the fields of a pushed reply."""

    id: str = "id"
    sender: str = "from"
    recipient: str = "to"
    body: str = "text"
    at: str = "at"

    def __str__(self) -> str:
        return ",".join(f"{field}={name}" for field, name in self._asdict().items())


DEFAULT_FIELDS = PushFields()


def parse_push_fields(text: str) -> PushFields:
    """Parse the names of fields, as in `id=mo_id,sender=msisdn`. Raises BadInput."""
    names = PushFields()._asdict()
    for part in listed(text):
        field, sign, name = part.partition("=")
        if not sign or field.strip() not in names or not name.strip():
            raise BadInput("setting_push_fields", part=part)
        names[field.strip()] = name.strip()
    return PushFields(**names)


ROLES = ("administrator", "staff", "approver", "leader", "auditor")


class MappedRole(NamedTuple):
    """A group with the role of its people, and the code of their organisation ("": none)."""

    group: str
    role: str
    organisation: str


def parse_role_map(value: str) -> tuple[MappedRole, ...]:
    """Return the map as it is written. Raises BadInput."""
    found = []
    for part in listed(value):
        group, _equals, meant = part.rpartition("=")
        role, _colon, organisation = meant.partition(":")
        if not group.strip() or role.strip() not in ROLES:
            raise BadInput("role_map_wrong", part=part, roles=list(ROLES))
        found.append(MappedRole(group.strip(), role.strip(), organisation.strip()))
    return tuple(found)


def role_of(roles: Collection[MappedRole], groups: Collection[str]) -> MappedRole | None:
    """Return the role of who is in these groups: of several the one written first."""
    return next((each for each in roles if each.group in groups), None)

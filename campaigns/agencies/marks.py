"""What a roster says of one of an agency's people, and what a whole roster adds up to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from campaigns.agencies.counts import Counts
from outreach.people.names import name_key
from outreach.people.phone.words import unaccented
from outreach.people.reading.rows import read_yes_or_no

# The first heading that fits, not that of a telephone: "Đã cài Bluezone", "Cài đặt ứng dụng", "Đã tiêm".
_HEADING = re.compile(
    r"^da (?:cai|tiem|lam|thuc hien|hoan thanh)\b|\bcai (?:dat|bluezone|app|ung dung)\b|^(?:cai|bluezone)$"
)
_YES = re.compile(r"da|da cai\b.*|cai (?:roi|xong)\b.*|xong|da tiem\b.*|hoan thanh|da hoan thanh|da xong")
_NO = {"-", "–"}


@dataclass(frozen=True, slots=True)
class Person:
    """One row: `numbers` are E.164, none where the roster gives none that can be. `has_smartphone` is None where it
    has no such column.
    """

    name: str
    numbers: tuple[str, ...]
    has_smartphone: bool | None
    has_done: bool


def find_heading(labels: Sequence[str], taken: Iterable[int]) -> int | None:
    """The column in which who has done what is asked is marked; None where no heading says so."""
    others = set(range(len(labels))) - set(taken)
    return next((at for at in sorted(others) if _HEADING.search(unaccented(labels[at]))), None)


def read_mark(text: str) -> bool | None:
    """A cell of that column: marked or not, where empty is not; None where it says neither."""
    if not text or text in _NO:
        return False
    said = read_yes_or_no(text)
    return True if said is None and _YES.fullmatch(unaccented(text)) else said


def count(people: Iterable[Person]) -> Counts:
    """The figures of a roster. Who is listed twice, by name and number, counts once; whoever has the app has a
    smartphone.
    """
    seen: dict[tuple[str, str], tuple[bool | None, bool]] = {}
    staff = smartphones = done = 0
    is_said = False
    for person in people:
        key = (name_key(person.name), person.numbers[0]) if person.numbers else ("", str(staff))
        earlier = seen.get(key)
        has_done = person.has_done or bool(earlier and earlier[1])
        has_smartphone = person.has_smartphone or has_done or bool(earlier and earlier[0])
        is_said = is_said or person.has_smartphone is not None
        staff += earlier is None
        smartphones += has_smartphone - bool(earlier and earlier[0])
        done += has_done - bool(earlier and earlier[1])
        seen[key] = has_smartphone, has_done
    return Counts(staff, smartphones if is_said else None, done)


def by_number(people: Iterable[Person]) -> dict[str, bool]:
    """Each number of a roster: whether anyone of those who share it has done what is asked."""
    said: dict[str, bool] = {}
    for person in people:
        for number in person.numbers:
            said[number] = said.get(number, False) or person.has_done
    return said

"""Contacts with the name of a row, whom it may mean although no number tells.

Half of a province shares a few hundred names, so that they are told apart by the year of birth before anything else is
compared: one that differs contradicts, one that is not stated does not.
"""

from collections.abc import Collection, Iterable
from itertools import count
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Integer, Select, String, and_, exists, or_, select, tuple_
from sqlalchemy.orm import Session

from outreach.core.bulk import rows_table, values_subquery
from outreach.core.db import is_set
from outreach.models.contacts import Contact, Membership, PersonMerge
from outreach.rules.list_rows import CheckedRow

Person = TypeVar("Person")
_Known = dict[str, dict[int | None, list[tuple[int, Person]]]]


class Namesakes(Generic[Person]):
    """People by their name and year of birth, each with its place in the order in which they were added.

    Those without a number are apart, as nobody else is meant by a row with one.
    """

    def __init__(self) -> None:
        self._at_the_door, self._others = _Known[Person](), _Known[Person]()
        self._places = count()

    def add(self, key: str, birth_year: int | None, person: Person, *, has_number: bool) -> None:
        """Add a person; one whose year or number becomes known later stays where it is."""
        known = (self._others if has_number else self._at_the_door).setdefault(key, {})
        known.setdefault(birth_year, []).append((next(self._places), person))

    def of(self, key: str, birth_year: int | None, *, has_number: bool) -> list[tuple[int, Person]]:
        """Return whom a row with a name may mean: those whose year of birth, as it was when they were added, is not another one."""
        found: list[tuple[int, Person]] = []
        for known in (self._at_the_door,) if has_number else (self._at_the_door, self._others):
            if of_name := known.get(key):
                for year in of_name if birth_year is None else (birth_year, None):
                    found += of_name.get(year, ())
        return found


def find_namesakes(session: Session, rows: Collection[CheckedRow], *, list_id: int) -> set[int]:
    """Return the contacts with the name of a row and no other year of birth: for rows without a usable number those of
    its commune or of this list, for the others those without a number."""
    with_number = [row for row in rows if row.phone.numbers]
    is_called = Contact.name_key.in_(_names(session, with_number))
    at_the_door = select(Contact.id).where(is_set(Contact.at_the_door), is_called)
    found = set(session.scalars(at_the_door.where(or_(*_may_mean(session, with_number)))))
    without = [row for row in rows if row.is_at_the_door]
    if not without:
        return found
    keys = _names(session, without)
    found.update(session.scalars(select(PersonMerge.kept_id).where(PersonMerge.name_key.in_(keys))))
    areas = {row.place.code for row in without if row.place.code}
    in_list = exists().where(Membership.contact_id == Contact.id, Membership.list_id == list_id)
    in_area = Contact.area_code.in_(values_subquery(session, areas, String))
    near = select(Contact.id).where(or_(Contact.area_code.is_(None), in_area, in_list))
    for is_meant in _may_mean(session, without):
        found.update(session.scalars(near.where(is_meant)))
    return found


def _may_mean(session: Session, rows: Iterable[CheckedRow]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for contacts with the name of a row and no other year of birth, each by the index of both."""
    pairs = {(row.name_key, row.birth_year) for row in rows if row.birth_year}
    named = rows_table(
        session,
        {"name_key": String, "birth_year": Integer},
        [{"name_key": key, "birth_year": year} for key, year in pairs],
    )
    return (
        tuple_(Contact.name_key, Contact.birth_year).in_(select(named.c.name_key, named.c.birth_year)),
        and_(Contact.name_key.in_(_names(session, rows)), Contact.birth_year.is_(None)),
        Contact.name_key.in_(_names(session, [row for row in rows if not row.birth_year])),
    )


def _names(session: Session, rows: Iterable[CheckedRow]) -> Select[Any]:
    return values_subquery(session, {row.name_key for row in rows}, String)

"""Contacts with the name of a row, whom it may mean although no number tells.

Half of a province shares a few hundred names, so that they are told apart by the year of birth before anything else is
compared: one that differs contradicts, one that is not stated does not.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, String, and_, cast, exists, or_, select
from sqlalchemy.orm import Session

from outreach.core.bulk import values_subquery
from outreach.core.db import is_set
from outreach.models.contacts import Contact, Membership, PersonMerge
from outreach.rules.list_rows import CheckedRow

Person = TypeVar("Person")


class Namesakes(Generic[Person]):
    """People by their name and year of birth, each with its place in the order in which they were added."""

    def __init__(self) -> None:
        self._known: dict[str, dict[int | None, list[tuple[int, Person]]]] = {}
        self._places = count()

    def add(self, key: str, birth_year: int | None, person: Person) -> None:
        """Add a person; one whose year becomes known later stays among those without one."""
        of_name = self._known.setdefault(key, {})
        of_name.setdefault(birth_year, []).append((next(self._places), person))

    def of(self, key: str, birth_year: int | None) -> list[tuple[int, Person]]:
        """Return the people with a name whose year of birth, as it was when they were added, is not another one."""
        of_name = self._known.get(key)
        if of_name is None:
            return []
        years = of_name if birth_year is None else (birth_year, None)
        return [each for year in years for each in of_name.get(year, ())]


def find_namesakes(session: Session, rows: Collection[CheckedRow], *, list_id: int) -> set[int]:
    """Return the contacts with the name of a row and no other year of birth: for rows without a usable number those of
    its commune or of this list, for the others those without a number."""
    without = [row for row in rows if row.is_at_the_door]
    is_called = _has_name_of(session, [row for row in rows if row.phone.numbers])
    found = set(session.scalars(select(Contact.id).where(is_set(Contact.at_the_door), is_called)))
    if without:
        keys = values_subquery(session, {row.name_key for row in without}, String)
        found.update(session.scalars(select(PersonMerge.kept_id).where(PersonMerge.name_key.in_(keys))))
        areas = {row.place.code for row in without if row.place.code}
        in_list = exists().where(Membership.contact_id == Contact.id, Membership.list_id == list_id)
        in_area = Contact.area_code.in_(values_subquery(session, areas, String))
        named = select(Contact.id).where(_has_name_of(session, without))
        found.update(session.scalars(named.where(or_(Contact.area_code.is_(None), in_area, in_list))))
    return found


def _has_name_of(session: Session, rows: Collection[CheckedRow]) -> ColumnElement[bool]:
    """Return whether a contact has the name of a row and no other year of birth."""
    with_year = {f"{row.name_key}/{row.birth_year}" for row in rows if row.birth_year}
    without_year = {row.name_key for row in rows if not row.birth_year}
    return and_(
        Contact.name_key.in_(values_subquery(session, {row.name_key for row in rows}, String)),
        or_(
            Contact.birth_year.is_(None),
            (Contact.name_key + "/" + cast(Contact.birth_year, String)).in_(
                values_subquery(session, with_year, String)
            ),
            Contact.name_key.in_(values_subquery(session, without_year, String)),
        ),
    )

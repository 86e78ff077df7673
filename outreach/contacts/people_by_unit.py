"""People by the units of any day: who surely lives in one, and who may as ground was split."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, exists, literal, not_, or_, select

from outreach.models.contacts import Contact
from outreach.models.places import ContactMove
from outreach.places.unit_days import UnitHistory


def lives_in_unit(history: UnitHistory, code: str, *, perhaps: bool) -> list[ColumnElement[bool]]:
    """Return the conditions that a person lives in a unit of any day, or perhaps does as their own unit was split.

    Of who was moved by a reform it is known where they were before.
    """
    sure, possible = history.on(history.day_of(code)).units_on(code)
    moved = select(literal(1)).where(ContactMove.contact_id == Contact.id)
    if perhaps:
        is_known = exists(moved.where(ContactMove.from_code.not_in(possible)))
        return [Contact.area_code.in_(possible), not_(is_known)]
    if code in history.areas and sure >= history.areas.keys():
        return []
    if not possible:
        return [Contact.area_code.in_(sure)]
    came_from = exists(moved.where(ContactMove.from_code.in_(sure)))
    return [or_(Contact.area_code.in_(sure), and_(Contact.area_code.in_(possible), came_from))]

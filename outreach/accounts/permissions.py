"""Roles, and the scope condition of every read."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.places.areas import areas_within, descendants
from outreach.rules.errors import NotAllowed


def require_role(user: User, *roles: Role) -> None:
    """Raises NotAllowed unless the user has one of the roles; an administrator has every one."""
    if user.role not in (*roles, Role.ADMINISTRATOR):
        raise NotAllowed("Tài khoản của bạn không có quyền làm việc này.")


def organisations_of(session: Session, user: User) -> set[int] | None:
    """The organisations whose rows a user may see; None means every one.

    With an organisation: it and all below it. With an area alone: those that sit in it or below. With both: one's own
    organisation, and of those below it the ones that sit in the area. Administrators, users without either, and the
    people of the committee that stands above all others see everything; those of them with an area, what is in it.
    """
    if user.role is Role.ADMINISTRATOR or (user.organisation_id is None and user.area_code is None):
        return None
    within = _sitting_in(session, user.area_code)
    if user.organisation_id is None:
        return within
    own = session.get_one(Organisation, user.organisation_id)
    if own.parent_id is None and own.kind is OrganisationKind.FRONT:
        return None if within is None else within | {own.id}
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [own.id])
    return below if within is None else (below & within) | {own.id}


def areas_of(session: Session, user: User) -> set[str] | None:
    """The areas whose people a user may see in those organisations; None means wherever they live."""
    if user.role is Role.ADMINISTRATOR or user.area_code is None:
        return None
    return areas_within(session, [user.area_code])


def _sitting_in(session: Session, area_code: str | None) -> set[int] | None:
    """The organisations of an area and of those below it; None for no area."""
    if area_code is None:
        return None
    areas = areas_within(session, [area_code])
    return set(session.scalars(select(Organisation.id).where(Organisation.area_code.in_(areas))))


def visible_to(
    session: Session, user: User, column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """The condition under every read: `column` is the organisation that owns the row."""
    seen = organisations_of(session, user)
    return true() if seen is None else column.in_(seen)


def within_area(
    session: Session, user: User, column: InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    """The condition that comes with `visible_to` where the row is about a person, whose place is in `column`.

    Somebody whose place is not known is not hidden: whichever organisation brought them sits in the user's area or is
    the user's own, or the user would not see it.
    """
    seen = areas_of(session, user)
    return true() if seen is None else or_(column.in_(seen), column.is_(None))

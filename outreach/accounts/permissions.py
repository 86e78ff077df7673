"""Permissions: roles, and the scope condition of every query."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach.core.db import read_once
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.places.areas import areas_within, descendants
from outreach.rules.errors import LoaError, NotAllowed, or_raise

R = TypeVar("R")


def require_role(user: User, *roles: Role) -> None:
    """Raise NotAllowed unless the user has one of the roles; administrators have all of them."""
    if not has_role(user, *roles):
        raise NotAllowed("not_permitted")


def has_role(user: User, *roles: Role) -> bool:
    """Return whether the user has one of the roles; administrators have all of them."""
    return user.role in (*roles, Role.ADMINISTRATOR)


def organisations_of(session: Session, user: User) -> set[int] | None:
    """Return the organisations whose rows a user may see; None means all.

    With an organisation: it and all below it. With an area alone: those located in it or below. With both:
    the user's own organisation, and of those below it the ones located in the area. Administrators, users
    without either, and users of the committee above all other organisations see everything; those of them
    with an area, what is in it.
    """
    if user.role is Role.ADMINISTRATOR or (user.organisation_id is None and user.area_code is None):
        return None
    return _organisations_in_scope(session, user.organisation_id, user.area_code)


@read_once
def _organisations_in_scope(
    session: Session, organisation_id: int | None, area_code: str | None
) -> set[int] | None:
    within = None
    if area_code is not None:
        located = Organisation.area_code.in_(_areas_in(session, area_code))
        within = set(session.scalars(select(Organisation.id).where(located)))
    if organisation_id is None:
        return within
    own = session.get_one(Organisation, organisation_id)
    if own.parent_id is None and own.kind is OrganisationKind.FRONT:
        return None if within is None else within | {own.id}
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [own.id])
    return below if within is None else (below & within) | {own.id}


def home_of(session: Session, user: User) -> int | None:
    """Return the organisation that what a user records belongs to, so that they see it: their own, or with an area alone one in it, the Front's first."""
    seen = organisations_of(session, user)
    if user.organisation_id or seen is None:
        return user.organisation_id
    is_front = Organisation.kind == OrganisationKind.FRONT
    among = select(Organisation.id).where(Organisation.id.in_(seen))
    return session.scalar(among.order_by(is_front.desc(), Organisation.id).limit(1))


def is_province_staff(session: Session, user: User) -> bool:
    """Return whether the user works on what is the whole province's: staff who see all organisations."""
    roles = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
    return user.role in roles and organisations_of(session, user) is None


def areas_of(session: Session, user: User) -> set[str] | None:
    """Return the areas whose contacts a user may see in those organisations; None means all."""
    if user.role is Role.ADMINISTRATOR or user.area_code is None:
        return None
    return _areas_in(session, user.area_code)


@read_once
def _areas_in(session: Session, area_code: str) -> set[str]:
    return areas_within(session, [area_code])


def visible_to(
    session: Session, user: User, column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """Return the scope condition of a query: `column` is the organisation that owns the row."""
    visible = organisations_of(session, user)
    return true() if visible is None else column.in_(visible)


def find_visible(
    session: Session,
    table: type[R],
    row_id: int,
    user: User,
    error: LoaError,
    *also: ColumnElement[bool],
    lock: bool = False,
) -> R:
    """Return a row of an organisation that the user sees, or such an organisation. Raises the error without one."""
    row: Any = table
    owner = row.id if table is Organisation else row.organisation_id
    query = select(table).where(row.id == row_id, visible_to(session, user, owner), *also)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return or_raise(session.scalar(query), error)


def within_area(
    session: Session, user: User, column: InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    """Return the scope condition for rows about a contact, whose area is in `column`.

    It is used together with `visible_to`. A contact without an area is visible: the organisation whose list
    contains them is located in the user's area or is the user's own, or the user would not see it.
    """
    visible = areas_of(session, user)
    return true() if visible is None else or_(column.in_(visible), column.is_(None))


def sees_row(session: Session, user: User, organisation_id: int | None, area_code: str | None) -> bool:
    """Return whether a user sees a row about a contact, by the organisation that owns it and the contact's area."""
    organisations, areas = organisations_of(session, user), areas_of(session, user)
    return (organisations is None or organisation_id in organisations) and (
        areas is None or area_code is None or area_code in areas
    )

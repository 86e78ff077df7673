"""Organisations: find, create and change."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.accounts.users import check_scope
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import descendants
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.use_cases import use_case


def find_organisation(session: Session, code: str) -> Organisation:
    """Return an organisation by its code. Raises NotFound."""
    found = session.scalar(select(Organisation).where(Organisation.code == code))
    return or_raise(found, NotFound("organisation_code_unknown", code=code))


def find_office(session: Session) -> Organisation | None:
    """Return the Front committee above all other organisations, whose installation this is."""
    root = select(Organisation).where(
        Organisation.kind == OrganisationKind.FRONT, Organisation.parent_id.is_(None)
    )
    return session.scalar(root.order_by(Organisation.id).limit(1))


def find_province(session: Session) -> Area | None:
    """Return the office's province; without one, the first that is loaded."""
    provinces = session.scalars(
        select(Area).where(Area.level == AreaLevel.PROVINCE).order_by(Area.code)
    ).all()
    office = find_office(session)
    own = [area for area in provinces if office and area.code == office.area_code]
    return next(iter([*own, *provinces]), None)


def check_identity(session: Session, *, code: str, name: str, own_id: int | None = None) -> None:
    """Raise BadInput if code or name is missing, or another organisation has the code."""
    if not code.strip() or not name.strip():
        raise BadInput("organisation_name_missing")
    holder = session.scalar(select(Organisation.id).where(Organisation.code == code))
    if holder is not None and holder != own_id:
        raise BadInput("organisation_code_taken", code=code)


def create_organisation(
    session: Session,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None = None,
    parent_code: str | None = None,
) -> Organisation:
    """Create an organisation, without a check of roles or an audit entry.

    Raises BadInput for a taken code or an unknown area, NotFound for the parent.
    """
    check_identity(session, code=code, name=name)
    if area_code and not session.scalar(select(Area.code).where(Area.code == area_code)):
        raise BadInput("area_code_not_loaded", code=area_code)
    parent = find_organisation(session, parent_code) if parent_code else None
    organisation = Organisation(
        code=code, name=name, kind=kind, area_code=area_code, parent_id=parent.id if parent else None
    )
    session.add(organisation)
    session.flush()
    return organisation


@use_case
def add_organisation(
    session: Session,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User | None,
    now: datetime,
) -> Organisation:
    """Create an organisation as an administrator, or by a command, which has no user.

    Raises BadInput, NotAllowed.
    """
    if user:
        require_role(user)
    parent = session.get(Organisation, parent_id) if parent_id else None
    organisation = create_organisation(
        session,
        code=code.strip()[:40],
        name=" ".join(name.split())[:200],
        kind=kind,
        area_code=area_code,
        parent_code=parent.code if parent else None,
    )
    audit.record(session, "organisation.create", organisation, user, now)
    return organisation


@use_case
def change_organisation(
    session: Session,
    organisation_id: int,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User,
    now: datetime,
) -> Organisation:
    """Change an organisation.

    Raises BadInput for a taken code or a parent below itself, NotFound, NotAllowed.
    """
    require_role(user)
    organisation = or_raise(session.get(Organisation, organisation_id), NotFound("organisation_gone"))
    code, name = code.strip()[:40], " ".join(name.split())[:200]
    check_identity(session, code=code, name=name, own_id=organisation_id)
    check_scope(session, parent_id, area_code)
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [organisation_id])
    if parent_id in below:
        raise BadInput("organisation_parent_circular")
    values: dict[str, Any] = {
        "code": code,
        "name": name,
        "kind": kind,
        "area_code": area_code,
        "parent_id": parent_id,
    }
    audit.change(session, "organisation.change", organisation, values, user, now)
    return organisation

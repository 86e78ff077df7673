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
from outreach.rules.identity import name_key
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
    """Raise BadInput if code or name is missing, or another organisation has the code, but for its signs.

    Files name organisations by them, written as people write.
    """
    if not code.strip() or not name.strip():
        raise BadInput("organisation_name_missing")
    own = session.scalar(select(Organisation.code).where(Organisation.id == own_id))
    others = session.scalars(select(Organisation.code).where(Organisation.id != (own_id or 0)))
    if code != own and name_key(code) in map(name_key, others):
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
def save_organisation(
    session: Session,
    organisation_id: int | None = None,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User | None,
    now: datetime,
) -> Organisation:
    """Create an organisation, or change one, as an administrator, or by a command, which has no user.

    Raises BadInput for a taken code or a parent below itself, NotFound, NotAllowed.
    """
    if user:
        require_role(user)
    values: dict[str, Any] = {"code": code.strip()[:40], "name": " ".join(name.split())[:200], "kind": kind}
    values["area_code"] = area_code
    if not organisation_id:
        parent = session.get(Organisation, parent_id) if parent_id else None
        organisation = create_organisation(session, **values, parent_code=parent.code if parent else None)
        audit.record(session, "organisation.create", organisation, user, now)
        return organisation
    organisation = or_raise(session.get(Organisation, organisation_id), NotFound("organisation_gone"))
    check_identity(session, code=values["code"], name=values["name"], own_id=organisation_id)
    check_scope(session, parent_id, area_code)
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [organisation_id])
    if parent_id in below:
        raise BadInput("organisation_parent_circular")
    audit.change(session, "organisation.change", organisation, values | {"parent_id": parent_id}, user, now)
    return organisation

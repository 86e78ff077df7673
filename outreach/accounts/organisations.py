"""Organisations: created and found by code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.accounts.users import _check_scope
from outreach.models.accounts import Organisation, OrganisationKind, User
from outreach.models.places import Area
from outreach.places.areas import descendants
from outreach.rules.errors import BadInput, NotFound


def find_organisation(session: Session, code: str) -> Organisation:
    """An organisation by its code. Raises NotFound."""
    found = session.scalar(select(Organisation).where(Organisation.code == code))
    if found is None:
        raise NotFound(f"Không có tổ chức mã {code}. Hãy tạo tổ chức trước hoặc sửa mã.")
    return found


def check_identity(session: Session, *, code: str, name: str, own_id: int | None = None) -> None:
    """Raises BadInput where code or name is missing, or another organisation than `own_id` has the code."""
    if not code.strip() or not name.strip():
        raise BadInput("Tổ chức phải có mã và tên.")
    holder = session.scalar(select(Organisation.id).where(Organisation.code == code))
    if holder is not None and holder != own_id:
        raise BadInput(f"Mã tổ chức {code} đã có. Hãy chọn mã khác.")


def create_organisation(
    session: Session,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None = None,
    parent_code: str | None = None,
) -> Organisation:
    """A new organisation. Raises BadInput for a taken code or an unknown area, NotFound for the parent."""
    check_identity(session, code=code, name=name)
    if area_code and not session.scalar(select(Area.code).where(Area.code == area_code)):
        raise BadInput(f"Không có địa bàn mã {area_code}. Hãy nạp danh mục địa bàn trước.")
    parent = find_organisation(session, parent_code) if parent_code else None
    made = Organisation(
        code=code, name=name, kind=kind, area_code=area_code, parent_id=parent.id if parent else None
    )
    session.add(made)
    session.flush()
    return made


def add_organisation(
    session: Session,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User,
    now: datetime,
) -> Organisation:
    """A new organisation. Raises BadInput, NotAllowed."""
    require_role(user)
    parent = session.get(Organisation, parent_id) if parent_id else None
    made = create_organisation(
        session,
        code=code.strip()[:40],
        name=" ".join(name.split())[:200],
        kind=kind,
        area_code=area_code,
        parent_code=parent.code if parent else None,
    )
    audit.record(
        session, actor_id=user.id, action="organisation.create", subject=f"organisations:{made.id}", now=now
    )
    return made


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
    """Raises BadInput for a taken code or a place below itself, NotFound, NotAllowed."""
    require_role(user)
    found = session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound("Không có tổ chức này.")
    code, name = code.strip()[:40], " ".join(name.split())[:200]
    check_identity(session, code=code, name=name, own_id=organisation_id)
    _check_scope(session, parent_id, area_code)
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [organisation_id])
    if parent_id in below:
        raise BadInput("Tổ chức cấp trên không thể là chính tổ chức này hoặc tổ chức trực thuộc nó.")
    wanted: dict[str, Any] = {
        "code": code,
        "name": name,
        "kind": kind,
        "area_code": area_code,
        "parent_id": parent_id,
    }
    changes = audit.differences(found, wanted)
    for key, value in wanted.items():
        setattr(found, key, value)
    audit.record_change(
        session,
        actor_id=user.id,
        action="organisation.change",
        subject=f"organisations:{found.id}",
        now=now,
        changes=changes,
        details={},
    )
    return found

"""Organisations: created and found by code."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.access.models import Organisation, OrganisationKind
from outreach.errors import BadInput, NotFound
from outreach.places.models import Area


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

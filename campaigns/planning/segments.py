"""Audiences kept under a name: an organisation's, for its next campaigns."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Segment
from campaigns.rules.audience import read_conditions
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import Organisation, Role, User
from outreach.rules.errors import BadInput, NotFound

LONGEST_NAME = 80
# The parts of a campaign's file that say whom it is for.
PARTS = ("lists", "organisations", "areas", "languages", "smartphone", "answered")


def read_segments(session: Session, user: User) -> list[Segment]:
    """Those that a user may use, by name."""
    query = select(Segment).where(visible_to(session, user, Segment.organisation_id))
    return list(session.scalars(query.order_by(Segment.name, Segment.id)))


def find_segment(session: Session, segment_id: int, *, user: User) -> Segment:
    """Raises NotFound."""
    query = select(Segment).where(Segment.id == segment_id)
    found = session.scalar(query.where(visible_to(session, user, Segment.organisation_id)))
    if found is None:
        raise NotFound("Không có nhóm này, hoặc nhóm của tổ chức khác.")
    return found


def save_segment(
    session: Session, name: str, said: Mapping[str, Any], *, user: User, now: datetime
) -> Segment:
    """Keep whom `said` is for; the organisation's segment of the same name is replaced. Raises BadInput, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    name = " ".join(name.split())
    if not name:
        raise BadInput("Hãy đặt tên cho nhóm, ví dụ “Xã vùng lũ, có điện thoại thông minh”.")
    if len(name) > LONGEST_NAME:
        raise BadInput(f"Tên nhóm dài quá {LONGEST_NAME} ký tự. Hãy rút gọn.")
    data = {key: said[key] for key in PARTS if said.get(key)}
    if not data.get("lists") and not data.get("organisations"):
        raise BadInput("Hãy chọn ít nhất một danh sách hoặc tổ chức rồi lưu nhóm.")
    read_conditions(data)
    # Of two officers who save the same name at once the second replaces the first one's.
    session.execute(
        select(Organisation.id).where(Organisation.id == user.organisation_id).with_for_update(key_share=True)
    ).all()
    segment = session.scalar(
        select(Segment).where(
            Segment.organisation_id.is_not_distinct_from(user.organisation_id), Segment.name == name
        )
    )
    if segment is None:
        segment = Segment(organisation_id=user.organisation_id, name=name)
        session.add(segment)
    segment.data, segment.saved_by, segment.saved_at = data, user.id, now
    session.flush()
    audit.record(session, actor_id=user.id, action="segment.save", subject=f"segments:{segment.id}", now=now)
    return segment


def remove_segment(session: Session, segment_id: int, *, user: User, now: datetime) -> None:
    """Campaigns that began with it keep what they took. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    session.delete(find_segment(session, segment_id, user=user))
    audit.record(
        session, actor_id=user.id, action="segment.remove", subject=f"segments:{segment_id}", now=now
    )

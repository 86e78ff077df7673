"""Segments: audiences saved under a name, for an organisation's later campaigns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Segment
from campaigns.rules.audience import read_conditions
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, home_of, require_role, visible_to
from outreach.models.accounts import Organisation, Role, User
from outreach.rules.errors import BadInput, NotFound
from outreach.use_cases import use_case

LONGEST_NAME = 80
# The parts of a campaign's file that describe its audience; each of the first ones is a list.
LISTED = ("lists", "organisations", "also_in", "except", "areas", "languages", "smartphone")
PARTS = (*LISTED, "answered")


def read_segments(session: Session, user: User) -> list[Segment]:
    """Return the segments that a user may use, by name."""
    query = select(Segment).where(visible_to(session, user, Segment.organisation_id))
    return list(session.scalars(query.order_by(Segment.name, Segment.id)))


def find_segment(session: Session, segment_id: int, *, user: User) -> Segment:
    """Return a segment that the user may use. Raises NotFound."""
    return find_visible(session, Segment, segment_id, user, NotFound("saved_audience_not_found"))


@use_case
def save_segment(
    session: Session, name: str, description: Mapping[str, Any], *, user: User, now: datetime
) -> Segment:
    """Save a draft's audience as a segment, in place of one of that name. Raises BadInput, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    name = " ".join(name.split())
    if not name:
        raise BadInput("saved_audience_name_missing")
    if len(name) > LONGEST_NAME:
        raise BadInput("saved_audience_name_long", most=LONGEST_NAME)
    data = {key: description[key] for key in PARTS if description.get(key)}
    if not data.get("lists") and not data.get("organisations"):
        raise BadInput("saved_audience_empty")
    read_conditions(data)
    # Locked so that, if two officers save the same name at once, the second replaces the first one's segment.
    owner = home_of(session, user)
    session.execute(
        select(Organisation.id).where(Organisation.id == owner).with_for_update(key_share=True)
    ).all()
    of_name = (Segment.organisation_id.is_not_distinct_from(owner), Segment.name == name)
    segment = session.scalar(select(Segment).where(*of_name))
    if segment is None:
        segment = Segment(organisation_id=owner, name=name)
        session.add(segment)
    segment.data, segment.saved_by, segment.saved_at = data, user.id, now
    session.flush()
    audit.record(session, "segment.save", segment, user, now)
    return segment


@use_case
def remove_segment(session: Session, segment_id: int, *, user: User, now: datetime) -> None:
    """Remove a segment. Campaigns that began with it keep their audience. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    session.delete(find_segment(session, segment_id, user=user))
    audit.record(session, "segment.remove", f"segments:{segment_id}", user, now)

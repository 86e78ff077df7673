"""Answers that officers keep to use again: an organisation's own, and those of the ones above it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.casework.models import SavedText
from campaigns.planning.draft import FIELDS
from outreach.access import audit
from outreach.access.models import Organisation, Role, User
from outreach.access.users import organisations_of, require_role
from outreach.errors import BadInput, NotFound
from outreach.sms.template import Template

LONGEST_TITLE, LONGEST_TEXT = 80, 600


def list_texts(session: Session, user: User) -> list[SavedText]:
    """Those that a user may send, by title."""
    usable = select(SavedText).order_by(SavedText.title, SavedText.id)
    seen = organisations_of(session, user)
    if seen is None:
        return list(session.scalars(usable))
    owners = seen | _above(session, user.organisation_id)
    return list(
        session.scalars(
            usable.where(or_(SavedText.organisation_id.is_(None), SavedText.organisation_id.in_(owners)))
        )
    )


def may_change(session: Session, text: SavedText, user: User) -> bool:
    """What one's own organisation or one below it wrote; what belongs to all is for those who see everything."""
    seen = organisations_of(session, user)
    return seen is None or text.organisation_id in seen


def save_text(
    session: Session, *, title: str, text: str, text_id: int | None, user: User, now: datetime
) -> SavedText:
    """A new text of the user's organisation, or a changed one. Raises BadInput, BadTemplate, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    title, text = " ".join(title.split())[:LONGEST_TITLE], text.strip()[:LONGEST_TEXT]
    if not title or not text:
        raise BadInput("Hãy điền tên mẫu và nội dung tin.")
    Template.parse(text, allowed=FIELDS)
    if text_id is None:
        saved = SavedText(organisation_id=user.organisation_id, title=title, text=text, changed_by=user.id)
        session.add(saved)
    else:
        saved = _find_own(session, text_id, user=user)
        saved.title, saved.text, saved.changed_by = title, text, user.id
    saved.changed_at = now
    session.flush()
    audit.record(
        session, actor_id=user.id, action="saved_text.save", subject=f"saved_texts:{saved.id}", now=now
    )
    return saved


def remove_text(session: Session, text_id: int, *, user: User, now: datetime) -> None:
    """What was sent with it stays as it was. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    session.delete(_find_own(session, text_id, user=user))
    audit.record(
        session, actor_id=user.id, action="saved_text.remove", subject=f"saved_texts:{text_id}", now=now
    )


def _find_own(session: Session, text_id: int, *, user: User) -> SavedText:
    found = session.get(SavedText, text_id)
    if found is None or not may_change(session, found, user):
        raise NotFound("Không có mẫu này, hoặc mẫu của tổ chức khác nên bạn không sửa được.")
    return found


def _above(session: Session, organisation_id: int | None) -> set[int]:
    parents = dict(session.execute(select(Organisation.id, Organisation.parent_id)).all())
    above: set[int] = set()
    while organisation_id is not None and organisation_id not in above:
        above.add(organisation_id)
        organisation_id = parents.get(organisation_id)
    return above

"""Keeping the outreach log: entering, correcting, withdrawing. In the caller's transaction, within a user's scope."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.figures.places import list_launched
from campaigns.publicity.entry import Entry
from campaigns.publicity.models import Activity
from outreach.access import audit
from outreach.access.models import Organisation, Role, User
from outreach.access.users import require_role, visible_to
from outreach.errors import BadInput, NotFound, WrongState
from outreach.places.models import Area


def enter(
    session: Session,
    entry: Entry,
    *,
    area: str,
    organisation_id: int,
    campaign_id: int | None,
    form_key: str,
    user: User,
    now: datetime,
) -> Activity:
    """A new entry; the one there is already where the same form comes again. Raises NotAllowed, BadInput."""
    require_role(user, Role.STAFF, Role.APPROVER)
    known = session.scalar(select(Activity).where(Activity.form_key == form_key)) if form_key else None
    if known:
        return known
    where = _check_where(
        session, area=area, organisation_id=organisation_id, campaign_id=campaign_id, user=user
    )
    made = _row(entry, **where, form_key=form_key or None, entered_by=user.id, entered_at=now)
    session.add(made)
    session.flush()
    made.entry_id = made.id
    _note(session, made, action="publicity.enter", user=user, now=now)
    return made


def correct(
    session: Session,
    entry_id: int,
    entry: Entry,
    *,
    version: int,
    area: str,
    organisation_id: int,
    campaign_id: int | None,
    user: User,
    now: datetime,
) -> Activity:
    """Put another version in the place of the one that stands, also of a withdrawn one.

    Raises NotAllowed, NotFound, BadInput, and WrongState where somebody else has replaced it meanwhile.
    """
    before = _replace(session, entry_id, version=version, user=user, now=now)
    where = _check_where(
        session, area=area, organisation_id=organisation_id, campaign_id=campaign_id, user=user
    )
    made = _row(entry, **where, entry_id=before.entry_id, entered_by=user.id, entered_at=now)
    session.add(made)
    session.flush()
    _note(session, made, action="publicity.correct", user=user, now=now)
    return made


def withdraw(session: Session, entry_id: int, *, version: int, user: User, now: datetime) -> None:
    """What was entered in error counts no longer; it stays to be read. Raises as `correct`."""
    before = _replace(session, entry_id, version=version, user=user, now=now)
    kept = {
        column.key: getattr(before, column.key)
        for column in Activity.__mapper__.column_attrs
        if column.key not in ("id", "form_key", "replaced_at")
    }
    made = Activity(**kept | {"is_withdrawn": True, "entered_by": user.id, "entered_at": now})
    session.add(made)
    session.flush()
    _note(session, made, action="publicity.withdraw", user=user, now=now)


def _replace(session: Session, entry_id: int, *, version: int, user: User, now: datetime) -> Activity:
    require_role(user, Role.STAFF, Role.APPROVER)
    before = session.scalar(
        select(Activity).where(
            Activity.id == version,
            Activity.entry_id == entry_id,
            visible_to(session, user, Activity.organisation_id),
        )
    )
    if before is None:
        raise NotFound("Không có mục này, hoặc nằm ngoài phạm vi của bạn.")
    replaced = session.execute(
        update(Activity).where(Activity.id == version, Activity.replaced_at.is_(None)).values(replaced_at=now)
    )
    if replaced.rowcount != 1:  # type: ignore[attr-defined]
        raise WrongState("Người khác vừa sửa mục này. Hãy xem bản mới rồi sửa lại nếu cần.")
    return before


def _check_where(
    session: Session, *, area: str, organisation_id: int, campaign_id: int | None, user: User
) -> dict[str, Any]:
    if session.get(Area, area) is None:
        raise BadInput("Hãy chọn địa bàn.")
    may = select(Organisation.id).where(
        Organisation.id == organisation_id, visible_to(session, user, Organisation.id)
    )
    if session.execute(may).first() is None:
        raise BadInput("Hãy chọn tổ chức thực hiện.")
    if campaign_id is not None and campaign_id not in {each for each, *_ in list_launched(session, user)}:
        raise BadInput("Không có chiến dịch này, hoặc nằm ngoài phạm vi của bạn. Hãy chọn lại.")
    return {"area_code": area, "organisation_id": organisation_id, "campaign_id": campaign_id}


def _row(entry: Entry, **more: Any) -> Activity:
    return Activity(
        kind=entry.kind,
        first=entry.first.isoformat(),
        last=entry.last.isoformat(),
        times=entry.times,
        people=entry.people,
        who=entry.who,
        place=entry.place,
        about=entry.about,
        **more,
    )


def _note(session: Session, made: Activity, *, action: str, user: User, now: datetime) -> None:
    audit.record(
        session,
        actor_id=user.id,
        action=action,
        subject=f"activities:{made.entry_id}",
        now=now,
        version=made.id,
    )

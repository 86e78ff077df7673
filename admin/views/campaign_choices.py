"""What an officer may choose from in the campaign form."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign, Sender
from campaigns.planning.segments import read_segments
from campaigns.planning.whom import Answered, Smartphone
from outreach.access.models import Organisation, User
from outreach.access.users import areas_of, visible_to
from outreach.people.importing.uploads.receiving import find_list
from outreach.people.models import ContactList, LegalBasis, Membership
from outreach.places.models import Area, AreaLevel

LANGUAGES: dict[str, Any] = {
    "vi": _l("Tiếng Việt"),
    "sed": _l("Xơ Đăng"),
    "bdq": _l("Ba Na"),
    "jeh": _l("Giẻ Triêng"),
    "jra": _l("Gia Rai"),
    "brb": _l("Brâu"),
    "rmx": _l("Rơ Măm"),
}
SMARTPHONE: dict[str, Any] = {
    Smartphone.YES.value: _l("Có"),
    Smartphone.UNKNOWN.value: _l("Chưa rõ"),
    Smartphone.NO.value: _l("Không có"),
}
ANSWERED: dict[str, Any] = {
    Answered.NO.value: _l("Chỉ người chưa trả lời"),
    Answered.YES.value: _l("Chỉ người đã trả lời"),
    Answered.NOT_INSTALLED.value: _l("Chỉ người chưa báo đã làm"),
    Answered.INSTALLED.value: _l("Chỉ người đã báo đã làm"),
}


def read_choices(session: Session, user: User) -> dict[str, Any]:
    """Everything that the fields about the audience offer this user."""
    return {
        "lists": _lists(session, user),
        "organisations": _organisations(session, user),
        "districts": _districts(session, user),
        "area": _own_area(session, user),
        "languages": LANGUAGES,
        "smartphone": SMARTPHONE,
        "answered": ANSWERED,
        "segments": [(each.id, each.name) for each in read_segments(session, user)],
    }


def usual_sender(session: Session, user: User) -> str:
    registered = session.scalar(
        select(Sender.name).where(Sender.registered_on.is_not(None)).order_by(Sender.name).limit(1)
    )
    latest = session.scalar(
        select(Campaign.sender)
        .where(visible_to(session, user, Campaign.organisation_id))
        .order_by(Campaign.id.desc())
        .limit(1)
    )
    return registered or latest or ""


def _lists(session: Session, user: User) -> list[dict[str, Any]]:
    """The lists that the user may write to, with how many people stand in each."""
    counts = select(Membership.list_id, func.count().label("people")).group_by(Membership.list_id).subquery()
    rows = session.execute(
        select(
            Organisation.code,
            Organisation.name,
            ContactList.name.label("list"),
            ContactList.basis,
            counts.c.people,
        )
        .join(Organisation, Organisation.id == ContactList.organisation_id)
        .outerjoin(counts, counts.c.list_id == ContactList.id)
        .where(visible_to(session, user, ContactList.organisation_id))
        .order_by(Organisation.name, ContactList.name)
    )
    return [
        {
            "key": f"{row.code}/{row.list}",
            "name": row.list,
            "organisation": row.name,
            "people": row.people or 0,
            "is_closed": row.basis is LegalBasis.NONE,
        }
        for row in rows
    ]


def _own_area(session: Session, user: User) -> str:
    """The area beyond which the user writes to nobody; "" where there is none."""
    area = session.get(Area, user.area_code) if areas_of(session, user) is not None else None
    return f"{area.kind} {area.name}" if area else ""


def _districts(session: Session, user: User) -> list[dict[str, Any]]:
    """The districts of the user's area by name, each with its communes; `is_whole`: it may be chosen itself."""
    seen = areas_of(session, user)
    areas = session.scalars(select(Area).order_by(Area.name)).all()
    within = {area.code for area in areas} if seen is None else seen
    found = [
        {
            "code": district.code,
            "is_whole": district.code in within,
            "name": f"{district.kind} {district.name}",
            "communes": [
                {"code": area.code, "name": f"{area.kind} {area.name}"}
                for area in areas
                if area.parent_code == district.code and area.code in within
            ],
        }
        for district in areas
        if district.level is AreaLevel.DISTRICT
    ]
    return [each for each in found if each["is_whole"] or each["communes"]]


def list_key(session: Session, user: User, list_id: int) -> str:
    """A list as the form names it. Raises NotFound."""
    found = find_list(session, list_id, user=user)
    return f"{session.get_one(Organisation, found.organisation_id).code}/{found.name}"


def _organisations(session: Session, user: User) -> list[dict[str, Any]]:
    """The organisations that the user may write for, by name."""
    rows = session.execute(
        select(Organisation.code, Organisation.name)
        .where(visible_to(session, user, Organisation.id))
        .order_by(Organisation.name)
    )
    return [{"code": row.code, "name": row.name} for row in rows]

"""The reports behind the figures: each self-reported install with its source, and when it was taken back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from campaigns.answers.models import InstallReport, Source
from campaigns.figures.places import find_counted
from campaigns.models import Recipient
from outreach.access.models import Organisation, User
from outreach.access.users import visible_to, within_area
from outreach.people.masking import masked
from outreach.people.models import Contact, ContactList, Phone
from outreach.places.areas import areas_within
from outreach.places.models import Area

PAGE = 50


@dataclass(frozen=True, slots=True)
class WantedReports:
    """`standing`: only those that count now. `area` is a district's or a commune's code."""

    standing: bool = True
    source: Source | None = None
    area: str = ""
    organisation_id: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`contact_id` is None for a person who was erased."""

    id: int
    contact_id: int | None
    name: str
    phone: str
    place: str
    organisation: str
    source: Source
    reported_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reports:
    """One page of them, the newest first; `after` leads to the next one."""

    campaign: str
    count: int
    lines: list[Report]
    after: int | None
    area: str
    organisation: str


def read_reports(
    session: Session, campaign_id: int, wanted: WantedReports, *, user: User, after: int | None
) -> Reports:
    """The reports that a user may see, by the same conditions as the figures count them. Raises NotFound."""
    campaign, _goal, _is_whole = find_counted(session, campaign_id, user=user)
    conditions: list[ColumnElement[bool]] = [
        InstallReport.campaign_id == campaign_id,
        visible_to(session, user, ContactList.organisation_id),
        within_area(session, user, Contact.area_code),
    ]
    if wanted.standing:
        conditions.append(InstallReport.withdrawn_at.is_(None))
    if wanted.source:
        conditions.append(InstallReport.source == wanted.source)
    if wanted.area:
        conditions.append(Recipient.area_code.in_(sorted(areas_within(session, [wanted.area]))))
    if wanted.organisation_id:
        conditions.append(ContactList.organisation_id == wanted.organisation_id)
    among = (
        select(InstallReport)
        .join(Recipient, Recipient.id == InstallReport.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .where(*conditions)
    )
    count = session.scalar(among.with_only_columns(func.count())) or 0
    page = among if after is None else among.where(InstallReport.id < after)
    rows = session.execute(
        page.join(Phone, Phone.id == InstallReport.phone_id)
        .outerjoin(Area, Area.code == Recipient.area_code)
        .outerjoin(Organisation, Organisation.id == ContactList.organisation_id)
        .with_only_columns(InstallReport, Contact.id, Contact.name, Phone.e164, Area.name, Organisation.name)
        .order_by(InstallReport.id.desc())
        .limit(PAGE + 1)
    ).all()
    lines = [
        Report(
            id=report.id,
            contact_id=contact_id,
            name=name or "",
            phone=masked(e164),
            place=place or "",
            organisation=organisation or "",
            source=report.source,
            reported_at=report.reported_at,
            withdrawn_at=report.withdrawn_at,
        )
        for report, contact_id, name, e164, place, organisation in rows[:PAGE]
    ]
    area = session.get(Area, wanted.area) if wanted.area else None
    owner = session.get(Organisation, wanted.organisation_id) if wanted.organisation_id else None
    return Reports(
        campaign=campaign.name,
        count=count,
        lines=lines,
        after=lines[-1].id if len(rows) > PAGE else None,
        area=area.name if area else "",
        organisation=owner.name if owner else "",
    )

"""Reading the outreach log: as it stands now, or as it stood at an earlier moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, and_, or_, select, true
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.publicity.entry import Entry, Kind, Summary, Tally, summarise
from campaigns.publicity.models import Activity
from outreach.access.models import Organisation, User
from outreach.access.users import visible_to
from outreach.errors import NotFound
from outreach.places.areas import areas_within
from outreach.places.models import Area, AreaLevel

PAGE = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: those that touch the days from `first` to `last`. `area` is a code, with all below it."""

    first: date
    last: date
    kind: Kind | None = None
    area: str = ""
    organisation_id: int | None = None
    campaign_id: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A version with what its codes are called."""

    activity: Activity
    area: str
    organisation: str
    campaign: str
    by: str


def read_summary(
    session: Session,
    wanted: Wanted,
    *,
    as_of: datetime | None = None,
    seen: ColumnElement[bool] | None = None,
) -> Summary:
    """What was done on the days wanted, by kind, area and day, as the log stood at `as_of` (now by itself).

    `seen` is the condition on Activity.organisation_id under which an entry may be read; without one all are.
    """
    rows = session.scalars(_among(session, wanted, as_of=as_of, seen=seen))
    return summarise(((entry_of(row), row.area_code) for row in rows), first=wanted.first, last=wanted.last)


def read_page(session: Session, wanted: Wanted, *, user: User, after: int | None) -> tuple[list[Line], bool]:
    """Entries that stand, the latest day first and then the latest entered, and whether there are more.

    `after` is the version shown last. One that stands no longer begins anew.
    """
    among = _among(session, wanted, as_of=None, seen=visible_to(session, user, Activity.organisation_id))
    last = session.get(Activity, after) if after else None
    if last:
        among = among.where(
            or_(Activity.last < last.last, and_(Activity.last == last.last, Activity.id < last.id))
        )
    query = _named(among).order_by(Activity.last.desc(), Activity.id.desc()).limit(PAGE + 1)
    lines = _lines(session, query)
    return lines[:PAGE], len(lines) > PAGE


def read_versions(session: Session, entry_id: int, *, user: User) -> list[Line]:
    """An entry's versions, the one that stands first. Raises NotFound."""
    query = select(Activity).where(
        Activity.entry_id == entry_id, visible_to(session, user, Activity.organisation_id)
    )
    lines = _lines(session, _named(query).order_by(Activity.id.desc()))
    if not lines:
        raise NotFound("Không có mục này, hoặc nằm ngoài phạm vi của bạn.")
    return lines


def entry_of(row: Activity) -> Entry:
    return Entry(
        kind=row.kind,
        first=date.fromisoformat(row.first),
        last=date.fromisoformat(row.last),
        times=row.times,
        people=row.people,
        who=row.who,
        place=row.place,
        about=row.about,
    )


def _among(
    session: Session, wanted: Wanted, *, as_of: datetime | None, seen: ColumnElement[bool] | None
) -> Select[Activity]:
    conditions: list[ColumnElement[bool]] = [
        Activity.last >= wanted.first.isoformat(),
        Activity.first <= wanted.last.isoformat(),
        ~Activity.is_withdrawn,
        true() if seen is None else seen,
    ]
    if as_of is None:
        conditions.append(Activity.replaced_at.is_(None))
    else:
        conditions += [
            Activity.entered_at <= as_of,
            or_(Activity.replaced_at.is_(None), Activity.replaced_at > as_of),
        ]
    if wanted.kind:
        conditions.append(Activity.kind == wanted.kind)
    if wanted.area:
        conditions.append(Activity.area_code.in_(sorted(areas_within(session, [wanted.area]))))
    if wanted.organisation_id is not None:
        conditions.append(Activity.organisation_id == wanted.organisation_id)
    if wanted.campaign_id is not None:
        conditions.append(Activity.campaign_id == wanted.campaign_id)
    return select(Activity).where(*conditions)


def _named(query: Select[Activity]) -> Select[Activity, Area, str, str | None, str, str]:
    return (
        query.join(Area, Area.code == Activity.area_code)
        .join(Organisation, Organisation.id == Activity.organisation_id)
        .join(User, User.id == Activity.entered_by)
        .outerjoin(Campaign, Campaign.id == Activity.campaign_id)
        .add_columns(Area, Organisation.name, Campaign.name, User.name, User.email)
    )


def _lines(session: Session, query: Select[Activity, Area, str, str | None, str, str]) -> list[Line]:
    return [
        Line(activity, f"{area.kind} {area.name}", organisation, campaign or "", name or email)
        for activity, area, organisation, campaign, name, email in session.execute(query)
    ]


def by_district(session: Session, summary: Summary) -> list[tuple[str, Tally]]:
    """A summary's areas put together by district, what is the whole province's first: (name, tally)."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    found: dict[str, Tally] = {}
    for code, tally in summary.areas.items():
        area = areas[code]
        if area.level is AreaLevel.COMMUNE and area.parent_code:
            area = areas[area.parent_code]
        whole = found.setdefault(area.code, Tally())
        whole.entries += tally.entries
        whole.times += tally.times
        if tally.people is not None:
            whole.people = (whole.people or 0) + tally.people
    order = sorted(
        found, key=lambda code: (areas[code].level is not AreaLevel.PROVINCE, -found[code].times, code)
    )
    return [(f"{areas[code].kind} {areas[code].name}", found[code]) for code in order]


def read_last_of(session: Session, user: User) -> Activity | None:
    """What a user entered last: where they were then they mostly are again."""
    return session.scalar(
        select(Activity)
        .where(Activity.entered_by == user.id, visible_to(session, user, Activity.organisation_id))
        .order_by(Activity.id.desc())
        .limit(1)
    )

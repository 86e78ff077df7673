"""Add, correct, withdraw, read activities.

Keeping the outreach log: entering, correcting, withdrawing. In the caller's transaction, within a user's scope.

Reading the outreach log: as it stands now, or as it stood at an earlier moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true, update
from sqlalchemy.orm import Session

from campaigns.analytics.installs import list_launched
from campaigns.models.activities import Activity
from campaigns.models.campaigns import Campaign
from campaigns.rules.activities import ActivityEntry, ActivityKind, ActivityTotals, Summary, summarise
from outreach.accounts import audit
from outreach.accounts.permissions import require_role, visible_to
from outreach.models.accounts import Organisation, Role, User
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import areas_within
from outreach.rules.errors import BadInput, NotFound, WrongState


def add_activity(
    session: Session,
    entry: ActivityEntry,
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


def correct_activity(
    session: Session,
    entry_id: int,
    entry: ActivityEntry,
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


def withdraw_activity(session: Session, entry_id: int, *, version: int, user: User, now: datetime) -> None:
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


def _row(entry: ActivityEntry, **more: Any) -> Activity:
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


PAGE = 50


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Which entries: those that touch the days from `first` to `last`. `area` is a code, with all below it."""

    first: date
    last: date
    kind: ActivityKind | None = None
    area: str = ""
    organisation_id: int | None = None
    campaign_id: int | None = None


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """A version with what its codes are called."""

    activity: Activity
    area: str
    organisation: str
    campaign: str
    by: str


def read_summary(
    session: Session,
    wanted: ActivityFilter,
    *,
    as_of: datetime | None = None,
    seen: ColumnElement[bool] | None = None,
) -> Summary:
    """What was done on the days wanted, by kind, area and day, as the log stood at `as_of` (now by itself).

    `seen` is the condition on Activity.organisation_id under which an entry may be read; without one all are.
    """
    rows = session.scalars(_among(session, wanted, as_of=as_of, seen=seen))
    return summarise(((entry_of(row), row.area_code) for row in rows), first=wanted.first, last=wanted.last)


def read_page(
    session: Session, wanted: ActivityFilter, *, user: User, after: int | None
) -> tuple[list[ActivityRow], bool]:
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


def read_versions(session: Session, entry_id: int, *, user: User) -> list[ActivityRow]:
    """An entry's versions, the one that stands first. Raises NotFound."""
    query = select(Activity).where(
        Activity.entry_id == entry_id, visible_to(session, user, Activity.organisation_id)
    )
    lines = _lines(session, _named(query).order_by(Activity.id.desc()))
    if not lines:
        raise NotFound("Không có mục này, hoặc nằm ngoài phạm vi của bạn.")
    return lines


def entry_of(row: Activity) -> ActivityEntry:
    return ActivityEntry(
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
    session: Session, wanted: ActivityFilter, *, as_of: datetime | None, seen: ColumnElement[bool] | None
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


def _lines(session: Session, query: Select[Activity, Area, str, str | None, str, str]) -> list[ActivityRow]:
    return [
        ActivityRow(activity, f"{area.kind} {area.name}", organisation, campaign or "", name or email)
        for activity, area, organisation, campaign, name, email in session.execute(query)
    ]


def by_district(session: Session, summary: Summary) -> list[tuple[str, ActivityTotals]]:
    """A summary's areas put together by district, what is the whole province's first: (name, total)."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    found: dict[str, ActivityTotals] = {}
    for code, total in summary.areas.items():
        area = areas[code]
        if area.level is AreaLevel.COMMUNE and area.parent_code:
            area = areas[area.parent_code]
        whole = found.setdefault(area.code, ActivityTotals())
        whole.entries += total.entries
        whole.times += total.times
        if total.people is not None:
            whole.people = (whole.people or 0) + total.people
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

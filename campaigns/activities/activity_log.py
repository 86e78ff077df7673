"""Activity log: entering, correcting, withdrawing and reading, within a user's scope.

Changes run in the caller's transaction. Every change adds a version, so that the log can be read as it is now or as it
was at an earlier time.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true, update
from sqlalchemy.orm import Session

from campaigns.analytics.installs import list_launched
from campaigns.models.activities import Activity
from campaigns.models.campaigns import Campaign
from campaigns.planning.drives import drive_for_figures
from campaigns.rules.activities import ActivityEntry, ActivityKind, ActivityTotals, Summary, summarise
from campaigns.rules.small_counts import add_up_by
from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.core.db import columns_of
from outreach.models.accounts import Area, AreaLevel, Organisation, Role, User
from outreach.places.areas import areas_within, below_province
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.use_cases import use_case


@use_case
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
    """Store a new entry, or return the one stored from the same form. Raises NotAllowed, BadInput."""
    require_role(user, Role.STAFF, Role.APPROVER)
    stored = session.scalar(select(Activity).where(Activity.form_key == form_key)) if form_key else None
    if stored:
        return stored
    scope = _check_scope(
        session, area=area, organisation_id=organisation_id, campaign_id=campaign_id, user=user
    )
    drive_id = _drive_of(session, campaign_id) or drive_for_figures(session, now=now).id
    activity = _row(
        entry, **scope, drive_id=drive_id, form_key=form_key or None, entered_by=user.id, entered_at=now
    )
    session.add(activity)
    session.flush()
    activity.entry_id = activity.id
    _record_change(session, activity, action="publicity.enter", user=user, now=now)
    return activity


@use_case
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
    """Replace an entry by a new version. Raises NotAllowed, NotFound, BadInput, WrongState if outdated."""
    before = _replace(session, entry_id, version=version, user=user, now=now)
    scope = _check_scope(
        session, area=area, organisation_id=organisation_id, campaign_id=campaign_id, user=user
    )
    drive_id = _drive_of(session, campaign_id) or before.drive_id
    activity = _row(
        entry, **scope, drive_id=drive_id, entry_id=before.entry_id, entered_by=user.id, entered_at=now
    )
    session.add(activity)
    session.flush()
    _record_change(session, activity, action="publicity.correct", user=user, now=now)
    return activity


@use_case
def withdraw_activity(session: Session, entry_id: int, *, version: int, user: User, now: datetime) -> None:
    """Withdraw an entry: it no longer counts but can be read. Raises like `correct_activity`."""
    before = _replace(session, entry_id, version=version, user=user, now=now)
    values = {
        column.key: getattr(before, column.key)
        for column in Activity.__mapper__.column_attrs
        if column.key not in ("id", "form_key", "replaced_at")
    }
    activity = Activity(**values | {"is_withdrawn": True, "entered_by": user.id, "entered_at": now})
    session.add(activity)
    session.flush()
    _record_change(session, activity, action="publicity.withdraw", user=user, now=now)


def _replace(session: Session, entry_id: int, *, version: int, user: User, now: datetime) -> Activity:
    require_role(user, Role.STAFF, Role.APPROVER)
    error = NotFound("entry_not_found")
    before = find_visible(session, Activity, version, user, error, Activity.entry_id == entry_id)
    replaced = session.execute(
        update(Activity).where(Activity.id == version, Activity.replaced_at.is_(None)).values(replaced_at=now)
    )
    if replaced.rowcount != 1:  # type: ignore[attr-defined]
        raise WrongState("entry_changed_meanwhile")
    return before


def _check_scope(
    session: Session, *, area: str, organisation_id: int, campaign_id: int | None, user: User
) -> dict[str, Any]:
    if session.get(Area, area) is None:
        raise BadInput("area_missing")
    find_visible(session, Organisation, organisation_id, user, BadInput("organisation_missing"))
    if campaign_id is not None and campaign_id not in dict(list_launched(session, user)):
        raise BadInput("campaign_not_found_choose")
    return {"area_code": area, "organisation_id": organisation_id, "campaign_id": campaign_id}


def _drive_of(session: Session, campaign_id: int | None) -> int | None:
    return session.get_one(Campaign, campaign_id).drive_id if campaign_id is not None else None


def _row(entry: ActivityEntry, **more: Any) -> Activity:
    days = {"first": entry.first.isoformat(), "last": entry.last.isoformat()}
    return Activity(**asdict(entry) | days | more)


def _record_change(session: Session, activity: Activity, *, action: str, user: User, now: datetime) -> None:
    audit.record(session, action, f"activities:{activity.entry_id}", user, now, version=activity.id)


ON_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Filter of entries that overlap days, in an area and those below it; of a drive, None of all."""

    first: date
    last: date
    kind: ActivityKind | None = None
    area: str = ""
    organisation_id: int | None = None
    campaign_id: int | None = None
    drive: int | None = None


def read_summary(
    session: Session,
    filters: ActivityFilter,
    *,
    as_of: datetime | None = None,
    seen: ColumnElement[bool] | None = None,
) -> Summary:
    """Read totals of the filtered days as of a moment, of readable organisations if `seen` is given."""
    rows = session.scalars(_select_entries(session, filters, as_of=as_of, seen=seen))
    return summarise(((entry_of(row), row.area_code) for row in rows), first=filters.first, last=filters.last)


def read_page(
    session: Session, filters: ActivityFilter, *, user: User, after: int | None
) -> tuple[Sequence[Any], bool]:
    """Read a page of current entries as `read_versions`, latest first, after the version shown last; and whether more are."""
    entries = _select_entries(
        session, filters, as_of=None, seen=visible_to(session, user, Activity.organisation_id)
    )
    last_shown = session.get(Activity, after) if after else None
    if last_shown:
        entries = entries.where(
            or_(
                Activity.last < last_shown.last,
                and_(Activity.last == last_shown.last, Activity.id < last_shown.id),
            )
        )
    query = _with_names(entries).order_by(Activity.last.desc(), Activity.id.desc()).limit(ON_A_PAGE + 1)
    rows = session.execute(query).all()
    return rows[:ON_A_PAGE], len(rows) > ON_A_PAGE


def read_versions(session: Session, entry_id: int, *, user: User) -> Sequence[Any]:
    """Read the versions (`Activity`) of an entry with the names of its codes, the current one first. Raises NotFound."""
    query = select(Activity).where(
        Activity.entry_id == entry_id, visible_to(session, user, Activity.organisation_id)
    )
    rows = session.execute(_with_names(query).order_by(Activity.id.desc())).all()
    if not rows:
        raise NotFound("entry_not_found")
    return rows


def entry_of(row: Activity) -> ActivityEntry:
    """Convert a stored version to an entry."""
    days = date.fromisoformat(row.first), date.fromisoformat(row.last)
    return ActivityEntry(row.kind, *days, *columns_of(row, "times people who place about"))


def _select_entries(
    session: Session, filters: ActivityFilter, *, as_of: datetime | None, seen: ColumnElement[bool] | None
) -> Select[Activity]:
    conditions: list[ColumnElement[bool]] = [
        Activity.last >= filters.first.isoformat(),
        Activity.first <= filters.last.isoformat(),
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
    if filters.kind:
        conditions.append(Activity.kind == filters.kind)
    if filters.area:
        conditions.append(Activity.area_code.in_(sorted(areas_within(session, [filters.area]))))
    if filters.organisation_id is not None:
        conditions.append(Activity.organisation_id == filters.organisation_id)
    if filters.drive is not None:
        conditions.append(Activity.drive_id == filters.drive)
    if filters.campaign_id is not None:
        conditions.append(Activity.campaign_id == filters.campaign_id)
    return select(Activity).where(*conditions)


def _with_names(query: Select[Activity]) -> Select[Any]:
    names = {
        "area": Area.kind + " " + Area.name,
        "organisation": Organisation.name,
        "campaign": func.coalesce(Campaign.name, ""),
        "by": User.shown_name,
    }
    return (
        query.join(Area, Area.code == Activity.area_code)
        .join(Organisation, Organisation.id == Activity.organisation_id)
        .join(User, User.id == Activity.entered_by)
        .outerjoin(Campaign, Campaign.id == Activity.campaign_id)
        .add_columns(*(column.label(name) for name, column in names.items()))
    )


def by_district(session: Session, summary: Summary) -> list[tuple[str, ActivityTotals]]:
    """Group a summary's areas by those below the province: (name, total), entries for the whole province first."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    totals = add_up_by(summary.areas, lambda code: below_province(areas, code) or code)
    order = sorted(
        totals, key=lambda code: (areas[code].level is not AreaLevel.PROVINCE, -totals[code].times, code)
    )
    return [(f"{areas[code].kind} {areas[code].name}", totals[code]) for code in order]


def read_last_of(session: Session, user: User) -> Activity | None:
    """Return the user's last entry; a form suggests its place, as it is mostly the same again."""
    return session.scalar(
        select(Activity)
        .where(Activity.entered_by == user.id, visible_to(session, user, Activity.organisation_id))
        .order_by(Activity.id.desc())
        .limit(1)
    )

"""Goals, denominators and official install figures: set, entered, imported, and read as of a moment.

All changes are in the caller's transaction. Rows are only added, so earlier values can still be read. A CSV
of denominators is imported whole or not at all. Official figures are shown beside residents' reports, never added to them.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign
from campaigns.models.figures import DenominatorEntry, GoalEntry, OfficialInstalls
from campaigns.rules.goals import (
    Denominator,
    Goal,
    Goals,
    GoalScope,
    GoalSubject,
    current_denominator,
    read_as_of,
    read_count,
    read_deadline,
    read_share,
)
from campaigns.rules.progress import HeadlineGoal, choose_headline
from campaigns.rules.reports.snapshot import OfficialInstallFigure
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState
from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff, organisations_of, require_role
from outreach.core.db import newest_of_each
from outreach.models.accounts import Area, AreaLevel, Organisation, OrganisationKind, Role, User
from outreach.places.areas import IS_CURRENT
from outreach.rules.declared_tables import first_lines, read_csv
from outreach.rules.errors import BadInput, LoaError, NotAllowed
from outreach.rules.formats import read_day, read_whole
from outreach.use_cases import use_case

MAX_LENGTH = 200


@use_case
def set_goal(
    session: Session,
    subject: GoalSubject,
    *,
    share: str,
    deadline: str,
    basis: str,
    user: User,
    now: datetime,
) -> bool:
    """Set a goal in percent; empty ends it. Returns False if in force already. Raises BadInput, NotAllowed."""
    require_province(session, user)
    basis = " ".join(basis.split())
    if len(basis) > MAX_LENGTH:
        raise BadInput("goal_source_long", most=MAX_LENGTH)
    return append_goal(
        session,
        subject,
        share=read_share(share),
        deadline=read_deadline(deadline),
        basis=basis,
        user=user,
        now=now,
    )


@use_case
def enter_denominator(
    session: Session, subject: GoalSubject, *, value: str, as_of: str, source: str, user: User, now: datetime
) -> bool:
    """Enter a denominator; empty withdraws it. Returns False if in force already. Raises as `set_goal`."""
    require_province(session, user)
    source = " ".join(source.split())
    if not 0 < len(source) <= MAX_LENGTH:
        raise BadInput("figure_source_missing", most=MAX_LENGTH)
    return append_denominator(
        session,
        subject,
        value=read_count(value),
        as_of=read_as_of(as_of, today=now.astimezone(VIETNAM).date()),
        source=source,
        user=user,
        now=now,
    )


def require_province(session: Session, user: User) -> None:
    """Raise NotAllowed for a user who may not set goals."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if not is_province_staff(session, user):
        raise NotAllowed("goals_not_allowed")


def find_subject(session: Session, *, drive: int, scope: str, place: str) -> GoalSubject:
    """Return the subject that a form or file names by an area's code or organisation's. Raises BadInput."""
    if scope not in (GoalScope.RESIDENTS, GoalScope.STAFF, GoalScope.MEMBERS):
        raise BadInput("scope_unknown", scope=scope[:40])
    if scope == GoalScope.RESIDENTS:
        if session.get(Area, place) is None:
            raise BadInput("place_code_unknown", code=place[:20])
        return GoalSubject(drive, GoalScope.RESIDENTS, area=place)
    if scope == GoalScope.STAFF and not place:
        return GoalSubject(drive, GoalScope.STAFF)
    organisation = session.scalar(select(Organisation).where(Organisation.code == place))
    if organisation is None or (organisation.kind is OrganisationKind.AGENCY) != (scope == GoalScope.STAFF):
        if scope == GoalScope.STAFF:
            raise BadInput("goal_agency_unknown", code=place[:40])
        raise BadInput("goal_organisation_unknown", code=place[:40])
    return GoalSubject(drive, GoalScope(scope), organisation=organisation.id)


def append_goal(
    session: Session,
    subject: GoalSubject,
    *,
    share: float | None,
    deadline: date | None,
    basis: str,
    user: User,
    now: datetime,
) -> bool:
    """Add a goal unless the subject's latest is the same; returns whether. The caller checks who may."""
    day = deadline.isoformat() if deadline and share is not None else None
    values: dict[str, object] = {"share": share, "deadline": day, "basis": basis if share is not None else ""}
    return _append(session, GoalEntry, subject, values, user=user, now=now)


def append_denominator(
    session: Session,
    subject: GoalSubject,
    *,
    value: int | None,
    as_of: date,
    source: str,
    user: User,
    now: datetime,
) -> bool:
    """Add a denominator unless that day's latest is the same; returns whether. The caller checks who may."""
    values: dict[str, object] = {"value": value, "source": source}
    return _append(session, DenominatorEntry, subject, values, user=user, now=now, as_of=as_of.isoformat())


def _append(
    session: Session,
    table: type[GoalEntry] | type[DenominatorEntry],
    subject: GoalSubject,
    values: Mapping[str, object],
    *,
    user: User,
    now: datetime,
    **of_day: str,
) -> bool:
    """Add an entry unless the latest has the same values; the first is None where it is withdrawn, which needs one to withdraw."""
    entries: Any = select(table).where(*about(table, subject)).filter_by(**of_day)
    last = session.scalar(entries.order_by(table.id.desc()).limit(1))
    if last is None and next(iter(values.values())) is None:
        return False
    if last and all(getattr(last, name) == value for name, value in values.items()):
        return False
    row = table(
        drive_id=subject.drive,
        scope=subject.scope,
        area_code=subject.area,
        organisation_id=subject.organisation,
        campaign_id=subject.campaign,
        **values,
        **of_day,
        entered_by=user.id,
        entered_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(session, "goal.set" if table is GoalEntry else "goal.denominator", row, user, now)
    return True


def read_goals(
    session: Session, *, at: datetime, drive: int | None = None, until: date | None = None
) -> Goals:
    """Return all goals and denominators in force at a moment, except campaigns' own.

    Of one drive, or of all; denominators of days up to `until`, or of all. Rows entered later, even about an earlier day, are
    not included: a figure can be computed again as it was.
    """
    goals, denominators = (
        (table.scope != GoalScope.AUDIENCE, *([] if drive is None else [table.drive_id == drive]))
        for table in (GoalEntry, DenominatorEntry)
    )
    if until is not None:
        denominators = (*denominators, DenominatorEntry.as_of <= until.isoformat())
    return _in_force(session, goals, denominators, at=at)


def read_goal_periods(session: Session, drive: int) -> list[tuple[datetime, datetime | None, date]]:
    """Return when each goal of a drive with a deadline was set, when another took its place (None: it stands), and the deadline."""
    periods: list[tuple[datetime, datetime | None, date]] = []
    ends: dict[GoalSubject, datetime] = {}
    conditions = (GoalEntry.scope != GoalScope.AUDIENCE, GoalEntry.drive_id == drive)
    for row, _author in reversed(_rows(session, GoalEntry, conditions)):
        if row.share is not None and row.deadline:
            periods.append((row.entered_at, ends.get(row.subject), date.fromisoformat(row.deadline)))
        ends[row.subject] = row.entered_at
    return periods


def read_campaign_goals(
    session: Session, campaigns: Iterable[int], *, at: datetime | None = None
) -> dict[int, Goal]:
    """Return by campaign the goal that its file set in its present drive, as of a moment or now."""
    ids = list(campaigns)
    drive = select(Campaign.drive_id)
    conditions = [
        (
            table.scope == GoalScope.AUDIENCE,
            table.campaign_id.in_(ids),
            table.drive_id == drive.where(Campaign.id == table.campaign_id).scalar_subquery(),
        )
        for table in (GoalEntry, DenominatorEntry)
    ]
    goals = _in_force(session, *conditions, at=at).goals
    return {subject.campaign: goal for subject, goal in goals.items() if subject.campaign is not None}


def read_headline_goal(
    session: Session, campaigns: Sequence[Campaign], place_goal: Goal | None, *, is_whole: bool, at: datetime
) -> HeadlineGoal:
    """Return what a drive's headline is held against; the goals of campaigns that were cancelled by then do not count."""
    own = read_campaign_goals(session, [campaign.id for campaign in campaigns], at=at)
    under_way = [
        campaign
        for campaign in campaigns
        if campaign.state is not CampaignState.CANCELLED or (campaign.ended_at and campaign.ended_at > at)
    ]
    return choose_headline(
        place_goal,
        [own[campaign.id] for campaign in under_way if campaign.id in own],
        campaigns=len(campaigns),
        is_whole=is_whole,
    )


def read_staff_goal(session: Session, drive: int, *, at: datetime) -> Goal | None:
    """Return the goal of all agencies' staff in a drive."""
    return read_goals(session, at=at, drive=drive).goals.get(GoalSubject(drive, GoalScope.STAFF))


def campaign_subject(campaign: Campaign) -> GoalSubject:
    """Return the subject of a campaign's own goal: its audience."""
    return GoalSubject(campaign.drive_id, GoalScope.AUDIENCE, campaign=campaign.id)


def read_history(session: Session, subject: GoalSubject) -> tuple[list[Goal | None], list[Denominator]]:
    """Return goals and denominators entered about a subject, latest first; an ended goal is None."""
    goals = [_goal(*row) for row in _rows(session, GoalEntry, about(GoalEntry, subject))]
    entered = _rows(session, DenominatorEntry, about(DenominatorEntry, subject))
    return goals[::-1], [_denominator(*row) for row in reversed(entered)]


def _in_force(
    session: Session,
    goal_rows: tuple[ColumnElement[bool], ...],
    denominator_rows: tuple[ColumnElement[bool], ...],
    *,
    at: datetime | None,
) -> Goals:
    entered: dict[GoalSubject, list[Denominator]] = {}
    for row, author in _rows(session, DenominatorEntry, denominator_rows, at=at):
        entered.setdefault(row.subject, []).append(_denominator(row, author))
    in_force = {subject: current_denominator(history) for subject, history in entered.items()}
    denominators = {subject: denominator for subject, denominator in in_force.items() if denominator}
    last = {row.subject: _goal(row, author) for row, author in _rows(session, GoalEntry, goal_rows, at=at)}
    goals = {
        subject: replace(goal, denominator=denominators.get(subject))
        for subject, goal in last.items()
        if goal
    }
    return Goals(goals, denominators)


def _rows(
    session: Session,
    table: type[GoalEntry] | type[DenominatorEntry],
    conditions: Iterable[ColumnElement[bool]],
    *,
    at: datetime | None = None,
) -> list[tuple[Any, str]]:
    query = (
        select(table, User.shown_name)
        .outerjoin(User, User.id == table.entered_by)
        .where(*conditions, *([table.entered_at <= at] if at else ()))
        .order_by(table.id)
    )
    return [(row, author) for row, author in session.execute(query)]


def about(
    table: type[GoalEntry] | type[DenominatorEntry], subject: GoalSubject
) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a row is about a subject."""
    # IS NOT DISTINCT FROM: most of a subject's columns are NULL.
    return (
        table.drive_id == subject.drive,
        table.scope == subject.scope,
        table.area_code.is_not_distinct_from(subject.area),
        table.organisation_id.is_not_distinct_from(subject.organisation),
        table.campaign_id.is_not_distinct_from(subject.campaign),
    )


def _goal(row: GoalEntry, author: str) -> Goal | None:
    if row.share is None:
        return None
    deadline = date.fromisoformat(row.deadline) if row.deadline else None
    return Goal(row.subject, row.share, deadline, row.basis, author, row.entered_at)


def _denominator(row: DenominatorEntry, author: str) -> Denominator:
    return Denominator(row.value, date.fromisoformat(row.as_of), row.source, author, row.entered_at)


DENOMINATOR_COLUMNS = ("scope", "place", "value", "as_of", "source")


@use_case
def import_denominators(
    session: Session, content: bytes, *, drive: int, user: User, now: datetime
) -> tuple[int, int]:
    """Import denominators from a CSV of DENOMINATOR_COLUMNS. Returns how many new, same. Raises BadInput, NotAllowed."""
    require_province(session, user)
    new, same = 0, 0
    wrong: list[tuple[int, LoaError]] = []
    for row in read_csv(content, DENOMINATOR_COLUMNS):
        try:
            subject = find_subject(session, drive=drive, scope=row.text("scope"), place=row.text("place"))
            form_values = {name: row.text(name) for name in ("value", "as_of", "source")}
            is_new = enter_denominator(session, subject, **form_values, user=user, now=now)
        except BadInput as error:
            wrong.append((row.line, error))
            continue
        new, same = new + is_new, same + (not is_new)
    if wrong:
        raise BadInput("lines_wrong", lines=first_lines(wrong))
    return new, same


COLUMNS = ("day", "area", "installed", "source")
MAX_INSTALLED = 2**31 - 1


@use_case
def import_official(
    session: Session, content: bytes, *, drive: int, user: User, now: datetime
) -> tuple[int, int]:
    """Import figures from a CSV of COLUMNS. Returns how many new and same. Raises BadInput, NotAllowed."""
    lines = [(row.line, tuple(map(row.text, COLUMNS))) for row in read_csv(content, COLUMNS)]
    return _store(session, lines, drive=drive, user=user, now=now)


@use_case
def enter_official(
    session: Session,
    *,
    drive: int,
    day: str,
    area: str,
    installed: str,
    source: str,
    user: User,
    now: datetime,
) -> bool:
    """Enter one official figure. Returns False if it is in force already. Raises as `import_official`."""
    return _store(session, [(0, (day, area, installed, source))], drive=drive, user=user, now=now)[0] == 1


def _store(
    session: Session, lines: Sequence[tuple[int, tuple[str, ...]]], *, drive: int, user: User, now: datetime
) -> tuple[int, int]:
    require_role(user, Role.STAFF, Role.APPROVER)
    if organisations_of(session, user) is not None:
        raise NotAllowed("official_figures_not_allowed")
    # The province's figure is the sum of its districts
    levels = (AreaLevel.DISTRICT, AreaLevel.COMMUNE)
    areas = set(session.scalars(select(Area.code).where(Area.level.in_(levels), IS_CURRENT)))
    rows = _check(lines, today=now.astimezone(VIETNAM).date(), areas=areas)
    entered = select(OfficialInstalls).where(OfficialInstalls.drive_id == drive).order_by(OfficialInstalls.id)
    in_force = {(row.area_code, row.day): (row.installed, row.source) for row in session.scalars(entered)}
    new = [row for row in rows if in_force.get((row[1], row[0])) != row[2:]]
    session.add_all(
        OfficialInstalls(
            drive_id=drive,
            area_code=area,
            day=day,
            installed=installed,
            source=source,
            entered_by=user.id,
            entered_at=now,
        )
        for day, area, installed, source in new
    )
    audit.record(
        session, "official.import", "official_installs", user, now, new=len(new), same=len(rows) - len(new)
    )
    return len(new), len(rows) - len(new)


def latest_official(
    session: Session, drive: int, *, today: date, known_until: datetime | None = None
) -> dict[str, OfficialInstallFigure]:
    """Return a drive's latest known figures until today, by area. A place without one is not included.

    A district without a figure of its own has its communes' sum, once each commune has one. `known_until` leaves out
    figures entered later.
    """
    conditions = [OfficialInstalls.drive_id == drive, OfficialInstalls.day <= today.isoformat()]
    if known_until:
        conditions.append(OfficialInstalls.entered_at <= known_until)
    by = (OfficialInstalls.day, OfficialInstalls.id)
    newest = newest_of_each(OfficialInstalls.area_code, OfficialInstalls, by=by, where=conditions)
    known = {
        row.area_code: OfficialInstallFigure(row.installed, row.day, row.source)
        for row in session.execute(newest)
    }
    communes: dict[str, list[str]] = {}
    for area in session.scalars(select(Area).where(Area.level == AreaLevel.COMMUNE)):
        if area.is_valid_on(today.isoformat()):
            communes.setdefault(area.parent_code or "", []).append(area.code)
    for district, codes in communes.items():
        if district not in known and (total := add_up_official(known, codes)):
            known[district] = total
    return known


def add_up_official(
    known: Mapping[str, OfficialInstallFigure], places: Iterable[str]
) -> OfficialInstallFigure | None:
    """Return the sum over places as of their oldest day; None unless each one's figure is known."""
    parts = [known.get(code) for code in places]
    known_parts = [part for part in parts if part]
    if not known_parts or len(known_parts) < len(parts):
        return None
    return OfficialInstallFigure(
        sum(part.installed for part in known_parts),
        min(part.day for part in known_parts),
        "; ".join(sorted({part.source for part in known_parts})),
        is_sum=True,
    )


def _check(
    lines: Sequence[tuple[int, tuple[str, ...]]], *, today: date, areas: set[str]
) -> list[tuple[str, str, int, str]]:
    rows, seen = [], set()
    wrong: list[tuple[int, LoaError]] = []
    for n, (day, area, count, source) in lines:
        installed = None
        with suppress(ValueError):
            installed = read_whole(count, most=10**12)
        problem = _line_problem(day, area, installed, source, today=today, areas=areas)
        if problem is None and (day, area) in seen:
            problem = LoaError("official_line_repeated")
        if problem:
            wrong.append((n, problem))
            continue
        seen.add((day, area))
        rows.append((day, area, installed or 0, source))
    if wrong:
        is_typed = not wrong[0][0]
        raise BadInput("lines_wrong", lines=[wrong[0][1]] if is_typed else first_lines(wrong))
    return rows


def _line_problem(
    day: str, area: str, installed: int | None, source: str, *, today: date, areas: set[str]
) -> LoaError | None:
    if (parsed := read_day(day)) is None:
        return LoaError("official_day_wrong")
    if parsed > today:
        return LoaError("official_day_future")
    if area not in areas:
        return LoaError("official_area_unknown", code=area)
    if installed is None:
        return LoaError("official_number_wrong")
    if installed > MAX_INSTALLED:
        return LoaError("official_number_large")
    return None if 0 < len(source) <= 200 else LoaError("official_source_wrong")

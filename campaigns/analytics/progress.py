"""Progress page for leaders: counts by place and organisation, measured against their goals.

All figures are read in one snapshot, within the user's scope. Agencies are ranked against their goal: people
still missing, the change since yesterday, and whether they have reported today.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta

from redis import Redis
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from campaigns.agencies.reports import AgencyStatus, read_overview
from campaigns.analytics.installs import find_small, find_visible_campaign, hides_lists, takes_part
from campaigns.analytics.progress_counts import (
    CountScope,
    Where,
    count_days,
    count_new,
    count_own_of,
    count_places,
    count_reached,
    question_of,
    scope_key,
)
from campaigns.analytics.progress_tables import PlaceTree, add_up, organisations_table
from campaigns.analytics.reach import Reach, fold_reach, reach_of, read_reach
from campaigns.delivery.streams import step_times
from campaigns.goals.goals import add_up_official, latest_official, read_goals, read_headline_goal
from campaigns.models.campaigns import Campaign, Drive
from campaigns.planning.audience import SMALL
from campaigns.planning.kinds import words_of
from campaigns.rules.agencies import StaffTotal
from campaigns.rules.forecast import Forecast, Wave, by_day, forecast_goal
from campaigns.rules.goals import Goal, Goals, GoalScope, GoalSubject, people_for
from campaigns.rules.progress import (
    HeadlineGoal,
    Outlook,
    PlaceCounts,
    RankRow,
    RankTable,
    ShareBasis,
    find_outlook,
    measure_line,
    required_per_day,
)
from campaigns.rules.promises import OwnCount, PromisedFigures, read_promised
from campaigns.rules.reports.snapshot import OfficialInstallFigure
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.small_counts import Small, add_up_by
from campaigns.rules.states import CampaignState
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.models.contacts import ContactList
from outreach.places.areas import UnitHistory, read_unit_history
from outreach.rules.errors import NotFound
from outreach.runtime import Runtime

SPARK_DAYS = 14


@dataclass(frozen=True, slots=True)
class LeadGoal:
    """The main goal of the page.

    With `is_of_place` it is the goal of the whole province's residents; else the goal of the newest campaign
    that has one, held against the drive's recipients. `missing` and `needed` (a day) count people; None is not
    known. `ahead`, `needed` and `outlook` are known on the progress page alone.
    """

    is_of_place: bool
    goal: Goal | None
    line: RankRow
    basis: ShareBasis
    days: list[tuple[date, int]]
    ahead: Forecast | None = None
    needed: float | None = None
    outlook: Outlook = Outlook.UNKNOWN

    @property
    def target(self) -> int | None:
        """Return how many people the goal asks for; None if not known."""
        return people_for(self.goal.share, self.line.denominator) if self.goal else None

    def days_left(self, today: date) -> int | None:
        """Return how many days are left to the deadline, today and that day included, as in `needed`; None without one."""
        return (self.goal.deadline - today).days + 1 if self.goal and self.goal.deadline else None


@dataclass(frozen=True, slots=True)
class AgencyRank:
    """An agency against its goal; `today`: installs since yesterday's end, None before it reports."""

    agency: AgencyStatus
    goal: float | None
    missing: int | None
    today: int | None
    has_reported: bool


@dataclass(frozen=True, slots=True)
class AgencyRanking:
    """The agencies of the user's scope, largest gap first, and their total."""

    lines: list[AgencyRank]
    total: StaffTotal
    goal: Goal | None
    today: int | None

    @property
    def missing(self) -> list[str]:
        """Return the names of agencies that have not reported today."""
        return [line.agency.name for line in self.lines if not line.has_reported]


def drive_of_campaign(session: Session, campaign_id: int, *, user: User) -> Drive:
    """Return the drive of a launched campaign. Raises NotFound for one that the user may not see."""
    campaign = find_visible_campaign(session, campaign_id, user=user)
    if campaign.launched_at is None:
        raise NotFound("campaign_id_without_figures", id=campaign_id)
    return session.get_one(Drive, campaign.drive_id)


def is_large(session: Session, drive: Drive) -> bool:
    """Return whether a drive has a campaign whose figures a worker counts for all readers."""
    large = exists().where(Campaign.drive_id == drive.id, Campaign.recipients > SMALL)
    return bool(session.scalar(select(large)))


@dataclass(frozen=True, slots=True)
class DriveFigures:
    """What residents report in a drive, and the goal that it is held against."""

    drive: Drive
    campaigns: Sequence[Campaign]
    is_whole: bool
    head: LeadGoal
    goals: Goals
    history: UnitHistory
    day: date  # whose units the drive's figures are recorded by
    counts_by_place: Mapping[Where, PlaceCounts]
    small: Small | None  # what is counted under another for the reader
    total: PlaceCounts
    scope: CountScope
    own_answers: Sequence[OwnCount]

    @property
    def promised(self) -> PromisedFigures | None:
        """Return what people promised and kept; None where no own answer promises."""
        total = self.total
        return read_promised(
            self.own_answers, recipients=total.recipients, answered=total.answered, done=total.installed
        )


@dataclass(frozen=True, slots=True)
class ProgressPage(DriveFigures):
    """Figures of a drive as of now, for one reader: over all its campaigns, each number once.

    `campaigns` are those launched that the reader may see, oldest first. `official` and `agencies` are None
    where agencies do not report on the kind.
    """

    reach: Reach
    level_name: str  # what the areas of `districts` are called
    units: date  # the day whose units these are
    days_of_units: Sequence[date]  # one day before and after each reform; `units` is one of them
    converted: frozenset[str]  # places with people who were recorded by units of another day
    districts: RankTable
    communes: dict[str, RankTable]
    organisations: RankTable
    rolled_up: frozenset[str]  # organisations whose counts include others below them
    official: dict[str, OfficialInstallFigure] | None
    official_whole: OfficialInstallFigure | None
    agencies: AgencyRanking | None
    waves: Sequence[Wave]  # messages by day, those to come as well
    new_by_day: Mapping[str, Counter[int]]  # by place, as `count_new`

    @property
    def question(self) -> str:
        """Return the question that the own answers are to."""
        return question_of(self.campaigns)

    def new_of(self, code: str) -> Sequence[int]:
        """Return how many reports of a place were new on each of the last days."""
        counts = self.new_by_day.get(code, Counter())
        return [counts[day] for day in range(SPARK_DAYS)]


def read_drive_figures(
    session: Session, drive: Drive, *, user: User, redis: Redis, now: datetime
) -> DriveFigures | None:
    """Return a drive's figures for a reader. Returns None while no campaign that they may see was launched."""
    campaigns = session.scalars(
        select(Campaign)
        .where(Campaign.drive_id == drive.id, Campaign.launched_at.is_not(None), takes_part(session, user))
        .order_by(Campaign.launched_at, Campaign.id)
    ).all()
    if not campaigns:
        return None
    is_whole = not hides_lists(session, [campaign.id for campaign in campaigns], user=user)
    seen = visible_to(session, user, ContactList.organisation_id)
    scope = CountScope(campaigns, seen, scope_key(organisations_of(session, user)))
    counts_by_place = count_places(session, scope, redis=redis, now=now)
    small = find_small(session, campaigns, user=user)
    if small:
        counts_by_place = add_up_by(
            counts_by_place,
            lambda where: Where(small.area_of(where.area), small.organisation_of(where.organisation)),
        )
    goals = read_goals(session, at=now, drive=drive.id)
    history = read_unit_history(session)
    day = day_of_units(campaigns, now=now)
    places = PlaceTree(history, day, goals, drive.id)
    place_goal = goals.goals.get(places.subject(places.top)) if is_whole and places.top else None
    total = add_up(counts_by_place.values())
    days = count_days(session, scope, redis=redis, now=now)
    chosen = read_headline_goal(session, campaigns, place_goal, is_whole=is_whole, at=now)
    head = _head(chosen, total, days)
    own_answers = count_own_of(session, scope, redis=redis, now=now)
    return DriveFigures(
        drive,
        campaigns,
        is_whole,
        head,
        goals,
        history,
        day,
        counts_by_place,
        small,
        total,
        scope,
        own_answers,
    )


def day_of_units(campaigns: Sequence[Campaign], *, now: datetime) -> date:
    """Return the day whose units a drive is read in: today, or the day on which the last of its campaigns ended."""
    ends = [campaign.ended_at or now for campaign in campaigns]
    return max(ends).astimezone(VIETNAM).date()


def read_progress(
    session: Session, drive: Drive, *, user: User, runtime: Runtime, now: datetime, units: date | None = None
) -> ProgressPage | None:
    """Return a drive's page, None before a launch, by the units of a day or its own. Call in `db.read()`."""
    figures = read_drive_figures(session, drive, user=user, redis=runtime.redis, now=now)
    if figures is None:
        return None
    today = now.astimezone(VIETNAM).date()
    is_whole, goals = figures.is_whole, figures.goals
    places = PlaceTree(figures.history, units or figures.day, goals, drive.id)
    counts_by_place = figures.counts_by_place
    reach = _read_reach(session, figures.scope, user=user, redis=runtime.redis, now=now)
    reach = fold_reach(reach, figures.small)
    waves = _read_waves(session, figures, reach, user=user, settings=runtime.settings, now=now)
    head = _with_forecast(figures.head, waves, today=today)
    default_goal = head.goal.share if head.goal else None
    by_place = add_up_by(counts_by_place, lambda where: where.area)
    small = figures.small or Small()
    entered = goals.denominators if is_whole else {}
    others = [code for code in places.districts if code not in small.areas] if is_whole else []
    districts, communes = places.tables(by_place, reach, entered, default_goal, others=others)
    has_figures = words_of(session, drive.kind).agencies
    official = latest_official(session, drive.id, today=today) if has_figures and is_whole else None
    official_whole = None
    if official:
        own_places = PlaceTree(figures.history, figures.day, goals, drive.id).districts
        official_whole = add_up_official(official, own_places)
        official = _on_places(official, places)
    organisations, rolled_up = organisations_table(
        session, user, counts_by_place, reach, goals, drive.id, default_goal
    )
    own = {each.name: getattr(figures, each.name) for each in fields(figures)}
    return ProgressPage(
        **{**own, "head": head},
        reach=reach,
        level_name=places.level_name,
        units=figures.history.day_of_units(places.units.day),
        days_of_units=figures.history.days,
        converted=places.converted(by_place),
        districts=districts,
        communes=communes,
        organisations=organisations,
        rolled_up=rolled_up,
        official=official,
        official_whole=official_whole,
        agencies=read_agencies(session, user, goals, drive.id, today=today) if has_figures else None,
        waves=waves,
        new_by_day=_new_by_place(count_new(session, figures.scope, days=SPARK_DAYS, now=now), small, places),
    )


def read_forecast(
    session: Session, figures: DriveFigures, *, user: User, runtime: Runtime, now: datetime
) -> LeadGoal:
    """Return a drive's main goal with its forecast, as `read_progress` has it."""
    reach = _read_reach(session, figures.scope, user=user, redis=runtime.redis, now=now)
    reach = fold_reach(reach, figures.small)
    waves = _read_waves(session, figures, reach, user=user, settings=runtime.settings, now=now)
    return _with_forecast(figures.head, waves, today=now.astimezone(VIETNAM).date())


def _read_waves(
    session: Session, figures: DriveFigures, reach: Reach, *, user: User, settings: Settings, now: datetime
) -> list[Wave]:
    """Return the messages of a drive by day; `reach` is that of all its campaigns together."""
    total, campaigns = figures.total, figures.campaigns
    unanswered = 1 - total.answered / total.recipients if total.recipients else 0.0
    seen = organisations_of(session, user)
    return by_day(
        wave
        for each in campaigns
        for wave in waves_of(
            each,
            reach if len(campaigns) == 1 else read_reach(session, each, seen=seen, now=now),
            unanswered=unanswered,
            settings=settings,
            now=now,
        )
    )


def _new_by_place(
    new: Mapping[str | None, Counter[int]], small: Small, places: PlaceTree
) -> dict[str, Counter[int]]:
    """Add the new reports up by places below the province and by communes; those of split units to none of them."""
    by_place: dict[str, Counter[int]] = {}
    for area, counts in add_up_by(new, small.area_of).items():
        for found in {places.districts_of(area), places.communes_of(area)}:
            code = next(iter(found)) if len(found) == 1 else None
            if code:
                by_place.setdefault(code, Counter()).update(counts)
    return by_place


def _on_places(
    official: dict[str, OfficialInstallFigure], places: PlaceTree
) -> dict[str, OfficialInstallFigure]:
    """Add the official figures of places whose ground is that of whole units of another day."""
    others = places.known_on_other_days(official, {*places.districts} - official.keys())
    sums = {
        code: add_up_official(official, ground.sure) for code, ground in others.items() if not ground.possible
    }
    return official | {code: figure for code, figure in sums.items() if figure}


def _read_reach(session: Session, scope: CountScope, *, user: User, redis: Redis, now: datetime) -> Reach:
    """Return whom the drive's messages have left for and reached, each number once."""
    if len(scope.campaigns) == 1:
        return read_reach(session, scope.campaigns[0], seen=organisations_of(session, user), now=now)
    return reach_of(*count_reached(session, scope, redis=redis, now=now))


def _head(chosen: HeadlineGoal, total: PlaceCounts, days: list[tuple[date, int]]) -> LeadGoal:
    goal = chosen.goal
    entered = goal.denominator if goal else None
    share = goal.share if goal else None
    line = measure_line("", "", total, goal=share, entered=entered, basis=chosen.basis)
    return LeadGoal(chosen.is_of_place, goal, line, chosen.basis, days)


def _with_forecast(head: LeadGoal, waves: list[Wave], *, today: date) -> LeadGoal:
    goal, line, days, total = head.goal, head.line, head.days, head.line.counts
    ahead = needed = None
    # Of a campaign that has ended answers go on to come until the goal's day; without one there is no forecast of it.
    is_ahead = bool(days) and (
        days[-1][0] >= today or (goal is not None and goal.deadline is not None and goal.deadline >= today)
    )
    if goal and line.denominator and is_ahead:
        ahead = forecast_goal(
            days,
            waves,
            people=line.denominator,
            goal=goal.share,
            today=today,
            deadline=goal.deadline,
            unanswered=max(0, total.recipients - total.answered),
        )
        if goal.deadline:
            needed = required_per_day(
                installed=total.installed,
                denominator=line.denominator,
                goal=goal.share,
                today=today,
                deadline=goal.deadline,
            )
    outlook = find_outlook(
        share=line.share,
        goal=goal.share if goal else None,
        deadline=goal.deadline if goal else None,
        today=today,
        ahead=ahead,
    )
    return replace(head, ahead=ahead, needed=needed, outlook=outlook)


def waves_of(
    campaign: Campaign, reach: Reach, *, unanswered: float, settings: Settings, now: datetime
) -> list[Wave]:
    """Return a campaign's messages by day; those to come go to the share `unanswered` of the first."""
    if campaign.launched_at is None:
        return []
    times = step_times(campaign, settings=settings, now=now)
    is_sending = campaign.state in (CampaignState.SENDING, CampaignState.PAUSED)
    first = reach.steps.get(campaign.steps[0].id)
    waves = []
    for step in campaign.steps:
        day = times[step.number].astimezone(VIETNAM).date()
        if step.opened_at is not None:
            counts = reach.steps.get(step.id)
            waves.append(Wave(day, counts.sent if counts else 0))
        elif is_sending and first is not None:
            waves.append(Wave(day, round(first.sent * unanswered), has_left=False))
    return waves


def read_agencies(session: Session, user: User, goals: Goals, drive: int, *, today: date) -> AgencyRanking:
    """Return the agencies of the user's scope as of today."""
    overview = read_overview(session, user, drive, day=today, with_rosters=False)
    installed_yesterday = {
        agency.id: agency.counts.installed if agency.counts else None
        for agency in read_overview(
            session, user, drive, day=today - timedelta(days=1), with_rosters=False
        ).agencies
    }
    common = goals.goals.get(GoalSubject(drive, GoalScope.STAFF))
    lines = [
        _rank(
            agency,
            goals.goals.get(GoalSubject(drive, GoalScope.STAFF, organisation=agency.id)) or common,
            before=installed_yesterday[agency.id],
            has_reported=agency.day == today.isoformat(),
        )
        for agency in overview.agencies
    ]
    # The largest gap first; unknown gaps come before those that have reached the goal.
    lines.sort(
        key=lambda line: (line.missing == 0, line.missing is None, -(line.missing or 0), line.agency.name)
    )
    changes = [line.today for line in lines if line.today is not None]
    return AgencyRanking(lines, overview.total, common, sum(changes) if changes else None)


def _rank(agency: AgencyStatus, goal: Goal | None, *, before: int | None, has_reported: bool) -> AgencyRank:
    """Measure an agency against its goal; `before` is what it had installed at the end of yesterday."""
    installed = agency.counts.installed if agency.counts else None
    target = people_for(goal.share, agency.counts.with_smartphone) if goal and agency.counts else None
    is_known = has_reported and installed is not None and before is not None
    return AgencyRank(
        agency=agency,
        goal=goal.share if goal else None,
        missing=None if target is None or installed is None else max(0, target - installed),
        today=(installed or 0) - (before or 0) if is_known else None,
        has_reported=has_reported,
    )

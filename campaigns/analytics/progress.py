"""Progress page for leaders: counts by place and organisation, measured against their goals.

All figures are read in one snapshot, within the user's scope. Agencies are ranked against their goal: people
still missing, the change since yesterday, and whether they have reported today. Places and organisations are ranked with their
counts, measured against their goals.
"""

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import TypeVar

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
from campaigns.analytics.reach import Reach, fold_reach, reach_of, read_reach
from campaigns.delivery.streams import step_times
from campaigns.goals.goals import add_up_official, latest_official, read_goals, read_headline_goal
from campaigns.models.campaigns import Campaign, Drive
from campaigns.planning.audience import SMALL
from campaigns.planning.kinds import words_of
from campaigns.rules.agencies import StaffTotal
from campaigns.rules.forecast import Forecast, Wave, by_day, forecast_goal
from campaigns.rules.goals import Denominator, Goal, Goals, GoalScope, GoalSubject, people_for
from campaigns.rules.progress import (
    HeadlineGoal,
    Outlook,
    PlaceCounts,
    RankRow,
    RankTable,
    ShareBasis,
    find_outlook,
    furthest_behind,
    measure,
    measure_line,
    required_per_day,
)
from campaigns.rules.promises import OwnCount, PromisedFigures, read_promised
from campaigns.rules.reach import ReachTotals
from campaigns.rules.reports.snapshot import OfficialInstallFigure
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.small_counts import Small, add_up_by
from campaigns.rules.states import CampaignState
from outreach.accounts.permissions import organisations_of, visible_to
from outreach.core.settings import Settings
from outreach.models.accounts import AreaLevel, Organisation, User
from outreach.models.contacts import ContactList
from outreach.places.areas import UnitHistory, below_province, name_level, path_upwards, read_unit_history
from outreach.rules.errors import NotFound
from outreach.rules.gazetteer import Ground, known_ground, sort_ground
from outreach.runtime import Runtime

Code = TypeVar("Code", bound=Hashable)
Counted = TypeVar("Counted", bound=Hashable)


class PlaceTree:
    """The places of a day with goals and denominators; units of other days are read as ranges in these."""

    def __init__(self, history: UnitHistory, day: date, goals: Goals, drive: int) -> None:
        self.history, self.units = history, history.on(day)
        self.areas, self.goals, self.drive = history.areas, goals, drive
        tops = [
            area.code
            for area in self.units.of_day
            if area.level is AreaLevel.PROVINCE and area.code in history.own
        ]
        self.top = tops[0] if len(tops) == 1 else None
        below = self.units.below_province
        self.districts = [area.code for area in below if area.code in history.own]
        self.level_name = name_level(below)

    def subject(self, code: str) -> GoalSubject:
        return GoalSubject(self.drive, GoalScope.RESIDENTS, area=code)

    def district_of(self, code: str | None) -> str | None:
        """Return the area of the level below the province: a district, or since 1/7/2025 the commune itself."""
        return below_province(self.areas, code)

    def districts_of(self, code: str | None) -> frozenset[str | None]:
        """Return the places below the province in which the people of a recorded unit may live."""
        return self.units.places_of(code)

    def communes_of(self, code: str | None) -> frozenset[str | None]:
        """Return the communes in which the people of a recorded unit may live."""
        return frozenset(self.units.communes_of(code) if code else ()) or frozenset((code,))

    def _provinces_of(self, code: str) -> frozenset[str]:
        return frozenset(path_upwards(self.areas, commune)[-1] for commune in self.units.communes_of(code))

    def converted(self, codes: Iterable[str | None]) -> frozenset[str]:
        """Return the places in which units of another day lie, of these recorded ones."""
        of_day = {area.code for area in self.units.of_day}
        other = [code for code in codes if code and code not in of_day]
        return frozenset(
            place for code in other for place in (*self.districts_of(code), *self.communes_of(code)) if place
        )

    def tables(
        self,
        counted: Mapping[str | None, PlaceCounts],
        reach: Reach,
        entered: Mapping[GoalSubject, Denominator],
        default_goal: float | None,
        *,
        others: Collection[str],
    ) -> tuple[RankTable, dict[str, RankTable]]:
        """Rank the places below the province, also `others` where nothing was counted, and each district's communes."""
        rank = partial(self.table, counted, reach=reach, entered=entered, default_goal=default_goal)
        districts = rank(self.districts_of, others=others)
        with_communes = {self.district_of(each) for code in counted for each in self.communes_of(code)}
        return districts, {
            district: rank(self.communes_of, within=district)
            for district in filter(None, (line.code for line in districts.lines))
            if district in with_communes and self.areas[district].level is AreaLevel.DISTRICT
        }

    def table(
        self,
        counted: Mapping[str | None, PlaceCounts],
        places_of: Callable[[str | None], Collection[str | None]],
        reach: Reach,
        entered: Mapping[GoalSubject, Denominator],
        default_goal: float | None,
        *,
        others: Collection[str] | None = None,
        within: str = "",
    ) -> RankTable:
        """Rank places of `counted` by their goals or `default_goal`; `others` too, or `within` a district."""
        sure: dict[str | None, PlaceCounts] = {code: PlaceCounts() for code in others or ()}
        perhaps: dict[str | None, PlaceCounts] = {}
        for place, ground in sort_ground({code: places_of(code) for code in counted}).items():
            if not within or self.district_of(place) == within:
                sure[place] = add_up(counted[code] for code in ground.sure)
                if ground.possible:
                    perhaps[place] = add_up(counted[code] for code in ground.possible)
        add_reach(sure, reach, reach.areas, places_of)
        for place in perhaps:
            sure[place].sent = sure[place].delivered = None
        codes = {code for code in sure if code}
        denominators, most_people = self.denominators(codes, entered)

        def share_of(code: str | None) -> float | None:
            goal = self.goal_of(code) if code else None
            return goal.share if goal else default_goal

        return measure(
            sure,
            name_of=self._name_of,
            goal_of=share_of,
            entered=denominators,
            perhaps=perhaps,
            most_people=most_people,
        )

    def denominators(
        self, codes: set[str], entered: Mapping[GoalSubject, Denominator]
    ) -> tuple[dict[str, Denominator], dict[str, int]]:
        """Return places' denominators, else those of other days' units there; and the most of ranges."""
        by_code = {subject.area or "": each for subject, each in entered.items() if each.value}
        known = {code: by_code[code] for code in codes & by_code.keys()}
        most: dict[str, int] = {}
        for code, ground in self.known_on_other_days(by_code.keys(), codes - known.keys()).items():
            values = {each: by_code[each].value or 0 for each in (*ground.sure, *ground.possible)}
            oldest = min((by_code[each] for each in values), key=lambda each: each.as_of)
            known[code] = replace(oldest, value=sum(values[each] for each in ground.sure))
            if ground.possible:
                most[code] = sum(values.values())
        return known, most

    def goal_of(self, code: str) -> Goal | None:
        """Return a place's goal, or that of the nearest area above it; else the one that all units on its ground had."""
        goal = self.goals.nearest(self.subject(code), path_upwards(self.areas, code)[1:])
        return goal or self.goal_of_ground(code)

    def goal_of_ground(self, code: str | None) -> Goal | None:
        """Return the goal that all the units of other days on a place's ground have alike."""
        goals = [
            self.goals.nearest(self.subject(each), path_upwards(self.areas, each)[1:])
            for each in self._on_other_days.get(code or "", ())
        ]
        if not goals or not (first := goals[0]):
            return None
        is_one = all(each and (each.share, each.deadline) == (first.share, first.deadline) for each in goals)
        return replace(first, subject=self.subject(code or ""), denominator=None) if is_one else None

    @cached_property
    def _on_other_days(self) -> dict[str, set[str]]:
        """Communes of other days on the ground of each place."""
        communes: dict[str, set[str]] = {}
        of_day = {area.code for area in self.units.of_day}
        for area in self.areas.values():
            if area.level is AreaLevel.COMMUNE and area.code not in of_day:
                for commune in self.units.communes_of(area.code):
                    for place in path_upwards(self.areas, commune):
                        communes.setdefault(place, set()).add(area.code)
        return communes

    def known_on_other_days(self, known: Collection[str], places: Collection[str]) -> dict[str, Ground[str]]:
        """Return the units of another day on the ground of each place, where a figure of every one of them is known.

        Without a unit that lies in the place wholly, "0 to as many as the province has" would say nothing.
        """
        found: dict[str, Ground[str]] = {}
        own_day = self.history.day_of_units(self.units.day)
        for day in self.history.days if known and places else ():
            if day == own_day:
                continue
            units = [area for area in self.areas.values() if area.is_valid_on(day.isoformat())]
            for level in reversed(AreaLevel):
                for places_of in (self.communes_of, self.districts_of, self._provinces_of):
                    grounds = {area.code: places_of(area.code) for area in units if area.level is level}
                    whole = known_ground(known, grounds)
                    found |= {
                        place: whole[place]
                        for place in places
                        if place in whole and whole[place].sure and place not in found
                    }
        return found

    def _name_of(self, code: str | None) -> str:
        area = self.areas.get(code or "")
        return area.full_name if area else ""


def organisations_table(
    session: Session,
    user: User,
    counts_by_place: Mapping[Where, PlaceCounts],
    reach: Reach,
    goals: Goals,
    drive: int,
    default_goal: float | None,
) -> tuple[RankTable, frozenset[str]]:
    """Rank the scope's top organisations and those below, with deeper ones'; also which include others."""
    rows = session.execute(
        select(Organisation.id, Organisation.parent_id, Organisation.name).where(
            visible_to(session, user, Organisation.id)
        )
    ).all()
    parents: dict[int, int | None] = {row.id: row.parent_id for row in rows}
    names = {str(row.id): row.name for row in rows}

    def shown(organisation: int | None) -> str | None:
        current, parent = organisation, parents.get(organisation or 0)
        # Climb to the organisation whose parent is at the top of what the user sees.
        while parent in parents and parents[parent] in parents and parent != organisation:
            current, parent = parent, parents[parent]
        return str(current) if current is not None else None

    counted = add_up_by(counts_by_place, lambda where: shown(where.organisation))
    add_reach(counted, reach, reach.organisations, lambda organisation: (shown(organisation),))
    subjects = {
        code: GoalSubject(drive, GoalScope.MEMBERS, organisation=int(code)) for code in counted if code
    }
    entered = {
        code: goals.denominators[subject]
        for code, subject in subjects.items()
        if subject in goals.denominators
    }

    def goal_of(code: str | None) -> float | None:
        own = goals.goals.get(subjects[code]) if code else None
        return own.share if own else default_goal

    table = measure(counted, name_of=lambda code: names.get(code or "", ""), goal_of=goal_of, entered=entered)
    return table, frozenset(
        code
        for where in counts_by_place
        if where.organisation is not None
        and (code := shown(where.organisation))
        and code != str(where.organisation)
    )


def add_reach(
    groups: Mapping[Code, PlaceCounts],
    reach: Reach,
    counts: Mapping[Counted, ReachTotals],
    groups_of: Callable[[Counted], Collection[Code]],
) -> None:
    """Add sent and delivered to the groups that are sure; None while not counted, or without reports."""
    if reach.counted_at is None:
        return
    for group in groups.values():
        group.sent = 0
        group.delivered = 0 if reach.total.arrived else None
    for key, count in counts.items():
        belongs = [*groups_of(key)]
        if len(belongs) == 1 and (place := groups.get(belongs[0])) is not None:
            place.sent = (place.sent or 0) + count.written
            if place.delivered is not None:
                place.delivered += count.arrived


def add_up(parts: Iterable[PlaceCounts]) -> PlaceCounts:
    """Return the sum of counts."""
    total = PlaceCounts()
    for counts in parts:
        total.update(counts)
    return total


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
    def laggards(self) -> list[RankRow]:
        """Return the three places below the province that lack the most people."""
        return furthest_behind([line for line in self.districts.lines if line.code], most=3)

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
    """Return a drive's figures for a reader; None while no campaign that they may see was launched, and of few people about health."""
    campaigns = session.scalars(
        select(Campaign)
        .where(Campaign.drive_id == drive.id, Campaign.launched_at.is_not(None), takes_part(session, user))
        .order_by(Campaign.launched_at, Campaign.id)
    ).all()
    small = find_small(session, campaigns, user=user)
    if not campaigns or (small and small.is_all):
        return None
    is_whole = not hides_lists(session, [campaign.id for campaign in campaigns], user=user)
    seen = visible_to(session, user, ContactList.organisation_id)
    scope = CountScope(campaigns, seen, scope_key(organisations_of(session, user)))
    counts_by_place = count_places(session, scope, redis=redis, now=now)
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
    reach, waves, head = _read_ahead(session, figures, user=user, runtime=runtime, now=now)
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
    return _read_ahead(session, figures, user=user, runtime=runtime, now=now)[2]


def _read_ahead(
    session: Session, figures: DriveFigures, *, user: User, runtime: Runtime, now: datetime
) -> tuple[Reach, list[Wave], LeadGoal]:
    """Return whom a drive's messages have left for and reached, each number once; the messages by day; and its goal with the forecast."""
    seen, campaigns, total = organisations_of(session, user), figures.campaigns, figures.total
    reaches = [read_reach(session, each, seen=seen, now=now) for each in campaigns]
    unanswered = 1 - total.answered / total.recipients if total.recipients else 0.0
    if len(campaigns) == 1:
        reaches = [fold_reach(reaches[0], figures.small)]
        reach = reaches[0]
    else:
        counted = count_reached(session, figures.scope, redis=runtime.redis, now=now)
        reach = fold_reach(reach_of(*counted), figures.small)
    waves = by_day(
        wave
        for each, own in zip(campaigns, reaches, strict=True)
        for wave in waves_of(each, own, unanswered=unanswered, settings=runtime.settings, now=now)
    )
    return reach, waves, _with_forecast(figures.head, waves, today=now.astimezone(VIETNAM).date())


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

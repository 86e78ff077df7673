"""Tables of the leader's page: places and organisations with their counts, measured against their goals."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cached_property, partial
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.analytics.progress_counts import Where
from campaigns.analytics.reach import Reach
from campaigns.rules.goals import Denominator, Goal, Goals, GoalScope, GoalSubject
from campaigns.rules.progress import PlaceCounts, RankTable, measure
from campaigns.rules.reach import ReachTotals
from campaigns.rules.small_counts import add_up_by
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import Organisation, User
from outreach.models.places import AreaLevel
from outreach.places.areas import UnitHistory, below_province, name_level, path_upwards
from outreach.rules.gazetteer import Ground, known_ground, sort_ground

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

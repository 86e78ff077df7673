"""Tables of the leader's page: places and organisations with their counts, measured against their goals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.analytics.progress_counts import Where
from campaigns.analytics.reach import Reach
from campaigns.rules.goals import Denominator, Goals, GoalScope, GoalSubject
from campaigns.rules.progress import PlaceCounts, RankTable, measure
from campaigns.rules.reach import ReachTotals
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import Organisation, User
from outreach.models.places import Area, AreaLevel
from outreach.places.areas import below_province, is_below_province, name_level, path_upwards

Code = TypeVar("Code", bound=Hashable)
Counted = TypeVar("Counted", bound=Hashable)


class PlaceTree:
    """The tree of areas, with the goals and denominators of each."""

    def __init__(self, session: Session, goals: Goals, drive: int) -> None:
        self.areas = {area.code: area for area in session.scalars(select(Area).order_by(Area.code))}
        self.goals, self.drive = goals, drive
        self._districts: dict[str | None, str | None] = {None: None}
        current = [area for area in self.areas.values() if area.valid_to is None]
        tops = [area.code for area in current if area.level is AreaLevel.PROVINCE]
        self.top = tops[0] if len(tops) == 1 else None
        self.districts = [area.code for area in current if is_below_province(self.areas, area)]
        self.level_name = name_level(self.areas[code] for code in self.districts)

    def subject(self, code: str) -> GoalSubject:
        return GoalSubject(self.drive, GoalScope.RESIDENTS, area=code)

    def district_of(self, code: str | None) -> str | None:
        """Return the area of the level below the province: a district, or since 1/7/2025 the commune itself."""
        if code not in self._districts:
            self._districts[code] = below_province(self.areas, code)
        return self._districts[code]

    def table(
        self,
        counted: Mapping[str | None, PlaceCounts],
        entered: Mapping[GoalSubject, Denominator],
        default_goal: float | None,
        *,
        others: Iterable[str] = (),
    ) -> RankTable:
        """Rank the places of `counted` against their goals.

        `others` are shown although nothing was counted there. `default_goal` applies where no goal of
        residents is set.
        """
        counts_by_code: dict[str | None, PlaceCounts] = {code: PlaceCounts() for code in others}
        counts_by_code.update(counted)
        codes = [code for code in counts_by_code if code]
        denominators = {code: entered[self.subject(code)] for code in codes if self.subject(code) in entered}

        def goal_of(code: str | None) -> float | None:
            goal = (
                self.goals.nearest(self.subject(code), path_upwards(self.areas, code)[1:]) if code else None
            )
            return goal.share if goal else default_goal

        return measure(counts_by_code, name_of=self._name_of, goal_of=goal_of, entered=denominators)

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
    """Rank the organisations at the top of the user's scope, and those one level below.

    Counts of deeper organisations are added to these. Also returns the codes of organisations that include
    others.
    """
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

    counted = grouped(counts_by_place, lambda where: shown(where.organisation))
    add_reach(counted, reach, reach.organisations, shown)
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


def grouped(
    counts_by_place: Mapping[Where, PlaceCounts], code_of: Callable[[Where], Code]
) -> dict[Code, PlaceCounts]:
    """Add up the counts by the code that `code_of` gives for each place."""
    groups: dict[Code, PlaceCounts] = {}
    for where, counts in counts_by_place.items():
        groups.setdefault(code_of(where), PlaceCounts()).add(counts)
    return groups


def add_reach(
    groups: Mapping[Code, PlaceCounts],
    reach: Reach,
    counts: Mapping[Counted, ReachTotals],
    code_of: Callable[[Counted], Code],
) -> None:
    """Add sent and delivered people to the groups.

    They stay None while reach was not counted yet; delivered also while there is no delivery report.
    """
    if reach.counted_at is None:
        return
    for group in groups.values():
        group.sent = 0
        group.delivered = 0 if reach.total.arrived else None
    for key, count in counts.items():
        if (place := groups.get(code_of(key))) is not None:
            place.sent = (place.sent or 0) + count.written
            if place.delivered is not None:
                place.delivered += count.arrived


def add_up(parts: Iterable[PlaceCounts]) -> PlaceCounts:
    """Return the sum of counts."""
    total = PlaceCounts()
    for counts in parts:
        total.add(counts)
    return total

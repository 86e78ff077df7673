"""Counts by place and organisation put together, and measured against their goals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.figures.leaders.counting import Where
from campaigns.figures.leaders.measuring import Table, Tally, measure
from campaigns.goals.goal import Denominator, Goals, Scope, Subject
from campaigns.reach.measures import Counts
from campaigns.reach.reading import Reach
from outreach.access.models import Organisation, User
from outreach.access.users import visible_to
from outreach.places.models import Area, AreaLevel

Code = TypeVar("Code", bound=Hashable)
Counted = TypeVar("Counted", bound=Hashable)


class Places:
    """The tree of areas, and what stands for each."""

    def __init__(self, session: Session, goals: Goals, kind: str) -> None:
        self.areas = {area.code: area for area in session.scalars(select(Area).order_by(Area.code))}
        self.goals, self.kind = goals, kind
        self._districts: dict[str | None, str | None] = {None: None}
        tops = [area.code for area in self.areas.values() if area.level is AreaLevel.PROVINCE]
        self.top = tops[0] if len(tops) == 1 else None
        self.districts = [area.code for area in self.areas.values() if area.level is AreaLevel.DISTRICT]

    def subject(self, code: str) -> Subject:
        return Subject(self.kind, Scope.RESIDENTS, area=code)

    def district_of(self, code: str | None) -> str | None:
        if code not in self._districts:
            above = (each for each in self._upwards(code) if self.areas[each].level is AreaLevel.DISTRICT)
            self._districts[code] = next(above, None)
        return self._districts[code]

    def table(
        self,
        counted: Mapping[str | None, Tally],
        entered: Mapping[Subject, Denominator],
        yardstick: float | None,
        *,
        others: Iterable[str] = (),
    ) -> Table:
        """`others` are shown although nothing was counted there; `yardstick` where no goal of residents is set."""
        all_of_them: dict[str | None, Tally] = {code: Tally() for code in others}
        all_of_them.update(counted)
        codes = [code for code in all_of_them if code]
        known = {code: entered[self.subject(code)] for code in codes if self.subject(code) in entered}

        def goal_of(code: str | None) -> float | None:
            found = self.goals.nearest(self.subject(code), self._upwards(code)[1:]) if code else None
            return found.share if found else yardstick

        return measure(all_of_them, name_of=self._name_of, goal_of=goal_of, entered=known)

    def _name_of(self, code: str | None) -> str:
        area = self.areas.get(code or "")
        return area.full_name if area else ""

    def _upwards(self, code: str | None) -> list[str]:
        found: list[str] = []
        while code and code in self.areas and code not in found:
            found.append(code)
            code = self.areas[code].parent_code
        return found


def organisations_table(
    session: Session,
    user: User,
    tallies: Mapping[Where, Tally],
    reach: Reach,
    goals: Goals,
    kind: str,
    yardstick: float | None,
) -> tuple[Table, frozenset[str]]:
    """Those at the top of what the user sees, and those right below them with all that is below these."""
    rows = session.execute(
        select(Organisation.id, Organisation.parent_id, Organisation.name).where(
            visible_to(session, user, Organisation.id)
        )
    ).all()
    parents: dict[int, int | None] = {row.id: row.parent_id for row in rows}
    names = {str(row.id): row.name for row in rows}

    def shown(organisation: int | None) -> str | None:
        found, above = organisation, parents.get(organisation or 0)
        # Up to the one whose own parent stands at the top of what the user sees.
        while above in parents and parents[above] in parents and above != organisation:
            found, above = above, parents[above]
        return str(found) if found is not None else None

    counted = grouped(tallies, lambda where: shown(where.organisation))
    add_reach(counted, reach, reach.organisations, shown)
    subjects = {code: Subject(kind, Scope.MEMBERS, organisation=int(code)) for code in counted if code}
    entered = {
        code: goals.denominators[each] for code, each in subjects.items() if each in goals.denominators
    }

    def goal_of(code: str | None) -> float | None:
        own = goals.goals.get(subjects[code]) if code else None
        return own.share if own else yardstick

    table = measure(counted, name_of=lambda code: names.get(code or "", ""), goal_of=goal_of, entered=entered)
    return table, frozenset(
        code
        for where in tallies
        if where.organisation is not None
        and (code := shown(where.organisation))
        and code != str(where.organisation)
    )


def grouped(tallies: Mapping[Where, Tally], code_of: Callable[[Where], Code]) -> dict[Code, Tally]:
    groups: dict[Code, Tally] = {}
    for where, tally in tallies.items():
        groups.setdefault(code_of(where), Tally()).add(tally)
    return groups


def add_reach(
    groups: Mapping[Code, Tally],
    reach: Reach,
    counts: Mapping[Counted, Counts],
    code_of: Callable[[Counted], Code],
) -> None:
    """What was sent and arrived, by people; nothing where it was not counted yet, or no report of delivery has come."""
    if reach.counted_at is None:
        return
    for each in groups.values():
        each.sent = 0
        each.delivered = 0 if reach.total.arrived else None
    for key, count in counts.items():
        if (tally := groups.get(code_of(key))) is not None:
            tally.sent = (tally.sent or 0) + count.written
            if tally.delivered is not None:
                tally.delivered += count.arrived


def add_up(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total

"""The work list within a user's scope: counted, filtered, a page at a time.

What is counted here is what the home page counts. A page begins behind the last case shown, never OFFSET.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from campaigns.casework.cases import cases_visible_to
from campaigns.casework.kinds import CaseKind
from campaigns.casework.lines import Line, read_lines
from campaigns.casework.models import Case
from campaigns.models import Campaign
from outreach.access.models import Organisation, User
from outreach.places.areas import descendants
from outreach.places.models import Area, AreaLevel

ON_A_PAGE = 25

# Of what is done only this much is looked through.
DONE_SINCE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to show; everything where nothing is named. `after` is the id of the last case shown."""

    kind: CaseKind | None = None
    campaign_id: int | None = None
    organisation_id: int | None = None
    area_code: str = ""
    taken_by: int | None = None
    is_done: bool = False
    newest_first: bool = False
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Something that the list can be narrowed down to, and to how many cases."""

    key: str
    name: str
    count: int
    below: list[Choice] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Worklist:
    """One page. The choices of each filter are counted with the others applied. `after`: None on the last page."""

    lines: list[Line]
    total: int
    kinds: list[Choice]
    campaigns: list[Choice]
    organisations: list[Choice]
    districts: list[Choice]
    own: int  # those that the user has taken
    after: int | None


def count_open(session: Session, user: User) -> dict[CaseKind, int]:
    """How many cases wait, by kind."""
    rows = session.execute(
        select(Case.kind, func.count())
        .where(Case.done_at.is_(None), cases_visible_to(session, user))
        .group_by(Case.kind)
    )
    return dict(rows.all())


def read_worklist(session: Session, user: User, wanted: Wanted, *, now: datetime) -> Worklist:
    """One page and the filters' choices. Call it inside one `db.read()`."""
    areas = {area.code: area for area in session.scalars(select(Area))}
    within = descendants(((area.code, area.parent_code) for area in areas.values()), [wanted.area_code])
    scope = [
        cases_visible_to(session, user),
        Case.done_at > now - DONE_SINCE if wanted.is_done else Case.done_at.is_(None),
    ]
    ids = _ids(session, wanted, scope, within)
    shown = ids[:ON_A_PAGE]
    choices = _Choices(session, wanted, scope, within, areas)
    return Worklist(
        lines=read_lines(session, shown, areas, now=now),
        total=choices.total,
        kinds=choices.kinds(),
        campaigns=choices.named("campaign_id", Campaign),
        organisations=choices.named("organisation_id", Organisation),
        districts=choices.districts(),
        own=choices.taken_by(user.id),
        after=shown[-1] if len(ids) > ON_A_PAGE else None,
    )


def _ids(session: Session, wanted: Wanted, scope: list[ColumnElement[bool]], within: set[str]) -> list[int]:
    query = select(Case.id).where(*scope)
    if wanted.kind:
        query = query.where(Case.kind == wanted.kind)
    if wanted.campaign_id is not None:
        query = query.where(Case.campaign_id == wanted.campaign_id)
    if wanted.organisation_id is not None:
        query = query.where(Case.organisation_id == wanted.organisation_id)
    if wanted.area_code:
        query = query.where(Case.area_code.in_(within))
    if wanted.taken_by is not None:
        query = query.where(Case.taken_by == wanted.taken_by)
    if wanted.after is not None:
        last = session.execute(select(Case.opened_at, Case.id).where(Case.id == wanted.after)).first()
        if last:
            place = tuple_(Case.opened_at, Case.id)
            query = query.where(place < tuple_(*last) if wanted.newest_first else place > tuple_(*last))
    clock: list[Any] = [Case.opened_at, Case.id]
    order = [column.desc() for column in clock] if wanted.newest_first else clock
    return list(session.scalars(query.order_by(*order).limit(ON_A_PAGE + 1)))


class _Choices:
    """Every combination counted in one statement; what each filter offers is added up from it."""

    def __init__(
        self,
        session: Session,
        wanted: Wanted,
        scope: list[ColumnElement[bool]],
        within: set[str],
        areas: dict[str, Area],
    ) -> None:
        self._session, self._wanted, self._areas, self._within = session, wanted, areas, within
        columns = (Case.kind, Case.campaign_id, Case.organisation_id, Case.area_code, Case.taken_by)
        self._rows = session.execute(select(*columns, func.count()).where(*scope).group_by(*columns)).all()
        self.total = sum(count for *_keys, count in self._matching(""))

    def _matching(
        self, without: str
    ) -> Iterable[tuple[CaseKind, int | None, int | None, str | None, int | None, int]]:
        wanted = self._wanted
        for kind, campaign_id, organisation_id, area_code, taken_by, count in self._rows:
            if (
                (without == "kind" or wanted.kind in (None, kind))
                and (without == "campaign_id" or wanted.campaign_id in (None, campaign_id))
                and (without == "organisation_id" or wanted.organisation_id in (None, organisation_id))
                and (without == "area_code" or not wanted.area_code or area_code in self._within)
                and (without == "taken_by" or wanted.taken_by in (None, taken_by))
            ):
                yield kind, campaign_id, organisation_id, area_code, taken_by, count

    def _counted(self, column: str) -> Counter[Any]:
        place = ("kind", "campaign_id", "organisation_id", "area_code", "taken_by").index(column)
        counted: Counter[Any] = Counter()
        for row in self._matching(column):
            counted[row[place]] += row[-1]
        return counted

    def kinds(self) -> list[Choice]:
        counted = self._counted("kind")
        return [Choice(kind.value, "", counted[kind]) for kind in CaseKind]

    def taken_by(self, user_id: int) -> int:
        return self._counted("taken_by")[user_id]

    def named(self, column: str, table: type[Campaign] | type[Organisation]) -> list[Choice]:
        counted = self._counted(column)
        rows = self._session.execute(
            select(table.id, table.name)
            .where(table.id.in_([key for key in counted if key]))
            .order_by(table.name)
        )
        return [Choice(str(key), name, counted[key]) for key, name in rows]

    def districts(self) -> list[Choice]:
        counted = self._counted("area_code")
        below: dict[str, list[Choice]] = {}
        for area in sorted(self._areas.values(), key=lambda area: area.name):
            if counted[area.code] and area.parent_code:
                name = area.full_name
                below.setdefault(area.parent_code, []).append(Choice(area.code, name, counted[area.code]))
        return [
            Choice(
                area.code,
                area.full_name,
                sum(each.count for each in below[area.code]),
                below[area.code],
            )
            for area in sorted(self._areas.values(), key=lambda area: area.name)
            if area.level is AreaLevel.DISTRICT and area.code in below
        ]

"""A day's snapshot, counted from the database as of the hour of freezing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.goals.goal import Scope, Subject
from campaigns.report.form import Form
from campaigns.report.snapshot.figures import Body, Official, Owners, Place, Reported, Snapshot, Target
from campaigns.report.snapshot.self_reports import Where, add_up, count_installs, count_self_reports
from campaigns.report.snapshot.sources import (
    find_campaigns,
    outreach_since,
    read_agencies,
    read_official,
    read_outreach,
    read_owners,
    read_sent,
    staff_share,
    whole_official,
)
from campaigns.windows import VIETNAM
from outreach.access.models import Organisation
from outreach.places.models import Area, AreaLevel

# Everybody with a smartphone (the letter of the People's Committee, 1), unless another goal is set.
STAFF_GOAL = 1.0
_DAYS_SHOWN = 7


def freezes_at(day: date, form: Form) -> datetime:
    """The moment up to which a day's figures count, in Vietnam's time."""
    return datetime.combine(day, time.fromisoformat(form.hours.freeze), VIETNAM)


def take_snapshot(session: Session, form: Form, *, day: date, known_until: datetime) -> Snapshot:
    """The figures of a day as of its hour of freezing, and as they were known at `known_until`.

    With the hour itself for `known_until` the same comes back whenever it is counted; with a later one what came late
    is in it, too, and before it the figures are as of then. Call it inside one `db.read()` or `db.write()`.
    """
    as_of = min(freezes_at(day, form), known_until.astimezone(VIETNAM))
    campaigns = find_campaigns(session, kind=form.kind, since=form.since, as_of=as_of)
    ids = [campaign.id for campaign in campaigns]
    said = count_self_reports(session, ids, as_of=as_of)
    official = read_official(session, day=day, known_until=known_until)
    goals, owners = read_owners(session, kind=form.kind, day=day, as_of=as_of, known_until=known_until)
    areas = {area.code: area for area in session.scalars(select(Area).order_by(Area.code))}
    places = _Places(areas, said, official, owners)
    districts = places.of(AreaLevel.DISTRICT)
    top = next((area for area in areas.values() if area.level is AreaLevel.PROVINCE), None)
    code = top.code if top else ""
    goal = goals.goals.get(Subject(form.kind, Scope.RESIDENTS, area=code))
    since = outreach_since(day, form.since)
    total = add_up(list(said.values()))
    return Snapshot(
        day=day.isoformat(),
        as_of=as_of.isoformat(),
        residents=Target(goal.share, goal.deadline.isoformat() if goal.deadline else None) if goal else None,
        staff=Target(staff_share(goals, kind=form.kind, otherwise=STAFF_GOAL), None),
        whole=Place(
            code,
            _full_name(top) if top else form.place,
            total,
            whole_official(districts, official.get(code)),
            owners.get(code),
        ),
        districts=districts,
        communes=places.of(AreaLevel.COMMUNE),
        bodies=_bodies(session, said),
        agencies=read_agencies(session, day=day, known_until=known_until),
        campaigns=read_sent(session, campaigns, as_of=as_of),
        outreach=read_outreach(session, day=day, since=since, known_until=known_until),
        since=since.isoformat(),
        before=count_installs(session, ids, as_of=as_of - timedelta(days=1)) if ids else None,
        days=tuple(
            (
                (day - timedelta(days=back)).isoformat(),
                count_installs(session, ids, as_of=as_of - timedelta(days=back)),
            )
            for back in reversed(range(_DAYS_SHOWN))
        )
        if ids
        else (),
    )


class _Places:
    """Districts and communes with what each source says of them."""

    def __init__(
        self,
        areas: Mapping[str, Area],
        said: Mapping[Where, Reported],
        official: Mapping[str, Official],
        owners: Mapping[str, Owners],
    ) -> None:
        self.areas, self.official, self.owners = areas, official, owners
        self.said: dict[str, list[Reported]] = {}
        for (code, _organisation), reported in said.items():
            for above in self._upwards(code):
                self.said.setdefault(above, []).append(reported)

    def of(self, level: AreaLevel) -> tuple[Place, ...]:
        """All places of a level, by district and code."""
        return tuple(
            Place(
                area.code,
                _full_name(area),
                add_up(self.said.get(area.code, [])),
                self.official.get(area.code),
                self.owners.get(area.code),
                area.parent_code or "" if level is AreaLevel.COMMUNE else "",
            )
            for area in sorted(self.areas.values(), key=lambda area: (area.parent_code or "", area.code))
            if area.level is level
        )

    def _upwards(self, code: str | None) -> list[str]:
        found: list[str] = []
        while code and code in self.areas and code not in found:
            found.append(code)
            code = self.areas[code].parent_code
        return found


def _bodies(session: Session, said: Mapping[Where, Reported]) -> tuple[Body, ...]:
    names = dict(session.execute(select(Organisation.id, Organisation.name)).all())
    by_body: dict[int, list[Reported]] = {}
    for (_area, organisation), reported in said.items():
        if organisation is not None:
            by_body.setdefault(organisation, []).append(reported)
    bodies = [Body(names.get(each, ""), add_up(parts), each) for each, parts in by_body.items()]
    return tuple(sorted(bodies, key=lambda body: (body.name, body.id)))


def _full_name(area: Area) -> str:
    return area.full_name

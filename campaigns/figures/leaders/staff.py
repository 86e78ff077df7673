"""Agencies against their goal: the gap in people, the change since yesterday, who has not handed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from campaigns.agencies.counts import Total
from campaigns.agencies.overview import Agency, read_overview
from campaigns.goals.goal import Goal, Goals, Scope, Subject, people_for
from outreach.access.models import User


@dataclass(frozen=True, slots=True)
class AgencyLine:
    """An agency against its goal; `today` is installed less what stood at the end of yesterday, None until the agency
    has reported today."""

    agency: Agency
    goal: float | None
    missing: int | None
    today: int | None
    has_reported: bool


@dataclass(frozen=True, slots=True)
class Agencies:
    lines: list[AgencyLine]
    total: Total
    goal: Goal | None
    today: int | None

    @property
    def missing(self) -> list[str]:
        """Those that have handed in nothing today."""
        return [line.agency.name for line in self.lines if not line.has_reported]


def read_agencies(session: Session, user: User, goals: Goals, kind: str, *, today: date) -> Agencies:
    """The agencies of the user's scope as of today."""
    stands = read_overview(session, user, day=today, with_rosters=False)
    before = {
        agency.id: agency.counts.installed if agency.counts else None
        for agency in read_overview(session, user, day=today - timedelta(days=1), with_rosters=False).agencies
    }
    common = goals.goals.get(Subject(kind, Scope.STAFF))
    lines = []
    for agency in stands.agencies:
        own = goals.goals.get(Subject(kind, Scope.STAFF, organisation=agency.id)) or common
        counts = agency.counts
        target = people_for(own.share, counts.with_smartphone) if own and counts else None
        installed = counts.installed if counts else None
        was = before[agency.id]
        has_reported = agency.day == today.isoformat()
        lines.append(
            AgencyLine(
                agency=agency,
                goal=own.share if own else None,
                missing=max(0, target - installed) if target is not None and installed is not None else None,
                today=installed - was if has_reported and installed is not None and was is not None else None,
                has_reported=has_reported,
            )
        )
    # The largest gap first; what is not known before those that are there.
    lines.sort(
        key=lambda line: (line.missing == 0, line.missing is None, -(line.missing or 0), line.agency.name)
    )
    changes = [line.today for line in lines if line.today is not None]
    return Agencies(lines, stands.total, common, sum(changes) if changes else None)

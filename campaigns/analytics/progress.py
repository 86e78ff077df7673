"""All that the leader's page shows, read in one snapshot within a user's scope."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.figures.forecast import Forecast, forecast, required_per_day
from campaigns.figures.leaders.counting import Scope, count_days, count_tallies
from campaigns.figures.leaders.measuring import (
    Basis,
    Line,
    Outlook,
    Table,
    Tally,
    look_ahead,
    measure_line,
)
from campaigns.figures.leaders.reaching import read_reach_once
from campaigns.figures.leaders.staff import Agencies, read_agencies
from campaigns.figures.leaders.tables import Places, add_reach, add_up, grouped, organisations_table
from campaigns.figures.places import find_counted, hides_lists, takes_part
from campaigns.goals.goal import Goal, Goals, people_for
from campaigns.goals.reading import read_goals
from campaigns.models import Campaign
from campaigns.official import Official, add_up_official, latest_official
from campaigns.reach.reading import Reach
from campaigns.windows import VIETNAM
from outreach.access.models import User
from outreach.access.users import organisations_of, visible_to
from outreach.errors import NotFound
from outreach.people.models import ContactList


@dataclass(frozen=True, slots=True)
class Head:
    """The goal that leads the page. `is_of_place`: residents' of the whole province, over all campaigns of the kind;
    else the one campaign's own, or none. `missing` and `needed` (a day) are people; None is not known."""

    is_of_place: bool
    goal: Goal | None
    line: Line
    basis: Basis
    ahead: Forecast | None
    needed: float | None
    outlook: Outlook
    days: list[tuple[date, int]]

    @property
    def target(self) -> int | None:
        return people_for(self.goal.share, self.line.denominator) if self.goal else None


@dataclass(frozen=True, slots=True)
class Leaders:
    """As of now, for one reader. `chosen` is the campaign whose messages are counted; `campaigns` are all of its kind.

    `total` is over all of them, as the tallies of its parts are. `official` and `agencies` are None where the kind
    has nothing to install.
    """

    chosen: Campaign
    reach: Reach
    campaigns: int
    is_whole: bool
    head: Head
    goals: Goals
    total: Tally
    districts: Table
    communes: dict[str, Table]
    organisations: Table
    rolled_up: frozenset[str]  # organisations that stand for others below them as well
    official: dict[str, Official] | None
    official_whole: Official | None
    agencies: Agencies | None


def read_leaders(session: Session, campaign_id: int, *, user: User, redis: Redis, now: datetime) -> Leaders:
    """Raises NotFound for a campaign that the user may not see, or that was never launched. Call it inside one `db.read()`."""
    chosen, own_goal, is_own_whole = find_counted(session, campaign_id, user=user)
    if chosen.launched_at is None:
        raise NotFound(f"Chiến dịch số {campaign_id} chưa được gửi nên chưa có số liệu.")
    today = now.astimezone(VIETNAM).date()
    campaigns = list(
        session.scalars(
            select(Campaign).where(
                Campaign.kind == chosen.kind, Campaign.launched_at.is_not(None), takes_part(session, user)
            )
        )
    )
    is_whole = not hides_lists(session, [campaign.id for campaign in campaigns], user=user)
    seen = visible_to(session, user, ContactList.organisation_id)
    own_lists = organisations_of(session, user)
    scope = Scope(campaigns, chosen, seen, _name_of(own_lists))
    reach = read_reach_once(session, chosen, seen=own_lists, name=scope.name, now=now)
    tallies = count_tallies(session, scope, redis=redis, now=now)
    goals = read_goals(session, at=now, kind=chosen.kind)
    places = Places(session, goals, chosen.kind)
    place_goal = goals.goals.get(places.subject(places.top)) if is_whole and places.top else None
    total = add_up(tallies.values())
    days = count_days(session, scope, redis=redis, now=now)
    if place_goal:
        head = _head(place_goal, total, Basis.ENTERED, days, is_of_place=True, today=today)
    else:
        if len(campaigns) > 1:
            own_scope = Scope([chosen], chosen, seen, scope.name)
            days = count_days(session, own_scope, redis=redis, now=now)
        basis = Basis.ENTERED if own_goal and own_goal.denominator and is_own_whole else Basis.RECIPIENTS
        head = _head(own_goal, total.of_the_campaign, basis, days, is_of_place=False, today=today)
    yardstick = head.goal.share if head.goal else None
    entered = goals.denominators if is_whole else {}
    by_place = grouped(tallies, lambda where: where.area)
    add_reach(by_place, reach, reach.areas, lambda area: area)
    by_district = grouped(tallies, lambda where: places.district_of(where.area))
    add_reach(by_district, reach, reach.areas, places.district_of)
    organisations, rolled_up = organisations_table(
        session, user, tallies, reach, goals, chosen.kind, yardstick
    )
    has_app = bool(chosen.content.get("app"))
    official = latest_official(session, today=today) if has_app and is_whole else None
    return Leaders(
        chosen=chosen,
        reach=reach,
        campaigns=len(campaigns),
        is_whole=is_whole,
        head=head,
        goals=goals,
        total=total,
        districts=places.table(
            by_district,
            entered,
            yardstick,
            others=places.districts if is_whole else [],
        ),
        communes={
            district: places.table(
                {code: tally for code, tally in by_place.items() if places.district_of(code) == district},
                entered,
                yardstick,
            )
            for district in dict.fromkeys(filter(None, map(places.district_of, by_place)))
        },
        organisations=organisations,
        rolled_up=rolled_up,
        official=official,
        official_whole=add_up_official(official, places.districts) if official else None,
        agencies=read_agencies(session, user, goals, chosen.kind, today=today) if has_app else None,
    )


def _head(
    goal: Goal | None,
    total: Tally,
    basis: Basis,
    days: list[tuple[date, int]],
    *,
    is_of_place: bool,
    today: date,
) -> Head:
    entered = goal.denominator if goal else None
    line = measure_line("", "", total, goal=goal.share if goal else None, entered=entered, basis=basis)
    ahead = needed = None
    # A campaign that has ended is not looked ahead of.
    if goal and line.denominator and days and days[-1][0] >= today:
        ahead = forecast(days, denominator=line.denominator, goal=goal.share, today=today)
        if goal.deadline:
            needed = required_per_day(
                installed=total.installed,
                denominator=line.denominator,
                goal=goal.share,
                today=today,
                deadline=goal.deadline,
            )
    outlook = look_ahead(
        share=line.share,
        goal=goal.share if goal else None,
        deadline=goal.deadline if goal else None,
        today=today,
        ahead=ahead,
    )
    return Head(is_of_place, goal, line, basis, ahead, needed, outlook, days)


def _name_of(organisations: set[int] | None) -> str:
    """A short name of what a reader sees."""
    if organisations is None:
        return "all"
    return hashlib.sha256(repr(sorted(organisations)).encode()).hexdigest()[:16]

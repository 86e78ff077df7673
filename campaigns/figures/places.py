"""Where the goal stands: self-reported installs by district, commune, organisation and day, within a user's scope.

Self-reports only; an official figure never enters here. A denominator that is not known stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from campaigns.answers.models import Counter
from campaigns.figures.days import read_days
from campaigns.figures.share import Share, share_of
from campaigns.goals.goal import Goal
from campaigns.goals.reading import read_campaign_goals
from campaigns.models import Campaign, CampaignList
from campaigns.reach.reading import Reach, read_reach
from campaigns.replies.classifier import Label
from campaigns.states import CampaignState
from outreach.access.models import Organisation, User
from outreach.access.users import organisations_of, visible_to
from outreach.errors import NotFound
from outreach.people.models import ContactList
from outreach.places.models import Area, AreaLevel


@dataclass(slots=True)
class Tally:
    """Counts of recipients; `installed` are the reports that stand."""

    recipients: int = 0
    no_smartphone: int = 0
    answered: int = 0
    installed: int = 0

    def add(self, other: Tally) -> None:
        self.recipients += other.recipients
        self.no_smartphone += other.no_smartphone
        self.answered += other.answered
        self.installed += other.installed

    @property
    def share(self) -> Share:
        """Against those written to who have not said that they have no smartphone."""
        return share_of(
            installed=self.installed,
            recipients=self.recipients,
            no_smartphone=self.no_smartphone,
            entered=None,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One district, commune or organisation; `code` is None for those of whom it is not known."""

    code: str | None
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Figures:
    """`is_whole` says that the user sees all lists of the campaign, so that the entered figure applies."""

    campaign_id: int
    name: str
    launched_at: datetime | None
    deadline: datetime | None
    goal: float | None
    share: Share
    denominator_date: str | None
    denominator_source: str
    is_whole: bool
    total: Tally
    districts: list[Line] = field(default_factory=list)
    communes: dict[str, list[Line]] = field(default_factory=dict)  # by district
    organisations: list[Line] = field(default_factory=list)
    days: list[tuple[date, int]] = field(default_factory=list)  # standing reports at the end of each day
    reach: Reach | None = None


def list_launched(
    session: Session, user: User, *, limit: int = 50, cancelled: bool = True
) -> list[tuple[int, str, datetime]]:
    """The campaigns whose figures a user may see, newest first: id, name, launch; `cancelled` ones among them."""
    wanted = [] if cancelled else [Campaign.state != CampaignState.CANCELLED]
    rows = session.execute(
        select(Campaign.id, Campaign.name, Campaign.launched_at)
        .where(Campaign.launched_at.is_not(None), _takes_part(session, user), *wanted)
        .order_by(Campaign.launched_at.desc(), Campaign.id.desc())
        .limit(limit)
    )
    return [(row.id, row.name, row.launched_at) for row in rows]


def read_figures(session: Session, campaign_id: int, *, user: User, now: datetime) -> Figures:
    """All figures of a campaign. Raises NotFound. Call it inside one `db.read()`."""
    campaign, goal, is_whole = find_counted(session, campaign_id, user=user)
    tallies = _read_tallies(session, campaign_id, user=user)
    areas = {area.code: area for area in session.scalars(select(Area))}
    names = dict(session.execute(select(Organisation.id, Organisation.name)).all())
    total = _sum(tallies.values())
    seen = visible_to(session, user, ContactList.organisation_id)
    return Figures(
        **_head(campaign, goal, total, is_whole=is_whole),
        districts=_by_district(tallies, areas, with_empty=is_whole),
        communes=_by_commune(tallies, areas),
        organisations=_group(
            tallies,
            lambda key: str(key[1]) if key[1] else None,
            lambda code: names.get(int(code), "") if code else "",
        ),
        days=read_days(session, campaign, seen, now=now),
        reach=read_reach(session, campaign, seen=organisations_of(session, user), now=now),
    )


def read_total(session: Session, campaign_id: int, *, user: User) -> Figures:
    """The campaign's share alone. Raises NotFound."""
    campaign, goal, is_whole = find_counted(session, campaign_id, user=user)
    total = _sum(_read_tallies(session, campaign_id, user=user).values())
    return Figures(**_head(campaign, goal, total, is_whole=is_whole))


def _head(campaign: Campaign, goal: Goal | None, total: Tally, *, is_whole: bool) -> dict[str, Any]:
    known = goal.denominator if goal and is_whole else None
    return {
        "campaign_id": campaign.id,
        "name": campaign.name,
        "launched_at": campaign.launched_at,
        "deadline": campaign.deadline,
        "goal": goal.share if goal else None,
        "share": share_of(
            installed=total.installed,
            recipients=total.recipients,
            no_smartphone=total.no_smartphone,
            entered=known.value if known else None,
        ),
        "denominator_date": known.as_of.isoformat() if known else None,
        "denominator_source": known.source if known else "",
        "is_whole": is_whole,
        "total": total,
    }


def _takes_part(session: Session, user: User) -> ColumnElement[bool]:
    """Campaigns of the user's scope, and those that write to a list of it."""
    lists = (
        select(CampaignList.campaign_id)
        .join(ContactList, ContactList.id == CampaignList.list_id)
        .where(visible_to(session, user, ContactList.organisation_id))
    )
    return or_(visible_to(session, user, Campaign.organisation_id), Campaign.id.in_(lists))


Key = tuple[str | None, int | None]  # area, organisation


def find_counted(session: Session, campaign_id: int, *, user: User) -> tuple[Campaign, Goal | None, bool]:
    """A campaign whose figures a user may see, its goal, and whether they see all its lists. Raises NotFound."""
    campaign = session.scalar(select(Campaign).where(Campaign.id == campaign_id, _takes_part(session, user)))
    if campaign is None:
        raise NotFound(f"Không có chiến dịch số {campaign_id} mà bạn được xem.")
    goal = read_campaign_goals(session, [campaign_id]).get(campaign_id)
    seen = visible_to(session, user, ContactList.organisation_id)
    hidden = (
        select(CampaignList.list_id).join(ContactList).where(CampaignList.campaign_id == campaign_id, ~seen)
    )
    return campaign, goal, session.execute(hidden.limit(1)).first() is None


def _read_tallies(session: Session, campaign_id: int, *, user: User) -> dict[Key, Tally]:
    seen = visible_to(session, user, ContactList.organisation_id)
    tallies: dict[Key, Tally] = {}
    for area, organisation, answer, people, installed in session.execute(
        select(
            Counter.area_code,
            ContactList.organisation_id,
            Counter.answer,
            func.sum(Counter.people),
            func.sum(Counter.installed),
        )
        .outerjoin(ContactList, ContactList.id == Counter.list_id)
        .where(Counter.campaign_id == campaign_id, seen)
        .group_by(Counter.area_code, ContactList.organisation_id, Counter.answer)
    ):
        tally = tallies.setdefault((area, organisation), Tally())
        tally.recipients += int(people)
        tally.no_smartphone += int(people) if answer is Label.NO_SMARTPHONE else 0
        tally.answered += int(people) if answer else 0
        tally.installed += int(installed)
    return tallies


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def _group(
    tallies: dict[Key, Tally], code_of: Callable[[Key], str | None], name_of: Callable[[str | None], str]
) -> list[Line]:
    """Lines, the furthest first; those that belong nowhere last, with an empty name."""
    groups: dict[str | None, Tally] = {}
    for key, tally in tallies.items():
        groups.setdefault(code_of(key), Tally()).add(tally)
    lines = [Line(code, name_of(code), tally) for code, tally in groups.items()]
    return sorted(lines, key=_furthest_first)


def _furthest_first(line: Line) -> tuple[bool, bool, float, str]:
    value = line.tally.share.value
    return line.code is None, value is None, -(value or 0), line.name


def _district_of(code: str | None, areas: dict[str, Area]) -> str | None:
    while code and (area := areas.get(code)):
        if area.level is AreaLevel.DISTRICT:
            return code
        code = area.parent_code
    return None


def _full_name(code: str | None, areas: dict[str, Area]) -> str:
    area = areas.get(code or "")
    return f"{area.kind} {area.name}" if area else ""


def _by_district(tallies: dict[Key, Tally], areas: dict[str, Area], *, with_empty: bool) -> list[Line]:
    lines = _group(tallies, lambda key: _district_of(key[0], areas), lambda code: _full_name(code, areas))
    if with_empty:
        there = {line.code for line in lines}
        lines += [
            Line(area.code, _full_name(area.code, areas), Tally())
            for area in areas.values()
            if area.level is AreaLevel.DISTRICT and area.code not in there
        ]
    return sorted(lines, key=_furthest_first)


def _by_commune(tallies: dict[Key, Tally], areas: dict[str, Area]) -> dict[str, list[Line]]:
    lines = _group(
        {key: tally for key, tally in tallies.items() if _district_of(key[0], areas)},
        lambda key: key[0],
        lambda code: _full_name(code, areas),
    )
    communes: dict[str, list[Line]] = {}
    for line in lines:
        communes.setdefault(_district_of(line.code, areas) or "", []).append(line)
    return communes

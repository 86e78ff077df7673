"""Count a day's figures from all sources.

A day's snapshot, counted from the database as of the hour of freezing.

What people had said of themselves at a moment: each phone once, whichever of the campaigns it answered.

The other sources of a snapshot: what was made known officially, what agencies counted, what was sent and told.

Each as of a day, and as it was known at a moment: what was entered later is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql import Subquery

from campaigns.activities.activity_log import ActivityFilter, read_summary
from campaigns.agencies.reports import read_latest_reports
from campaigns.goals.goals import read_goals
from campaigns.goals.official_figures import latest_official
from campaigns.models.campaigns import Campaign, Recipient, Step
from campaigns.models.messages import Attempt
from campaigns.models.replies import Answer, InstallReport
from campaigns.rules.activities import ActivityKind
from campaigns.rules.goals import Goals, GoalScope, GoalSubject
from campaigns.rules.replies.labels import NON_ANSWERS, Label
from campaigns.rules.reports.snapshot import (
    AgencyFigures,
    CampaignFigures,
    OfficialInstallFigure,
    OrganisationFigures,
    Outreach,
    PlaceFigures,
    SelfReported,
    SmartphoneOwners,
    Snapshot,
    Target,
)
from campaigns.rules.reports.template import ReportTemplate
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import AttemptState, CampaignState
from outreach.models.accounts import Organisation, OrganisationKind
from outreach.models.contacts import ContactList
from outreach.models.places import Area, AreaLevel

# Everybody with a smartphone (the letter of the People's Committee, 1), unless another goal is set.
STAFF_GOAL = 1.0
_DAYS_SHOWN = 7


def freezes_at(day: date, form: ReportTemplate) -> datetime:
    """The moment up to which a day's figures count, in Vietnam's time."""
    return datetime.combine(day, time.fromisoformat(form.hours.freeze), VIETNAM)


def take_snapshot(session: Session, form: ReportTemplate, *, day: date, known_until: datetime) -> Snapshot:
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
    goal = goals.goals.get(GoalSubject(form.kind, GoalScope.RESIDENTS, area=code))
    since = outreach_since(day, form.since)
    total = add_up(list(said.values()))
    return Snapshot(
        day=day.isoformat(),
        as_of=as_of.isoformat(),
        residents=Target(goal.share, goal.deadline.isoformat() if goal.deadline else None) if goal else None,
        staff=Target(staff_share(goals, kind=form.kind, otherwise=STAFF_GOAL), None),
        whole=PlaceFigures(
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
        said: Mapping[Where, SelfReported],
        official: Mapping[str, OfficialInstallFigure],
        owners: Mapping[str, SmartphoneOwners],
    ) -> None:
        self.areas, self.official, self.owners = areas, official, owners
        self.said: dict[str, list[SelfReported]] = {}
        for (code, _organisation), reported in said.items():
            for above in self._upwards(code):
                self.said.setdefault(above, []).append(reported)

    def of(self, level: AreaLevel) -> tuple[PlaceFigures, ...]:
        """All places of a level, by district and code."""
        return tuple(
            PlaceFigures(
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


def _bodies(session: Session, said: Mapping[Where, SelfReported]) -> tuple[OrganisationFigures, ...]:
    names = dict(session.execute(select(Organisation.id, Organisation.name)).all())
    by_body: dict[int, list[SelfReported]] = {}
    for (_area, organisation), reported in said.items():
        if organisation is not None:
            by_body.setdefault(organisation, []).append(reported)
    bodies = [
        OrganisationFigures(names.get(each, ""), add_up(parts), each) for each, parts in by_body.items()
    ]
    return tuple(sorted(bodies, key=lambda body: (body.name, body.id)))


def _full_name(area: Area) -> str:
    return area.full_name


Where = tuple[str | None, int | None]  # area, organisation


def count_self_reports(
    session: Session, campaigns: Sequence[int], *, as_of: datetime
) -> dict[Where, SelfReported]:
    """By area and organisation of the audiences: by event time, so that a later count of the same moment is the same.

    A phone in several campaigns belongs where the first of them wrote to it.
    """
    if not campaigns:
        return {}
    home = _homes(campaigns)
    written: dict[Where, int] = {}
    for area, organisation, count in session.execute(_by_place(home, func.count()).group_by(*_PLACE)):
        written[area, organisation] = count
    found = {where: [count, 0, 0, 0] for where, count in written.items()}
    said = _standing_answers(campaigns, as_of)
    query = _by_place(home, said.c.label, func.count()).join(said, said.c.phone_id == home.c.phone_id)
    for area, organisation, label, count in session.execute(query.group_by(*_PLACE, said.c.label)):
        totals = found[area, organisation]
        totals[1] += count if label == Label.NO_SMARTPHONE else 0
        totals[2] += count
    stood = select(InstallReport.phone_id).where(*_stood(campaigns, as_of)).distinct().subquery()
    query = _by_place(home, func.count()).join(stood, stood.c.phone_id == home.c.phone_id)
    for area, organisation, count in session.execute(query.group_by(*_PLACE)):
        found[area, organisation][3] += count
    return {where: SelfReported(*totals) for where, totals in found.items()}


def count_installs(session: Session, campaigns: Sequence[int], *, as_of: datetime) -> int:
    """How many phones' reports stood at a moment."""
    query = select(func.count(InstallReport.phone_id.distinct())).where(*_stood(campaigns, as_of))
    return session.scalar(query) or 0


def add_up(parts: Sequence[SelfReported]) -> SelfReported:
    """Of places or organisations that have nobody in common."""
    return SelfReported(
        sum(each.recipients for each in parts),
        sum(each.no_smartphone for each in parts),
        sum(each.answered for each in parts),
        sum(each.reported for each in parts),
    )


_PLACE = (Recipient.area_code, ContactList.organisation_id)


def _homes(campaigns: Sequence[int]) -> Subquery:
    """Each phone that is written to, with the recipient that says where it belongs."""
    return (
        select(Recipient.phone_id, func.min(Recipient.id).label("recipient_id"))
        .where(Recipient.campaign_id.in_(campaigns), Recipient.exclusion.is_(None))
        .group_by(Recipient.phone_id)
        .subquery()
    )


def _by_place(home: Subquery, *more: Any) -> Select[Any]:
    return (
        select(*_PLACE, *more)
        .select_from(home)
        .join(Recipient, Recipient.id == home.c.recipient_id)
        .outerjoin(ContactList, ContactList.id == Recipient.list_id)
    )


def _standing_answers(campaigns: Sequence[int], as_of: datetime) -> Subquery:
    """Where each phone stood: its last answer that is one (see answers.standing)."""
    turns = (
        select(
            Answer.phone_id,
            Answer.label,
            func.row_number()
            .over(partition_by=Answer.phone_id, order_by=(Answer.at.desc(), Answer.id.desc()))
            .label("turn"),
        )
        .where(
            Answer.campaign_id.in_(campaigns),
            Answer.label.not_in(sorted(NON_ANSWERS)),
            Answer.at <= as_of,
            or_(Answer.undone_at.is_(None), Answer.undone_at > as_of),
        )
        .subquery()
    )
    return select(turns.c.phone_id, turns.c.label).where(turns.c.turn == 1).subquery()


def _stood(campaigns: Sequence[int], as_of: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        InstallReport.campaign_id.in_(campaigns),
        InstallReport.reported_at <= as_of,
        or_(InstallReport.withdrawn_at.is_(None), InstallReport.withdrawn_at > as_of),
    )


_OUTREACH_FOR = timedelta(days=60)  # unless the form names a day


def find_campaigns(session: Session, *, kind: str, since: str, as_of: datetime) -> list[Campaign]:
    """Those of a kind whose first message was due by then, the first launch first. `since`: YYYY-MM-DD, or empty."""
    opened = select(Step.campaign_id).where(Step.opened_at <= as_of)
    found = session.scalars(
        select(Campaign)
        .where(Campaign.kind == kind, Campaign.launched_at <= as_of, Campaign.id.in_(opened))
        .order_by(Campaign.launched_at, Campaign.id)
    )
    return [each for each in found if not since or _day(each.launched_at) >= since]


def is_anything_running(session: Session, *, kind: str, day: date) -> bool:
    """Whether a report is due on a day: a campaign of the kind is under way, or the time for a goal is not over.

    A campaign is under way from its launch until its deadline, or until its last message where it has none.
    """
    end = datetime.combine(day, datetime.max.time(), VIETNAM)
    for campaign in session.scalars(
        select(Campaign).where(
            Campaign.kind == kind, Campaign.launched_at <= end, Campaign.state != CampaignState.CANCELLED
        )
    ):
        until = campaign.deadline or campaign.ended_at
        if until is None or _day(until) >= day.isoformat():
            return True
    return any(
        goal.deadline is not None and goal.deadline >= day
        for goal in read_goals(session, at=end, kind=kind).goals.values()
    )


def read_official(session: Session, *, day: date, known_until: datetime) -> dict[str, OfficialInstallFigure]:
    """By area, as latest known."""
    return {
        code: OfficialInstallFigure(each.installed, each.day, each.source, each.is_sum)
        for code, each in latest_official(session, today=day, known_until=known_until).items()
    }


def read_owners(
    session: Session, *, kind: str, day: date, as_of: datetime, known_until: datetime
) -> tuple[Goals, dict[str, SmartphoneOwners]]:
    """The goals as of the hour of freezing, and by area how many people have a smartphone.

    What was entered later counts where it speaks of the day or an earlier one.
    """
    then, now = (read_goals(session, at=moment, kind=kind) for moment in (as_of, known_until))
    found = {}
    for book in (then, now):
        for subject, each in book.denominators.items():
            if subject.scope is GoalScope.RESIDENTS and subject.area and each.value and each.as_of <= day:
                found[subject.area] = SmartphoneOwners(each.value, each.as_of.isoformat(), each.source)
    return then, found


def staff_share(goals: Goals, *, kind: str, otherwise: float) -> float:
    """The goal of all agencies' staff."""
    goal = goals.goals.get(GoalSubject(kind, GoalScope.STAFF))
    return goal.share if goal else otherwise


def read_agencies(session: Session, *, day: date, known_until: datetime | None) -> tuple[AgencyFigures, ...]:
    """Every agency by name, with the figures that stood for it."""
    standing = read_latest_reports(session, day=day, known_until=known_until)
    agencies = []
    for agency_id, name in session.execute(
        select(Organisation.id, Organisation.name)
        .where(Organisation.kind == OrganisationKind.AGENCY)
        .order_by(Organisation.name)
    ):
        report = standing.get(agency_id)
        agencies.append(
            AgencyFigures(
                agency_id,
                name,
                report.staff if report else None,
                report.with_smartphone if report else None,
                report.installed if report else None,
                report.day if report else None,
                report is None or report.day != day.isoformat(),
            )
        )
    return tuple(agencies)


def read_sent(
    session: Session, campaigns: Sequence[Campaign], *, as_of: datetime
) -> tuple[CampaignFigures, ...]:
    """What each campaign had sent by then: numbers, each once."""
    return tuple(_sent(session, campaign, as_of) for campaign in campaigns)


def _sent(session: Session, campaign: Campaign, as_of: datetime) -> CampaignFigures:
    phones = select(func.count(Attempt.phone_id.distinct())).where(Attempt.stream_id == campaign.id)
    # Whatever became of it since: what the gateway took and could not deliver was sent all the same.
    taken = session.scalar(phones.where(Attempt.gateway_id.is_not(None), Attempt.claimed_at <= as_of))
    delivered = session.scalar(
        phones.where(Attempt.state == AttemptState.DELIVERED, Attempt.settled_at <= as_of)
    )
    own = add_up(list(count_self_reports(session, [campaign.id], as_of=as_of).values()))
    return CampaignFigures(
        name=campaign.name,
        launched_on=_day(campaign.launched_at),
        recipients=campaign.recipients or 0,
        sent=taken or 0,
        delivered=delivered or None,
        reported=own,
        id=campaign.id,
    )


def whole_official(
    districts: Sequence[PlaceFigures], own: OfficialInstallFigure | None
) -> OfficialInstallFigure | None:
    """The province's own figure, or its districts' once each has one."""
    if own:
        return own
    known = [place.official for place in districts if place.official]
    if not known or len(known) < len(districts):
        return None
    return OfficialInstallFigure(
        sum(each.installed for each in known),
        min(each.day for each in known),
        "; ".join(sorted({each.source for each in known})),
        is_sum=True,
    )


def _day(moment: datetime | None) -> str:
    return moment.astimezone(VIETNAM).date().isoformat() if moment else ""


def outreach_since(day: date, since: str) -> date:
    """From which day on the outreach of a report is counted."""
    return date.fromisoformat(since) if since else day - _OUTREACH_FOR


def read_outreach(session: Session, *, day: date, since: date, known_until: datetime) -> tuple[Outreach, ...]:
    """What the outreach log held, by kind: since a day, and on the day itself."""
    whole = read_summary(session, ActivityFilter(since, day), as_of=known_until)
    today = read_summary(session, ActivityFilter(day, day), as_of=known_until)
    return tuple(
        Outreach(kind.value, total.times, today.kinds[kind].times if kind in today.kinds else 0, total.people)
        for kind in ActivityKind
        if (total := whole.kinds.get(kind))
    )

"""Snapshot of a day's figures of a drive from all sources, as of the hour of freezing.

The sources are residents' own answers (each number once, over the campaigns of the drive), official figures,
agency reports, messages sent, and activities. Each is as of a day, and as known at a moment: later entries
are left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import and_, func, not_, or_, select
from sqlalchemy.orm import Session

from campaigns.activities.activity_log import ActivityFilter, read_summary
from campaigns.agencies.reports import read_latest_reports
from campaigns.analytics.installs import find_small
from campaigns.analytics.progress import add_up
from campaigns.analytics.progress_counts import (
    Where,
    count_installs,
    count_own_answers,
    count_reported,
    question_of,
)
from campaigns.goals.goals import (
    add_up_official,
    latest_official,
    read_goal_periods,
    read_goals,
    read_headline_goal,
)
from campaigns.models.campaigns import Campaign, Drive, Recipient, Step
from campaigns.models.messages import Attempt, Message
from campaigns.planning.kinds import words_of
from campaigns.rules.activities import ActivityKind
from campaigns.rules.goals import Goal, Goals, GoalScope, GoalSubject
from campaigns.rules.progress import PlaceCounts, ShareBasis
from campaigns.rules.reports.snapshot import (
    AgencyFigures,
    CampaignFigures,
    CheckedReports,
    Headline,
    OfficialInstallFigure,
    OrganisationFigures,
    Outreach,
    OwnAnswerFigures,
    PlaceFigures,
    SelfReported,
    SmartphoneOwners,
    Snapshot,
    Target,
)
from campaigns.rules.reports.template import ReportTemplate
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.small_counts import Small, add_up_by
from campaigns.rules.states import ACCEPTED_OR_BEYOND, AttemptState, CampaignState
from campaigns.visits.progress import read_corrected
from outreach.core.db import columns_of
from outreach.models.accounts import Area, AreaLevel, Organisation, OrganisationKind
from outreach.places.areas import is_below_province, name_level, path_upwards, whole_successors

_DAYS_IN_CHART = 7


def freezes_at(day: date, form: ReportTemplate) -> datetime:
    """Return the moment up to which a day's figures count, in Vietnam's time."""
    return datetime.combine(day, time.fromisoformat(form.hours.freeze), VIETNAM)


def take_snapshot(
    session: Session, form: ReportTemplate, *, drive: int, day: date, known_until: datetime
) -> Snapshot:
    """Return the figures of a drive on a day as of its hour of freezing, and as known at `known_until`.

    If `known_until` is that hour, the result is the same whenever it is counted, unless people are merged since, who then are
    one on that day, too; if it is later, late entries are included; if it is earlier, the figures are as of then. Call it inside
    one `db.read()` or `db.write()`.
    """
    as_of = min(freezes_at(day, form), known_until.astimezone(VIETNAM))
    opened = select(Step.campaign_id).where(Step.opened_at <= as_of)
    campaigns = session.scalars(
        select(Campaign)
        .where(Campaign.drive_id == drive, Campaign.launched_at <= as_of, Campaign.id.in_(opened))
        .order_by(Campaign.launched_at, Campaign.id)
    ).all()
    small, told = _told(session, campaigns, as_of)
    ids = [campaign.id for campaign in told]
    self_reports = count_reported(session, ids, as_of=as_of)
    official = latest_official(session, drive, today=day, known_until=known_until)
    goals, owners = read_owners(session, drive, day=day, as_of=as_of, known_until=known_until)
    areas = {area.code: area for area in session.scalars(select(Area).order_by(Area.code))}
    by_place = _by_place(areas, self_reports, whole_successors(session, day), small)
    places = _Places(areas, by_place, official, owners, day.isoformat(), small)
    districts = places.below_province()
    whole = places.whole(form.place, _reported(self_reports.values()))
    below = places.below
    has_districts = any(area.level is AreaLevel.DISTRICT for area in below)
    goal = goals.goals.get(GoalSubject(drive, GoalScope.RESIDENTS, area=whole.code))
    staff = goals.goals.get(GoalSubject(drive, GoalScope.STAFF))
    since = date.fromisoformat(form.since) if form.since else day - _OUTREACH_FOR
    days = _read_days(session, ids, as_of=as_of)
    agencies = read_agencies(session, drive, day=day, known_until=known_until)
    own = count_own_answers(session, told, as_of=as_of)
    words = words_of(session, session.get_one(Drive, drive).kind)
    has_sources = bool(official or agencies) or words.agencies
    return Snapshot(
        day=day.isoformat(),
        as_of=as_of.isoformat(),
        residents=_target(goal),
        staff=Target(staff.share, None) if staff else None,
        whole=whole,
        districts=districts,
        communes=places.of(AreaLevel.COMMUNE) if has_districts or not below else (),
        level="" if has_districts else name_level(below),
        bodies=_organisations(session, self_reports, small),
        agencies=agencies,
        campaigns=tuple(_sent(session, each, as_of, is_told=not small.is_each) for each in campaigns),
        outreach=read_outreach(session, drive, day=day, since=since, known_until=known_until),
        headline=replace(
            read_headline(session, campaigns, goal, whole.owners, as_of=as_of), wants_goal=words.goal
        ),
        checked=read_checked(session, drive, as_of=as_of),
        own=OwnAnswerFigures(question_of(campaigns), tuple(own)) if own else None,
        has_sources=has_sources,
        since=since.isoformat(),
        before=days[-2][1] if days else None,
        days=days,
    )


def _told(session: Session, known: Sequence[Campaign], as_of: datetime) -> tuple[Small, Sequence[Campaign]]:
    """Return what few people's figures are counted under, as a report may come into any hands, and the campaigns that are told of."""
    small = find_small(session, known, as_of=as_of) or Small()
    return small, [] if small.is_all else known


def _target(goal: Goal | None) -> Target | None:
    return Target(goal.share, goal.deadline.isoformat() if goal.deadline else None) if goal else None


def _read_days(session: Session, campaigns: Sequence[int], *, as_of: datetime) -> tuple[tuple[str, int], ...]:
    """Return how many installs were in force at this hour of each of the last days; nothing without a campaign."""
    moments = [as_of - timedelta(days=back) for back in reversed(range(_DAYS_IN_CHART))] if campaigns else []
    return tuple((_day(each), count_installs(session, campaigns, as_of=each)) for each in moments)


def read_checked(session: Session, drive: int, *, as_of: datetime) -> CheckedReports | None:
    """Return what random checks leave of the drive's self-reports, None with too few of them."""
    corrected = read_corrected(session, drive, None, as_of=as_of)
    if corrected is None:
        return None
    likely, low, high = (round(each) for each in (corrected.likely, corrected.low, corrected.high))
    return CheckedReports(likely, low, high, corrected.checks, corrected.confirmed)


def read_headline(
    session: Session,
    campaigns: Sequence[Campaign],
    place_goal: Goal | None,
    place_owners: SmartphoneOwners | None,
    *,
    as_of: datetime,
) -> Headline:
    """Return what the headline is held against, chosen as on the leader's page for readers who see the whole."""
    chosen = read_headline_goal(session, campaigns, place_goal, is_whole=True, at=as_of)
    goal, owners = chosen.goal, place_owners
    if not chosen.is_of_place:
        own = goal.denominator if goal else None
        owners = SmartphoneOwners(own.value, own.as_of.isoformat(), own.source) if own and own.value else None
    is_entered = chosen.basis is ShareBasis.ENTERED
    return Headline(
        goal.share if goal else None,
        goal.deadline.isoformat() if goal and goal.deadline else None,
        is_entered,
        owners if is_entered else None,
    )


def _by_place(
    areas: Mapping[str, Area],
    self_reports: Mapping[Where, PlaceCounts],
    successors: Mapping[str, str],
    small: Small,
) -> dict[str, list[PlaceCounts]]:
    """Return the self-reports of each place, with those of the places within it."""
    found: dict[str, list[PlaceCounts]] = {}
    for code, reported in add_up_by(self_reports, lambda where: small.area_of(where.area)).items():
        for place in path_upwards(areas, successors.get(code or "", code)):
            found.setdefault(place, []).append(reported)
    return found


class _Places(NamedTuple):
    """Districts and communes with the figures of each source on a day."""

    areas: Mapping[str, Area]
    self_reports: Mapping[str, list[PlaceCounts]]
    official: Mapping[str, OfficialInstallFigure]
    owners: Mapping[str, SmartphoneOwners]
    day: str
    small: Small

    @property
    def below(self) -> list[Area]:
        """Return the areas of the level below the province, also the hidden ones: official figures are of everybody there."""
        valid = (area for area in self.areas.values() if area.is_valid_on(self.day))
        return [area for area in valid if is_below_province(self.areas, area)]

    def whole(self, name: str, reported: SelfReported) -> PlaceFigures:
        """Return the province with what was reported in all of it; `name` is its name where it is no area on that day."""
        provinces = (area for area in self.areas.values() if area.level is AreaLevel.PROVINCE)
        top = next((area for area in provinces if area.is_valid_on(self.day)), None)
        code = top.code if top else ""
        official = self.official.get(code) or add_up_official(
            self.official, [each.code for each in self.below]
        )
        return PlaceFigures(code, top.full_name if top else name, reported, official, self.owners.get(code))

    def below_province(self) -> tuple[PlaceFigures, ...]:
        """Return the places of the level below the province on that day, by code."""
        return self._figures(lambda area: is_below_province(self.areas, area))

    def of(self, level: AreaLevel) -> tuple[PlaceFigures, ...]:
        """Return all places of a level on that day, by district and code."""
        return self._figures(lambda area: area.level is level)

    def _figures(self, is_wanted: Callable[[Area], bool]) -> tuple[PlaceFigures, ...]:
        return tuple(
            PlaceFigures(
                area.code,
                area.full_name,
                _reported(self.self_reports.get(area.code, [])),
                self.official.get(area.code),
                self.owners.get(area.code),
                area.parent_code or "" if area.level is AreaLevel.COMMUNE else "",
            )
            for area in sorted(self.areas.values(), key=lambda area: (area.parent_code or "", area.code))
            if area.is_valid_on(self.day)
            and is_wanted(area)
            # Of a district with few people of no known commune the others are shown.
            and (area.code not in self.small.areas or area.code in self.self_reports)
        )


def _organisations(
    session: Session, self_reports: Mapping[Where, PlaceCounts], small: Small
) -> tuple[OrganisationFigures, ...]:
    names = dict(session.execute(select(Organisation.id, Organisation.name)).all())
    counts = add_up_by(self_reports, lambda where: small.organisation_of(where.organisation))
    organisations = [
        OrganisationFigures(names.get(organisation, ""), _reported([each]), organisation)
        for organisation, each in counts.items()
        if organisation is not None
    ]
    return tuple(sorted(organisations, key=lambda row: (row.name, row.id)))


def _reported(parts: Iterable[PlaceCounts]) -> SelfReported:
    """Return the sum over places or organisations that have no phone in common."""
    total = add_up(parts)
    return SelfReported(total.recipients, total.no_smartphone, total.answered, total.installed)


_OUTREACH_FOR = timedelta(days=60)  # unless the form gives a day


def days_with_report(session: Session, drive: int, days: Sequence[date]) -> list[date]:
    """Return those of the days on which a report is due, by the same few reads however many they are.

    It is while a campaign of the drive is under way, from its launch until its deadline, or until its last message where it has
    none; and until a goal's deadline.
    """
    if not days:
        return []
    campaigns = session.scalars(
        select(Campaign).where(Campaign.drive_id == drive, Campaign.launched_at <= _end_of(max(days)))
    ).all()
    goals = read_goal_periods(session, drive)

    def is_due(day: date) -> bool:
        for campaign in campaigns:
            has_begun = campaign.launched_at is not None and campaign.launched_at <= _end_of(day)
            is_cancelled = campaign.state is CampaignState.CANCELLED
            until = campaign.ended_at if is_cancelled else campaign.deadline or campaign.ended_at
            # Nothing is under way on the day on which it is cancelled; the days before stay due.
            is_over = until is not None and (_day(until), not is_cancelled) < (day.isoformat(), True)
            if has_begun and not is_over:
                return True
        ends = _end_of(day)
        return any(
            since <= ends and not (until and until <= ends) and last >= day for since, until, last in goals
        )

    return [day for day in days if is_due(day)]


def _end_of(day: date) -> datetime:
    return datetime.combine(day, datetime.max.time(), VIETNAM)


def read_owners(
    session: Session, drive: int, *, day: date, as_of: datetime, known_until: datetime
) -> tuple[Goals, dict[str, SmartphoneOwners]]:
    """Return goals at the freeze, and smartphone owners by area, later entries about the day included."""
    known = read_goals(session, at=known_until, drive=drive, until=day).denominators
    owners = {
        subject.area: SmartphoneOwners(denominator.value, denominator.as_of.isoformat(), denominator.source)
        for subject, denominator in known.items()
        if subject.scope is GoalScope.RESIDENTS and subject.area and denominator.value
    }
    return read_goals(session, at=as_of, drive=drive), owners


def read_agencies(
    session: Session, drive: int, *, day: date, known_until: datetime | None
) -> tuple[AgencyFigures, ...]:
    """Return every agency by name, with its figures of a drive in force; none where no agency is asked for any."""
    reports = read_latest_reports(session, drive, day=day, known_until=known_until)
    if not reports and not words_of(session, session.get_one(Drive, drive).kind).agencies:
        return ()
    agencies = []
    for agency_id, name in session.execute(
        select(Organisation.id, Organisation.name)
        .where(Organisation.kind == OrganisationKind.AGENCY)
        .order_by(Organisation.name)
    ):
        report = reports.get(agency_id)
        figures = columns_of(report, "staff with_smartphone installed day") if report else [None] * 4
        staff, owners, installed, last = figures
        agencies.append(
            AgencyFigures(agency_id, name, staff, owners, installed, last, last != day.isoformat())
        )
    return tuple(agencies)


def _sent(session: Session, campaign: Campaign, as_of: datetime, *, is_told: bool) -> CampaignFigures:
    """Return what a campaign had sent by then, each number once, with what people said if that `is_told`."""
    phones = (
        select(func.count(Attempt.phone_id.distinct()))
        .join(Message, Message.id == Attempt.message_id)
        .join(Recipient, Recipient.id == Message.recipient_id)
        .where(Attempt.stream_id == campaign.id, Recipient.exclusion.is_(None))
    )
    # What the gateway took and had not given up by then: what became of it later is no matter.
    gave_up = (AttemptState.FAILED, AttemptState.PASSED)
    had_failed = and_(Attempt.state.in_(gave_up), Attempt.settled_at <= as_of)
    well = Attempt.state.in_(ACCEPTED_OR_BEYOND - {AttemptState.FAILED})  # some have no id of the gateway
    taken = or_(Attempt.gateway_id.is_not(None), well)
    accepted = session.scalar(phones.where(taken, Attempt.claimed_at <= as_of, not_(had_failed)))
    delivered = session.scalar(
        phones.where(Attempt.state == AttemptState.DELIVERED, Attempt.settled_at <= as_of)
    )
    own = _reported(count_reported(session, [campaign.id], as_of=as_of).values())
    return CampaignFigures(
        name=campaign.name,
        launched_on=_day(campaign.launched_at),
        recipients=own.recipients,
        sent=accepted or 0,
        delivered=delivered or None,
        reported=own if is_told else None,
        id=campaign.id,
    )


def _day(moment: datetime | None) -> str:
    return moment.astimezone(VIETNAM).date().isoformat() if moment else ""


def read_outreach(
    session: Session, drive: int, *, day: date, since: date, known_until: datetime
) -> tuple[Outreach, ...]:
    """Return the activities of a drive by kind: since a day, and on the day itself."""
    whole = read_summary(session, ActivityFilter(since, day, drive=drive), as_of=known_until)
    today = read_summary(session, ActivityFilter(day, day, drive=drive), as_of=known_until)
    return tuple(
        Outreach(kind.value, total.times, today.kinds[kind].times if kind in today.kinds else 0, total.people)
        for kind in ActivityKind
        if (total := whole.kinds.get(kind))
    )

"""The other sources of a snapshot: what was made known officially, what agencies counted, what was sent and told.

Each as of a day, and as it was known at a moment: what was entered later is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.agencies.overview import read_standing
from campaigns.goals.goal import Goals, Scope, Subject
from campaigns.goals.reading import read_goals
from campaigns.messages import Attempt
from campaigns.models import Campaign, Step
from campaigns.official import latest_official
from campaigns.publicity.entry import Kind
from campaigns.publicity.reading import Wanted, read_summary
from campaigns.report.snapshot.figures import Agency, Official, Outreach, Owners, Place, Sent
from campaigns.report.snapshot.self_reports import add_up, count_self_reports
from campaigns.states import AttemptState, CampaignState
from campaigns.windows import VIETNAM
from outreach.access.models import Organisation, OrganisationKind

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


def read_official(session: Session, *, day: date, known_until: datetime) -> dict[str, Official]:
    """By area, as latest known."""
    return {
        code: Official(each.installed, each.day, each.source, each.is_sum)
        for code, each in latest_official(session, today=day, known_until=known_until).items()
    }


def read_owners(
    session: Session, *, kind: str, day: date, as_of: datetime, known_until: datetime
) -> tuple[Goals, dict[str, Owners]]:
    """The goals as of the hour of freezing, and by area how many people have a smartphone.

    What was entered later counts where it speaks of the day or an earlier one.
    """
    then, now = (read_goals(session, at=moment, kind=kind) for moment in (as_of, known_until))
    found = {}
    for book in (then, now):
        for subject, each in book.denominators.items():
            if subject.scope is Scope.RESIDENTS and subject.area and each.value and each.as_of <= day:
                found[subject.area] = Owners(each.value, each.as_of.isoformat(), each.source)
    return then, found


def staff_share(goals: Goals, *, kind: str, otherwise: float) -> float:
    """The goal of all agencies' staff."""
    goal = goals.goals.get(Subject(kind, Scope.STAFF))
    return goal.share if goal else otherwise


def read_agencies(session: Session, *, day: date, known_until: datetime | None) -> tuple[Agency, ...]:
    """Every agency by name, with the figures that stood for it."""
    standing = read_standing(session, day=day, known_until=known_until)
    agencies = []
    for agency_id, name in session.execute(
        select(Organisation.id, Organisation.name)
        .where(Organisation.kind == OrganisationKind.AGENCY)
        .order_by(Organisation.name)
    ):
        report = standing.get(agency_id)
        agencies.append(
            Agency(
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


def read_sent(session: Session, campaigns: Sequence[Campaign], *, as_of: datetime) -> tuple[Sent, ...]:
    """What each campaign had sent by then: numbers, each once."""
    return tuple(_sent(session, campaign, as_of) for campaign in campaigns)


def _sent(session: Session, campaign: Campaign, as_of: datetime) -> Sent:
    phones = select(func.count(Attempt.phone_id.distinct())).where(Attempt.lane == campaign.id)
    # Whatever became of it since: what the gateway took and could not deliver was sent all the same.
    taken = session.scalar(phones.where(Attempt.gateway_id.is_not(None), Attempt.claimed_at <= as_of))
    delivered = session.scalar(
        phones.where(Attempt.state == AttemptState.DELIVERED, Attempt.settled_at <= as_of)
    )
    own = add_up(list(count_self_reports(session, [campaign.id], as_of=as_of).values()))
    return Sent(
        name=campaign.name,
        launched_on=_day(campaign.launched_at),
        recipients=campaign.recipients or 0,
        sent=taken or 0,
        delivered=delivered or None,
        reported=own,
        id=campaign.id,
    )


def whole_official(districts: Sequence[Place], own: Official | None) -> Official | None:
    """The province's own figure, or its districts' once each has one."""
    if own:
        return own
    known = [place.official for place in districts if place.official]
    if not known or len(known) < len(districts):
        return None
    return Official(
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
    whole = read_summary(session, Wanted(since, day), as_of=known_until)
    today = read_summary(session, Wanted(day, day), as_of=known_until)
    return tuple(
        Outreach(kind.value, tally.times, today.kinds[kind].times if kind in today.kinds else 0, tally.people)
        for kind in Kind
        if (tally := whole.kinds.get(kind))
    )

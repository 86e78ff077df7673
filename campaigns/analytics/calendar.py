"""Calendar: what goes to whom on which day, as planned and as sent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from campaigns.analytics.campaign_status import count_messages
from campaigns.analytics.collisions import DATED, PLANNED
from campaigns.delivery.streams import campaign_window, step_times
from campaigns.models.campaigns import Campaign, Step
from campaigns.models.figures import ReachCount
from campaigns.planning.stored_reach import is_small
from campaigns.rules.reach import TAKEN, ReachMeasure
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.sending_status import spread_over_days
from campaigns.rules.states import CampaignState, MessageState
from outreach.accounts.permissions import visible_to
from outreach.core.settings import Settings
from outreach.models.accounts import User

MOST_CAMPAIGNS = 300
_UNDER_WAY = (CampaignState.SENDING, CampaignState.PAUSED)


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """What of a campaign's step leaves, or has left, on a day. `at` is its first moment there.

    `sent` is what was accepted of the step, at the day on which it began; `planned` what is still to come on this day, at most:
    who answers gets no reminder. Both are None where nobody has counted the audience.
    """

    campaign_id: int
    name: str
    state: CampaignState
    step: int
    at: datetime
    sent: int | None = None
    planned: int | None = None

    @property
    def day(self) -> date:
        return self.at.astimezone(VIETNAM).date()


def read_calendar(
    session: Session, user: User, first: date, last: date, *, settings: Settings, now: datetime
) -> list[CalendarEntry]:
    """Return what leaves from a day to another of the campaigns that the user may see, in order. Call it inside one `db.read()`."""
    begins, ends = (datetime.combine(day, time(), VIETNAM) for day in (first, last + timedelta(days=1)))
    has_opened = select(Step.campaign_id).where(Step.opened_at >= begins, Step.opened_at < ends)
    campaigns = session.scalars(
        select(Campaign)
        .options(selectinload(Campaign.steps))
        .where(
            visible_to(session, user, Campaign.organisation_id),
            or_(
                Campaign.state.in_(PLANNED),
                and_(Campaign.state.in_(DATED), Campaign.starts_at.is_not(None)),
                Campaign.id.in_(has_opened),
            ),
        )
        .order_by(Campaign.id.desc())
        .limit(MOST_CAMPAIGNS)
    ).all()
    counts = _count_messages(session, campaigns)
    entries = [
        entry
        for campaign in campaigns
        for entry in _entries_of(campaign, counts, settings=settings, now=now)
        if first <= entry.day <= last
    ]
    return sorted(entries, key=lambda entry: (entry.day, entry.at, entry.campaign_id, entry.step))


def _entries_of(
    campaign: Campaign, counts: dict[int, tuple[int, int]], *, settings: Settings, now: datetime
) -> list[CalendarEntry]:
    entries: list[CalendarEntry] = []
    hours, quiet = campaign_window(campaign, settings)
    times = step_times(campaign, settings=settings, now=now)
    is_over = campaign.state not in (*PLANNED, *DATED)
    audience = campaign.approved_recipients if campaign.recipients is None else campaign.recipients
    for step in campaign.steps:
        head, begins = (campaign.id, campaign.name, campaign.state, step.number), times[step.number]
        sent, left = counts.get(step.id, (0, 0))
        if step.opened_at:
            entries.append(CalendarEntry(*head, step.opened_at, sent))
        elif is_over or (campaign.deadline and begins >= campaign.deadline):
            continue
        elif audience is None:
            entries.append(CalendarEntry(*head, begins))
        else:
            left = audience
        if left and not is_over:
            rate = (campaign.pace or 0) / (step.segments_each or 1)
            spans = spread_over_days(max(begins, now), count=left, rate=rate, hours=hours, quiet=quiet)
            entries += [CalendarEntry(*head, at, planned=n) for at, n in spans]
    return entries


def _count_messages(session: Session, campaigns: Sequence[Campaign]) -> dict[int, tuple[int, int]]:
    """Return by step how many messages are taken and wait; of large ended campaigns as last counted."""
    opened = [each for each in campaigns if each.recipients is not None]
    kept = [each.id for each in opened if not is_small(each) and each.state not in _UNDER_WAY]
    taken: Counter[int | None] = Counter()
    left: Counter[int | None] = Counter()
    rows = session.execute(
        select(ReachCount.step_id, ReachCount.detail, func.sum(ReachCount.n))
        .where(ReachCount.campaign_id.in_(kept), ReachCount.measure == ReachMeasure.MESSAGES)
        .group_by(ReachCount.step_id, ReachCount.detail)
    ).all()
    others = count_messages(session, [each.id for each in opened if each.id not in kept])
    for step_id, state, n in (*rows, *((step, state, n) for (step, state, _reason), n in others.items())):
        if MessageState(state) in TAKEN:
            taken[step_id] += int(n)
        elif MessageState(state) is MessageState.QUEUED:
            left[step_id] += int(n)
    return {step: (taken[step], left[step]) for step in {*taken, *left} if step}

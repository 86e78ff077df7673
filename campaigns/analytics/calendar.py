"""Calendar: what goes to whom on which day, as planned and as sent; and collisions of the steps to come, over all campaigns.

Collisions are counted for everybody alike, shown within each reader's scope. Of an audience so large that reading its phones takes
seconds each n-th phone is read, and the figures are an estimate.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from campaigns.analytics.campaign_status import count_messages
from campaigns.delivery.message_data import recent_messages
from campaigns.delivery.streams import campaign_window, step_times
from campaigns.models.campaigns import Campaign, CampaignList, Recipient, Step
from campaigns.models.figures import ReachCount
from campaigns.models.messages import Message
from campaigns.planning.audience import audience_query, is_small, planned_phones
from campaigns.rules.answers import CLOSING
from campaigns.rules.audience import AudienceQuery
from campaigns.rules.collisions import WEEK, StepMoment, find_collision, steps_just_before
from campaigns.rules.delivery import hash_content
from campaigns.rules.reach import TAKEN, ReachMeasure
from campaigns.rules.sending_hours import VIETNAM, spread_over_days
from campaigns.rules.states import CampaignState, MessageState
from outreach.accounts.permissions import visible_to
from outreach.contacts.wishes import LEFT_ALONE
from outreach.core.cache import cached_count
from outreach.core.db import count_rows
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.models.contacts import Membership, Suppression
from outreach.rules.wishes import EVERYTHING
from outreach.runtime import Runtime

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


# Whose messages count: a draft may still change, what was cancelled leaves no more.
PLANNED = (CampaignState.APPROVED, CampaignState.SCHEDULED, CampaignState.SENDING, CampaignState.PAUSED)
DATED = (CampaignState.DRAFT, CampaignState.SUBMITTED)
# How many phones of one audience are read at most.
MOST_PHONES = 30_000
# How far ahead steps are judged.
_AHEAD = timedelta(days=62)
_MIN_TTL_S = 15.0
_LEFT_NOTHING = (MessageState.SKIPPED, MessageState.CANCELLED, MessageState.FAILED)


@dataclass(frozen=True, slots=True)
class ShownCollision:
    """Phones that a step would send a third message within seven days; the other campaigns that the reader may see, and how many not.

    With `of`, which is all phones of the step, those that the one campaign has written to in the 24 hours before.
    """

    step: int
    phones: int
    is_estimate: bool
    campaigns: list[tuple[int, str]]
    hidden: int
    of: int = 0


def read_collisions(
    session: Session, user: User, *, runtime: Runtime, now: datetime, campaign_id: int | None = None
) -> dict[int, list[ShownCollision]]:
    """Return by campaign the collisions of steps to come; of one whatever its state. Call in `db.read()`."""
    key = f"loa:collisions:{campaign_id or 'all'}"
    counted = cached_count(
        runtime.redis,
        key,
        lambda: _Collisions(session, runtime, now=now).count(campaign_id),
        min_ttl_s=_MIN_TTL_S,
    )
    ids = {each for found in counted.values() for row in found for each in row["campaigns"]}
    visible = visible_to(session, user, Campaign.organisation_id)
    named = select(Campaign.id, Campaign.name).where(Campaign.id.in_({*ids, *map(int, counted)}), visible)
    seen = dict(session.execute(named).all())
    return {
        int(of): [
            ShownCollision(
                row["step"],
                row["phones"],
                row["is_estimate"],
                [(each, seen[each]) for each in row["campaigns"] if each in seen and each != int(of)],
                sum(each not in seen for each in row["campaigns"]),
                row.get("of", 0),
            )
            for row in found
        ]
        for of, found in counted.items()
        if int(of) in seen
    }


def count_repeated(session: Session, campaign: Campaign, *, settings: Settings, at: datetime) -> int:
    """Return how many people `refusal_reason` would skip, as they just had the first message's content."""
    own = _first_contents(campaign.steps[0])
    is_first = (Step.number == 1, Step.campaign_id != campaign.id, Step.opened_at > at - timedelta(days=30))
    same = [step.id for step in session.scalars(select(Step).where(*is_first)) if own & _first_contents(step)]
    if not same or campaign.corrects or campaign.recipients is not None:
        return 0
    phones = select(Message.phone_id).where(Message.step_id.in_(same), Message.state.not_in(_LEFT_NOTHING))
    _recent, contents = recent_messages(session, phones, now=at)
    had = {phone for phone, content in contents if content in own}
    if not had:
        return 0
    query = audience_query(session, campaign, passes_opt_outs=settings.urgent_passes_opt_outs)
    every = max(1, len(had) // MOST_PHONES)
    return every * len(had & planned_phones(session, query, every=every))


def _first_contents(step: Step) -> set[str]:
    return {hash_content(text, step=1) for text in (step.text, step.text_b, *step.texts.values()) if text}


class _Collisions:
    """One count, with what it has read of each audience."""

    def __init__(self, session: Session, runtime: Runtime, *, now: datetime) -> None:
        self._session, self._settings, self._now = session, runtime.settings, now
        # Of steps of a frozen audience by campaign and number; of planned ones by their query, which campaigns share.
        self._phones: dict[tuple[int, int] | AudienceQuery, Set[int]] = {}
        self._queries: dict[int, AudienceQuery] = {}
        self._campaigns: dict[int, Campaign] = {}
        self._every = 1

    def count(self, campaign_id: int | None) -> dict[str, Any]:
        recent = select(Step.campaign_id).where(Step.opened_at > self._now - WEEK)
        read = select(Campaign).options(selectinload(Campaign.steps))
        counted = self._session.scalars(
            read.where(or_(Campaign.state.in_(PLANNED), Campaign.id.in_(recent)))
        ).all()
        judged = (
            [self._session.get_one(Campaign, campaign_id)]
            if campaign_id
            else [
                *(each for each in counted if each.state in PLANNED),
                *self._session.scalars(read.where(Campaign.state.in_(DATED), Campaign.starts_at > self._now)),
            ]
        )
        self._campaigns = {each.id: each for each in (*counted, *judged)}
        others = [
            moment for each in {*counted, *judged[: bool(campaign_id)]} for moment in self._moments(each)
        ]
        found: dict[str, Any] = {}
        self._every = max(1, max(map(self._size, self._campaigns.values()), default=0) // MOST_PHONES)
        for campaign in judged:
            if campaign.urgent_reason:
                continue
            rows: list[dict[str, Any]] = []
            with_own = others if campaign in counted else [*others, *self._moments(campaign)]
            for moment in self._to_come(campaign):
                if campaign_id and moment.number == 1:
                    rows += self._written_just_before(moment, others)
                collision = find_collision(moment, with_own, self._phones_of)
                if collision.phones:
                    row = {
                        "step": moment.number,
                        "phones": collision.phones * self._every,
                        "is_estimate": self._every > 1,
                        "campaigns": list(collision.campaigns),
                    }
                    rows.append(row)
            if rows:
                found[str(campaign.id)] = rows
        return found

    def _to_come(self, campaign: Campaign) -> list[StepMoment]:
        opened, end = {step.number for step in campaign.steps if step.opened_at}, self._now + _AHEAD
        return [each for each in self._moments(campaign) if each.number not in opened and each.at <= end]

    def _written_just_before(self, moment: StepMoment, others: list[StepMoment]) -> list[dict[str, Any]]:
        """Return for each other campaign how many of the first message's phones it has written to shortly before."""
        own, written = self._phones_of(moment), dict[int, Set[int]]()
        for each in steps_just_before(moment, others):
            written[each.campaign_id] = written.get(each.campaign_id, set()) | (own & self._phones_of(each))
        return [
            {
                "step": moment.number,
                "phones": len(phones) * self._every,
                "of": len(own) * self._every,
                "is_estimate": self._every > 1,
                "campaigns": [campaign_id],
            }
            for campaign_id, phones in sorted(written.items())
            if phones
        ]

    def _moments(self, campaign: Campaign) -> list[StepMoment]:
        times = step_times(campaign, settings=self._settings, now=self._now)
        is_over = campaign.state not in (*PLANNED, *DATED)
        return [
            StepMoment(campaign.id, step.number, times[step.number])
            for step in campaign.steps
            if step.opened_at or not is_over
        ]

    def _size(self, campaign: Campaign) -> int:
        if campaign.recipients is not None:
            return campaign.recipients
        lists = select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)
        return count_rows(self._session, Membership, Membership.list_id.in_(lists))

    def _phones_of(self, moment: StepMoment) -> Set[int]:
        """Return the phones of a step: those of its messages, else of the frozen audience, else of the one planned."""
        campaign = self._campaigns[moment.campaign_id]
        step = next(each for each in campaign.steps if each.number == moment.number)
        key = (campaign.id, step.number) if campaign.recipients is not None else self._query_of(campaign)
        if key not in self._phones:
            self._phones[key] = (
                planned_phones(self._session, key, every=self._every)
                if isinstance(key, AudienceQuery)
                else self._read_phones(campaign, step)
            )
        return self._phones[key]

    def _query_of(self, campaign: Campaign) -> AudienceQuery:
        if campaign.id not in self._queries:
            passes = self._settings.urgent_passes_opt_outs
            self._queries[campaign.id] = audience_query(self._session, campaign, passes_opt_outs=passes)
        return self._queries[campaign.id]

    def _read_phones(self, campaign: Campaign, step: Step) -> Set[int]:
        if step.opened_at:
            column: Any = Message.phone_id
            query = select(column).where(
                Message.campaign_id == campaign.id,
                Message.step_id == step.id,
                Message.state.not_in(_LEFT_NOTHING),
            )
        else:
            column = Recipient.phone_id
            of_number, of_person = (
                select(each).where(each.is_not(None), LEFT_ALONE.c.scope == EVERYTHING)
                for each in (LEFT_ALONE.c.phone_id, LEFT_ALONE.c.contact_id)
            )
            suppressed = select(Suppression.phone_id).where(
                Suppression.lifted_at.is_(None), Suppression.phone_id.is_not(None)
            )
            query = select(column).where(
                Recipient.campaign_id == campaign.id,
                Recipient.exclusion.is_(None),
                # Whom an officer has opened again has not answered.
                or_(Recipient.answer.is_(None), Recipient.answer.in_(CLOSING), Recipient.wants_reminder),
                Recipient.phone_id.not_in(of_number),
                Recipient.phone_id.not_in(suppressed),
                Recipient.contact_id.not_in(of_person),
            )
        if self._every > 1:
            query = query.where(column % self._every == 0)
        return set(self._session.scalars(query))

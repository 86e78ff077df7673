"""Sending status of one campaign: the live panel and `campaigns status`.

All figures come from one read transaction, so they add up at every moment.

The panel is requested every second by many readers. Counting 300,000 messages takes a while even from an
index, so the counts are cached and shared; they are kept longer the more they cost. Everything else is a few
reads by index.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, func, select, true
from sqlalchemy.orm import Session, aliased

from campaigns.analytics.progress_counts import count_answers
from campaigns.delivery.gateway_accounts import read_common_fault
from campaigns.delivery.outbox import causes_and_segments
from campaigns.delivery.reconcile import count_looked_up, count_undecided
from campaigns.delivery.streams import TRANSACTIONAL_STREAM, campaign_window, step_times
from campaigns.goals.goals import read_campaign_goals
from campaigns.lifecycle import is_stopped
from campaigns.models.campaigns import Campaign, PageOpen, Recipient, Step
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import InstallReport
from campaigns.planning.audience import count_audience, is_small
from campaigns.planning.correcting_campaigns import has_sent_any
from campaigns.planning.kinds import find_outside_base
from campaigns.planning.preview import campaign_spending
from campaigns.rules.budget import reserve_of
from campaigns.rules.delivery import WAITING, is_charged
from campaigns.rules.own_answers import read_own_answers
from campaigns.rules.reach import FAILED, share_of
from campaigns.rules.sending_hours import (
    Batch,
    SendingState,
    Stall,
    estimated_finish,
    sending_rate,
    why_stalled,
)
from campaigns.rules.states import (
    ACCEPTED_OR_BEYOND,
    CAMPAIGN_MOVES,
    FAILURES,
    AttemptState,
    CampaignAction,
    CampaignState,
    MessageState,
    SkipReason,
)
from outreach.accounts.users import name_of
from outreach.core.cache import cached_count
from outreach.core.db import count_rows
from outreach.models.accounts import AuditEvent
from outreach.rules.gateway import Cause, Channel
from outreach.rules.stored_data import read_stored
from outreach.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Messages of a campaign that went as notices.

    `arrived`: the notice; `texts`: the text went instead; `both`: it had gone when the notice arrived after all, later than its
    report was waited for, so the message is in `arrived` too; `waiting`: for the report. `causes`: why notices did not arrive.
    """

    arrived: int = 0
    texts: int = 0
    both: int = 0
    waiting: int = 0
    causes: tuple[tuple[str, int], ...] = ()


def count_channels(session: Session, campaign_id: int) -> ChannelCounts | None:
    """Count the messages of a campaign that went as notices; None where none of its steps has one."""
    has_notice = (Step.campaign_id == campaign_id, Step.notice_template != "")
    if session.scalar(select(Step.id).where(*has_notice).limit(1)) is None:
        return None
    text = aliased(Attempt)
    of = (Attempt.channel, Attempt.state, Attempt.cause, text.id.is_not(None))
    rows = session.execute(
        select(*of, func.count())
        .join(Message, Message.id == Attempt.message_id)
        .outerjoin(
            text,
            (text.message_id == Attempt.message_id)
            & (text.channel == Channel.SMS)
            & text.state.in_(ACCEPTED_OR_BEYOND),
        )
        .where(Message.campaign_id == campaign_id, Attempt.channel != Channel.SMS)
        .group_by(*of)
    )
    counts: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    for channel, state, cause, has_text, n in rows:
        # The provider that sends both says of a notice that did not arrive why not (`keep_reason`).
        did_not = state is AttemptState.PASSED or (
            channel == Channel.BOTH and cause and state not in FAILURES
        )
        arrived = state is AttemptState.DELIVERED and not did_not
        counts["arrived"] += n * arrived
        counts["waiting"] += n * (state in WAITING and not did_not)
        if has_text or (did_not and channel == Channel.BOTH):
            counts["both" if arrived else "texts"] += n
        if did_not:
            causes[cause or Cause.OTHER.value] += n
    return ChannelCounts(**counts, causes=tuple(causes.most_common()))


COUNT_TTL_S = 0.8
# The rate is read off the newest attempts of all campaigns: ten seconds at 500 a second.
NEWEST_ATTEMPTS = 5_000
SHORT_WINDOW, LONG_WINDOW = timedelta(seconds=10), timedelta(seconds=60)
# No finish time is estimated before this: the first seconds say little.
MIN_RATE_WINDOW = timedelta(seconds=8)
# Actions that have a button on the page while a campaign is under way.
UNDER_WAY_STATES = (CampaignState.SCHEDULED, CampaignState.SENDING, CampaignState.PAUSED)
PANEL_ACTIONS = (CampaignAction.PAUSE, CampaignAction.RESUME, CampaignAction.UNDO, CampaignAction.CANCEL)
# Delivery reports still arrive for a while after the end.
REPORTS_ARRIVE_FOR = timedelta(hours=1)
Named = TypeVar("Named", bound=StrEnum)
JOINED_LATER = "joined_later"  # by a second wave, or taken apart from another after the step opened


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """Message counts of a campaign, as they are cached.

    `channels`: see `count_channels`. `messages` is by step, state and reason for skipping; `causes` counts failed attempts by cause; `segments`
    are those the gateway accepted, `reply_segments` those of acknowledgements, confirmations and officers' answers.
    """

    messages: tuple[tuple[int, MessageState, SkipReason | None, int], ...]
    causes: tuple[tuple[str, int], ...]
    segments: int
    reply_segments: int
    channels: ChannelCounts | None
    has_left: bool

    def states(self, step: int | None = None) -> dict[MessageState, int]:
        """Return the messages by state, in the order of the enum; of one step where it is given."""
        return _ordered(
            MessageState, ((each[1], each[3]) for each in self.messages if step in (None, each[0]))
        )


@dataclass(frozen=True, slots=True)
class StepFigures:
    """Message counts of one step, by state."""

    number: int
    total: int
    states: dict[MessageState, int]


@dataclass(frozen=True, slots=True)
class SendingPanel:
    """Figures of the live sending panel.

    Rates are in messages a second, money is in VND; None where not known. `spent_vnd` is of the campaign's messages,
    `replies_vnd` of acknowledgements, confirmations and officers' answers, estimated by the price of a segment; with
    `reserved_vnd` for what was not sent yet they add up to `whole_vnd`. `actions` is what may be done with
    the campaign now. Of the unknown messages `looked_up` are being asked after at the gateway and `undecided` wait for a
    person; the rest waits for a report. So do `undecided_answers` to residents, which are not part of the steps' figures.
    """

    campaign: Campaign
    paused_by: str  # the officer who paused it, "" of nobody
    paused_at: datetime | None
    total: int
    states: dict[MessageState, int]
    steps: list[StepFigures]
    next_step: int | None
    next_step_at: datetime | None
    skipped: dict[SkipReason, int]
    causes: tuple[tuple[str, int], ...]
    channels: ChannelCounts | None
    left: int
    under_way: int
    unknown: int
    looked_up: int
    undecided: int
    undecided_answers: int
    actions: list[CampaignAction]
    rate_now: float
    rate_minute: float
    still: Stall | None
    finish_at: datetime | None
    segments: int
    spent_vnd: int
    replies_vnd: int
    reserved_vnd: int
    is_over: bool

    @property
    def whole_vnd(self) -> int:
        """Return what the campaign will have cost: used so far, and reserved for what was not sent yet."""
        return self.spent_vnd + self.replies_vnd + self.reserved_vnd


def find_pause(session: Session, campaign: Campaign) -> tuple[str, datetime | None]:
    """Return which officer paused a campaign, and when; "" and None if nobody has, or Loa by itself."""
    if campaign.state is not CampaignState.PAUSED or campaign.pause_reason:
        return "", None
    latest = session.execute(
        select(AuditEvent.actor_id, AuditEvent.at)
        .where(AuditEvent.subject == f"campaigns:{campaign.id}", AuditEvent.action == "campaign.pause")
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).first()
    return (name_of(session, latest[0]), latest[1]) if latest else ("", None)


def read_sending_panel(
    session: Session, campaign: Campaign, now: datetime, *, runtime: Runtime
) -> SendingPanel:
    """Return the live sending figures of a campaign. Call it inside one `db.read()`."""
    settings = runtime.settings
    counts = _cached_counts(session, campaign, runtime)
    steps = session.scalars(select(Step).where(Step.campaign_id == campaign.id).order_by(Step.number)).all()
    figures = [
        StepFigures(step.number, sum(states.values()), states)
        for step in steps
        if (states := counts.states(step.id))
    ]
    states = counts.states()
    left = states.get(MessageState.QUEUED, 0)
    sending, unknown = states.get(MessageState.SENDING, 0), states.get(MessageState.UNKNOWN, 0)
    next_step = next((step.number for step in steps if step.opened_at is None), None)
    hours, quiet = campaign_window(campaign, settings)
    is_dated = next_step and (campaign.launched_at or campaign.starts_at)
    times = step_times(campaign, settings=settings, now=now) if is_dated else {}
    next_step_at = times.get(next_step or 0)
    batches = _read_batches(session, campaign.id, now=now)
    first_due_at, throttled_count = _first_due(session, campaign.id)
    stall = why_stalled(
        SendingState(
            state=campaign.state,
            is_stopped=is_stopped(session),
            starts_at=campaign.starts_at,
            deadline=campaign.deadline,
            hours=hours,
            queued=left,
            sending=sending,
            unknown=unknown,
            first_due_at=first_due_at,
            is_throttled=throttled_count > 0,
            fault=read_common_fault(session, runtime),
            last_claim_at=batches[-1][0] if batches else None,
            opened_at=max(filter(None, (step.opened_at for step in steps)), default=None),
            next_step_at=next_step_at,
            quiet=quiet,
        ),
        now=now,
    )
    undecided, undecided_answers = count_undecided(session, campaign.id, now=now)
    steady_rate = sending_rate(batches, now=now, over=LONG_WINDOW, least=MIN_RATE_WINDOW)
    spending = campaign_spending(campaign, settings, taken=counts.segments)
    paused_by, paused_at = find_pause(session, campaign)
    return SendingPanel(
        campaign=campaign,
        paused_by=paused_by,
        paused_at=paused_at,
        total=sum(states.values()),
        states=states,
        steps=figures,
        next_step=next_step,
        next_step_at=next_step_at,
        skipped=_ordered(SkipReason, ((each[2], each[3]) for each in counts.messages)),
        causes=counts.causes,
        channels=counts.channels,
        left=left,
        under_way=sending + unknown,
        unknown=unknown,
        looked_up=count_looked_up(session, campaign.id, settings=settings, now=now) if unknown else 0,
        undecided=undecided,
        undecided_answers=undecided_answers,
        actions=_actions(campaign, has_left=counts.has_left),
        rate_now=sending_rate(batches, now=now, over=SHORT_WINDOW),
        rate_minute=sending_rate(batches, now=now, over=LONG_WINDOW),
        still=stall,
        finish_at=None
        if stall or not left
        else estimated_finish(now, left=left, rate=steady_rate, hours=hours, quiet=quiet),
        segments=counts.segments,
        spent_vnd=spending.vnd,
        replies_vnd=counts.reply_segments * spending.price_vnd,
        reserved_vnd=_reserve(campaign, steps, counts, price_vnd=spending.price_vnd),
        is_over=_is_over(campaign, states, now=now),
    )


def _actions(campaign: Campaign, *, has_left: bool) -> list[CampaignAction]:
    """Return what may be done with a campaign that is under way; undone only before anything has left."""
    if campaign.state not in UNDER_WAY_STATES:
        return []
    possible = [action for action in PANEL_ACTIONS if campaign.state in CAMPAIGN_MOVES[action][0]]
    return [action for action in possible if not (action is CampaignAction.UNDO and has_left)]


def _reserve(campaign: Campaign, steps: Sequence[Step], counts: MessageCounts, *, price_vnd: int) -> int:
    """Return what the messages that are still to be sent will cost."""
    if campaign.state not in UNDER_WAY_STATES:
        return 0
    waiting = (
        counts.states(step.id).get(MessageState.QUEUED, 0) if step.opened_at else campaign.recipients or 0
        for step in steps
    )
    return reserve_of(zip(waiting, (step.segments_each for step in steps), strict=True), price_vnd=price_vnd)


def _ordered(kind: type[Named], counts: Iterable[tuple[Named | None, int]]) -> dict[Named, int]:
    """Add up counts by the members of an enum, in its order, without those of which there are none."""
    sums: Counter[Named | None] = Counter()
    for member, n in counts:
        sums[member] += n
    return {member: sums[member] for member in kind if sums[member]}


def _is_over(campaign: Campaign, states: dict[MessageState, int], *, now: datetime) -> bool:
    """Return whether the campaign has ended and none of its sending figures will change any more."""
    if campaign.state not in (CampaignState.COMPLETED, CampaignState.CANCELLED):
        return False
    if any(states.get(state) for state in (MessageState.SENDING, MessageState.UNKNOWN)):
        return False
    awaits_reports = any(states.get(state) for state in (MessageState.ACCEPTED, MessageState.SENT))
    return not awaits_reports or campaign.ended_at is None or now - campaign.ended_at > REPORTS_ARRIVE_FOR


# -- counts, cached and shared by all readers


def keep_counts(runtime: Runtime, campaign_id: int) -> None:
    """Count a large campaign's messages before anybody looks at it."""
    with runtime.db.read() as session:
        _cached_counts(session, session.get_one(Campaign, campaign_id), runtime, in_background=False)


def _cached_counts(
    session: Session, campaign: Campaign, runtime: Runtime, *, in_background: bool = True
) -> MessageCounts:
    """Return cached counts, or new ones where too old (of a large campaign one waits) or without Redis."""
    campaign_id, is_large = campaign.id, not is_small(campaign)

    def count() -> dict[str, Any]:
        with runtime.db.read() if is_large else nullcontext(session) as reading:
            return asdict(_count(reading, campaign_id))

    # The state is part of the key: after a pause, a resume or an end, old counts would contradict it.
    key = f"loa:panel:{campaign_id}:{campaign.state.value}"
    counts = cached_count(
        runtime.redis, key, count, min_ttl_s=COUNT_TTL_S, in_background=in_background and is_large
    )
    return read_stored(MessageCounts, counts)


def count_messages(session: Session, campaigns: Collection[int]) -> Counter[Any]:
    """Count steps' messages to recipients, without those merged since, by step, state and skip reason."""
    key = (Message.step_id, Message.state, Message.skip_reason)
    query = select(*key, func.count()).where(Message.campaign_id.in_(campaigns), Message.step_id.is_not(None))
    counts: Counter[Any] = Counter()
    for sign, where in ((1, true()), (-1, _is_of_excluded(campaigns))):
        for *of, n in session.execute(query.where(where).group_by(*key)):
            counts[tuple(of)] += sign * n
    return +counts


def _is_of_excluded(campaigns: Collection[int]) -> ColumnElement[bool]:
    """Return the condition that a message went to somebody who is no recipient any more."""
    excluded = Recipient.campaign_id.in_(campaigns), Recipient.exclusion.is_not(None)
    return Message.recipient_id.in_(select(Recipient.id).where(*excluded))


def _count(session: Session, campaign_id: int) -> MessageCounts:
    causes, segments, _requests = causes_and_segments(session, campaign_id)
    cause = func.coalesce(Attempt.cause, "other")
    of_excluded = (
        select(cause, func.count())
        .join(Message, Message.id == Attempt.message_id)
        .where(_is_of_excluded([campaign_id]), Message.state.in_(FAILED), Attempt.state == Message.state)
        .group_by(cause)
    )
    reply_segments = (  # charged ones of messages that belong to none of its steps
        select(func.sum(Attempt.segments))
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Attempt.stream_id == TRANSACTIONAL_STREAM,
            Attempt.state.in_(filter(is_charged, AttemptState)),
            Message.campaign_id == campaign_id,
            Message.step_id.is_(None),
        )
    )
    counted = Counter(causes) - Counter(dict(session.execute(of_excluded).all()))
    messages = count_messages(session, [campaign_id]).items()
    return MessageCounts(
        messages=tuple(sorted(((*key, n) for key, n in messages), key=lambda row: row[:2])),
        causes=tuple(counted.most_common()),
        segments=segments,
        reply_segments=int(session.scalar(reply_segments) or 0),
        channels=count_channels(session, campaign_id),
        has_left=has_sent_any(session, campaign_id),
    )


# -- a few rows by index


def _read_batches(session: Session, campaign_id: int, *, now: datetime) -> list[Batch]:
    """Return the claims of the last minute, oldest first: when, and how many messages."""
    newest = session.scalar(select(func.max(Attempt.id))) or 0
    batches = session.execute(
        select(Attempt.claimed_at, func.count())
        .where(
            Attempt.id > newest - NEWEST_ATTEMPTS,
            Attempt.stream_id == campaign_id,
            Attempt.claimed_at > now - LONG_WINDOW,
        )
        .group_by(Attempt.claimed_at)
        .order_by(Attempt.claimed_at)
    ).all()
    return [(at, count) for at, count in batches]


def _first_due(session: Session, campaign_id: int) -> tuple[datetime | None, int]:
    row = session.execute(
        select(Outbox.not_before, Outbox.throttled)
        .where(Outbox.stream_id == campaign_id)
        .order_by(Outbox.not_before)
        .limit(1)
    ).first()
    return (row.not_before, row.throttled) if row else (None, 0)


def _read_steps(
    session: Session, campaign: Campaign, recipients: int
) -> Iterator[tuple[Step, dict[str, dict[str, int]]]]:
    """Yield each opened step with the messages of the recipients by state, and by reason where they were skipped.

    They add up to `recipients`: what went to somebody who was merged with another since is not counted, and who was no recipient
    yet when the step opened counts as skipped.
    """
    states: dict[int, Counter[str]] = defaultdict(Counter)
    skipped: dict[int, Counter[str]] = defaultdict(Counter)
    for (step_id, state, reason), n in count_messages(session, [campaign.id]).items():
        states[step_id][state.value] += n
        if reason:
            skipped[step_id][reason.value] += n
    for step in campaign.steps:
        if step.opened_at is None:
            continue
        if later := recipients - states[step.id].total():
            states[step.id][MessageState.SKIPPED.value] += later
            skipped[step.id][JOINED_LATER] += later
        yield step, {"messages": dict(+states[step.id]), "skipped": dict(+skipped[step.id])}


def read_status(session: Session, campaign: Campaign) -> dict[str, Any]:
    """Return the data of `campaigns status`, with answers and share. Call it inside one `db.read()`."""
    recipients, excluded = count_audience(session, campaign.id)
    counted = (Recipient.campaign_id == campaign.id, Recipient.exclusion.is_(None))
    opened, clicked = session.execute(
        select(func.count(PageOpen.at), func.count(Recipient.clicked_at))
        .outerjoin(
            PageOpen,
            and_(PageOpen.recipient_id == Recipient.id, PageOpen.campaign_id == Recipient.campaign_id),
        )
        .where(*counted)
    ).one()
    answers, chosen = Counter[str](), Counter[int]()
    for (label, own), people in count_answers(session, [campaign.id], seen=true())[campaign.id].items():
        answers.update({label.value: people} if label else {})
        chosen.update({own: people} if own else {})
    installed = count_rows(
        session, InstallReport, InstallReport.campaign_id == campaign.id, InstallReport.withdrawn_at.is_(None)
    )
    notices = count_channels(session, campaign.id)
    goal = read_campaign_goals(session, [campaign.id]).get(campaign.id)
    denominator = goal.denominator if goal else None
    share = share_of(
        installed=installed,
        recipients=recipients,
        no_smartphone=sum(answers[label.value] for label in find_outside_base(session, campaign.kind)),
        entered=denominator.value if denominator else None,
    )
    return {
        "id": campaign.id,
        "name": campaign.name,
        "state": campaign.state.value,
        "pause_reason": campaign.pause_reason,
        "recipients": recipients,
        "excluded": {reason.value: count for reason, count in sorted(excluded.items())},
        "steps": [
            {"step": step.number, **figures} for step, figures in _read_steps(session, campaign, recipients)
        ],
        **({"notices": asdict(notices) | {"causes": dict(notices.causes)}} if notices else {}),
        "page": {"opened": opened, "clicked": clicked},
        "answers": answers,
        "own_answers": [
            {"number": own.number, "text": own.text, "means": own.means.value, "people": chosen[own.number]}
            for own in read_own_answers(campaign.content)
        ],
        "self_reported": {
            "installed": share.installed,
            "denominator": share.denominator,
            "basis": share.basis,
            "share": share.value,
            "goal": goal.share if goal else None,
            "denominator_date": denominator.as_of.isoformat() if denominator else None,
            "denominator_source": denominator.source if denominator else None,
        },
    }

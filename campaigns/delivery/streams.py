"""Streams that may send now, and the limits on how fast.

- Streams: which campaigns may send at this moment, and until when.
- Rate limits: segments a second of a sender and of a campaign, shared by all workers through Redis, without burst.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import CampaignStep, find_stopped, read_outbox
from campaigns.lifecycle import is_stopped, lacks_permit
from campaigns.models.campaigns import Campaign, Sender
from campaigns.models.messages import Attempt, Outbox
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.sending_hours import Hours, closes_at, common_hours, due_times, opens_at
from campaigns.rules.states import CampaignState
from outreach.core.db import values_subquery
from outreach.core.settings import Settings
from outreach.rules.quiet_days import NO_DAYS, QuietDays

# Acknowledgements, confirmations and test messages: sent ahead of every campaign.
TRANSACTIONAL_STREAM = 0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Limit of `per_second` segments for what `name` stands for: a sender, or a campaign."""

    name: str
    per_second: float

    @property
    def key(self) -> str:
        return f"loa:rate:{self.name}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A campaign that may send now, or the transactional stream.

    `closes_at`: when its window closes or its deadline passes. `is_urgent`: a warning, ahead of everything else.
    """

    id: int
    closes_at: datetime
    rate_limits: tuple[RateLimit, ...] = ()
    price_vnd: int | None = None
    is_urgent: bool = False
    sender: str = ""

    @property
    def rank(self) -> int:
        """Return the place of its class: warnings, then transactional messages, then campaigns."""
        return 0 if self.is_urgent else 1 if self.id == TRANSACTIONAL_STREAM else 2

    @property
    def ahead_s(self) -> float:
        """Return how much of a rate limit may be reserved before it gets some: the more, the earlier its class goes."""
        return AHEAD_S * (3 - self.rank)


def open_streams(
    session: Session, *, now: datetime, is_live: bool, quiet: QuietDays, among: Collection[int] | None = None
) -> list[Stream]:
    """Return the streams with a message due, or those `among` these: of campaigns none without the permission to send to real phones.

    On `quiet` days none of a campaign is, but for warnings.
    """
    if is_stopped(session):
        return []
    # Reads the first row by the index. (The planner may turn an EXISTS into a scan of a whole outbox of millions.)
    first_due = (
        select(Outbox.message_id)
        .where(Outbox.stream_id == Campaign.id, Outbox.not_before <= now)
        .order_by(Outbox.not_before)
        .limit(1)
        .scalar_subquery()
    )
    streams = []
    is_due = (Outbox.stream_id == TRANSACTIONAL_STREAM, Outbox.not_before <= now)
    first_answer = select(Outbox.message_id).where(*is_due).limit(1)
    if TRANSACTIONAL_STREAM in among if among is not None else session.scalar(first_answer):
        streams.append(Stream(id=TRANSACTIONAL_STREAM, closes_at=now + timedelta(hours=1)))
    if lacks_permit(session, is_live=is_live):
        return streams
    for campaign, sender_pace in session.execute(
        select(Campaign, Sender.pace)
        .outerjoin(Sender, Sender.name == Campaign.sender)
        .where(
            Campaign.state == CampaignState.SENDING,
            first_due.is_not(None) if among is None else Campaign.id.in_(among),
        )
        .order_by(Campaign.id)
    ):
        if closes := sending_until(campaign, now=now, is_live=is_live, quiet=quiet):
            rate_limits = (
                sender_rate_limit(campaign.sender, sender_pace) if sender_pace else None,
                RateLimit(f"campaign:{campaign.id}", campaign.pace) if campaign.pace else None,
            )
            streams.append(
                Stream(
                    id=campaign.id,
                    closes_at=closes,
                    rate_limits=tuple(filter(None, rate_limits)),
                    price_vnd=campaign.price_vnd,
                    is_urgent=bool(campaign.urgent_reason),
                    sender=campaign.sender,
                )
            )
    return streams


def sender_rate_limit(name: str, per_second: float) -> RateLimit:
    """Return the rate limit that all campaigns and answers of a sender share."""
    return RateLimit(f"sender:{name}", per_second)


def sender_paces(session: Session) -> dict[str, float]:
    """Return the segments a second of the senders that have a limit, by their names."""
    return {name: pace for name, pace in session.execute(select(Sender.name, Sender.pace)) if pace}


def streams_still_open(
    session: Session, stream_ids: list[int], *, now: datetime, is_live: bool, quiet: QuietDays
) -> dict[int, datetime]:
    """Return those of these streams that may go on, with the moment at which each closes."""
    streams = open_streams(session, now=now, is_live=is_live, quiet=quiet, among=stream_ids)
    return {stream.id: stream.closes_at for stream in streams}


def suppressed_attempts(session: Session, attempt_ids: list[int], *, passes_opt_outs: bool) -> set[int]:
    """Return those of these attempts that must not go, by `find_stopped`, as since they were claimed."""
    of_attempts = select(
        Attempt.message_id, Attempt.id.label("n"), literal(0).label("throttled"), literal(0).label("refused")
    ).where(Attempt.id.in_(values_subquery(session, attempt_ids)))
    rows = read_outbox(session, of_attempts.subquery(), lock_phones=False)
    stopped = find_stopped(session, rows, passes_opt_outs=passes_opt_outs)
    return {row.n for row in rows if row.message_id in stopped}


def campaign_hours(campaign: Campaign | CampaignStep, *, is_live: bool) -> Hours | None:
    """Return the sending hours of a campaign. None means any time, as for every warning."""
    if campaign.urgent_reason:
        return None
    own = (campaign.window_from, campaign.window_to) if campaign.window_from and campaign.window_to else None
    return common_hours(own, is_live=is_live)


def campaign_quiet_days(campaign: Campaign | CampaignStep, quiet: QuietDays) -> QuietDays:
    """Return the days on which a campaign's own messages do not leave: none for a warning."""
    return NO_DAYS if campaign.urgent_reason else quiet


def campaign_window(campaign: Campaign, settings: Settings) -> tuple[Hours | None, QuietDays]:
    """Return the hours in which a campaign's own messages leave, and the days on which they do not."""
    hours = campaign_hours(campaign, is_live=settings.is_live)
    return hours, campaign_quiet_days(campaign, quiet_days(settings))


def steps_due_at(campaign: Campaign, launched_at: datetime, quiet: QuietDays) -> dict[int, datetime]:
    """Return when each step of a campaign is due by its number, if it is launched then.

    The next one by the days that have passed since the last message of the ones before it left.
    """
    planned = [(step.after_days, step.at) for step in campaign.steps]
    opened = sum(step.opened_at is not None for step in campaign.steps)
    sent = campaign.sent_after_s
    sent_until = None if sent is None else launched_at + timedelta(seconds=sent)
    days = campaign_quiet_days(campaign, quiet)
    times = due_times(launched_at, planned, days, opened=opened, sent_until=sent_until)
    return {step.number: at for step, at in zip(campaign.steps, times, strict=True)}


def step_times(campaign: Campaign, *, settings: Settings, now: datetime) -> dict[int, datetime]:
    """Return when each step of a campaign has begun to leave, or will at the earliest, by its number."""
    hours, quiet = campaign_window(campaign, settings)
    starts = campaign.launched_at or max(campaign.starts_at or now, now)
    due = steps_due_at(campaign, starts, quiet)
    return {
        step.number: step.opened_at or opens_at(max(due[step.number], now), hours, quiet)
        for step in campaign.steps
    }


def sending_until(campaign: Campaign, *, now: datetime, is_live: bool, quiet: QuietDays) -> datetime | None:
    """Return when sending has to end: at the close of the window, before a day without sending, or at the deadline.

    Returns None if the campaign may not send now.
    """
    hours = campaign_hours(campaign, is_live=is_live)
    closes = closes_at(now, hours, campaign_quiet_days(campaign, quiet))
    if closes is None or (campaign.deadline and campaign.deadline <= now):
        return None
    return min(closes, campaign.deadline) if campaign.deadline else closes


# A worker claims what the rate limit allows in this time, and only while little more than it is reserved ahead (`Stream.ahead_s`).
# So all workers together hold a few seconds of a slow campaign or sender, and a pause, an opt-out or a warning still finds
# the rest in the outbox.
AHEAD_S = 1.0
# Uses Redis's clock, so that workers on several machines agree. Each key holds the moment (ms) from which its
# sender or campaign is free again. A span begins when all of them are free, and each key moves on by the time that
# the span takes at its own rate. Returns the milliseconds to wait and the new moments, or nothing while more than
# ARGV[2] ms (where it is not negative) are reserved ahead.
_RESERVE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + t[2] / 1000
local start, free = now, {}
for i, key in ipairs(KEYS) do
  free[i] = math.max(now, tonumber(redis.call('GET', key) or '0'))
  start = math.max(start, free[i])
end
local most = tonumber(ARGV[2])
if most >= 0 and start - now > most then return {} end
local given = {tostring(start - now)}
for i, key in ipairs(KEYS) do
  local till = string.format('%.3f', free[i] + ARGV[1] / ARGV[2 + i] * 1000)
  redis.call('SET', key, till, 'PX', math.ceil(till - now) + 60000)
  given[i + 1] = till
end
return given
"""
# Unused time goes back as long as nothing has been reserved behind it; time used beyond the span is added.
_SETTLE = """
for i, key in ipairs(KEYS) do
  local free = tonumber(redis.call('GET', key) or '0')
  local change = ARGV[1] / ARGV[2 * i] * 1000
  if change > 0 or string.format('%.3f', free) == ARGV[2 * i + 1] then
    redis.call('SET', key, string.format('%.3f', free + change), 'KEEPTTL')
  end
end
"""


class Reservation:
    """A reserved span of sending time, in which claimed messages are placed one behind the other. Times are monotonic seconds."""

    def __init__(
        self,
        redis: Redis,
        rate_limits: Sequence[RateLimit],
        *,
        starts_at: float,
        reserved_until: list[str],
        segments: float,
    ):
        self._redis, self._rate_limits, self._reserved_until = redis, rate_limits, reserved_until
        self._starts_at, self.segments, self._placed = starts_at, segments, 0

    def place(self, segments: int) -> float:
        """Return when so many more segments may start."""
        starts_at = self._starts_at + self._placed / min(limit.per_second for limit in self._rate_limits)
        self._placed += segments
        return starts_at

    def settle(self) -> None:
        """Correct the reservation to the segments that were placed in it. Raises RedisError."""
        if self._placed != self.segments:
            arguments = [
                part
                for limit, reserved_until in zip(self._rate_limits, self._reserved_until, strict=True)
                for part in (limit.per_second, reserved_until)
            ]
            self._redis.eval(
                _SETTLE,
                len(self._rate_limits),
                *(rate_limit.key for rate_limit in self._rate_limits),
                self._placed - self.segments,
                *arguments,
            )


def reserve_capacity(
    redis: Redis, rate_limits: Sequence[RateLimit], *, max_segments: float, ahead_s: float | None
) -> Reservation | None:
    """Reserve AHEAD_S of the slowest of these rate limits, or `max_segments` if that is less.

    Returns None while more than `ahead_s` is reserved already; without it the next free time is reserved, however late. Reserves no
    more than can be claimed: until the reservation is settled, what others reserve lies behind all of it.
    Raises redis.RedisError when Redis is away: then nothing with a rate limit may be claimed.
    """
    amount = max(1.0, min(max_segments, min(limit.per_second for limit in rate_limits) * AHEAD_S))
    answer: list[bytes] = redis.eval(
        _RESERVE,
        len(rate_limits),
        *(limit.key for limit in rate_limits),
        amount,
        -1 if ahead_s is None else ahead_s * 1000,
        *(limit.per_second for limit in rate_limits),
    )
    if not answer:
        return None
    return Reservation(
        redis,
        rate_limits,
        starts_at=time.monotonic() + float(answer[0]) / 1000,
        reserved_until=[reserved_until.decode() for reserved_until in answer[1:]],
        segments=amount,
    )

"""Which streams may send; rate limits and account limit in Redis.

Streams: which campaigns may send at this moment, and until when.

Pace: segments a second of a sender and of a campaign, shared by all workers through Redis, without burst.

The gateway's account, which all sending workers share: a halt after 429, and requests under way at once.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from redis import Redis
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from campaigns.emergency_stop import is_stopped
from campaigns.models.campaigns import Campaign, Sender
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.rules.sending_hours import Hours, closes_at, common_hours
from campaigns.rules.states import CampaignState, MessageKind
from outreach.models.contacts import Suppression

# Answers to residents, and tests: ahead of every campaign.
TRANSACTIONAL_STREAM = 0


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`per_second` segments of whatever `name` stands for: a sender, or a campaign."""

    name: str
    per_second: float

    @property
    def key(self) -> str:
        return f"loa:rate:{self.name}"


@dataclass(frozen=True, slots=True)
class Stream:
    """A campaign that may send now, or the service stream. `closes_at` ends its window or its deadline."""

    id: int
    closes_at: datetime
    paces: tuple[RateLimit, ...] = ()
    budget_vnd: int | None = None
    price_vnd: int | None = None


def open_streams(session: Session, *, now: datetime, is_live: bool) -> list[Stream]:
    """The streams with something due, the service stream first."""
    if is_stopped(session):
        return []
    # Its first row by the index. (An EXISTS the planner may turn into a scan of a whole outbox of millions.)
    first_due = (
        select(Outbox.message_id)
        .where(Outbox.stream_id == Campaign.id, Outbox.not_before <= now)
        .order_by(Outbox.not_before)
        .limit(1)
        .scalar_subquery()
    )
    streams = []
    if session.execute(
        select(Outbox.message_id)
        .where(Outbox.stream_id == TRANSACTIONAL_STREAM, Outbox.not_before <= now)
        .limit(1)
    ).first():
        streams.append(Stream(id=TRANSACTIONAL_STREAM, closes_at=now + timedelta(hours=1)))
    for campaign, pace in session.execute(
        select(Campaign, Sender.pace)
        .outerjoin(Sender, Sender.name == Campaign.sender)
        .where(Campaign.state == CampaignState.SENDING, first_due.is_not(None))
        .order_by(Campaign.id)
    ):
        if closes := sending_until(campaign, now=now, is_live=is_live):
            paces = (
                sender_rate_limit(campaign.sender, pace),
                RateLimit(f"campaign:{campaign.id}", campaign.pace) if campaign.pace else None,
            )
            streams.append(
                Stream(
                    id=campaign.id,
                    closes_at=closes,
                    paces=tuple(filter(None, paces)),
                    budget_vnd=campaign.budget_vnd,
                    price_vnd=campaign.price_vnd,
                )
            )
    return streams


def sender_rate_limit(name: str, per_second: float | None) -> RateLimit | None:
    """A sender's own pace, which all its campaigns and answers share; None where it has none."""
    return RateLimit(f"sender:{name}", per_second) if per_second else None


def streams_still_open(
    session: Session, stream_ids: list[int], *, now: datetime, is_live: bool
) -> dict[int, datetime]:
    """Of these streams those that may go on, with the moment at which they close."""
    if is_stopped(session):
        return {}
    still = {TRANSACTIONAL_STREAM: now + timedelta(hours=1)} if TRANSACTIONAL_STREAM in stream_ids else {}
    for campaign in session.scalars(
        select(Campaign).where(Campaign.id.in_(stream_ids), Campaign.state == CampaignState.SENDING)
    ):
        if closes := sending_until(campaign, now=now, is_live=is_live):
            still[campaign.id] = closes
    return still


def suppressed_attempts(session: Session, attempt_ids: list[int]) -> set[int]:
    """Of these attempts those whose number has been suppressed since they were claimed."""
    return set(
        session.scalars(
            select(Attempt.id)
            .join(Suppression, Suppression.phone_id == Attempt.phone_id)
            .join(Message, Message.id == Attempt.message_id)
            .where(
                Attempt.id.in_(attempt_ids),
                Suppression.lifted_at.is_(None),
                Message.kind != MessageKind.CONFIRMATION,
            )
        )
    )


def campaign_hours(campaign: Campaign | Row[Any], *, is_live: bool) -> Hours | None:
    """The hours of a campaign's row; None means any time."""
    own = (campaign.window_from, campaign.window_to) if campaign.window_from and campaign.window_to else None
    return common_hours(own, is_live=is_live)


def sending_until(campaign: Campaign, *, now: datetime, is_live: bool) -> datetime | None:
    """When sending has to end: the window's close or the deadline; None when it may not send now."""
    closes = closes_at(now, campaign_hours(campaign, is_live=is_live))
    if closes is None or (campaign.deadline and campaign.deadline <= now):
        return None
    return min(closes, campaign.deadline) if campaign.deadline else closes


# A worker claims for this much of the pace at once, and only while no more than this lies reserved ahead:
# all workers together hold a few seconds of a slow campaign, so that a pause or an opt-out still meets it
# in the outbox.
AHEAD_S = 1.0
# Redis's clock, so that workers on several machines agree. Each key holds the moment (ms) from which its
# sender or campaign is free again; a span begins when all of them are, and each moves on by what the span
# takes of its own pace. Returns the milliseconds to wait and the new moments, or nothing while more than
# ARGV[2] ms (where it is not negative) lie ahead.
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
# What was not needed goes back while nobody has reserved behind it; what was needed above it is added.
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
    """A span of time; `starts_at` is monotonic. Settle it with what was really taken."""

    def __init__(
        self, redis: Redis, paces: Sequence[RateLimit], *, starts_at: float, till: list[str], segments: float
    ):
        self._redis, self._paces, self._till = redis, paces, till
        self.starts_at, self.segments = starts_at, segments

    @property
    def per_second(self) -> float:
        """At which the span's segments may follow one another."""
        return min(pace.per_second for pace in self._paces)

    def settle(self, segments: int) -> None:
        """Say how many segments were claimed."""
        if segments != self.segments:
            each = [
                part
                for pace, till in zip(self._paces, self._till, strict=True)
                for part in (pace.per_second, till)
            ]
            self._redis.eval(
                _SETTLE, len(self._paces), *(p.key for p in self._paces), segments - self.segments, *each
            )


def reserve_capacity(
    redis: Redis, paces: Sequence[RateLimit], *, most: float = math.inf, segments: int | None = None
) -> Reservation | None:
    """Room for AHEAD_S of the slowest of these paces, or for `most` segments; None while enough is reserved already.

    No more than can be taken: until it is settled, what others reserve lies behind all of it.
    With `segments` room for just these, however much lies ahead: what goes before all others takes the
    next place. Raises redis.RedisError when Redis is away: then nothing paced may be claimed.
    """
    ahead_ms = AHEAD_S * 1000 if segments is None else -1
    wanted = segments or max(1.0, min(most, min(pace.per_second for pace in paces) * AHEAD_S))
    given: list[bytes] = redis.eval(
        _RESERVE, len(paces), *(p.key for p in paces), wanted, ahead_ms, *(p.per_second for p in paces)
    )
    if not given:
        return None
    return Reservation(
        redis,
        paces,
        starts_at=time.monotonic() + float(given[0]) / 1000,
        till=[till.decode() for till in given[1:]],
        segments=wanted,
    )


# A worker that has not been heard of for so long has ended.
FORGOTTEN_AFTER_S = 3.0
# Without a Retry-After the halt doubles from here up to there, for as long as only refusals come back.
FIRST_HALT_S, LONGEST_HALT_S = 0.25, 5.0
# Says that this worker lives, by Redis's clock; returns the ms left of a halt, and how many workers send.
_BEAT = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('EXPIRE', KEYS[1], 60)
return {redis.call('PTTL', KEYS[2]), redis.call('ZCARD', KEYS[1])}
"""
# The longer of two halts counts.
_HALT = """
if tonumber(ARGV[1]) > redis.call('PTTL', KEYS[1]) then redis.call('SET', KEYS[1], 1, 'PX', ARGV[1]) end
"""


class AccountLimiter:
    """What one worker knows of it. Times are monotonic seconds; Redis is asked by `heartbeat` and `leave` alone."""

    def __init__(self, redis: Redis, *, account: str, worker: str, limit: int | None) -> None:
        self._redis, self._worker, self._limit = redis, worker, limit
        self._workers_key, self._halt_key = f"loa:senders:{account}", f"loa:halt:{account}"
        self._refusals = 0
        self._untold_s = 0.0
        self.halted_until = 0.0
        self.share: float = 0 if limit else float("inf")  # requests under way that this worker may have
        self._beats = 0

    def note_throttled(self, retry_after_s: float | None, *, now: float) -> None:
        """The gateway said that it is too much. Refusals of requests from before the halt say nothing new."""
        if now < self.halted_until and retry_after_s is None:
            return
        self._refusals += 1
        wait = retry_after_s
        if wait is None:
            wait = min(LONGEST_HALT_S, FIRST_HALT_S * 2 ** (self._refusals - 1))
        self.halted_until = max(self.halted_until, now + wait)
        self._untold_s = max(self._untold_s, wait)

    def note_accepted(self, *, asked_at: float) -> None:
        """It takes messages: one that was asked for after the halt ends the row of refusals."""
        if self._refusals and asked_at >= self.halted_until:
            self._refusals = 0

    def heartbeat(self) -> None:
        """Tell the other workers of a halt and hear of theirs; find this worker's share. Raises RedisError."""
        if self._untold_s:
            self._redis.eval(_HALT, 1, self._halt_key, int(self._untold_s * 1000))
            self._untold_s = 0.0
        left_ms, workers = self._redis.eval(
            _BEAT, 2, self._workers_key, self._halt_key, self._worker, FORGOTTEN_AFTER_S
        )
        if left_ms > 0:
            self.halted_until = max(self.halted_until, time.monotonic() + left_ms / 1000)
        if self._limit:
            # One that joins others begins at its third beat: by then they have made room.
            self._beats += 1
            joins = workers > 1 and self._beats <= 2
            self.share = 0 if joins else max(1, self._limit // workers)

    def leave(self) -> None:
        """The job is over: the others may have this worker's share. Raises RedisError."""
        self._redis.zrem(self._workers_key, self._worker)

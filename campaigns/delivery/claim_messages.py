"""Next stream's batch: checks, attempts under lease.

Claiming: from the outbox to attempts under lease, with every check that must hold at that moment.

Whose turn it is: the next batch of the stream that has waited longest, claimed within the pace.

What numbers have had lately, whoever sent it: what the caps are held against.

From rows of the outbox to attempts: what belongs to a waiting message, and the attempts that take its place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis import Redis, RedisError
from sqlalchemy import (
    BigInteger,
    Select,
    SmallInteger,
    Subquery,
    Text,
    delete,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from campaigns.delivery.streams import (
    TRANSACTIONAL_STREAM,
    Stream,
    campaign_hours,
    open_streams,
    reserve_capacity,
    sender_rate_limit,
)
from campaigns.lifecycle import pause_automatically
from campaigns.models.campaigns import Campaign, Recipient, Sender, Step
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import Case
from campaigns.planning.preview import segment_price
from campaigns.rules.budget import Spending
from campaigns.rules.delivery import Refusal, Renderer, content_of, daily_cap, refusal_reason, renderer_of
from campaigns.rules.sending_hours import closes_at
from campaigns.rules.states import AttemptState, CampaignState, MessageKind, MessageState
from outreach.contacts.suppressions import opted_out_contacts
from outreach.core.bulk import NO_SYNC, rows_table, values_subquery
from outreach.core.db import UtcDateTime
from outreach.models.contacts import Contact, Phone, Suppression
from outreach.runtime import Runtime

# How long what may not leave yet (over the cap, outside the hours) is left alone.
LOOK_AGAIN = timedelta(minutes=15)


@dataclass(slots=True)
class Claim:
    """One message that this worker owns until its lease ends."""

    attempt_id: int
    message_id: int
    n: int
    throttled: int
    refused: int
    stream_id: int
    to: str
    sender: str
    body: str
    segments: int
    closes_at: datetime
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """What one claim brought. `over_budget`: the campaign's money is spent, messages are left."""

    claims: list[Claim]
    skipped: int
    over_budget: bool = False


def claim(
    session: Session,
    stream: Stream,
    *,
    limit: int,
    segments: float,
    now: datetime,
    lease_s: float,
    worker: str,
    renderer: Renderer,
    price_vnd: int,
    is_live: bool,
    service_sender: str,
) -> ClaimBatch:
    """Take up to `limit` due messages of a stream, and one or up to `segments` segments.

    Returns an empty batch when there are none or the campaign was stopped.
    """
    budget_left = _lock_stream(session, stream, price_vnd=price_vnd)
    if budget_left is None:
        return ClaimBatch([], 0)
    # No message has less than one segment: no more rows are held than can be taken.
    most = limit if segments >= limit else max(1, math.ceil(segments))
    due = _lock_due(session, stream, limit=most, now=now)
    if not due:
        return ClaimBatch([], 0)
    phones = values_subquery(session, {row.phone_id for row in due}, BigInteger)
    standing = select(Suppression.phone_id).where(Suppression.lifted_at.is_(None))
    suppressed = set(session.scalars(standing.where(Suppression.phone_id.in_(phones))))
    left_alone = opted_out_contacts(session, {row.contact_id for row in due if row.contact_id})
    waiting_for_us = _waiting_for_us(session, {row.recipient_id for row in due if (row.step or 0) > 1})
    closing = {
        hours: closes_at(now, hours) for hours in {campaign_hours(row, is_live=is_live) for row in due}
    }
    recent, contents = recent_messages(session, phones, now=now)

    taken: list[tuple[Any, str, int]] = []
    refused: dict[Refusal, list[Any]] = {}
    over_budget = False
    for row in due:
        content = content_of(row, language=row.language, arm=row.arm) if row.step_text else None
        reason = refusal_reason(
            kind=row.kind,
            step=row.step or 0,
            # Whose recipient leads to nobody was erased, perhaps while the step was being opened.
            suppressed=row.phone_id in suppressed
            or (row.step_id is not None and (row.contact_id is None or row.contact_id in left_alone)),
            answered=row.answer is not None or row.recipient_id in waiting_for_us,
            repeated=(row.phone_id, content) in contents,
            recent=recent.get(row.phone_id, 0),
            cap=daily_cap(row.cap_per_day, is_live=is_live),
            is_open=closing[campaign_hours(row, is_live=is_live)] is not None,
        )
        if reason:
            refused.setdefault(reason, []).append(row)
            continue
        body, size = renderer.render(row, unaccented=bool(row.unaccented))
        if size * price_vnd > budget_left:
            over_budget = True
            break
        if taken and size > segments:
            break
        segments -= size
        budget_left -= size * price_vnd
        recent[row.phone_id] = recent.get(row.phone_id, 0) + 1
        if content:
            contents.add((row.phone_id, content))
        taken.append((row, body, size))

    skipped = _reserved_vnd(session, refused, now=now)
    if taken and stream.id != TRANSACTIONAL_STREAM:
        total = sum(size for _, _, size in taken)
        session.execute(
            update(Campaign)
            .where(Campaign.id == stream.id)
            .values(segments_taken=Campaign.segments_taken + total),
            execution_options=NO_SYNC,
        )
    ids = create_attempts(
        session,
        stream.id,
        taken,
        state=AttemptState.SENDING,
        worker=worker,
        now=now,
        due_at=now + timedelta(seconds=lease_s),
    )
    claims = [
        Claim(
            attempt_id=ids[row.message_id],
            message_id=row.message_id,
            n=row.n,
            throttled=row.throttled,
            refused=row.refused,
            stream_id=stream.id,
            to=row.e164,
            sender=row.sender or service_sender,
            body=body,
            segments=size,
            # An acknowledgement has its own campaign's hours, whatever stream it is in.
            closes_at=min(
                stream.closes_at, closing[campaign_hours(row, is_live=is_live)] or stream.closes_at
            ),
            kind=row.kind,
        )
        for row, body, size in taken
    ]
    return ClaimBatch(claims, skipped, over_budget)


def _lock_stream(session: Session, stream: Stream, *, price_vnd: int) -> float | None:
    """Money left in VND, with the campaign's row held against pause and cancel; None when it was stopped."""
    if stream.id == TRANSACTIONAL_STREAM:
        return float("inf")
    # Not a share lock: new ones would overtake a waiting pause for as long as several workers claim.
    state, taken, priced, priced_vnd = session.execute(
        select(Campaign.state, Campaign.segments_taken, Campaign.priced_segments, Campaign.priced_vnd)
        .where(Campaign.id == stream.id)
        .with_for_update(key_share=True)
    ).one()
    if state is not CampaignState.SENDING:
        return None
    if stream.budget_vnd is None:
        return float("inf")
    return stream.budget_vnd - Spending(taken, priced, priced_vnd, price_vnd).vnd


def _waiting_for_us(session: Session, recipients: set[int]) -> set[int]:
    """Of these recipients those whose reply an officer has yet to deal with."""
    if not recipients:
        return set()
    return set(
        session.scalars(
            select(Case.recipient_id).where(
                Case.recipient_id.in_(values_subquery(session, recipients, BigInteger)),
                Case.done_at.is_(None),
            )
        )
    )


def _lock_due(session: Session, stream: Stream, *, limit: int, now: datetime) -> Sequence[Any]:
    # First a few rows of the outbox by its index, then what belongs to them: whatever the planner believes
    # about a campaign of millions that was queued a moment ago.
    due = (
        select(Outbox.message_id, Outbox.n, Outbox.throttled, Outbox.refused)
        .where(Outbox.stream_id == stream.id, Outbox.not_before <= now)
        .order_by(Outbox.not_before, Outbox.message_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    return session.execute(
        select_send_data(due)
        # The phones too, against an opt-out or another worker's cap; one that is held is met again later.
        .with_for_update(of=Phone, skip_locked=True, key_share=True)
    ).all()


def _reserved_vnd(session: Session, refused: dict[Refusal, list[Any]], *, now: datetime) -> int:
    """Skip what must not be sent; what is only too early or over the cap is looked at again later."""
    skipped = 0
    for refusal, refused_rows in refused.items():
        ids = values_subquery(session, [row.message_id for row in refused_rows], BigInteger)
        if refusal.skip is None:
            session.execute(
                update(Outbox).where(Outbox.message_id.in_(ids)).values(not_before=now + LOOK_AGAIN),
                execution_options=NO_SYNC,
            )
            continue
        session.execute(
            update(Message)
            .where(Message.id.in_(ids))
            .values(state=MessageState.SKIPPED, skip_reason=refusal.skip),
            execution_options=NO_SYNC,
        )
        session.execute(delete(Outbox).where(Outbox.message_id.in_(ids)), execution_options=NO_SYNC)
        skipped += len(refused_rows)
    return skipped


CLAIM_LIMIT = 1000
# Fair over all workers together: each of them alone would begin with the same campaign.
_SERVED, _REMEMBERED_S = "loa:streams:served", 3600
OVER_BUDGET = (
    "Đã dùng hết ngân sách của chiến dịch. Hãy hủy phần còn lại, hoặc lập chiến dịch mới cho phần đó."
)


def claim_next_batch(
    runtime: Runtime, worker: str, limit: int = CLAIM_LIMIT
) -> tuple[Stream, ClaimBatch, list[SendTask]] | None:
    """Claim up to `limit` messages of one stream; None when none may send now. Raises SQLAlchemyError, RedisError.

    Fair between campaigns; answers to residents and tests go first.
    """
    return _StreamRotation(runtime, worker=worker, limit=limit).next_batch()


class _StreamRotation:
    def __init__(self, runtime: Runtime, *, worker: str, limit: int) -> None:
        settings = runtime.settings
        self._runtime, self._settings, self._worker, self._limit = runtime, settings, worker, limit
        self._renderer = renderer_of(settings)

    def next_batch(self) -> tuple[Stream, ClaimBatch, list[SendTask]] | None:
        with self._runtime.db.read() as session:
            streams = open_streams(session, now=datetime.now(UTC), is_live=self._settings.is_live)
        served = self._last_served() if len(streams) > 1 else {}
        streams.sort(key=lambda stream: (stream.id != TRANSACTIONAL_STREAM, served.get(stream.id, 0.0)))
        for stream in streams:
            if taken := self._take(stream):
                if len(streams) > 1:
                    self._note_served(stream)
                return stream, *taken
        return None

    def _last_served(self) -> dict[int, float]:
        """When each stream had its last turn, with any worker. Without Redis nobody knows."""
        try:
            turns: Any = self._runtime.redis.zrange(_SERVED, 0, -1, withscores=True)
            return {int(stream_id): float(at) for stream_id, at in turns}
        except RedisError:
            return {}

    def _note_served(self, stream: Stream) -> None:
        with suppress(RedisError):
            self._runtime.redis.zadd(_SERVED, {str(stream.id): time.time()})
            self._runtime.redis.expire(_SERVED, _REMEMBERED_S)

    def _take(self, stream: Stream) -> tuple[ClaimBatch, list[SendTask]] | None:
        runtime, settings = self._runtime, self._settings
        reserved = reserve_capacity(runtime.redis, stream.paces, most=self._limit) if stream.paces else None
        if stream.paces and reserved is None:
            return None  # enough lies ahead already
        # In this order, and anew for each stream: however long its transaction has to wait, the fence
        # stands before the end of the lease in the database.
        fence = time.monotonic() + settings.lease_s - settings.send_timeout_s
        now = datetime.now(UTC)
        with runtime.db.write() as session:
            batch = claim(
                session,
                stream,
                limit=self._limit,
                segments=reserved.segments if reserved else math.inf,
                now=now,
                lease_s=settings.lease_s,
                worker=self._worker,
                renderer=self._renderer,
                price_vnd=segment_price(stream.price_vnd, settings),
                is_live=settings.is_live,
                service_sender=settings.twilio_from,
            )
            if batch.over_budget and not batch.claims:
                pause_automatically(session, stream.id, reason=OVER_BUDGET, now=now)
            # Still inside: without Redis nothing is claimed that has a pace to keep.
            starts = _next_places(session, runtime.redis, batch) if stream.id == TRANSACTIONAL_STREAM else {}
        if reserved:
            reserved.settle(sum(item.segments for item in batch.claims))
        if not batch.claims and not batch.skipped:
            return None
        at, gap = (reserved.starts_at, 1 / reserved.per_second) if reserved else (0.0, 0.0)
        jobs = []
        for item in batch.claims:
            starts_at = starts.get(item.attempt_id, at)
            jobs.append(SendTask(item, starts_at, fence, monotonic_of(item.closes_at)))
            at += item.segments * gap
        return batch, jobs


def _next_places(session: Session, redis: Redis, batch: ClaimBatch) -> dict[int, float]:
    """For what goes before all campaigns: the next moments that are free at its sender's pace."""
    names = {item.sender for item in batch.claims}
    starts: dict[int, float] = {}
    for sender in session.scalars(select(Sender).where(Sender.name.in_(names), Sender.pace.is_not(None))):
        pace = sender_rate_limit(sender.name, sender.pace)
        for item in batch.claims:
            if pace and item.sender == sender.name:
                place = reserve_capacity(redis, [pace], segments=item.segments)
                starts[item.attempt_id] = place.starts_at if place else 0.0
    return starts


def recent_messages(
    session: Session, phones: Select[Any], *, now: datetime
) -> tuple[dict[int, int], set[tuple[int, str]]]:
    """Messages to each number in the last 24 hours, and their contents, over all campaigns and organisations."""
    attempts = session.execute(
        select(Attempt.phone_id, Attempt.message_id, Message.step_id, Message.arm, Phone.language)
        .join(Message, Message.id == Attempt.message_id)
        .join(Phone, Phone.id == Attempt.phone_id)
        .where(
            Attempt.phone_id.in_(phones),
            Attempt.claimed_at > now - timedelta(hours=24),
            Attempt.state.not_in((AttemptState.ABSENT, AttemptState.FAILED)),
        )
        .distinct()
    ).all()
    texts = select(Step.id, Step.number.label("step"), Step.text.label("step_text"), Step.text_b, Step.texts)
    steps = {
        step.id: step for step in session.execute(texts.where(Step.id.in_({row.step_id for row in attempts})))
    }
    recent: dict[int, int] = {}
    contents = set()
    for row in attempts:
        recent[row.phone_id] = recent.get(row.phone_id, 0) + 1
        if step := steps.get(row.step_id):
            contents.add((row.phone_id, content_of(step, language=row.language, arm=row.arm)))
    return recent, contents


def select_send_data(waiting: Subquery) -> Select[Any]:
    """All that decides on some rows of the outbox (message_id, n, throttled, refused) and makes their texts, by message."""
    return (
        select(
            waiting.c.message_id,
            waiting.c.n,
            waiting.c.throttled,
            waiting.c.refused,
            Message.kind,
            Message.text,
            Message.phone_id,
            Message.recipient_id,
            Message.step_id,
            Step.number.label("step"),
            Step.text.label("step_text"),
            Step.text_b,
            Step.texts,
            Message.arm,
            Phone.language,
            Recipient.answer,
            Recipient.contact_id,
            Contact.name,
            Phone.e164,
            Campaign.sender,
            Campaign.unaccented,
            Campaign.cap_per_day,
            Campaign.window_from,
            Campaign.window_to,
        )
        .join(Message, Message.id == waiting.c.message_id)
        .join(Phone, Phone.id == Message.phone_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .outerjoin(Step, Step.id == Message.step_id)
        .outerjoin(Recipient, Recipient.id == Message.recipient_id)
        .outerjoin(Contact, Contact.id == Recipient.contact_id)
        .order_by(waiting.c.message_id)
    )


def create_attempts(
    session: Session,
    stream_id: int,
    taken: Sequence[tuple[Any, str, int]],
    *,
    state: AttemptState,
    worker: str,
    now: datetime,
    due_at: datetime,
) -> dict[int, int]:
    """Attempts in place of rows of the outbox: (what belongs to it, body, segments) each; their ids by message.

    The messages take the attempts' state, `sending` or `unknown`.
    """
    if not taken:
        return {}
    claimed = rows_table(
        session,
        {
            "message_id": BigInteger,
            "n": SmallInteger,
            "phone_id": BigInteger,
            "body": Text,
            "segments": SmallInteger,
        },
        [
            {
                "message_id": row.message_id,
                "n": row.n,
                "phone_id": row.phone_id,
                "body": body,
                "segments": segments,
            }
            for row, body, segments in taken
        ],
    )
    values = {
        "message_id": claimed.c.message_id,
        "n": claimed.c.n,
        "phone_id": claimed.c.phone_id,
        "stream_id": literal(stream_id, BigInteger),
        "state": literal(state.value),
        "worker": literal(worker),
        "body": claimed.c.body,
        "segments": claimed.c.segments,
        "claimed_at": literal(now, UtcDateTime),
        "due_at": literal(due_at, UtcDateTime),
        "times_absent": literal(0, SmallInteger),
    }
    ids: dict[int, int] = dict(
        session.execute(
            insert(Attempt)
            .from_select(list(values), select(*values.values()))
            .returning(Attempt.message_id, Attempt.id)
        ).all()
    )
    messages = values_subquery(session, ids, BigInteger)
    session.execute(delete(Outbox).where(Outbox.message_id.in_(messages)), execution_options=NO_SYNC)
    session.execute(
        update(Message).where(Message.id.in_(messages)).values(state=MessageState(state.value)),
        execution_options=NO_SYNC,
    )
    return ids


@dataclass(slots=True, eq=False)
class SendTask:
    """A claim in the line. It may start from `starts_at` on, and no later than `fence` or once its hours close.

    All three are the worker's own monotonic seconds.
    """

    claim: Claim
    starts_at: float
    fence: float
    closes_at: float


def monotonic_of(moment: datetime) -> float:
    """`moment` by the worker's own clock."""
    return time.monotonic() + (moment - datetime.now(UTC)).total_seconds()

"""Claims: from the outbox to attempts under lease.

`claim_next_batch` takes the stream that was served longest ago, within its rate limits. In one transaction `claim` makes
every check that must hold at that moment (suppression, opt-out, caps, hours, budget) and writes the attempts in place
of the rows of the outbox. The caps count all recent messages to a number, by any campaign of any organisation. `Routes`
chooses which gateway account carries each message, and for which price.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple

from redis import Redis, RedisError
from sqlalchemy import BigInteger, Integer, SmallInteger, String, Text, insert, literal, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.message_data import (
    CampaignStep,
    WaitingMessage,
    find_stopped,
    read_list_values,
    read_outbox,
    recent_messages,
)
from campaigns.delivery.streams import (
    TRANSACTIONAL_STREAM,
    RateLimit,
    Reservation,
    Stream,
    campaign_hours,
    campaign_quiet_days,
    open_streams,
    reserve_capacity,
    sender_paces,
    sender_rate_limit,
)
from campaigns.lifecycle import pause_automatically, pause_broken
from campaigns.models.campaigns import Campaign
from campaigns.models.checks import ControlCopy
from campaigns.models.messages import Attempt, Message, Outbox
from campaigns.models.replies import BY_ANYBODY, Case, Reply
from campaigns.planning.preview import segment_price
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.answers import CLOSING
from campaigns.rules.budget import Spending, expected_segments
from campaigns.rules.delivery import (
    MOST_FIRST_REFUSALS,
    NOT_YET,
    ListValues,
    Renderer,
    Room,
    content_of,
    create_renderer,
    daily_cap,
    goes_as_notice,
    language_of,
    refusal_reason,
)
from campaigns.rules.gateway_choice import MOST_CLAIM, GatewayTerms, Health, in_order, take_first
from campaigns.rules.sending_hours import closes_at
from campaigns.rules.states import AttemptState, CampaignState, MessageKind, MessageState, SkipReason
from outreach.core.db import (
    DATABASE_AWAY,
    UtcDateTime,
    columns_of,
    database_now,
    delete_rows,
    rows_table,
    set_columns,
    values_subquery,
)
from outreach.core.fence import Fence
from outreach.core.settings import Settings
from outreach.gateway_accounts import dearest_price, notice_channel, read_accounts
from outreach.models.office import ENVIRONMENT, GatewayAccount, GatewayState
from outreach.rules.errors import LoaError
from outreach.rules.gateway import Channel, Notice, goes_alone
from outreach.rules.phone_numbers import Operator, operator_of
from outreach.rules.quiet_days import NO_DAYS, QuietDays
from outreach.rules.segments import Encoding, measure
from outreach.runtime import Runtime

log = logging.getLogger(__name__)
# How long a message that may not leave yet (over the cap, outside the hours) stays in the outbox before the next check.
POSTPONE_FOR = timedelta(minutes=15)


# A message that only gateways with a fault can carry is looked at again after this time.
WAIT_FOR_GATEWAY = timedelta(seconds=10)


class Route(NamedTuple):
    """The account for a message, None while it has to wait; `wait` is how long. `price_vnd`: what a segment costs there.

    `notice`: how it goes as a notice.
    """

    account_id: int | None
    wait: timedelta = timedelta(0)
    price_vnd: int | None = None
    notice: Channel | None = None


BY_ENVIRONMENT = Route(ENVIRONMENT)


def terms_of(account: GatewayAccount, *, settings: Settings | None = None, now: datetime) -> GatewayTerms:
    """Return an account's terms as the rule reads them; those of notices need the environment's `settings`."""
    return GatewayTerms(
        id=account.id,
        senders=frozenset(account.senders),
        operators=frozenset(account.operators),
        price_vnd=account.price_vnd,
        prices=tuple(account.prices.items()),
        position=account.position,
        has_unicode=account.has_unicode,
        is_active=account.state is GatewayState.ACTIVE,
        is_resting=account.rested_until is not None and account.rested_until > now,
        pace=account.pace,
        notices=notice_channel(account, settings) if settings else None,
    )


def read_gateway_terms(session: Session, *, settings: Settings, now: datetime) -> list[GatewayTerms]:
    """Return the terms of all accounts that are not closed."""
    return [terms_of(account, settings=settings, now=now) for account in read_accounts(session)]


# What has a rate limit of its own: a gateway account, or a sender, for its confirmations apart.
_Limited = int | tuple[str, bool]


class Routes:
    """Choice of accounts for the messages of one claim, within what each account's pace and workers have room for.

    And within the paces of `senders`, where the claim has not reserved them: of a confirmation the next free time, whenever it is.
    """

    def __init__(
        self,
        terms: Sequence[GatewayTerms],
        health: Health,
        *,
        redis: Redis,
        usual_price_vnd: int,
        most_segments: float,
        ahead_s: float,
        senders: Mapping[str, float],
    ) -> None:
        self._terms, self._health, self._price = terms, health, usual_price_vnd
        self._redis, self._most, self._ahead_s, self._senders = redis, most_segments, ahead_s, senders
        self._trying = set(health.trying)
        self._asks_encoding = not all(each.has_unicode for each in terms)
        self._by_id = {each.id: each for each in terms}
        self._is_alone = sum(each.is_active for each in terms) == 1
        self._orders: dict[tuple[str, Operator, bool], list[GatewayTerms]] = {}
        self._room: dict[_Limited, float] = dict.fromkeys(health.full, 0.0)
        self._passed: Counter[_Limited] = Counter()  # segments that had to wait for a pace
        self._reservations: dict[_Limited, Reservation] = {}
        for each in terms:
            if each.pace and each.is_active:
                self._reserve(each.id, RateLimit(f"gateway:{each.id}", each.pace), ahead_s)

    def _reserve(self, key: _Limited, limit: RateLimit, ahead_s: float | None) -> None:
        reserved = reserve_capacity(self._redis, [limit], max_segments=self._most, ahead_s=ahead_s)
        if reserved:
            self._reservations[key] = reserved
        self._room[key] = min(self._room.get(key, math.inf), reserved.segments if reserved else 0.0)

    def choose(
        self, row: WaitingMessage, body: str, *, sender: str, segments: int, is_notice: bool = False
    ) -> Route | None:
        """Return the route of a message; None if no gateway takes its sender, ever.

        `is_notice`: it goes as a notice where one of its gateways has them.
        """
        paces: dict[_Limited, float | None] = {}
        if pace := self._senders.get(sender):
            is_confirmation = row.kind is MessageKind.CONFIRMATION
            paces[sender, is_confirmation] = pace
            if (sender, is_confirmation) not in self._room:
                ahead_s = None if is_confirmation else self._ahead_s
                self._reserve((sender, is_confirmation), sender_rate_limit(sender, pace), ahead_s)
        if row.account_id is not None:  # a test of this account, whatever its state
            given = self._by_id.get(row.account_id)
            return (
                self._within(paces, Route(given.id, price_vnd=given.price_vnd), segments) if given else None
            )
        operator = operator_of(row.e164, row.operator)
        is_unicode = self._asks_encoding and measure(body).encoding is Encoding.UCS2
        kind = sender, operator, is_unicode
        if (ordered := self._orders.get(kind)) is None:
            ordered = in_order(
                self._terms, sender, operator, is_unicode=is_unicode, usual_price_vnd=self._price
            )
            self._orders[kind] = ordered
        if not ordered:
            return None
        if is_notice:
            ordered = sorted(ordered, key=lambda each: each.notices is None)
        chosen = take_first(ordered, down=self._health.down, trying=self._trying, is_alone=self._is_alone)
        if chosen is None:
            return Route(None, WAIT_FOR_GATEWAY)
        notice = chosen.notices if is_notice else None
        route = Route(chosen.id, price_vnd=chosen.price_to(operator), notice=notice)
        return self._within({**paces, chosen.id: chosen.pace}, route, segments)

    def _within(self, paces: Mapping[_Limited, float | None], route: Route, segments: int) -> Route:
        """Return a route if these have room for so many segments, else how long they wait."""
        for key, pace in paces.items():
            if self._room.get(key, math.inf) <= 0:
                self._passed[key] += segments
                ahead_s = self._passed[key] / pace if pace else 0.0
                return Route(None, timedelta(seconds=math.ceil(min(60.0, max(1.0, ahead_s)))))
        for key in paces.keys() & self._room.keys():
            self._room[key] -= segments
        return route

    def reservations_of(self, account_id: int, sender: str, kind: MessageKind) -> list[Reservation]:
        """Return the reserved spans that a message is placed in."""
        keys: tuple[_Limited, ...] = (account_id, (sender, kind is MessageKind.CONFIRMATION))
        return [self._reservations[key] for key in keys if key in self._reservations]

    def settle(self) -> None:
        """Give back the reserved sending time that no message was found for. Raises RedisError."""
        for reservation in self._reservations.values():
            reservation.settle()


class Claim(NamedTuple):
    """A message that this worker owns until its lease ends. `n` is the number of the attempt.

    `segments` are reserved, `counted` are those of its text by our own count, `factor` is the campaign's `segment_factor`.
    `price_vnd` is what a segment is reserved for, None without a budget. `is_unproved`: the gateway has accepted no message of
    its campaign yet, which has enough recipients to tell a refusal of all from one of some. `account_id` is the gateway
    account that carries it, `cost_vnd` what a segment costs there, where that is agreed, or its `notice`. `rank`: the place of its
    stream.
    """

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
    counted: int
    factor: float
    price_vnd: int | None
    is_unproved: bool
    closes_at: datetime
    kind: MessageKind
    account_id: int = ENVIRONMENT
    cost_vnd: int | None = None
    rank: int = 2
    notice: Notice | None = None


class SendTask(NamedTuple):
    """A claim of `claimed_at` in the send buffer: starts at `starts_at` at the earliest, before `fence` and `closes_at`.

    Times are monotonic seconds of this worker, but for the fence.
    """

    claim: Claim
    claimed_at: float
    starts_at: float
    fence: Fence
    closes_at: float


class NewAttempt(NamedTuple):
    """A waiting message with what it says, the gateway account that carries it, and the notice that it goes as.

    `counted` are the segments of its text, `segments` what the gateway is expected to charge, `price_vnd` for each, where that is
    agreed. Of a notice that goes alone both are 1, and the price is its own.
    """

    row: WaitingMessage
    body: str
    counted: int
    segments: int
    account_id: int = ENVIRONMENT
    price_vnd: int | None = None
    notice: Notice | None = None


def create_attempts(
    session: Session,
    stream_id: int,
    taken: Sequence[NewAttempt],
    *,
    state: AttemptState,
    worker: str,
    now: datetime,
    due_at: datetime,
) -> dict[int, int]:
    """Create attempts in place of rows of the outbox. Returns their ids by message.

    The messages take the attempts' state, `sending` or `unknown`. A notice's price is stored at once.
    """
    if not taken:
        return {}
    columns = {
        "message_id": BigInteger,
        "n": SmallInteger,
        "phone_id": BigInteger,
        "body": Text,
        "segments": SmallInteger,
        "account_id": SmallInteger,
        "channel": String,
        "notice": Text,
        "price_vnd": Integer,
    }
    rows = []
    for row, body, _counted, segments, account, price, notice in taken:
        channel, kept = (notice.channel, notice.as_stored()) if notice else (Channel.SMS, None)
        vnd = price if channel is Channel.ZALO else None
        rows.append((row.message_id, row.n, row.phone_id, body, segments, account, channel, kept, vnd))
    claimed = rows_table(session, columns, [dict(zip(columns, row, strict=True)) for row in rows])
    values = {
        **{name: claimed.c[name] for name in columns},
        "stream_id": literal(stream_id, BigInteger),
        "state": literal(state.value),
        "worker": literal(worker),
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
    messages = values_subquery(session, ids)
    delete_rows(session, Outbox, Outbox.message_id.in_(messages))
    set_columns(session, Message, Message.id.in_(messages), state=MessageState(state.value))
    by_language: dict[str, list[int]] = {}
    for row in (each.row for each in taken):
        if row.of.texts:
            by_language.setdefault(language_of(row.of, row.language), []).append(row.message_id)
    for language, of_language in by_language.items():
        theirs = Message.id.in_(values_subquery(session, of_language))
        set_columns(session, Message, theirs, language=language)
    return ids


@dataclass(frozen=True, slots=True)
class ClaimBatch:
    """Result of one claim.

    `over_budget`: messages are left for which the campaign has no money. `without_gateway`: messages that no gateway takes.
    `waiting` messages wait: for their hours, the cap or their gateway.
    """

    claims: list[Claim]
    skipped: int
    over_budget: bool = False
    without_gateway: bool = False
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class ClaimSettings:
    """What all claims of a worker go by. On `quiet` days no campaign's own messages leave, but for a warning's; answers do."""

    settings: Settings
    worker: str
    renderer: Renderer
    quiet: QuietDays

    @classmethod
    def of(cls, settings: Settings, *, worker: str) -> ClaimSettings:
        return cls(settings, worker, create_renderer(settings), quiet_days(settings))


def claim(
    session: Session,
    stream: Stream,
    by: ClaimSettings,
    *,
    limit: int,
    segments: float,
    now: datetime,
    price_vnd: int,
    routes: Routes | None = None,
) -> ClaimBatch:
    """Claim up to `limit` due messages of a stream, of `segments` segments together, or one longer one.

    Returns an empty batch if none is due or the campaign was stopped. `segments` may be infinite. Without `routes` all go by the
    environment's gateway.
    """
    terms = _lock_stream(session, stream, price_vnd=price_vnd)
    if terms is None:
        return ClaimBatch([], 0)
    # No message has less than one segment: no more rows are locked than can be claimed.
    row_limit = max(1, math.ceil(min(limit, segments)))
    due = _lock_due(session, stream, limit=row_limit, now=now)
    if not due:
        return ClaimBatch([], 0)
    known = _read_known(session, due, by, now=now)
    room = Room(segments, terms.left_vnd, price_vnd)
    choice = _choose(due, known, by, room=room, factor=terms.factor, routes=routes, now=now)
    skipped = _skip(session, choice.skipped)
    for wait, message_ids in choice.waits.items():
        ids = values_subquery(session, message_ids)
        set_columns(session, Outbox, Outbox.message_id.in_(ids), not_before=now + wait)
    if choice.taken and stream.id != TRANSACTIONAL_STREAM:
        _count_taken(session, stream, terms, choice.taken, now=now)
    ids_of_attempts = create_attempts(
        session,
        stream.id,
        choice.taken,
        state=AttemptState.SENDING,
        worker=by.worker,
        now=now,
        due_at=now + timedelta(seconds=by.settings.lease_s),
    )
    claims = [
        Claim(
            attempt_id=ids_of_attempts[each.row.message_id],
            message_id=each.row.message_id,
            n=each.row.n,
            throttled=each.row.throttled,
            refused=each.row.refused,
            stream_id=stream.id,
            to=each.row.e164,
            sender=each.row.of.sender or by.settings.twilio_from,
            body=each.body,
            segments=each.segments,
            counted=each.counted,
            factor=terms.factor,
            price_vnd=price_vnd if math.isfinite(terms.left_vnd) else None,
            is_unproved=terms.is_unproved and not goes_alone(each.notice),
            closes_at=_closing_time(each.row, stream, known),
            kind=each.row.kind,
            account_id=each.account_id,
            cost_vnd=each.price_vnd,
            rank=stream.rank,
            notice=each.notice,
        )
        for each in choice.taken
    ]
    waiting = sum(map(len, choice.waits.values()))
    return ClaimBatch(claims, skipped, choice.over_budget, choice.without_gateway, waiting)


@dataclass(frozen=True, slots=True)
class _Known:
    """What decides on due messages. `stopped` are messages, `with_open_case` recipients; `closing_times` are by what a step says.

    `closed_copies` are messages to control phones outside their campaign's hours and days.
    """

    stopped: set[int]
    with_open_case: set[int]
    closing_times: dict[int, datetime | None]
    closed_copies: set[int]
    recent: Counter[tuple[int, bool]]
    contents: set[tuple[int, str]]
    values: ListValues


def _read_known(
    session: Session, due: Sequence[WaitingMessage], by: ClaimSettings, *, now: datetime
) -> _Known:
    def until(of: CampaignStep, *, is_step: bool = True) -> datetime | None:
        days = campaign_quiet_days(of, by.quiet) if is_step else NO_DAYS
        return closes_at(now, campaign_hours(of, is_live=by.settings.is_live), days)

    closing_times = {}
    for row in due:
        if id(row.of) not in closing_times:
            closing_times[id(row.of)] = until(row.of, is_step=row.step_id is not None)
    phones = values_subquery(session, {row.phone_id for row in due})
    tests = {row.message_id: row.of for row in due if row.kind is MessageKind.TEST and row.campaign_id}
    copies = select(ControlCopy.message_id).where(ControlCopy.message_id.in_(tests))
    closed_copies = {copy for copy in (session.scalars(copies) if tests else ()) if not until(tests[copy])}
    recent, contents = recent_messages(session, phones, now=now)
    reminded = {row.recipient_id for row in due if row.recipient_id is not None and _step_of(row) > 1}
    return _Known(
        find_stopped(session, due, passes_opt_outs=by.settings.urgent_passes_opt_outs),
        _recipients_with_open_case(session, reminded),
        closing_times,
        closed_copies,
        recent,
        contents,
        read_list_values(session, [row for row in due if row.step_id is not None]),
    )


@dataclass(slots=True)
class _Choice:
    """What becomes of due messages: taken, skipped by reason, or to wait for so long."""

    taken: list[NewAttempt] = field(default_factory=list)
    skipped: dict[SkipReason, list[int]] = field(default_factory=lambda: defaultdict(list))
    waits: dict[timedelta, list[int]] = field(default_factory=lambda: defaultdict(list))
    over_budget: bool = False
    without_gateway: bool = False


def _closing_time(row: WaitingMessage, stream: Stream, known: _Known) -> datetime:
    """Return when a message's hours end: an acknowledgement has its own campaign's in any stream, a confirmation has none."""
    own = None if row.kind is MessageKind.CONFIRMATION else known.closing_times[id(row.of)]
    return min(stream.closes_at, own or stream.closes_at)


def _choose(
    due: Sequence[WaitingMessage],
    known: _Known,
    by: ClaimSettings,
    *,
    room: Room,
    factor: float,
    routes: Routes | None,
    now: datetime,
) -> _Choice:
    """Decide on due messages, one after the other, for as long as there is room. What is left over stays as it is."""
    choice = _Choice()
    for row in due:
        content = content_of(row.of, language=row.language, arm=row.arm) if row.of.step_text else None
        if refusal := _refusal_of(row, content, known, is_live=by.settings.is_live):
            if isinstance(refusal, SkipReason):
                choice.skipped[refusal].append(row.message_id)
            else:
                choice.waits[POSTPONE_FOR].append(row.message_id)
            continue
        body, counted = by.renderer.render(row, known.values)
        size = expected_segments(counted, factor=factor)
        if obstacle := room.obstacle_to(size):
            choice.over_budget = obstacle == "budget"
            break
        sender = row.of.sender or by.settings.twilio_from
        as_notice = goes_as_notice(row, now=now)
        route: Route | None = BY_ENVIRONMENT
        if routes:
            route = routes.choose(row, body, sender=sender, segments=size, is_notice=as_notice)
        if route is None or route.account_id is None:
            choice.without_gateway = choice.without_gateway or route is None
            choice.waits[route.wait if route else POSTPONE_FOR].append(row.message_id)
            continue
        taken = NewAttempt(row, body, counted, size, route.account_id, route.price_vnd)
        if route.notice:
            rendered = by.renderer.render_notice(row, known.values, channel=route.notice)
            taken = _as_notice(taken, rendered, price_vnd=by.settings.notice_price_vnd)
        room.take(taken.segments, vnd=taken.price_vnd if goes_alone(taken.notice) else None)
        known.recent[row.phone_id, bool(row.of.urgent_reason)] += 1
        if content:
            known.contents.add((row.phone_id, content))
        choice.taken.append(taken)
    return choice


def _as_notice(text: NewAttempt, rendered: tuple[Notice, str] | None, *, price_vnd: int) -> NewAttempt:
    """Return a message as its notice, or as it is where that cannot be filled in. The provider that sends both gets both."""
    if rendered is None:
        return text
    notice, said = rendered
    alone = text._replace(body=said, counted=1, segments=1, price_vnd=price_vnd, notice=notice)
    return alone if goes_alone(notice) else text._replace(notice=notice)


def _step_of(row: WaitingMessage) -> int:
    """Return the step that a message counts as: the text after a notice is as a reminder, as who has answered got the notice."""
    return (row.of.step or 0) + bool(row.n > 1 and row.of.notice_template)


def _refusal_of(
    row: WaitingMessage, content: str | None, known: _Known, *, is_live: bool
) -> SkipReason | Literal["not_yet"] | None:
    if row.message_id in known.closed_copies:
        return NOT_YET
    of, is_urgent = row.of, bool(row.of.urgent_reason)
    # Whom an officer has opened again has not answered: else they are stopped.
    has_answered = row.answer not in (None, *CLOSING) and not row.wants_reminder
    return refusal_reason(
        kind=row.kind,
        step=_step_of(row),
        suppressed=row.message_id in known.stopped,
        answered=has_answered or row.recipient_id in known.with_open_case,
        repeated=(row.phone_id, content) in known.contents,
        recent=known.recent[row.phone_id, is_urgent],
        cap=daily_cap(of.cap_per_day, is_live=is_live, is_urgent=is_urgent),
        is_open=known.closing_times[id(of)] is not None,
    )


class _Terms(NamedTuple):
    """What a claim of a stream goes by: the money left in VND, and what the gateway's answers have said so far."""

    left_vnd: float
    factor: float = 1.0
    is_unproved: bool = False
    launched_at: datetime | None = None


def _count_taken(
    session: Session, stream: Stream, terms: _Terms, taken: Sequence[NewAttempt], *, now: datetime
) -> None:
    """Count claimed segments of a campaign, and how long after its launch that was. Notices have their price at once."""
    notices = [each.price_vnd or 0 for each in taken if goes_alone(each.notice)]
    values: dict[str, Any] = {
        "segments_taken": Campaign.segments_taken + sum(each.segments for each in taken)
    }
    if notices:
        values["priced_segments"] = Campaign.priced_segments + len(notices)
        values["priced_vnd"] = Campaign.priced_vnd + sum(notices)
    if terms.launched_at:
        values["sent_after_s"] = max(0, int((now - terms.launched_at).total_seconds()))
    set_columns(session, Campaign, Campaign.id == stream.id, **values)


def _lock_stream(session: Session, stream: Stream, *, price_vnd: int) -> _Terms | None:
    """Return what a claim goes by, and lock the campaign's row against pause and cancel.

    Returns None if the campaign is not sending any more.
    """
    if stream.id == TRANSACTIONAL_STREAM:
        return _Terms(math.inf)
    # Not a share lock: new share locks would overtake a waiting pause for as long as several workers claim.
    of_money = columns_of(
        Campaign, "state budget_vnd segments_taken priced_segments priced_vnd segment_factor"
    )
    query = select(*of_money, *columns_of(Campaign, "first_refusals recipients launched_at"))
    row = session.execute(query.where(Campaign.id == stream.id).with_for_update(key_share=True)).one()
    if row.state is not CampaignState.SENDING:
        return None
    spending = Spending(row.segments_taken, row.priced_segments, row.priced_vnd, price_vnd)
    left_vnd = math.inf if row.budget_vnd is None else row.budget_vnd - spending.vnd
    is_unproved = row.first_refusals is not None and (row.recipients or 0) >= MOST_FIRST_REFUSALS
    return _Terms(left_vnd, row.segment_factor, is_unproved, row.launched_at)


def _recipients_with_open_case(session: Session, recipients: set[int]) -> set[int]:
    """Return those of these recipients who have an open case: an officer has yet to deal with their reply. What a stranger wrote is none."""
    if not recipients:
        return set()
    theirs = Case.recipient_id.in_(values_subquery(session, recipients))
    is_own = or_(Reply.id.is_(None), ~Reply.gateway_id.startswith(BY_ANYBODY))
    cases = select(Case.recipient_id).outerjoin(Reply, Reply.id == Case.reply_id)
    return set(session.scalars(cases.where(theirs, Case.done_at.is_(None), is_own)))


def _lock_due(session: Session, stream: Stream, *, limit: int, now: datetime) -> list[WaitingMessage]:
    # First a few rows of the outbox by its index, then what belongs to them: so the plan does not depend on what the
    # planner believes about a campaign of millions that was queued a moment ago.
    due = (
        select(Outbox.message_id, Outbox.n, Outbox.throttled, Outbox.refused)
        .where(Outbox.stream_id == stream.id, Outbox.not_before <= now)
        .order_by(Outbox.not_before, Outbox.message_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .subquery()
    )
    return read_outbox(session, due, lock_phones=True)


def _skip(session: Session, skipped: Mapping[SkipReason, Sequence[int]]) -> int:
    """Skip messages that must not be sent. Returns how many."""
    for reason, message_ids in skipped.items():
        ids = values_subquery(session, message_ids)
        values = {"state": MessageState.SKIPPED, "skip_reason": reason}
        set_columns(session, Message, Message.id.in_(ids), **values)
        delete_rows(session, Outbox, Outbox.message_id.in_(ids))
    return sum(map(len, skipped.values()))


NO_FAULTS = Health()
# Shared by all workers, to be fair over all together: each of them alone would begin with the same campaign.
_SERVED_KEY, _SERVED_TTL_S = "loa:streams:served", 3600
OVER_BUDGET, NO_GATEWAY = LoaError("budget_used_up"), LoaError("no_gateway_for_sender")


def claim_next_batch(
    runtime: Runtime, worker: str, limit: int = MOST_CLAIM, health: Health = NO_FAULTS
) -> tuple[Stream, ClaimBatch, list[SendTask]] | None:
    """Claim up to `limit` messages of the stream served longest ago, within its rate limits.

    Warnings go first, then the transactional stream. Returns None if no stream may send now. Raises SQLAlchemyError, RedisError.
    """
    by = ClaimSettings.of(runtime.settings, worker=worker)
    with runtime.db.read() as session:
        now = database_now(session)
        streams = open_streams(session, now=now, is_live=runtime.settings.is_live, quiet=by.quiet)
        terms = read_gateway_terms(session, settings=runtime.settings, now=now) if streams else []
        paces = sender_paces(session) if streams else {}
    served = _last_served(runtime.redis) if len(streams) > 1 else {}
    streams.sort(key=lambda stream: (stream.rank, served.get(stream.id, 0.0)))
    # While a warning waits for its turn at a rate limit, nobody else takes the time that comes free there.
    held: set[str] = set()
    for stream in streams:
        limits = {limit.name for limit in stream.rate_limits}
        if not stream.is_urgent and held & limits:
            continue
        if stream.is_urgent:
            held |= limits
        senders = paces if stream.id == TRANSACTIONAL_STREAM else {}
        create_routes = partial(Routes, terms, health, redis=runtime.redis, senders=senders)
        try:
            claimed = _claim_from(runtime, stream, by, limit=limit, create_routes=create_routes)
        except (*DATABASE_AWAY, RedisError):
            raise
        except Exception as error:
            # One campaign's fault keeps nobody else's messages, nor a confirmation.
            log.error("claim.failed stream=%s error=%s", stream.id, type(error).__name__)
            if stream.id != TRANSACTIONAL_STREAM:
                with runtime.db.write() as session:
                    pause_broken(session, stream.id, error, now=database_now(session))
            continue
        if claimed:
            if len(streams) > 1:
                with suppress(RedisError):
                    runtime.redis.zadd(_SERVED_KEY, {str(stream.id): time.time()})
                    runtime.redis.expire(_SERVED_KEY, _SERVED_TTL_S)
            return stream, *claimed
    return None


def _last_served(redis: Redis) -> dict[int, float]:
    """Return when each stream was last served by any worker; nothing if Redis is away."""
    try:
        served: Any = redis.zrange(_SERVED_KEY, 0, -1, withscores=True)
        return {int(stream_id): float(at) for stream_id, at in served}
    except RedisError:
        return {}


def _claim_from(
    runtime: Runtime, stream: Stream, by: ClaimSettings, *, limit: int, create_routes: Callable[..., Routes]
) -> tuple[ClaimBatch, list[SendTask]] | None:
    """Claim from one stream. Returns None if its rate limit is used up or nothing is due."""
    settings, ahead_s = runtime.settings, stream.ahead_s
    own, segments = list[Reservation](), math.inf
    if limits := stream.rate_limits:
        reservation = reserve_capacity(runtime.redis, limits, max_segments=limit, ahead_s=ahead_s)
        if reservation is None:
            return None  # enough is reserved ahead already
        own, segments = [reservation], reservation.segments
    # In this order, and anew for each stream: however long its transaction has to wait, the fence
    # comes before the end of the lease in the database.
    price_vnd = segment_price(stream.price_vnd, settings)
    most = min(segments, limit)
    routes = create_routes(usual_price_vnd=price_vnd, most_segments=most, ahead_s=ahead_s)
    claimed_at = time.monotonic()
    fence = Fence.after(settings.lease_s - settings.send_timeout_s)
    with runtime.db.write() as session:
        now = database_now(session)
        # What is agreed may have become dearer since the launch.
        dearest = dearest_price(session, stream.sender, usual_price_vnd=price_vnd)
        batch = claim(
            session, stream, by, limit=limit, segments=segments, now=now, price_vnd=dearest, routes=routes
        )
        if batch.over_budget and not batch.claims:
            pause_automatically(session, stream.id, reason=OVER_BUDGET, now=now)
        if batch.without_gateway and stream.id != TRANSACTIONAL_STREAM:
            pause_automatically(session, stream.id, reason=NO_GATEWAY, now=now)
    tasks = []
    for item in batch.claims:
        spans = own + routes.reservations_of(item.account_id, item.sender, item.kind)
        starts_at = max((span.place(item.segments) for span in spans), default=0.0)
        # By the database's clock, whatever this host's says of the hour.
        closes_at = claimed_at + (item.closes_at - now).total_seconds()
        tasks.append(SendTask(item, claimed_at, starts_at, fence, closes_at))
    # Claimed is claimed: without Redis what was reserved too much passes by itself.
    with suppress(RedisError):
        for span in own:
            span.settle()
        routes.settle()
    return (batch, tasks) if batch.claims or batch.skipped or batch.waiting else None

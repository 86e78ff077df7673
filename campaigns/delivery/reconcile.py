"""Reconciliation with what the gateway knows: unknown outcomes, notices without a report, prices.

An attempt whose outcome is unknown is looked up in the gateway's own list before anything is sent again. What stays
unknown although it was looked up is decided by an officer, and the audit log says by whom.

A notice whose report does not come is asked after once more, and then the text goes instead; one that is reported as not
arrived is passed on at once, where reports are applied (`record_outcomes`).

The list of the last days is read each hour while a campaign has segments without a price or a message without a report. That
of the last hours is read more often while a message of them should have a report by now, as after a time in which the web was
away, or while a campaign is spending a budget. It is read at a pace of its own, so that it takes nothing from sending.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from redis import Redis
from sqlalchemy import ColumnElement, String, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.delivery.after_restore import backups_by_worker
from campaigns.delivery.message_data import CampaignStep
from campaigns.delivery.open_gateways import OpenGateways
from campaigns.delivery.outbox import OutboxEntry, requeue, store_bills
from campaigns.delivery.record_outcomes import apply_reports, owners_of
from campaigns.delivery.streams import (
    TRANSACTIONAL_STREAM,
    campaign_hours,
    streams_still_open,
    suppressed_attempts,
)
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, Message
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.delivery import WAITING
from campaigns.rules.receipts import (
    RESTORED,
    TIMES_ABSENT,
    LookupResult,
    UnknownAttempt,
    judge_lookup,
    may_repeat,
)
from campaigns.rules.sending_hours import closes_at
from campaigns.rules.states import AttemptReport, AttemptState, CampaignState, MessageKind
from outreach.accounts import audit
from outreach.accounts.permissions import organisations_of, require_role
from outreach.core.db import columns_of, count_rows, database_now, find_row, set_columns, values_subquery
from outreach.core.fence import Fence
from outreach.core.job_queue import once_every
from outreach.core.settings import Settings
from outreach.gateway_accounts import read_roads, road_of
from outreach.models.accounts import Role, User
from outreach.models.contacts import Phone
from outreach.models.office import ENVIRONMENT, GatewayAccount
from outreach.rules.errors import NotAllowed
from outreach.rules.gateway import (
    Accepted,
    BilledMessage,
    Channel,
    Gateway,
    GatewayUnavailable,
    Lasting,
    ListedMessage,
    Lookup,
    OutboundMessage,
    read_notice,
    repeats_until,
)
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_send, use_case

log = logging.getLogger(__name__)
# A moment shortly before the gateway was asked, and what it listed.
Listing = tuple[datetime, list[ListedMessage]]
_LISTS = (Lookup.NUMBER, Lookup.OUR_ID)
LOOKUP_LIMIT = 200  # attempts looked up in one round
CONCURRENT_LOOKUPS = 20
EXPIRE_LIMIT = 2000
ADOPT_LIMIT = 5000  # a restore leaves as many as were sent in three days


def expire_leases(session: Session, *, now: datetime) -> int:
    """Mark attempts unknown whose worker has not reported in time, due for lookup at once."""
    expired = session.scalars(
        select(Attempt.id)
        .where(Attempt.state == AttemptState.SENDING, Attempt.due_at < now)
        .order_by(Attempt.id)
        .limit(EXPIRE_LIMIT)
        .with_for_update(skip_locked=True)
    ).all()
    reports = [
        AttemptReport(attempt_id, AttemptState.UNKNOWN, code="lease", due_at=now) for attempt_id in expired
    ]
    return apply_reports(session, reports, now=now)


def adopt_known(session: Session, *, settings: Settings, now: datetime) -> int:
    """Count unknown attempts as accepted that have an id from before a restore, where no list says more. Returns how many."""
    listed = [id_ for id_, road in read_roads(session, settings).items() if road.lookup in _LISTS]
    known = session.scalars(
        select(Attempt.id)
        .where(
            Attempt.state == AttemptState.UNKNOWN,
            Attempt.gateway_id.is_not(None),
            Attempt.account_id.not_in(listed),
        )
        .limit(ADOPT_LIMIT)
    )
    reports = [AttemptReport(attempt_id, AttemptState.ACCEPTED) for attempt_id in known]
    return apply_reports(session, reports, now=now)


def has_unknown_due(session: Session, *, settings: Settings, now: datetime) -> bool:
    """Return whether an unknown attempt is due for lookup, at a gateway that can be asked, or a notice has waited long enough."""
    if read_overdue(session, settings=settings, now=now):
        return True
    roads = read_roads(session, settings).items()
    accounts = [id_ for id_, road in roads if road.lookup is not Lookup.NOTHING]
    due = select(Attempt.id).where(
        Attempt.state == AttemptState.UNKNOWN, Attempt.due_at <= now, Attempt.account_id.in_(accounts)
    )
    return session.execute(due.limit(1)).first() is not None


async def reconcile(runtime: Runtime, gateways: OpenGateways) -> Counter[str]:
    """Look up one round of unknown attempts at each gateway that can be asked, and pass on notices that have waited long enough.

    Returns how many attempts were `adopted`, `requeued`, are still `open`, and of how many the gateway was `away`.
    """
    total: Counter[str] = Counter(passed=await pass_on_notices(runtime, gateways))
    for opened in gateways.all():
        if road_of(opened.settings).lookup is not Lookup.NOTHING:
            total += await reconcile_account(
                runtime,
                opened.gateway,
                account_id=opened.account_id,
                settings=opened.settings,
                changed_at=opened.changed_at,
            )
    return total


async def reconcile_account(
    runtime: Runtime,
    gateway: Gateway,
    *,
    account_id: int = ENVIRONMENT,
    settings: Settings | None = None,
    changed_at: datetime | None = None,
) -> Counter[str]:
    """Look up one round of an account's unknown attempts: adopt those found, send again those whose absence is proved.

    See `campaigns.rules.receipts`; where the gateway takes no request twice, the request is made again instead. After a restore it is not known which account a lost message went by: with several accounts,
    or where the gateway knows a message by its attempt alone, a person has to decide; so of what was asked before the account
    was changed at `changed_at`: it may lead to another provider, to whom the request would be new.
    """
    due, reserved_at, ahead, reserved_until, backups, is_alone = await asyncio.to_thread(
        _reserve_due, runtime, account_id
    )
    lists_by_number = is_alone and road_of(settings or runtime.settings).lookup is Lookup.NUMBER
    lasts, slots = gateway.request_id, asyncio.Semaphore(CONCURRENT_LOOKUPS)

    async def ask(row: Any) -> Listing | None:
        if lasts is None and (row.worker not in backups or lists_by_number):
            listed = await gateway.list_to(row.e164, attempt_id=row.id)
            return reserved_at, [
                replace(item, created_at=item.created_at and item.created_at - ahead) for item in listed
            ]
        if row.worker in backups or row.gateway_id or (changed_at and row.claimed_at < changed_at):
            return None
        fence = await asyncio.to_thread(_may_repeat_until, runtime, row, lasts, reserved_until)
        if fence is None:
            return None
        sender, is_over = row.sender or runtime.settings.twilio_from, fence.is_over
        message = OutboundMessage(row.id, row.e164, sender, row.body, is_over=is_over)
        if row.notice:
            message.notice = read_notice(row.notice, row.channel)
        taken = await gateway.send(message)
        if not isinstance(taken, Accepted):
            return None
        return reserved_at, [ListedMessage(taken.gateway_id, row.body, None, taken.status, attempt_id=row.id)]

    async def ask_in_turn(row: Any) -> Listing | None:
        async with slots:
            try:
                return await ask(row)
            except GatewayUnavailable as error:
                log.warning("reconcile.list_unavailable error=%s", error)
            except Exception:  # an answer that cannot be read keeps no other's
                log.exception("reconcile.fault attempt=%s", row.id)
            return None

    lists = await asyncio.gather(*map(ask_in_turn, due))
    lookups = list(zip(due, lists, strict=True))
    return await asyncio.to_thread(_apply, runtime, lookups, reserved_until, backups)


def _may_repeat_until(
    runtime: Runtime, row: Any, lasts: Lasting | None, reserved_until: datetime
) -> Fence | None:
    """Return until when a request may be made again, while its id stands and its message might still leave; None if it may not."""
    settings = runtime.settings
    quiet, passes = quiet_days(settings), settings.urgent_passes_opt_outs
    with runtime.db.read() as session:
        now = database_now(session)
        streams = streams_still_open(session, [row.stream_id], now=now, is_live=settings.is_live, quiet=quiet)
        closes = streams.get(row.stream_id)
        if row.kind is MessageKind.ACKNOWLEDGEMENT:  # in its own campaign's hours, as in a claim
            campaign = find_row(session, Campaign, row.campaign_id)
            hours = campaign_hours(campaign or CampaignStep(), is_live=settings.is_live)
            closes = closes and closes_at(now, hours)
        if closes is None or suppressed_attempts(session, [row.id], passes_opt_outs=passes):
            return None
    # Behind DECIDE_AFTER a person may have it sent anew.
    ends = min(reserved_until, repeats_until(row.claimed_at, lasts), row.claimed_at + DECIDE_AFTER, closes)
    left_s = (ends - now).total_seconds() - settings.send_timeout_s
    return Fence.after(left_s) if left_s > 0 else None


def _reserve_due(
    runtime: Runtime, account_id: int
) -> tuple[Sequence[Any], datetime, timedelta, datetime, dict[str, datetime], bool]:
    """Reserve the attempts of an account to look up.

    Returns them, the moment by the database's clock, how much this host's clock is ahead of it, until when they are reserved, the
    restored backups, and whether there has never been another account. No other round looks them up before that moment.
    """
    with runtime.db.write() as session:
        now = database_now(session)
        ahead = datetime.now(UTC) - now
        due = session.execute(
            select(
                *columns_of(
                    Attempt, "id message_id n stream_id body worker gateway_id claimed_at settled_at"
                ),
                *(Attempt.channel, Attempt.notice, Message.kind, Message.campaign_id),
                *(Phone.e164, Campaign.sender),
            )
            .join(Phone, Phone.id == Attempt.phone_id)
            .join(Message, Message.id == Attempt.message_id)
            .outerjoin(Campaign, Campaign.id == Message.campaign_id)
            .where(
                Attempt.state == AttemptState.UNKNOWN, Attempt.due_at <= now, Attempt.account_id == account_id
            )
            .order_by(Attempt.due_at)
            .limit(LOOKUP_LIMIT)
            .with_for_update(of=Attempt, skip_locked=True)
        ).all()
        # Longer than the slowest round: so only this round's own result is counted, see _count_absent.
        longest_s = runtime.settings.send_timeout_s * (LOOKUP_LIMIT / CONCURRENT_LOOKUPS + 1) + 30
        reserved_until = now + timedelta(seconds=longest_s)
        set_columns(session, Attempt, Attempt.id.in_([row.id for row in due]), due_at=reserved_until)
        is_alone = count_rows(session, GatewayAccount) == 1
        return due, now, ahead, reserved_until, backups_by_worker(session), is_alone


def _apply(
    runtime: Runtime,
    lookups: Sequence[tuple[Any, Listing | None]],
    reserved_until: datetime,
    backups: Mapping[str, datetime],
) -> Counter[str]:
    list_delay = timedelta(seconds=runtime.settings.list_delay_s)
    result: Counter[str] = Counter()
    with runtime.db.write() as session:
        now = database_now(session)
        again_at = now + timedelta(seconds=runtime.settings.reconcile_s)
        owners = owners_of(
            session, {item.gateway_id for _row, listing in lookups if listing for item in listing[1]}
        )
        absent: list[Any] = []
        postponed: list[int] = []
        reports: list[AttemptReport] = []
        for row, listing in lookups:
            if listing is None:
                result["away"] += 1
                postponed.append(row.id)
                continue
            asked_at, listed = listing
            unknown_since, backup_taken_at = row.settled_at or row.claimed_at, backups.get(row.worker)
            attempt = UnknownAttempt(
                row.id, row.body, row.claimed_at, unknown_since, row.gateway_id, backup_taken_at
            )
            found, match = judge_lookup(
                attempt, listed, asked_at=asked_at, owned=owners.keys(), list_delay=list_delay
            )
            if found is LookupResult.ABSENT:
                absent.append(row)
            elif found is not LookupResult.FOUND:
                postponed.append(row.id)
            elif match is None:
                # Its id is known from before a restore: the gateway took it, however short its list is.
                reports.append(AttemptReport(row.id, AttemptState.ACCEPTED, row.gateway_id))
            else:
                if match.gateway_id:  # its callback brings that of a repeated request
                    owners[match.gateway_id] = row.id
                state, cause = AttemptState(match.status.value), match.cause.value if match.cause else None
                known_as = match.gateway_id or None
                reports.append(AttemptReport(row.id, state, known_as, cause=cause, code=match.code))
        result["adopted"] = len(reports)
        apply_reports(session, reports, now=now)
        is_mine = (Attempt.id.in_(postponed), Attempt.due_at == reserved_until)
        set_columns(session, Attempt, *is_mine, due_at=again_at)
        result["requeued"] = _count_absent(
            session, absent, now=now, reserved_until=reserved_until, again_at=again_at
        )
        result["open"] = len(absent) + len(postponed) - result["away"] - result["requeued"]
    return result


def _count_absent(
    session: Session, absent: Sequence[Any], *, now: datetime, reserved_until: datetime, again_at: datetime
) -> int:
    """Count one more lookup without result; requeue the messages that may be sent again.

    Returns how many were requeued. What was sent again before stays unknown, for a person to decide. Locks the attempts
    by id.
    """
    rows = {row.id: row for row in absent}
    # Only what is still unknown and belongs to this round: a callback may have adopted it during the lookup, or a
    # later round may have taken it because this one was stopped for too long.
    still_unknown = session.execute(
        select(Attempt.id, Attempt.times_absent)
        .where(Attempt.id.in_(rows), Attempt.state == AttemptState.UNKNOWN, Attempt.due_at == reserved_until)
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    messages = Attempt.message_id.in_({row.message_id for row in absent})
    given_up = select(Attempt.message_id).where(messages, Attempt.state == AttemptState.ABSENT)
    repeats = Counter(session.scalars(given_up))
    absent_ids = [
        id_
        for id_, times in still_unknown
        if may_repeat(times_absent=times + 1, repeats=repeats[rows[id_].message_id])
    ]
    is_looked_up = Attempt.id.in_([attempt.id for attempt in still_unknown])
    set_columns(session, Attempt, is_looked_up, times_absent=Attempt.times_absent + 1, due_at=again_at)
    reports = [AttemptReport(attempt_id, AttemptState.ABSENT) for attempt_id in absent_ids]
    apply_reports(session, reports, now=now)
    requeue(
        session, [OutboxEntry(rows[i].message_id, rows[i].stream_id, rows[i].n + 1, now) for i in absent_ids]
    )
    return len(absent_ids)


PASS_ON_LIMIT = 500
_CONCURRENT = 20


def read_overdue(
    session: Session, *, settings: Settings, now: datetime, limit: int = 1, but: Collection[int] = ()
) -> Sequence[Any]:
    """Return notices that have waited for their report as long as they may, the oldest first, none of the accounts `but`."""
    wait = timedelta(seconds=settings.notice_wait_s)
    return session.execute(
        select(Attempt.id, Attempt.account_id, Attempt.gateway_id)
        .where(Attempt.channel == Channel.ZALO, Attempt.state.in_(WAITING), Attempt.claimed_at < now - wait)
        .where(Attempt.worker.not_like(f"{RESTORED}%"), Attempt.account_id.not_in(but))
        .order_by(Attempt.claimed_at)
        .limit(limit)
    ).all()


async def pass_on_notices(runtime: Runtime, gateways: OpenGateways) -> int:
    """Ask after each overdue notice once more, and pass on those that have not arrived. Returns how many were asked after.

    Those of a gateway that does not answer wait, and keep no other's waiting.
    """
    settings, slots = runtime.settings, asyncio.Semaphore(_CONCURRENT)
    silent: set[int] = set()

    def read(but: Collection[int]) -> Sequence[Any]:
        with runtime.db.read() as session:
            now = database_now(session)
            return read_overdue(session, settings=settings, now=now, limit=PASS_ON_LIMIT, but=but)

    async def ask(row: Any) -> AttemptReport | None:
        """Return what the gateway says, or that it has not arrived; None: ask again, it did not answer."""
        opened = gateways.get(row.account_id) if row.gateway_id else None
        try:
            async with slots:
                if row.account_id in silent:
                    return None
                report = await opened.gateway.ask(row.gateway_id, of_notice=True) if opened else None
        except GatewayUnavailable as error:
            log.warning("notices.not_asked attempt=%s error=%s", row.id, error)
            silent.add(row.account_id)
            return None
        except Exception:  # an answer that cannot be read: what becomes of the notice is not known, and the others are passed on
            log.exception("notices.fault attempt=%s", row.id)
            return None
        if report is None or report.status is None or report.status.value in WAITING:
            return AttemptReport(row.id, AttemptState.PASSED, cause="expired")
        cause = report.cause.value if report.cause else None
        return AttemptReport(row.id, AttemptState(report.status.value), row.gateway_id, cause=cause)

    def apply(reports: Sequence[AttemptReport]) -> int:
        with runtime.db.write() as session:
            return apply_reports(session, reports, now=database_now(session))

    passed = 0
    while True:
        left_out = frozenset(silent)
        overdue = await asyncio.to_thread(read, left_out)
        if reports := [report for report in await asyncio.gather(*map(ask, overdue)) if report]:
            passed += await asyncio.to_thread(apply, reports)
        if silent == left_out:
            return passed


# The gateway's own list decides most within minutes, and a receipt what it can within the hour. For what is older the list
# cannot be had, or holds other messages that it may be; what was sent again once and is absent again is not sent a third time.
DECIDE_AFTER = timedelta(hours=1)

# The campaign of an attempt: its stream, or in the transactional stream the campaign that the acknowledgement is
# about. None for what belongs to no campaign: answers to strangers, test messages.
CAMPAIGN_OF_ATTEMPT = case(
    (
        Attempt.stream_id == TRANSACTIONAL_STREAM,
        select(Message.campaign_id)
        .where(Message.id == Attempt.message_id, Message.kind != MessageKind.TEST)
        .correlate(Attempt)
        .scalar_subquery(),
    ),
    else_=Attempt.stream_id,
)


def waits_for_person(*, now: datetime) -> ColumnElement[bool]:
    """Return the condition that a person has to decide what became of an attempt."""
    return and_(
        Attempt.state == AttemptState.UNKNOWN,
        Attempt.gateway_id.is_(None),  # one with an id comes from a restore: see adopt_known
        or_(Attempt.claimed_at < now - DECIDE_AFTER, Attempt.times_absent >= TIMES_ABSENT),
    )


def _undecided(campaign_id: int | None, *, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return waits_for_person(now=now), CAMPAIGN_OF_ATTEMPT.is_not_distinct_from(campaign_id)


def count_undecided(session: Session, campaign_id: int, *, now: datetime) -> tuple[int, int]:
    """Count the messages of a campaign whose outcome has to be decided by an officer.

    Returns those of its steps, and its answers to residents.
    """
    is_answer = Attempt.stream_id == TRANSACTIONAL_STREAM
    rows = session.execute(
        select(is_answer, func.count()).where(*_undecided(campaign_id, now=now)).group_by(is_answer)
    )
    counts = {bool(are_answers): count for are_answers, count in rows}
    return counts.get(False, 0), counts.get(True, 0)


def count_looked_up(session: Session, campaign_id: int, *, settings: Settings, now: datetime) -> int:
    """Count the unknown messages of a campaign's steps of which its gateway is being asked: by its list, or the request again."""
    roads = read_roads(session, settings)
    rows = session.execute(
        select(Attempt.account_id, Attempt.claimed_at).where(
            Attempt.state == AttemptState.UNKNOWN,
            Attempt.stream_id == campaign_id,
            Attempt.claimed_at > now - DECIDE_AFTER,
            Attempt.times_absent < TIMES_ABSENT,
        )
    )
    return sum(
        (road := roads.get(account_id)) is not None
        and (road.lookup in _LISTS or now < repeats_until(claimed_at, road.request_id))
        for account_id, claimed_at in rows
    )


def count_without_campaign(session: Session, user: User, *, now: datetime) -> int:
    """Count the undecided messages that belong to no campaign. Returns 0 unless the user sees everything."""
    if organisations_of(session, user) is not None:
        return 0
    return count_rows(session, Attempt, *_undecided(None, now=now))


@use_case
def decide_unknown(
    session: Session, campaign_id: int | None, *, resend: bool, user: User, now: datetime
) -> int:
    """Send unknown messages again, or let them stand as sent without a report. Returns how many.

    If sent again, somebody may get two. Without a campaign: the messages that belong to none, for users who see everything.
    A report that still comes counts all the same. Raises NotFound, NotAllowed.
    """
    if resend:
        enqueue_after_commit(session, enqueue_send)
    if campaign_id is not None:
        find_campaign(session, campaign_id, user=user, is_whole=True)
    elif organisations_of(session, user) is not None:
        raise NotAllowed("unknown_not_yours")
    require_role(user, Role.STAFF, Role.APPROVER)
    attempts = session.execute(
        select(Attempt.id, Attempt.message_id, Attempt.stream_id, Attempt.n)
        .where(*_undecided(campaign_id, now=now))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    if not attempts:
        return 0
    new_state = AttemptState.ABSENT if resend else AttemptState.NO_REPORT
    apply_reports(session, [AttemptReport(row.id, new_state) for row in attempts], now=now)
    if resend:
        requeue(session, [OutboxEntry(row.message_id, row.stream_id, row.n + 1, now) for row in attempts])
    audit.record(
        session,
        "campaign.unknown_resend" if resend else "campaign.unknown_keep",
        f"campaigns:{campaign_id}" if campaign_id is not None else "messages:0",
        user,
        now,
        messages=len(attempts),
    )
    return len(attempts)


# What has no price or report by then keeps its estimate, and has none.
LISTED_WITHIN = timedelta(days=3)
# A message should have its report by then: most phones are on.
REPORTED_WITHIN = timedelta(minutes=10)
# Those are looked for often for so long, then each hour.
SOUGHT_OFTEN = timedelta(hours=2)
READ_ALL_EVERY_S, READ_LATEST_EVERY_S = 3600, 600
# The simulator answers at once, and a trainee does not wait.
_TRAINING = 1 / 120
LONG_PAGE, PAUSE_S = 100, 0.5  # after a page that is long enough to be followed by another
_UNREPORTED = (AttemptState.ACCEPTED, AttemptState.SENT)


def days_due(session: Session, redis: Redis, *, is_live: bool, now: datetime) -> list[date]:
    """Return the days (UTC) whose list is to be read now, the latest first."""
    scale = 1 if is_live else _TRAINING
    unbilled = exists().where(
        Campaign.segments_taken > Campaign.priced_segments,
        Campaign.launched_at.is_not(None),
        or_(Campaign.ended_at.is_(None), Campaign.ended_at > now - LISTED_WITHIN),
    )
    spending = exists().where(
        Campaign.state == CampaignState.SENDING,
        Campaign.budget_vnd.is_not(None),
        Campaign.segments_taken > Campaign.priced_segments,
    )

    def unreported(within: timedelta) -> Any:
        return exists().where(
            Attempt.state.in_(_UNREPORTED),
            Attempt.claimed_at > now - within,
            Attempt.claimed_at < now - REPORTED_WITHIN * scale,
        )

    latest = now.astimezone(UTC).date()
    for missing, within, key, every_s in (
        (or_(unbilled, unreported(LISTED_WITHIN)), LISTED_WITHIN, "loa:list:all", READ_ALL_EVERY_S),
        (or_(spending, unreported(SOUGHT_OFTEN)), SOUGHT_OFTEN, "loa:list:latest", READ_LATEST_EVERY_S),
    ):
        if session.scalar(select(missing)) and once_every(redis, key, every_s=int(every_s * scale)):
            days = (latest - (now - within).astimezone(UTC).date()).days
            return [latest - timedelta(days=back) for back in range(days + 1)]
    return []


async def read_list(
    runtime: Runtime, gateway: Gateway, days: Sequence[date], *, stop_requested: Callable[[], bool]
) -> Counter[str]:
    """Read the gateway's list of these days, a page at a time, and store what is new in it.

    Returns how many `pages` there were, messages got a price (`priced`) or a report (`reported`), and days of which the list
    could not be read to its end (`away`).
    """
    result: Counter[str] = Counter()
    for day in days:
        try:
            async for page in gateway.list_billed(day):
                priced, reported = await asyncio.to_thread(_store, runtime, page)
                result += Counter(pages=1, priced=priced, reported=reported)
                if stop_requested():
                    return result
                if len(page) >= LONG_PAGE:
                    await asyncio.sleep(PAUSE_S)
        except GatewayUnavailable as error:
            result["away"] += 1
            log.warning("list.unavailable error=%s", error)
    return result


def _store(runtime: Runtime, page: Sequence[BilledMessage]) -> tuple[int, int]:
    now, settings = datetime.now(UTC), runtime.settings
    with runtime.db.write() as session:
        priced = store_bills(session, page, usd_vnd=settings.usd_vnd, now=now)
        return priced, store_reports(session, page, now=now)


def store_reports(session: Session, page: Sequence[BilledMessage], *, now: datetime) -> int:
    """Apply the list's statuses to messages that no callback has reported on. Returns how many are new."""
    listed = {item.gateway_id: item for item in page if item.status}
    if not listed:
        return 0
    attempts = session.execute(
        select(Attempt.id, Attempt.gateway_id).where(
            Attempt.gateway_id.in_(values_subquery(session, listed, String)), Attempt.state.in_(_UNREPORTED)
        )
    ).all()
    reports = []
    for row in attempts:
        item = listed[row.gateway_id]
        state, cause = AttemptState(item.status or ""), item.cause.value if item.cause else None
        reports.append(AttemptReport(row.id, state, row.gateway_id, cause=cause, code=item.code))
    return apply_reports(session, reports, now=now)

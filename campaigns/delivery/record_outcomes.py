"""Outcomes: attempt states, message states and failure policies.

- Outcomes of requests, status callbacks and messages found in the gateway's list become attempt states, by rank. The
  states of messages follow from those of their attempts.
- Failure policies: a failure may suppress the number or pause the campaign. A gateway account that refuses much or reports
  slowly rests, while another carries on.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, String, null, select, update
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from campaigns.delivery.claim_messages import Claim
from campaigns.delivery.outbox import (
    ChangeTotals,
    OutboxEntry,
    StateChange,
    add_totals,
    count_outcomes,
    recent_outcomes,
    requeue,
    return_unsent,
    store_bills,
    store_factor,
)
from campaigns.delivery.streams import TRANSACTIONAL_STREAM
from campaigns.lifecycle import pause_automatically
from campaigns.models.campaigns import Campaign
from campaigns.models.messages import Attempt, AttemptTotal, Incident, Message, MessagePart, Outbox
from campaigns.models.replies import FROM_NUMBER, Reply
from campaigns.rules.budget import next_factor
from campaigns.rules.delivery import (
    FAILURE_WINDOW,
    MOST_FIRST_REFUSALS,
    NoticesReach,
    back_off_s,
    fails_too_often,
    failure_policy,
    is_charged,
    is_out_of_retries,
    keep_reason,
    learned_of,
    may_be_passed_on,
    may_be_refused_to_all,
)
from campaigns.rules.gateway_choice import REST_FOR, SILENT_AFTER, SILENT_WITHIN, refuses_much, reports_slowly
from campaigns.rules.states import (
    ACCEPTED_OR_BEYOND,
    FAILURES,
    GIVEN_UP,
    AttemptReport,
    AttemptState,
    MessageState,
    SettledAttempt,
    message_state,
    settle,
)
from outreach.accounts import audit
from outreach.contacts.suppressions import lock_phone, lock_phones, suppress
from outreach.contacts.wishes import has_asked_since, is_left_alone, record_wish
from outreach.core.db import (
    change_rows,
    columns_of,
    count_rows,
    database_now,
    delete_rows,
    insert_missing,
    rows_table,
    set_columns,
    values_subquery,
)
from outreach.core.settings import Settings
from outreach.gateway_accounts import read_accounts, read_roads
from outreach.models.contacts import SuppressionReason
from outreach.models.office import GatewayAccount, GatewayState
from outreach.rules.errors import LoaError
from outreach.rules.gateway import (
    Accepted,
    BilledMessage,
    Cause,
    Channel,
    Lookup,
    Outcome,
    OutcomeUnknown,
    Proof,
    Refused,
    Throttled,
    goes_alone,
)
from outreach.rules.identity import ERASED
from outreach.rules.wishes import WishSource
from outreach.runtime import Runtime

log = logging.getLogger(__name__)


def store_outcomes(runtime: Runtime, outcomes: Sequence[tuple[Claim, Outcome | None]]) -> None:
    """Run `record_outcomes` in a transaction of its own. May be repeated. Raises SQLAlchemyError.

    An answer that the database cannot store, such as an id that is too long, keeps none of the others: its outcome is unknown.
    """
    try:
        with runtime.db.write() as session:
            record_outcomes(session, outcomes, now=database_now(session), settings=runtime.settings)
    except (DataError, UnicodeError):
        half = len(outcomes) // 2
        ((claim, outcome), *_) = outcomes
        if not half and isinstance(outcome, OutcomeUnknown):
            raise
        if not half:
            log.error("send.not_storable attempt=%s", claim.attempt_id)
        parts = (outcomes[:half], outcomes[half:]) if half else ([(claim, OutcomeUnknown("not_storable"))],)
        for part in parts:
            store_outcomes(runtime, part)


def record_outcomes(
    session: Session, outcomes: Sequence[tuple[Claim, Outcome | None]], *, now: datetime, settings: Settings
) -> None:
    """Store the outcomes of a worker's requests. None stands for a request that was never started."""
    unproved = _find_unproved(session, outcomes)
    of_now = _of_now(session, outcomes)
    reports: list[AttemptReport] = []
    unsent: list[tuple[Claim, datetime]] = []
    bills: list[BilledMessage] = []
    parts: list[dict[str, object]] = []
    look_up_at = now + timedelta(seconds=settings.reconcile_s)
    for claim, outcome in outcomes:
        report = _report(claim, outcome, look_up_at, is_unproved=claim.stream_id in unproved)
        if report:
            reports.append(report)
        else:
            unsent.append(_wait(claim, outcome, now=now))
        if isinstance(outcome, Accepted):
            bills += _bill(claim, outcome)
            parts += [{"gateway_id": part, "attempt_id": claim.attempt_id} for part in outcome.parts]
    apply_reports(session, reports, now=now)
    if parts:
        insert_missing(session, MessagePart, parts)
    if unsent:
        roads = read_roads(session, settings).items()
        repeating = [account_id for account_id, road in roads if road.lookup is Lookup.REPEAT]
        return_unsent(session, unsent, repeating=repeating)
    store_bills(session, bills, usd_vnd=settings.usd_vnd, now=now)
    _learn_factors(session, outcomes)
    _note_first_answers(session, of_now, unproved, now=now)
    refused = [
        (claim, outcome.code)
        for claim, outcome in of_now
        if isinstance(outcome, Refused)
        and failure_policy(outcome.cause).pauses
        and not goes_alone(claim.notice)
    ]
    _rest_or_pause(session, refused, now=now)


def _report(
    claim: Claim, outcome: Outcome | None, look_up_at: datetime, *, is_unproved: bool
) -> AttemptReport | None:
    """Return what an outcome says of the attempt, None where its message was not sent and waits."""
    match outcome:
        case Accepted(gateway_id, status, segments):
            state = AttemptState(status.value)
            return AttemptReport(claim.attempt_id, state, gateway_id, segments=segments)
        case OutcomeUnknown(detail):
            state = AttemptState.UNKNOWN
            return AttemptReport(claim.attempt_id, state, code=detail[:24], due_at=look_up_at)
        case Refused(cause, code) if not _is_tried_again(claim, cause, is_unproved=is_unproved):
            # The text of a request for both goes alone: perhaps it was the notice that was refused.
            state = AttemptState.PASSED if claim.notice else AttemptState.FAILED
            return AttemptReport(claim.attempt_id, state, cause=cause.value, code=code[:24])
    return None


def _wait(claim: Claim, outcome: Outcome | None, *, now: datetime) -> tuple[Claim, datetime]:
    """Return a claim whose message was not sent, and until when it waits."""
    match outcome:
        case Throttled(retry_after_s):
            wait_s = back_off_s(claim.throttled, retry_after_s, seed=claim.message_id)
            again = claim._replace(throttled=claim.throttled + 1)
        case Refused():
            # Perhaps the account or the sender was refused, not this message: it waits until they are put right.
            wait_s = back_off_s(claim.refused, None, seed=claim.message_id)
            again = claim._replace(throttled=claim.throttled + 1, refused=claim.refused + 1)
        case _:
            return claim, now
    return again, now + timedelta(seconds=wait_s)


def _bill(claim: Claim, accepted: Accepted) -> list[BilledMessage]:
    """Return the bill of an accepted message, or none: a notice has its price, or gets it with the callback."""
    gateway_id, price, unit, segments = accepted.gateway_id, accepted.price, accepted.unit, accepted.segments
    if price is None and claim.cost_vnd is not None and claim.notice is None:
        price, unit = Decimal(claim.cost_vnd * (segments or claim.counted)), "VND"
    return [BilledMessage(gateway_id, price, unit, segments)] if price is not None and gateway_id else []


def _is_tried_again(claim: Claim, cause: Cause, *, is_unproved: bool) -> bool:
    """Return whether a refusal may be the account's or the sender's, so that the message waits. A notice's text follows at once."""
    may_be_of_all = failure_policy(cause).pauses or (is_unproved and may_be_refused_to_all(cause))
    is_transactional = claim.stream_id == TRANSACTIONAL_STREAM
    is_over = is_out_of_retries(claim.refused + 1, is_transactional=is_transactional)
    return may_be_of_all and not goes_alone(claim.notice) and not is_over


def _of_now(
    session: Session, outcomes: Sequence[tuple[Claim, Outcome | None]]
) -> list[tuple[Claim, Outcome | None]]:
    """Leave out the refusals that say nothing of the gateway of now."""
    refused = [claim.attempt_id for claim, outcome in outcomes if isinstance(outcome, Refused)]
    of_before = _claimed_before_resumed(session, refused)
    return [each for each in outcomes if each[0].attempt_id not in of_before]


def _claimed_before_resumed(session: Session, refused: Sequence[int]) -> set[int]:
    """Return those of refused attempts that were claimed before their campaign was resumed: they say nothing of the gateway of now."""
    if not refused:
        return set()
    ids = values_subquery(session, refused)
    before = select(Attempt.id).join(Campaign, Campaign.id == Attempt.stream_id)
    return set(session.scalars(before.where(Attempt.id.in_(ids), Attempt.claimed_at < Campaign.resumed_at)))


def _rest_or_pause(session: Session, refused: Sequence[tuple[Any, str]], *, now: datetime) -> None:
    """Let a gateway rest that refuses the account or the sender, if another carries on; else pause the campaigns.

    `refused`: pairs of a claim or an attempt and the gateway's code.
    """
    codes = {of.account_id: code for of, code in reversed(refused)}
    carried = {
        account_id: rest_account(session, account_id, reason=LoaError("gateway_refuses", code=code), now=now)
        for account_id, code in codes.items()
    }
    paused = {(of.stream_id, code) for of, code in refused if not carried[of.account_id]}
    for stream_id, code in sorted(paused):
        if stream_id != TRANSACTIONAL_STREAM:
            pause_automatically(session, stream_id, reason=LoaError("gateway_refuses", code=code), now=now)


def _find_unproved(session: Session, outcomes: Sequence[tuple[Claim, Outcome | None]]) -> set[int]:
    """Return the campaigns with a refusal among these outcomes of which the gateway has still accepted nothing."""
    unproved = [(claim.stream_id, outcome) for claim, outcome in outcomes if claim.is_unproved]
    refused = {stream_id for stream_id, outcome in unproved if isinstance(outcome, Refused)}
    refused -= {stream_id for stream_id, outcome in unproved if isinstance(outcome, Accepted)}
    if not refused:
        return refused
    still = (Campaign.id.in_(refused), Campaign.first_refusals.is_not(None))
    return set(session.scalars(select(Campaign.id).where(*still)))


def _note_first_answers(
    session: Session, outcomes: Sequence[tuple[Claim, Outcome | None]], unproved: set[int], *, now: datetime
) -> None:
    """Pause the campaigns whose first messages are all refused, and note those that are past that."""
    accepted: set[int] = set()
    codes: dict[int, list[str]] = defaultdict(list)
    accounts: dict[int, int] = {}
    for claim, outcome in outcomes:
        if claim.is_unproved and isinstance(outcome, Accepted):
            accepted.add(claim.stream_id)
        elif claim.stream_id in unproved and isinstance(outcome, Refused):
            accounts[claim.stream_id] = claim.account_id
            codes[claim.stream_id] += [outcome.code] if may_be_refused_to_all(outcome.cause) else []
    for stream_id in sorted(accepted | codes.keys()):
        campaign = update(Campaign).where(Campaign.id == stream_id, Campaign.first_refusals.is_not(None))
        if stream_id in accepted:
            change_rows(session, campaign.values(first_refusals=None))
            continue
        refusals = session.scalar(
            campaign.values(first_refusals=Campaign.first_refusals + len(codes[stream_id]))
            .returning(Campaign.first_refusals)
            .execution_options(synchronize_session=False)
        )
        if refusals is not None and refusals >= MOST_FIRST_REFUSALS:
            reason = LoaError("gateway_refuses_all", code=codes[stream_id][-1])
            if not rest_account(session, accounts[stream_id], reason=reason, now=now):
                pause_automatically(session, stream_id, reason=reason, now=now)
            # Once resumed, as many are tried again.
            change_rows(session, campaign.values(first_refusals=0))


def _learn_factors(session: Session, outcomes: Sequence[tuple[Claim, Outcome | None]]) -> None:
    """Store how many segments the gateway charges for each of ours, where that has changed."""
    answers: dict[tuple[int, float], list[tuple[int, int]]] = defaultdict(list)
    for claim, outcome in outcomes:
        if isinstance(outcome, Accepted) and outcome.segments and claim.stream_id != TRANSACTIONAL_STREAM:
            answers[claim.stream_id, claim.factor].append((claim.counted, outcome.segments))
    for (stream_id, factor), pairs in sorted(answers.items()):
        if (learned := next_factor(factor, pairs)) != factor:
            store_factor(session, stream_id, learned)


def apply_reports(session: Session, reports: Iterable[AttemptReport], *, now: datetime) -> int:
    """Apply reports by rank. Returns the number of attempts changed.

    Repeated, late and shuffled reports lead to the same end. A gateway id stays with the attempt that had it first; a
    second one for the same message is an incident. Reports of attempts that do not exist are ignored. Locks the attempts
    by id.
    """
    by_attempt: dict[int, list[AttemptReport]] = defaultdict(list)
    for report in reports:
        by_attempt[report.attempt_id].append(report)
    if not by_attempt:
        return 0
    attempts = session.execute(
        select(
            *columns_of(Attempt, "id message_id n state gateway_id stream_id phone_id account_id segments"),
            *columns_of(Attempt, "cause price_vnd claimed_at channel worker"),
        )
        .where(Attempt.id.in_(values_subquery(session, by_attempt)))
        .order_by(Attempt.id)
        .with_for_update()
    ).all()
    owners = owners_of(
        session, {r.gateway_id for group in by_attempt.values() for r in group if r.gateway_id}
    )
    _note_missing(by_attempt, {row.id for row in attempts})
    changes = _Changes()
    for row in attempts:
        own = _reports_of(row, by_attempt[row.id], owners)
        settled = settle(row.state, row.gateway_id, own)
        for other in settled.other_ids:
            ids = [settled.gateway_id, other]
            subject = f"attempts:{row.id}"
            add_incident(session, kind="second_gateway_id", subject=subject, now=now, gateway_ids=ids)
        if settled.latest is not None or settled.gateway_id != row.gateway_id:
            changes.note(row, settled)
    _write_changes(session, changes, now=now)
    _lock_phones(session, changes, now=now)
    refresh_messages(session, [row.message_id for row in attempts if row.id in changes.attempts])
    _add_sent_twice_incidents(session, changes.resent, now=now)
    add_totals(session, changes.totals, now=now, billed=changes.billed)
    apply_failure_policies(session, changes.failures, now=now)
    requeue(session, [OutboxEntry(row.message_id, row.stream_id, row.n + 1, now) for row in changes.passed])
    return len(changes.attempts)


def _note_missing(by_attempt: Mapping[int, Sequence[AttemptReport]], found: Set[int]) -> None:
    for missing in by_attempt.keys() - found:
        if any(report.gateway_id for report in by_attempt[missing]):
            log.warning("settle.no_such_attempt attempt=%s", missing)


def _reports_of(
    row: Any, reports: Iterable[AttemptReport], owners: dict[str, int]
) -> Sequence[AttemptReport]:
    """Return the reports that count for an attempt, those of a notice whose text may follow as passed on; it owns their ids from now on."""
    # Another attempt's message is left out, whatever attempt the callback's address names.
    own = [
        replace(report, state=AttemptState.PASSED)
        if report.state in FAILURES and may_be_passed_on(row)
        else report
        for report in reports
        if not report.gateway_id or owners.setdefault(report.gateway_id, row.id) == row.id
    ]
    return keep_reason(row.cause, own) if row.channel == Channel.BOTH else own


@dataclass(slots=True)
class _Changes:
    """What reports change, to be written in bulk."""

    attempts: set[int] = field(default_factory=set)
    states: list[dict[str, object]] = field(default_factory=list)
    ids: list[dict[str, object]] = field(default_factory=list)  # where only the gateway's id is new
    lookups: dict[datetime, list[int]] = field(default_factory=lambda: defaultdict(list))  # by their moment
    # By segments: attempts for which the gateway counts other than we did.
    recounted: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    reappeared: list[int] = field(default_factory=list)  # messages whose attempt arrived, though given up
    passed: list[Any] = field(default_factory=list)  # notices whose text is to follow
    learned: dict[int, NoticesReach] = field(default_factory=dict)  # of phones, by notices
    resent: set[int] = field(default_factory=set)  # messages with more than one attempt
    totals: dict[StateChange, ChangeTotals] = field(default_factory=lambda: defaultdict(ChangeTotals))
    billed: dict[int, tuple[int, int]] = field(default_factory=dict)  # by stream: segments and VND
    failures: list[tuple[Any, AttemptReport]] = field(default_factory=list)  # attempts, with what says so

    def note(self, row: Any, settled: SettledAttempt) -> None:
        """Note the change of an attempt, `row` as it was."""
        state, gateway_id, latest, _other_ids = settled
        self.attempts.add(row.id)
        if row.state in GIVEN_UP and state in ACCEPTED_OR_BEYOND:
            self.reappeared.append(row.message_id)
        if row.n > 1 or row.state is AttemptState.ABSENT:
            self.resent.add(row.message_id)
        change: dict[str, object] = {"id": row.id, "gateway_id": gateway_id}
        if latest is None:
            self.ids.append(change)
            return
        total = self.totals[
            StateChange(row.stream_id, row.state, row.cause, state, latest.cause, row.account_id)
        ]
        total.n += 1
        total.segments += row.segments
        # The text follows a notice, unless a person has had that sent already.
        if state is AttemptState.PASSED and row.state is not AttemptState.ABSENT:
            self.passed.append(row)
        if learned := learned_of(state, latest.cause):
            self.learned[row.phone_id] = learned
        if row.price_vnd is not None:
            segments, vnd = self.billed.get(row.stream_id, (0, 0))
            moved = is_charged(state) - is_charged(row.state)
            segments += row.segments * moved
            # A text that failed may be billed all the same; a notice is charged when it has arrived.
            vnd += row.price_vnd * moved if row.channel == Channel.ZALO else 0
            self.billed[row.stream_id] = segments, vnd
        elif latest.segments and latest.segments != row.segments:
            total.more += latest.segments - row.segments
            self.recounted[latest.segments].append(row.id)
        if state in FAILURES:
            self.failures.append((row, latest))
        self.states.append(change | {"state": state.value, "cause": latest.cause, "code": latest.code})
        if latest.due_at:
            self.lookups[latest.due_at].append(row.id)


def _lock_phones(session: Session, changes: _Changes, *, now: datetime) -> None:
    """Lock the phones of changes before the campaigns, whose money the totals change; note what notices have shown of them."""
    closed = {row.phone_id for row, report in changes.failures if failure_policy(report.cause).suppresses}
    for phone in lock_phones(session, {*changes.learned, *closed}):
        if phone.id in changes.learned and not phone.e164.startswith(ERASED):
            phone.notices, phone.notices_at = changes.learned[phone.id], now


def _write_changes(session: Session, changed: _Changes, *, now: datetime) -> None:
    columns = {"id": BigInteger, "gateway_id": String, "state": String, "cause": String, "code": String}
    for changes, names in (
        (changed.states, ("gateway_id", "state", "cause", "code")),
        (changed.ids, ("gateway_id",)),
    ):
        if changes:
            new = rows_table(session, {name: columns[name] for name in ("id", *names)}, changes)
            values: dict[str, Any] = {name: new.c[name] for name in names}
            if changes is changed.states:
                values["due_at"] = null()
            set_columns(session, Attempt, Attempt.id == new.c.id, settled_at=now, **values)
    for column, groups in (("due_at", changed.lookups), ("segments", changed.recounted)):
        for value, ids in groups.items():
            of_value = Attempt.id.in_(values_subquery(session, ids))
            set_columns(session, Attempt, of_value, **{column: value})
    if changed.reappeared:
        delete_rows(session, Outbox, Outbox.message_id.in_(changed.reappeared))


def owners_of(session: Session, gateway_ids: set[str]) -> dict[str, int]:
    """Return the attempts that already have these gateway ids."""
    if not gateway_ids:
        return {}
    theirs = Attempt.gateway_id.in_(values_subquery(session, gateway_ids, String))
    rows = session.execute(select(Attempt.gateway_id, Attempt.id).where(theirs))
    return {gateway_id: attempt_id for gateway_id, attempt_id in rows if gateway_id}


def refresh_messages(session: Session, message_ids: Sequence[int]) -> None:
    """Derive the states of messages from the current states of their attempts."""
    attempts: dict[tuple[int, MessageState], list[AttemptState]] = {}
    for message_id, state, current in session.execute(
        select(Attempt.message_id, Attempt.state, Message.state)
        .join(Message, Message.id == Attempt.message_id)
        .where(Attempt.message_id.in_(values_subquery(session, message_ids)))
        .order_by(Attempt.message_id, Attempt.n)
    ):
        attempts.setdefault((message_id, current), []).append(state)
    by_state: dict[MessageState, list[int]] = {}
    for (message_id, current), states in attempts.items():
        derived = message_state(states)
        # Compared here and not in the UPDATE: PostgreSQL may expect no row in another state and compare each message
        # with each.
        if derived is not current:
            by_state.setdefault(derived, []).append(message_id)
    # Queued or cancelled is decided where the message goes back into the outbox, in `requeue`.
    by_state.pop(MessageState.QUEUED, None)
    for derived, ids in by_state.items():
        theirs = Message.id.in_(values_subquery(session, ids))
        set_columns(session, Message, theirs, state=derived, skip_reason=None)


def _add_sent_twice_incidents(session: Session, message_ids: set[int], *, now: datetime) -> None:
    """Add an incident for each message that the gateway took twice, for an officer to see.

    A notice before its text is no such case: who got both is counted (`campaigns/analytics/campaign_status.py`).
    """
    if not message_ids:
        return
    gateway_ids: dict[int, list[str]] = defaultdict(list)
    taken = select(Attempt.message_id, Attempt.gateway_id).where(Attempt.message_id.in_(message_ids))
    taken = taken.where(Attempt.gateway_id.is_not(None), Attempt.channel != Channel.ZALO)
    for message_id, gateway_id in session.execute(taken):
        gateway_ids[message_id].append(gateway_id or "")
    for message_id, ids in gateway_ids.items():
        if len(ids) > 1:
            subject = f"messages:{message_id}"
            add_incident(session, kind="sent_twice", subject=subject, now=now, gateway_ids=ids)


def add_incident(session: Session, *, kind: str, subject: str, now: datetime, **details: object) -> None:
    """Add an incident once for each subject, or count its repetition."""
    if not set_columns(session, Incident, Incident.subject == subject, times=Incident.times + 1):
        session.add(Incident(kind=kind, subject=subject, details=details, at=now))
        session.flush()


def apply_failure_policies(
    session: Session, failed: Sequence[tuple[Any, AttemptReport]], *, now: datetime
) -> None:
    """Suppress numbers and pause campaigns after failures.

    In the transaction that writes the failures. Locks phones by id. That a number's owner has opted out with the operator, or that
    there is no such number, was so when it was tried.
    """
    to_suppress = {
        (row.phone_id, reason): row.claimed_at
        for row, report in sorted(failed, key=lambda each: each[0].claimed_at)
        if (reason := failure_policy(report.cause).suppresses)
    }
    for (phone_id, reason), said_at in sorted(to_suppress.items()):
        phone = lock_phone(session, phone_id)
        if reason == "wrong_number" and not _is_in_use_since(session, phone_id, said_at):
            wrong = SuppressionReason.WRONG_NUMBER
            suppress(session, phone, reason=wrong, source="gateway", now=now)
        elif (
            reason == "opt_out"
            and not is_left_alone(session, phone_id)
            and not has_asked_since(session, phone_id, said_at)
        ):
            source = WishSource.GATEWAY
            record_wish(session, source, phones=[phone], said_at=said_at, now=now)
    refused = {
        row.id: (row, report.code or "") for row, report in failed if failure_policy(report.cause).pauses
    }
    of_before = _claimed_before_resumed(session, list(refused))
    _rest_or_pause(session, [refused[id_] for id_ in refused if id_ not in of_before], now=now)
    _pause_failing(session, {row.stream_id for row, _report in failed}, now=now)


def _pause_failing(session: Session, streams: set[int], *, now: datetime) -> None:
    """Pause those of these campaigns of whose messages too many have failed lately."""
    for stream_id in sorted(streams - {TRANSACTIONAL_STREAM}):
        failures, successes = recent_outcomes(session, stream_id, now=now)
        if fails_too_often(failed=failures, well=successes):
            minutes, tried = int(FAILURE_WINDOW.total_seconds() / 60), failures + successes
            reason = LoaError("too_many_failures", minutes=minutes, failed=failures, tried=tried)
            pause_automatically(session, stream_id, reason=reason, now=now)


def _is_in_use_since(session: Session, phone_id: int, at: datetime) -> bool:
    """Return whether somebody has written from a number, or a message that was sent to it has arrived, since a moment."""
    wrote = select(Reply.id).where(
        Reply.phone_id == phone_id, Reply.received_at > at, Reply.channel.in_(FROM_NUMBER)
    )
    arrived = select(Attempt.id).where(
        Attempt.phone_id == phone_id, Attempt.claimed_at > at, Attempt.state == AttemptState.DELIVERED
    )
    return any(session.scalar(query.limit(1)) is not None for query in (wrote, arrived))


def rest_account(session: Session, account_id: int, *, reason: LoaError, now: datetime) -> bool:
    """Let an account rest, if another active one is well. Returns whether there is one: it then carries on.

    Locks the accounts by id, so that two do not send each other to rest.
    """
    accounts = session.scalars(select(GatewayAccount).order_by(GatewayAccount.id).with_for_update()).all()
    mine = next((each for each in accounts if each.id == account_id), None)
    if mine is None:
        return False
    others = (
        each
        for each in accounts
        if each.id != account_id
        and each.state is GatewayState.ACTIVE
        and (each.rested_until is None or each.rested_until <= now)
    )
    if not any(_shares_work(mine, other) for other in others):
        return False
    if mine.rested_until is None or mine.rested_until <= now:
        audit.record(session, "gateway.rest", mine, None, now, reason=reason.as_json())
    mine.rested_until, mine.rest_reason = now + REST_FOR, reason.as_json()[:200]
    return True


def _shares_work(one: GatewayAccount, other: GatewayAccount) -> bool:
    """Return whether another account takes every sender and operator that an account takes."""
    return all(
        not theirs or (bool(ours) and set(ours) <= set(theirs))
        for ours, theirs in ((one.senders, other.senders), (one.operators, other.operators))
    )


def rest_failing(session: Session, *, now: datetime) -> int:
    """Let the accounts rest that refused much lately, or report slowly. Returns how many."""
    accounts = [each for each in read_accounts(session) if each.state is GatewayState.ACTIVE]
    awake = [each for each in accounts if each.rested_until is None or each.rested_until <= now]
    if len(awake) < 2:
        return 0
    since = {each.id: max(now - FAILURE_WINDOW, each.rested_until or each.changed_at) for each in awake}
    rested = 0
    for account in awake:
        mine = AttemptTotal.account_id == account.id
        failed, well = count_outcomes(session, mine, AttemptTotal.at > since[account.id])
        reason: LoaError | None = None
        if refuses_much(failed=failed, well=well):
            reason = LoaError("gateway_refuses_much", failed=failed, tried=failed + well)
        elif account.proof is not Proof.NOTHING:
            silent = count_rows(
                session,
                Attempt,
                Attempt.state.in_((AttemptState.ACCEPTED, AttemptState.SENT)),
                Attempt.claimed_at > max(now - SILENT_WITHIN, account.rested_until or account.changed_at),
                Attempt.claimed_at < now - SILENT_AFTER,
                Attempt.account_id == account.id,
            )
            ends = AttemptTotal.state.in_((AttemptState.DELIVERED, *FAILURES))
            reported = sum(count_outcomes(session, mine, ends, AttemptTotal.at > now - SILENT_WITHIN))
            if reports_slowly(silent=silent, reported=reported):
                reason = LoaError("gateway_reports_slowly", silent=silent)
        if reason:
            rested += rest_account(session, account.id, reason=reason, now=now)
    return rested

"""Health of gateway accounts: one that refuses much or reports slowly rests, while another carries on."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.delivery.outbox import count_outcomes
from campaigns.models.messages import Attempt, AttemptTotal
from campaigns.rules.delivery import FAILURE_WINDOW
from campaigns.rules.gateway_choice import REST_FOR, SILENT_AFTER, SILENT_WITHIN, refuses_much, reports_slowly
from campaigns.rules.states import FAILURES, AttemptState
from outreach.accounts import audit
from outreach.core.db import count_rows
from outreach.gateway_accounts import read_accounts
from outreach.models.office import GatewayAccount, GatewayState
from outreach.rules.errors import LoaError
from outreach.rules.gateway import Proof


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

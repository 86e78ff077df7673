"""RQ jobs: each takes ids, calls one use case and returns counts.

Each may run twice, or late, without harm.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from campaigns.analytics.campaign_status import keep_counts
from campaigns.analytics.reach_counts import campaigns_to_recount, store_reach
from campaigns.cases.rescue import alert_officers, enqueue_due_alerts
from campaigns.delivery.reconcile import LOOKUP_LIMIT, days_due, read_list
from campaigns.delivery.reconcile import reconcile as look_up_unknown
from campaigns.delivery.send_messages import MessageSender
from campaigns.planning.approvals import enqueue_overdue_approval_mail, send_approval_mail
from campaigns.privacy.health_answers import separate_health_answers
from campaigns.privacy.retention import campaigns_due, clear_campaign, enqueue_expired, remove_expired
from campaigns.replies.gateway_inbox import has_parts, join_parts
from campaigns.replies.record_answer import confirm_overdue
from campaigns.reports.run_schedule import enqueue_due_report, run_due_actions
from campaigns.reports.urge_contact import enqueue_due_urgings, send_urgings
from campaigns.reports.user_notices import enqueue_due_notices, mail_notices
from campaigns.sweep import SweepResult, apply_all_statuses, run_part
from campaigns.sweep import sweep as sweep_once
from campaigns.webhooks.collect_events import collect_events, has_subscribers
from campaigns.webhooks.deliver_events import delete_old_deliveries, deliver_events
from outreach import use_cases
from outreach.accounts.audit import is_due as audit_head_is_due
from outreach.accounts.audit import send_head
from outreach.accounts.invitations import mail_link
from outreach.accounts.notices import mail_notice
from outreach.accounts.village_officers import mail_code
from outreach.core.db import database_now
from outreach.core.job_queue import SEND, once_every
from outreach.core.signed_tokens import TokenPurpose
from outreach.imports import do_not_call
from outreach.imports.exchange import EVERY_S, exchange_wishes
from outreach.imports.uploads import UploadContext, remove_ended, remove_unconfirmed, uploads_to_process
from outreach.imports.uploads import process_upload as run_upload
from outreach.models.office import ENVIRONMENT
from outreach.runtime import Runtime
from workers import context
from workers.context import (
    asking_gateways,
    database_process,
    run,
    runtime,
    sending_gateways,
    stop_requested,
    worker_name,
)

# Time budgets of jobs, well under their time limits: RQ's alarm must never interrupt the event loop. Between two
# send jobs nothing is sent for a quarter of a second: the longer a job, the less that matters.
SEND_BUDGET_S = 60.0
WEBHOOKS_BUDGET_S = 20.0
SHARED_WEBHOOKS_BUDGET_S = 3.0  # where other queues wait for the same process
# Short, as the sweep waits in the same queue.
RECONCILE_BUDGET_S = 4.0
GATHER_S = 0.2


def send_job() -> dict[str, int]:
    """Send for a while, then enqueue the sweep for what is left."""
    worker_runtime = runtime()
    # While there is work, another free worker may help; the last enqueued job finds nothing and ends.
    sender = MessageSender(
        worker_runtime,
        sending_gateways(),
        database_process(),
        worker_name(),
        stop_requested.is_set,
        lambda: use_cases.enqueue_send(worker_runtime),
        database_process().started.note,
    )
    counts = run(sender.run(SEND_BUDGET_S))
    use_cases.enqueue_sweep(worker_runtime)
    return dict(counts)


def apply_callbacks_job() -> dict[str, int]:
    """Apply waiting status callbacks, after a short wait that gathers more of them.

    One round costs much the same for one callback or hundreds.
    """
    time.sleep(GATHER_S)
    return {"applied": apply_all_statuses(runtime(), now=datetime.now(UTC))}


def sweep_job() -> dict[str, int]:
    """Run the sweep and enqueue jobs for everything that is due. A part that fails keeps none of the others."""
    worker_runtime = runtime()
    with worker_runtime.db.read() as session:
        now = database_now(session)
    alerts = SweepResult()
    run_part(alerts, enqueue_due_alerts, worker_runtime, now=now)  # waits for no launch of a large campaign
    result = sweep_once(worker_runtime, now=now)
    result.failed, result.broken = result.failed + alerts.failed, result.broken + alerts.broken
    if result.has_to_send:
        result.lost_jobs = int(worker_runtime.job_queue.is_idle(SEND))
        use_cases.enqueue_send(worker_runtime)
    worker_runtime.job_queue.count_recovered(
        leases=result.leases_expired, callbacks=result.statuses, bells=result.lost_jobs
    )
    if result.has_unknown:
        use_cases.enqueue_reconcile(worker_runtime)
    parts: tuple[Callable[..., object], ...] = (
        enqueue_due_report,
        _enqueue_retries,
        _confirm_held,
        _join_parts,
        enqueue_overdue_approval_mail,
        enqueue_due_urgings,
        _enqueue_found,
        _enqueue_others,
        _enqueue_list,
        _remove_files,
    )
    for part in parts:
        run_part(result, part, worker_runtime, now=now)
    if result.broken:  # all else is done; a job that fails each time is found by the checks
        raise RuntimeError("parts of the sweep failed, see the log")
    return asdict(result)


def _enqueue_retries(worker_runtime: Runtime, *, now: datetime) -> None:
    worker_runtime.job_queue.enqueue_retries(now=now)


def _confirm_held(worker_runtime: Runtime, *, now: datetime) -> None:
    with worker_runtime.db.write() as session:
        confirm_overdue(session, now=now)


def _join_parts(worker_runtime: Runtime, *, now: datetime) -> None:
    with worker_runtime.db.read() as session:
        if not has_parts(session):
            return
    with worker_runtime.db.write() as session:
        join_parts(session, worker_runtime, now=now)


def _enqueue_found(worker_runtime: Runtime, *, now: datetime) -> None:
    days = worker_runtime.settings.retention_days
    for find, enqueue in (
        (uploads_to_process, use_cases.enqueue_import),
        (do_not_call.files_to_process, use_cases.enqueue_do_not_call_import),
        (partial(campaigns_due, days=days), use_cases.enqueue_clear_campaign),
        (campaigns_to_recount, use_cases.enqueue_count_reach),
    ):
        with worker_runtime.db.read() as session:
            found = find(session, now=now)
        for each in found:
            enqueue(worker_runtime, each)


def _enqueue_others(worker_runtime: Runtime, *, now: datetime) -> None:
    with worker_runtime.db.read() as session:
        has_webhooks = has_subscribers(session)
        has_audit_head = audit_head_is_due(session, worker_runtime.settings, now=now)
    if has_audit_head and once_every(worker_runtime.redis, "loa:audit-head", every_s=600):
        use_cases.enqueue_audit_head(worker_runtime)
    if worker_runtime.settings.exchange_peers and once_every(
        worker_runtime.redis, "loa:exchange", every_s=EVERY_S
    ):
        use_cases.enqueue_exchange(worker_runtime)
    if has_webhooks:
        use_cases.enqueue_webhooks(worker_runtime)
    enqueue_expired(worker_runtime)
    enqueue_due_notices(worker_runtime)


def _enqueue_list(worker_runtime: Runtime, *, now: datetime) -> None:
    settings = worker_runtime.settings
    if not settings.speaks_twilio:
        return
    with worker_runtime.db.read() as session:
        days = days_due(session, worker_runtime.redis, is_live=settings.is_live, now=now)
    if days:
        use_cases.enqueue_read_list(worker_runtime, *(day.toordinal() for day in days))


def _remove_files(worker_runtime: Runtime, *, now: datetime) -> None:
    settings = worker_runtime.settings
    folder, keep = Path(settings.uploads_dir), timedelta(days=settings.upload_keep_days)
    remove_unconfirmed(worker_runtime.db, folder, keep=keep, now=now)
    remove_ended(worker_runtime.db, folder, now=now)


def alert_job(case_id: int) -> dict[str, int]:
    """Tell officers of an urgent case."""
    return {"told": alert_officers(runtime(), case_id, now=datetime.now(UTC))}


def clear_campaign_job(campaign_id: int) -> dict[str, int]:
    """Remove the personal data of a campaign that ended long ago."""
    worker_runtime, now = runtime(), datetime.now(UTC)
    days = worker_runtime.settings.retention_days
    with worker_runtime.db.read() as session:
        is_due = campaign_id in campaigns_due(session, days=days, now=now)
    return dict(clear_campaign(worker_runtime, campaign_id, days=days, now=now)) if is_due else {}


def remove_expired_job() -> dict[str, int]:
    """Remove personal data outside campaigns, and let answers about health lead to nobody, after their times."""
    worker_runtime, now = runtime(), datetime.now(UTC)
    settings = worker_runtime.settings
    people = separate_health_answers(worker_runtime.db, days=settings.health_retention_days, now=now)
    expired = remove_expired(worker_runtime, days=settings.retention_days, now=now)
    return {**expired, "health_answers": people}


def process_upload_job(upload_id: int) -> dict[str, int]:
    """Check, store or undo an uploaded list, as its state asks for."""
    upload_context = UploadContext(runtime().db, _folder(), stop_requested.is_set)
    return {"worked": int(run_upload(upload_context, upload_id))}


def _folder() -> Path:
    """Return where uploads are."""
    return Path(runtime().settings.uploads_dir)


def process_register_job(register_id: int) -> dict[str, int]:
    """Replace the do-not-call register by a received file."""
    return {"worked": int(do_not_call.process_file(runtime().db, _folder(), register_id))}


def exchange_job() -> dict[str, int]:
    """Take from other installations who is to be left alone."""
    return exchange_wishes(runtime(), now=datetime.now(UTC))


def count_reach_job(campaign_id: int) -> dict[str, int]:
    """Count the reach of a large campaign and store it for all readers."""
    counted = store_reach(runtime().db, campaign_id, now=datetime.now(UTC))
    keep_counts(runtime(), campaign_id)
    return {"blocks": counted}


def invitation_mail_job(user_id: int) -> dict[str, int]:
    """Mail a user the link to choose a password."""
    return {"mailed": mail_link(runtime().db, runtime().settings, user_id, TokenPurpose.INVITATION)}


def reset_mail_job(user_id: int) -> dict[str, int]:
    """Mail a link to a user who has forgotten the password; 0 mailed if there is no such user."""
    return {"mailed": mail_link(runtime().db, runtime().settings, user_id, TokenPurpose.RESET)}


def code_mail_job(officer_id: int) -> dict[str, int]:
    """Mail a village officer the code of an invitation."""
    return {"mailed": mail_code(runtime().db, runtime().settings, officer_id)}


def notice_mail_job(user_id: int, notice: int) -> dict[str, int]:
    """Mail a user a notice of a change to what they sign in with."""
    mailed = mail_notice(runtime().db, runtime().settings, user_id, notice, now=datetime.now(UTC))
    return {"mailed": mailed}


def notices_job() -> dict[str, int]:
    """Mail users what has come to wait for them."""
    return {"mailed": mail_notices(runtime(), now=datetime.now(UTC))}


def webhooks_job() -> dict[str, int]:
    """Queue new events for webhook subscribers, and deliver what is due."""
    worker_runtime, now = runtime(), datetime.now(UTC)
    collected = collect_events(worker_runtime.db, now=now)
    budget_s = SHARED_WEBHOOKS_BUDGET_S if context.shares_process else WEBHOOKS_BUDGET_S
    delivered = run(deliver_events(worker_runtime, for_s=budget_s, stop_requested=stop_requested.is_set))
    with worker_runtime.db.write() as session:
        delete_old_deliveries(session, now=now)
    return {"told": collected, **asdict(delivered)}


def reconcile_job() -> dict[str, int]:
    """Look up unknown outcomes for a while: after a restore there are as many as there were messages."""
    total: Counter[str] = Counter()
    gateways = asking_gateways()
    ends_at = time.monotonic() + RECONCILE_BUDGET_S
    while time.monotonic() < ends_at and not stop_requested.is_set():
        counts = run(look_up_unknown(runtime(), gateways))
        total.update(counts)
        if counts.total() < LOOKUP_LIMIT:
            break
    use_cases.enqueue_sweep(runtime())
    return dict(total)


def read_list_job(*days: int) -> dict[str, int]:
    """Read the gateway's list of these days (proleptic ordinals): prices, and reports that no callback has brought."""
    opened = asking_gateways().get(ENVIRONMENT)
    if opened is None:
        return {}
    reading = read_list(
        runtime(), opened.gateway, list(map(date.fromordinal, days)), stop_requested=stop_requested.is_set
    )
    return dict(run(reading))


def approval_mail_job(campaign_id: int) -> dict[str, int]:
    """Mail what is due about a campaign's approval."""
    return {"told": send_approval_mail(runtime(), campaign_id, now=datetime.now(UTC))}


def audit_head_job() -> dict[str, int]:
    """Send the end of the audit log's chain to the places outside, once a day."""
    return {"reached": send_head(runtime(), now=datetime.now(UTC))}


def report_schedule_job() -> dict[str, int]:
    """Run the due actions of the daily report: remind, alarm, freeze, issue, mail, correct."""
    return {"done": len(run_due_actions(runtime(), now=datetime.now(UTC)))}


def urge_contacts_job() -> dict[str, int]:
    """Send the urgings that wait."""
    return {"sent": send_urgings(runtime(), now=datetime.now(UTC))}

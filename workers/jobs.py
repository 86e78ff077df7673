"""The jobs: ids in, one use case called, counts out. Each may run twice, or late, without harm."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from campaigns.analytics.reach_counts import campaigns_to_recount, store_reach
from campaigns.delivery.billing import is_due as bills_are_due
from campaigns.delivery.billing import read_bills
from campaigns.delivery.reconcile import LOOK_LIMIT
from campaigns.delivery.reconcile import reconcile as look_up_unknown
from campaigns.delivery.send_messages import MessageSender
from campaigns.enqueue_jobs import (
    enqueue_clear_campaign,
    enqueue_count_reach,
    enqueue_do_not_call_import,
    enqueue_import,
    enqueue_read_bills,
    enqueue_reconcile,
    enqueue_send,
    enqueue_sweep,
    enqueue_webhooks,
)
from campaigns.planning.approvals import enqueue_overdue_approval_mail, send_approval_mail
from campaigns.privacy.retention import campaigns_due, clear_campaign, enqueue_expired, remove_expired
from campaigns.reports.run_schedule import enqueue_due_report, run_due_actions
from campaigns.sweep import apply_all_statuses
from campaigns.sweep import sweep as sweep_once
from campaigns.webhooks.collect_events import collect_events, has_subscribers
from campaigns.webhooks.deliver_events import delete_old_deliveries, deliver_events
from outreach.accounts.invitations import mail_invitation as mail_link
from outreach.accounts.invitations import mail_reset as mail_new_password
from outreach.core.job_queue import SEND
from outreach.imports import do_not_call
from outreach.imports.process_upload import UploadContext
from outreach.imports.process_upload import process_upload as run_upload
from outreach.imports.process_upload import uploads_to_process as uploads_waiting
from outreach.imports.uploads import remove_ended, remove_unconfirmed
from workers.context import WORKER_NAME, database_process, gateway, run, runtime, stop_requested

# A job's own budget, well under its time limit: RQ's alarm must never break the event loop. Between two jobs the line runs
# dry for a quarter of a second: the longer, the less that weighs.
SEND_FOR_S = 60.0
TELL_FOR_S = 20.0
# The sweep waits in the same queue.
LOOK_FOR_S = 4.0
GATHER_S = 0.2


def send_job() -> dict[str, int]:
    """Send for a while, then let the sweep see what is left."""
    held = runtime()
    # While there is work, another worker that is free may help; the last ring finds nothing and fades.
    sender = MessageSender(
        held,
        gateway(),
        database_process(),
        WORKER_NAME,
        stop_requested.is_set,
        lambda: enqueue_send(held.job_queue),
    )
    counts = run(sender.run(SEND_FOR_S))
    enqueue_sweep(held.job_queue)
    return asdict(counts)


def apply_callbacks_job() -> dict[str, int]:
    """Apply the callbacks that wait, those of a moment together: a round costs much the same for one or hundreds."""
    time.sleep(GATHER_S)
    return {"applied": apply_all_statuses(runtime(), now=datetime.now(UTC))}


def sweep_job() -> dict[str, int]:
    """Find what should be moving and ring for it."""
    held = runtime()
    done = sweep_once(held, now=datetime.now(UTC))
    if done.has_to_send:
        done.lost_jobs = int(held.job_queue.is_idle(SEND))
        enqueue_send(held.job_queue)
    held.job_queue.count_recovered(leases=done.leases_expired, callbacks=done.statuses, bells=done.lost_jobs)
    if done.has_unknown:
        enqueue_reconcile(held.job_queue)
    with held.db.read() as session:
        uploads = uploads_waiting(session, now=datetime.now(UTC))
        registers = do_not_call.files_to_process(session, now=datetime.now(UTC))
        uncounted = campaigns_to_recount(session, now=datetime.now(UTC))
        is_told = has_subscribers(session)
        over = campaigns_due(session, days=held.settings.retention_days, now=datetime.now(UTC))
        has_bills = held.settings.sms_gateway != "phone" and bills_are_due(
            session, held.redis, is_live=held.settings.is_live, now=datetime.now(UTC)
        )
    if has_bills:
        enqueue_read_bills(held.job_queue)
    for register_id in registers:
        enqueue_do_not_call_import(held.job_queue, register_id)
    for upload_id in uploads:
        enqueue_import(held.job_queue, upload_id)
    for campaign_id in over:
        enqueue_clear_campaign(held.job_queue, campaign_id)
    for campaign_id in uncounted:
        enqueue_count_reach(held.job_queue, campaign_id)
    if is_told:
        enqueue_webhooks(held.job_queue)
    keep = timedelta(days=held.settings.upload_keep_days)
    folder = Path(held.settings.uploads_dir)
    remove_unconfirmed(held.db, folder, keep=keep, now=datetime.now(UTC))
    remove_ended(held.db, folder, now=datetime.now(UTC))
    enqueue_expired(held)
    enqueue_overdue_approval_mail(held, now=datetime.now(UTC))
    enqueue_due_report(held, now=datetime.now(UTC))
    return asdict(done)


def clear_campaign_job(campaign_id: int) -> dict[str, int]:
    """Remove what is personal in a campaign that ended long ago."""
    held, now = runtime(), datetime.now(UTC)
    days = held.settings.retention_days
    with held.db.read() as session:
        is_due = campaign_id in campaigns_due(session, days=days, now=now)
    return asdict(clear_campaign(held.db, campaign_id, days=days, now=now)) if is_due else {}


def remove_expired_job() -> dict[str, int]:
    """Remove what is personal beside the campaigns and has had its time."""
    held = runtime()
    return asdict(remove_expired(held.db, days=held.settings.retention_days, now=datetime.now(UTC)))


def process_upload_job(upload_id: int) -> dict[str, int]:
    """Check or store a list that was handed in, as its state asks for."""
    held = runtime()
    work = UploadContext(
        held.db, Path(held.settings.uploads_dir), held.settings.secret_key, stop_requested.is_set
    )
    return {"worked": int(run_upload(work, upload_id))}


def process_register_job(register_id: int) -> dict[str, int]:
    """Put a register of numbers that want no advertising in the former one's place."""
    held = runtime()
    folder, key = Path(held.settings.uploads_dir), held.settings.secret_key
    return {"worked": int(do_not_call.process_file(held.db, folder, register_id, secret_key=key))}


def count_reach_job(campaign_id: int) -> dict[str, int]:
    """Count how far a large campaign has come, for all who look at it."""
    return {"counts": store_reach(runtime().db, campaign_id, now=datetime.now(UTC))}


def invitation_mail_job(user_id: int) -> dict[str, int]:
    """Send a user the link to choose a password by."""
    held = runtime()
    return {"mailed": mail_link(held.db, held.settings, user_id)}


def reset_mail_job(user_id: int) -> dict[str, int]:
    """Send a user who has forgotten the password a link; 0 is nobody."""
    held = runtime()
    return {"mailed": mail_new_password(held.db, held.settings, user_id)}


def webhooks_job() -> dict[str, int]:
    """Put what has happened into line for those who subscribed to it, and send what is due."""
    held, now = runtime(), datetime.now(UTC)
    told = collect_events(held.db, now=now)
    done = run(deliver_events(held, for_s=TELL_FOR_S, stop_requested=stop_requested.is_set))
    with held.db.write() as session:
        delete_old_deliveries(session, now=now)
    return {"told": told, **asdict(done)}


def reconcile_job() -> dict[str, int]:
    """Look up unknown outcomes for a while: after a restore there are as many as there were messages."""
    total: Counter[str] = Counter()
    ends_at = time.monotonic() + LOOK_FOR_S
    while time.monotonic() < ends_at and not stop_requested.is_set():
        found = asdict(run(look_up_unknown(runtime(), gateway())))
        total.update(found)
        if sum(found.values()) < LOOK_LIMIT:
            break
    enqueue_sweep(runtime().job_queue)
    return dict(total)


def read_bills_job() -> dict[str, int]:
    """Put what the gateway has charged in the estimates' place."""
    reading = read_bills(runtime(), gateway(), stop_requested=stop_requested.is_set, now=datetime.now(UTC))
    return asdict(run(reading))


def approval_mail_job(campaign_id: int) -> dict[str, int]:
    """Mail what is due about a campaign's approval."""
    return {"told": send_approval_mail(runtime(), campaign_id, now=datetime.now(UTC))}


def report_schedule_job() -> dict[str, int]:
    """Do what is due about the day's report: chase, alarm, freeze, issue, mail, correct."""
    return {"done": len(run_due_actions(runtime(), now=datetime.now(UTC)))}

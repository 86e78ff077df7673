"""The jobs: ids in, one use case called, counts out. Each may run twice, or late, without harm."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from campaigns.delivery.billing import is_due as bills_are_due
from campaigns.delivery.billing import settle_bills as read_bills
from campaigns.delivery.reconcile import LOOK_LIMIT
from campaigns.delivery.reconcile import reconcile as look_up_unknown
from campaigns.delivery.sending import Sender
from campaigns.hooks.delivering import deliver, forget_old
from campaigns.hooks.gathering import catch_up, is_anybody_told
from campaigns.planning.notices import ring_for_overdue, send_notices
from campaigns.reach.keeping import keep_reach, left_to_count
from campaigns.report.ticking import ring_for_report, tick
from campaigns.rights.expiry import remove_expired, ring_for_expired
from campaigns.rights.retention import campaigns_due
from campaigns.rights.retention import clear as clear_campaign
from campaigns.rings import (
    ring_bills,
    ring_clear,
    ring_count_reach,
    ring_hooks,
    ring_import,
    ring_reconcile,
    ring_register,
    ring_send,
    ring_sweep,
)
from campaigns.sweep import apply_all_statuses
from campaigns.sweep import sweep as sweep_once
from outreach.access.invitations import mail_invitation as mail_link
from outreach.access.invitations import mail_reset as mail_new_password
from outreach.doorbell import SEND
from outreach.people.importing.uploads.expiry import remove_ended, remove_unconfirmed
from outreach.people.importing.uploads.running import Work
from outreach.people.importing.uploads.running import run as run_upload
from outreach.people.importing.uploads.running import waiting as uploads_waiting
from outreach.people.register import handing_in
from workers.clerk import clerk
from workers.context import WORKER_NAME, gateway, run, runtime, told_to_stop

# A job's own budget, well under its time limit: RQ's alarm must never break the event loop. Between two jobs the line runs
# dry for a quarter of a second: the longer, the less that weighs.
SEND_FOR_S = 60.0
TELL_FOR_S = 20.0

# The sweep waits in the same queue.
LOOK_FOR_S = 4.0

GATHER_S = 0.2


def send() -> dict[str, int]:
    """Send for a while, then let the sweep see what is left."""
    held = runtime()
    # While there is work, another worker that is free may help; the last ring finds nothing and fades.
    sender = Sender(
        held, gateway(), clerk(), WORKER_NAME, told_to_stop.is_set, lambda: ring_send(held.doorbell)
    )
    counts = run(sender.run(SEND_FOR_S))
    ring_sweep(held.doorbell)
    return asdict(counts)


def apply_statuses() -> dict[str, int]:
    """Apply the callbacks that wait, those of a moment together: a round costs much the same for one or hundreds."""
    time.sleep(GATHER_S)
    return {"applied": apply_all_statuses(runtime(), now=datetime.now(UTC))}


def sweep() -> dict[str, int]:
    """Find what should be moving and ring for it."""
    held = runtime()
    done = sweep_once(held, now=datetime.now(UTC))
    if done.has_to_send:
        done.bells_lost = int(held.doorbell.is_silent(SEND))
        ring_send(held.doorbell)
    held.doorbell.note_rescues(leases=done.leases_expired, callbacks=done.statuses, bells=done.bells_lost)
    if done.has_unknown:
        ring_reconcile(held.doorbell)
    with held.db.read() as session:
        uploads = uploads_waiting(session, now=datetime.now(UTC))
        registers = handing_in.waiting(session, now=datetime.now(UTC))
        uncounted = left_to_count(session, now=datetime.now(UTC))
        is_told = is_anybody_told(session)
        over = campaigns_due(session, days=held.settings.retention_days, now=datetime.now(UTC))
        has_bills = held.settings.sms_gateway != "phone" and bills_are_due(
            session, held.redis, is_live=held.settings.is_live, now=datetime.now(UTC)
        )
    if has_bills:
        ring_bills(held.doorbell)
    for register_id in registers:
        ring_register(held.doorbell, register_id)
    for upload_id in uploads:
        ring_import(held.doorbell, upload_id)
    for campaign_id in over:
        ring_clear(held.doorbell, campaign_id)
    for campaign_id in uncounted:
        ring_count_reach(held.doorbell, campaign_id)
    if is_told:
        ring_hooks(held.doorbell)
    keep = timedelta(days=held.settings.upload_keep_days)
    folder = Path(held.settings.uploads_dir)
    remove_unconfirmed(held.db, folder, keep=keep, now=datetime.now(UTC))
    remove_ended(held.db, folder, now=datetime.now(UTC))
    ring_for_expired(held)
    ring_for_overdue(held, now=datetime.now(UTC))
    ring_for_report(held, now=datetime.now(UTC))
    return asdict(done)


def clear(campaign_id: int) -> dict[str, int]:
    """Remove what is personal in a campaign that ended long ago."""
    held, now = runtime(), datetime.now(UTC)
    days = held.settings.retention_days
    with held.db.read() as session:
        is_due = campaign_id in campaigns_due(session, days=days, now=now)
    return asdict(clear_campaign(held.db, campaign_id, days=days, now=now)) if is_due else {}


def expire() -> dict[str, int]:
    """Remove what is personal beside the campaigns and has had its time."""
    held = runtime()
    return asdict(remove_expired(held.db, days=held.settings.retention_days, now=datetime.now(UTC)))


def import_list(upload_id: int) -> dict[str, int]:
    """Check or store a list that was handed in, as its state asks for."""
    held = runtime()
    work = Work(held.db, Path(held.settings.uploads_dir), held.settings.secret_key, told_to_stop.is_set)
    return {"worked": int(run_upload(work, upload_id))}


def import_register(register_id: int) -> dict[str, int]:
    """Put a register of numbers that want no advertising in the former one's place."""
    held = runtime()
    folder, key = Path(held.settings.uploads_dir), held.settings.secret_key
    return {"worked": int(handing_in.run(held.db, folder, register_id, secret_key=key))}


def count_reach(campaign_id: int) -> dict[str, int]:
    """Count how far a large campaign has come, for all who look at it."""
    return {"counts": keep_reach(runtime().db, campaign_id, now=datetime.now(UTC))}


def mail_invitation(user_id: int) -> dict[str, int]:
    """Send a user the link to choose a password by."""
    held = runtime()
    return {"mailed": mail_link(held.db, held.settings, user_id)}


def mail_reset(user_id: int) -> dict[str, int]:
    """Send a user who has forgotten the password a link; 0 is nobody."""
    held = runtime()
    return {"mailed": mail_new_password(held.db, held.settings, user_id)}


def tell_others() -> dict[str, int]:
    """Put what has happened into line for those who subscribed to it, and send what is due."""
    held, now = runtime(), datetime.now(UTC)
    told = catch_up(held.db, now=now)
    done = run(deliver(held, for_s=TELL_FOR_S, is_told_to_stop=told_to_stop.is_set))
    with held.db.write() as session:
        forget_old(session, now=now)
    return {"told": told, **asdict(done)}


def reconcile() -> dict[str, int]:
    """Look up unknown outcomes for a while: after a restore there are as many as there were messages."""
    total: Counter[str] = Counter()
    ends_at = time.monotonic() + LOOK_FOR_S
    while time.monotonic() < ends_at and not told_to_stop.is_set():
        found = asdict(run(look_up_unknown(runtime(), gateway())))
        total.update(found)
        if sum(found.values()) < LOOK_LIMIT:
            break
    ring_sweep(runtime().doorbell)
    return dict(total)


def settle_bills() -> dict[str, int]:
    """Put what the gateway has charged in the estimates' place."""
    reading = read_bills(runtime(), gateway(), is_told_to_stop=told_to_stop.is_set, now=datetime.now(UTC))
    return asdict(run(reading))


def notify(campaign_id: int) -> dict[str, int]:
    """Mail what is due about a campaign's approval."""
    return {"told": send_notices(runtime(), campaign_id, now=datetime.now(UTC))}


def daily_report() -> dict[str, int]:
    """Do what is due about the day's report: chase, alarm, freeze, issue, mail, correct."""
    return {"done": len(tick(runtime(), now=datetime.now(UTC)))}

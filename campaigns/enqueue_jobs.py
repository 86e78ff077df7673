"""Which bell wakes which job: by dotted name, so that nothing here imports the workers above."""

from __future__ import annotations

from outreach.doorbell import DEFAULT, HOOKS, IMPORTS, INBOUND, SEND, Doorbell

# Longer than a job's own budget and the wait for the last request and record.
_SEND_TIMEOUT_S = 300

# A million rows take minutes.
_IMPORT_TIMEOUT_S = 3600

_MAIL_RETRIES = 3


def ring_send(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.send", queue=SEND, timeout_s=_SEND_TIMEOUT_S)


def ring_apply(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.apply_statuses", queue=INBOUND)


def ring_sweep(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.sweep", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)


def ring_import(doorbell: Doorbell, upload_id: int) -> bool:
    return doorbell.ring("workers.jobs.import_list", upload_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def ring_register(doorbell: Doorbell, register_id: int) -> bool:
    return doorbell.ring(
        "workers.jobs.import_register", register_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def ring_count_reach(doorbell: Doorbell, campaign_id: int) -> bool:
    """With the lists, whose work takes as long: a sweep must not wait for it."""
    return doorbell.ring("workers.jobs.count_reach", campaign_id, queue=IMPORTS, timeout_s=_SEND_TIMEOUT_S)


def ring_clear(doorbell: Doorbell, campaign_id: int) -> bool:
    return doorbell.ring("workers.jobs.clear", campaign_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def ring_expire(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.expire", queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def ring_hooks(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.tell_others", queue=HOOKS)


def ring_bills(doorbell: Doorbell) -> bool:
    """With the lists: a day of a large campaign is hundreds of pages."""
    return doorbell.ring("workers.jobs.settle_bills", queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def ring_reconcile(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.reconcile", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)


def ring_invitation(doorbell: Doorbell, user_id: int) -> bool:
    return doorbell.ring("workers.jobs.mail_invitation", user_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def ring_reset(doorbell: Doorbell, user_id: int) -> bool:
    return doorbell.ring("workers.jobs.mail_reset", user_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def ring_notify(doorbell: Doorbell, campaign_id: int) -> bool:
    return doorbell.ring("workers.jobs.notify", campaign_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def ring_report(doorbell: Doorbell) -> bool:
    return doorbell.ring("workers.jobs.daily_report", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)

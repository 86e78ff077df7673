"""Which bell wakes which job: by dotted name, so that nothing here imports the workers above."""

from __future__ import annotations

from outreach.core.job_queue import DEFAULT, HOOKS, IMPORTS, INBOUND, SEND, JobQueue

# Longer than a job's own budget and the wait for the last request and record.
_SEND_TIMEOUT_S = 300
# A million rows take minutes.
_IMPORT_TIMEOUT_S = 3600
_MAIL_RETRIES = 3


def enqueue_send(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.send_job", queue=SEND, timeout_s=_SEND_TIMEOUT_S)


def enqueue_apply_callbacks(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.apply_callbacks_job", queue=INBOUND)


def enqueue_sweep(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.sweep_job", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)


def enqueue_import(doorbell: JobQueue, upload_id: int) -> bool:
    return doorbell.ring(
        "workers.jobs.process_upload_job", upload_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def enqueue_do_not_call_import(doorbell: JobQueue, register_id: int) -> bool:
    return doorbell.ring(
        "workers.jobs.process_register_job", register_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def enqueue_count_reach(doorbell: JobQueue, campaign_id: int) -> bool:
    """With the lists, whose work takes as long: a sweep must not wait for it."""
    return doorbell.ring(
        "workers.jobs.count_reach_job", campaign_id, queue=IMPORTS, timeout_s=_SEND_TIMEOUT_S
    )


def enqueue_clear_campaign(doorbell: JobQueue, campaign_id: int) -> bool:
    return doorbell.ring(
        "workers.jobs.clear_campaign_job", campaign_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def enqueue_remove_expired(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.remove_expired_job", queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def enqueue_webhooks(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.webhooks_job", queue=HOOKS)


def enqueue_read_bills(doorbell: JobQueue) -> bool:
    """With the lists: a day of a large campaign is hundreds of pages."""
    return doorbell.ring("workers.jobs.read_bills_job", queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def enqueue_reconcile(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.reconcile_job", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)


def enqueue_invitation_mail(doorbell: JobQueue, user_id: int) -> bool:
    return doorbell.ring("workers.jobs.invitation_mail_job", user_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def enqueue_reset_mail(doorbell: JobQueue, user_id: int) -> bool:
    return doorbell.ring("workers.jobs.reset_mail_job", user_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def enqueue_approval_mail(doorbell: JobQueue, campaign_id: int) -> bool:
    return doorbell.ring("workers.jobs.approval_mail_job", campaign_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def enqueue_report_schedule(doorbell: JobQueue) -> bool:
    return doorbell.ring("workers.jobs.report_schedule_job", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)

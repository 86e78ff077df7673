"""Jobs that the campaigns package enqueues, by dotted name, as it must not import `workers`."""

from __future__ import annotations

from outreach.core.job_queue import DEFAULT, HOOKS, IMPORTS, INBOUND, SEND, JobQueue

# Longer than a job's time budget and the wait for the last request and its record.
_SEND_TIMEOUT_S = 300
# An import of a million rows takes minutes.
_IMPORT_TIMEOUT_S = 3600
_MAIL_RETRIES = 3


def enqueue_send(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.send_job", queue=SEND, timeout_s=_SEND_TIMEOUT_S)


def enqueue_apply_callbacks(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.apply_callbacks_job", queue=INBOUND)


def enqueue_sweep(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.sweep_job", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)


def enqueue_import(job_queue: JobQueue, upload_id: int) -> bool:
    return job_queue.enqueue(
        "workers.jobs.process_upload_job", upload_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def enqueue_do_not_call_import(job_queue: JobQueue, register_id: int) -> bool:
    return job_queue.enqueue(
        "workers.jobs.process_register_job", register_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def enqueue_count_reach(job_queue: JobQueue, campaign_id: int) -> bool:
    """Enqueue the reach count, in the imports queue: it takes as long, and a sweep must not wait for it."""
    return job_queue.enqueue(
        "workers.jobs.count_reach_job", campaign_id, queue=IMPORTS, timeout_s=_SEND_TIMEOUT_S
    )


def enqueue_clear_campaign(job_queue: JobQueue, campaign_id: int) -> bool:
    return job_queue.enqueue(
        "workers.jobs.clear_campaign_job", campaign_id, queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S
    )


def enqueue_remove_expired(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.remove_expired_job", queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def enqueue_webhooks(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.webhooks_job", queue=HOOKS)


def enqueue_read_bills(job_queue: JobQueue) -> bool:
    """Enqueue reading bills, in the imports queue: a day of a large campaign is hundreds of pages."""
    return job_queue.enqueue("workers.jobs.read_bills_job", queue=IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)


def enqueue_reconcile(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.reconcile_job", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)


def enqueue_invitation_mail(job_queue: JobQueue, user_id: int) -> bool:
    return job_queue.enqueue(
        "workers.jobs.invitation_mail_job", user_id, queue=DEFAULT, retries=_MAIL_RETRIES
    )


def enqueue_reset_mail(job_queue: JobQueue, user_id: int) -> bool:
    return job_queue.enqueue("workers.jobs.reset_mail_job", user_id, queue=DEFAULT, retries=_MAIL_RETRIES)


def enqueue_approval_mail(job_queue: JobQueue, campaign_id: int) -> bool:
    return job_queue.enqueue(
        "workers.jobs.approval_mail_job", campaign_id, queue=DEFAULT, retries=_MAIL_RETRIES
    )


def enqueue_report_schedule(job_queue: JobQueue) -> bool:
    return job_queue.enqueue("workers.jobs.report_schedule_job", queue=DEFAULT, timeout_s=_SEND_TIMEOUT_S)

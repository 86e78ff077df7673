"""Jobs that use cases enqueue, by dotted name, as nothing below `workers` imports it."""

from collections.abc import Callable, Sequence

from outreach.core.job_queue import DEFAULT, HOOKS, IMPORTS, INBOUND, SEND, allowed_jobs
from outreach.runtime import Runtime

# Longer than a job's time budget and the wait for the last request and its record.
_SEND_TIMEOUT_S = 300
# An import of a million rows takes minutes.
_IMPORT_TIMEOUT_S = 3600
# A mail server that restarts is back within minutes; these mails stand nowhere else.
_MAIL_RETRIES = (10, 60, 600)


def _job(
    name: str, queue: str, *, timeout_s: int = 120, retry_after_s: Sequence[int] = (), is_mail: bool = False
) -> Callable[..., bool]:
    """Return the function that enqueues a job with its ids. It returns False when Redis is unavailable.

    Workers may run the job from now on. Mail is left alone where there is no mail server.
    """
    dotted = f"workers.jobs.{name}"
    allowed_jobs.add(dotted)

    def enqueue(runtime: Runtime, *ids: int) -> bool:
        if is_mail and not runtime.settings.smtp_url:
            return True
        return runtime.job_queue.enqueue(
            dotted, *ids, queue=queue, timeout_s=timeout_s, retry_after_s=retry_after_s
        )

    return enqueue


enqueue_send = _job("send_job", SEND, timeout_s=_SEND_TIMEOUT_S)
enqueue_apply_callbacks = _job("apply_callbacks_job", INBOUND)
enqueue_sweep = _job("sweep_job", DEFAULT, timeout_s=_SEND_TIMEOUT_S)
enqueue_reconcile = _job("reconcile_job", DEFAULT, timeout_s=_SEND_TIMEOUT_S)
enqueue_report_schedule = _job("report_schedule_job", DEFAULT, timeout_s=_SEND_TIMEOUT_S)
enqueue_urge_contacts = _job("urge_contacts_job", DEFAULT, is_mail=True)
enqueue_audit_head = _job("audit_head_job", DEFAULT)
enqueue_exchange = _job("exchange_job", IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)
enqueue_webhooks = _job("webhooks_job", HOOKS)

enqueue_invitation_mail = _job("invitation_mail_job", DEFAULT, retry_after_s=_MAIL_RETRIES, is_mail=True)
enqueue_reset_mail = _job("reset_mail_job", DEFAULT, retry_after_s=_MAIL_RETRIES, is_mail=True)
enqueue_notice_mail = _job("notice_mail_job", DEFAULT, retry_after_s=_MAIL_RETRIES, is_mail=True)
enqueue_notices = _job("notices_job", DEFAULT, is_mail=True)
enqueue_code_mail = _job("code_mail_job", DEFAULT, retry_after_s=_MAIL_RETRIES, is_mail=True)
enqueue_approval_mail = _job("approval_mail_job", DEFAULT, retry_after_s=_MAIL_RETRIES, is_mail=True)

enqueue_alert = _job("alert_job", DEFAULT)

enqueue_import = _job("process_upload_job", IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)
enqueue_do_not_call_import = _job("process_register_job", IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)
enqueue_clear_campaign = _job("clear_campaign_job", IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)
enqueue_remove_expired = _job("remove_expired_job", IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)
# In the imports queue as well: a sweep must not wait for the count, and a day of the list is hundreds of pages.
enqueue_count_reach = _job("count_reach_job", IMPORTS, timeout_s=_SEND_TIMEOUT_S)
enqueue_read_list = _job("read_list_job", IMPORTS, timeout_s=_IMPORT_TIMEOUT_S)

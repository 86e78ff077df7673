"""Use cases own their transaction, and the jobs that they enqueue: by dotted name, as nothing below `workers` imports it.

A use case is called in one of two ways. A page, a command or the API calls it with the runtime: it opens a transaction,
commits it and enqueues its jobs. Another use case calls it with its session: it becomes a part of that transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.orm import Session

from outreach.core.db import OVERTAKEN, is_overtaken
from outreach.core.job_queue import DEFAULT, HOOKS, IMPORTS, INBOUND, SEND, allowed_jobs
from outreach.models.accounts import User
from outreach.runtime import Runtime

_JOBS = "use_cases.jobs"
_lost_jobs: ContextVar[bool] = ContextVar("lost_jobs", default=False)
P = ParamSpec("P")
R = TypeVar("R")


def use_case(
    function: Callable[Concatenate[Session, P], R],
) -> Callable[Concatenate[Session | Runtime, P], R]:
    """Let a use case be called with the runtime, too: it then has a transaction of its own.

    There `user` may be anything with the user's `id`; the use case gets the row. Where somebody has stored the same at the same
    moment, as another account with its address, has removed a row of it, or waited for it in turn, it is done anew: now it sees
    the other's, and says what is wrong in its own words.
    """

    @wraps(function)
    def run(first: Session | Runtime, /, *args: Any, **values: Any) -> R:
        if isinstance(first, Session):
            return function(first, *args, **values)
        try:
            return run_alone(first, *args, **values)
        except OVERTAKEN as error:
            if not is_overtaken(error):
                raise
            return run_alone(first, *args, **values)

    def run_alone(runtime: Runtime, *args: Any, **values: Any) -> R:
        with transaction(runtime) as session:
            if values.get("user") is not None:
                values["user"] = session.get_one(User, values["user"].id)
            return function(session, *args, **values)

    return run


@contextmanager
def transaction(runtime: Runtime) -> Iterator[Session]:
    """Open a transaction; after the commit the jobs are enqueued that `enqueue_after_commit` noted in it."""
    with runtime.db.write() as session:
        yield session
    jobs = session.info.get(_JOBS, {})
    if not all(enqueue(runtime, *ids) for enqueue, *ids in jobs):
        _lost_jobs.set(True)


def enqueue_after_commit(session: Session, enqueue: Callable[..., bool], *ids: int) -> None:
    """Note a job for the end of the transaction. Each is enqueued once."""
    session.info.setdefault(_JOBS, {})[(enqueue, *ids)] = None


def take_lost_jobs() -> bool:
    """Return whether Redis could not be reached since this was last asked; the sweep finds the work."""
    lost = _lost_jobs.get()
    _lost_jobs.set(False)
    return lost


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

"""Job queue: enqueues RQ jobs by dotted name, with ids as arguments.

The database holds the work that is due; a job is only a hint to look there. When Redis is unavailable the job is lost
with a log entry, and the sweep finds the work.
"""

from __future__ import annotations

import logging

from redis import Redis, RedisError
from rq import Queue, Retry

log = logging.getLogger(__name__)
# Imports have their own queue, as they take minutes and must not delay a sweep; webhooks too, for slow receivers.
SEND, INBOUND, DEFAULT, IMPORTS, HOOKS = QUEUES = ("send", "inbound", "default", "imports", "hooks")

# Seconds in which the same job is not enqueued again, unless a worker has started it.
PENDING_TTL_S = 30

# Hash of how much only the sweep has found, by kind, since Redis was last emptied.
RECOVERED_KEY = "loa:recovered"


def pending_key(description: str) -> str:
    """Return the Redis key of a job enqueued and not started; the worker deletes it when the job starts."""
    return f"loa:pending:{description}"


def once_every(redis: Redis, key: str, *, every_s: int) -> bool:
    """Return True for one caller in `every_s` seconds, over all processes. False without Redis."""
    try:
        return bool(redis.set(key, 1, nx=True, ex=every_s))
    except RedisError:
        return False


class JobQueue:
    """Job queue on one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def enqueue(
        self, job: str, *ids: int, queue: str = DEFAULT, timeout_s: int = 120, retries: int = 0
    ) -> bool:
        """Enqueue `job` unless the same one is enqueued and not started; `retries` after a failure.

        Returns False when Redis is unavailable: no work is lost, as the sweep finds it.
        """
        description = "-".join([job.rsplit(".", 1)[-1], *map(str, ids)])
        try:
            if self.redis.set(pending_key(description), 1, nx=True, ex=PENDING_TTL_S):
                Queue(queue, connection=self.redis).enqueue(
                    job,
                    args=ids,
                    job_timeout=timeout_s,
                    result_ttl=0,
                    failure_ttl=3600,
                    description=description,
                    retry=Retry(max=retries) if retries else None,
                )
        except RedisError as error:
            log.warning("job_queue.lost job=%s ids=%s error=%s", job, ids, type(error).__name__)
            return False
        return True

    def is_idle(self, queue: str) -> bool:
        """Check that a queue has neither a waiting nor a running job."""
        try:
            rq_queue = Queue(queue, connection=self.redis)
            return not len(rq_queue) and not len(rq_queue.started_job_registry)
        except RedisError:
            return False

    def count_recovered(self, **counts: int) -> None:
        """Add up work that only the sweep has found: its job was lost, or its worker had ended."""
        try:
            for kind, count in counts.items():
                if count:
                    self.redis.hincrby(RECOVERED_KEY, kind, count)
        except RedisError:
            log.warning("job_queue.recovered_not_counted")

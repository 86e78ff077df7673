"""Wakes a worker: a job by its dotted name, with ids as arguments.

The database is the truth and the ring is only a hint: when Redis is away it is lost with a log entry,
and the sweep finds the work (design: "The database is the truth; RQ is the doorbell").
"""

from __future__ import annotations

import logging

from redis import Redis, RedisError
from rq import Queue, Retry

log = logging.getLogger(__name__)
# Lists have a queue of their own: minutes of work must not hold up a sweep. So have webhooks: nor must a slow receiver.
SEND, INBOUND, DEFAULT, IMPORTS, HOOKS = QUEUES = ("send", "inbound", "default", "imports", "hooks")

# How long one ring stands for those that follow it, where no worker has answered yet.
PENDING_TTL_S = 30

# How often the sweep was needed, by kind; since Redis was last emptied.
RECOVERED_KEY = "loa:recovered"


def pending_key(description: str) -> str:
    """Redis key that says "rung and not yet answered"; the worker removes it as the job starts."""
    return f"loa:pending:{description}"


def once_every(redis: Redis, key: str, *, every_s: int) -> bool:
    """Whether something is to be looked at now: for one of those who ask, at most once in so many seconds. Not while Redis
    is away.
    """
    try:
        return bool(redis.set(key, 1, nx=True, ex=every_s))
    except RedisError:
        return False


class JobQueue:
    """Rings through one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    def enqueue(
        self, job: str, *ids: int, queue: str = DEFAULT, timeout_s: int = 120, retries: int = 0
    ) -> bool:
        """Enqueue `job` unless the same one has been rung and not answered yet. `retries` after a failure.

        Returns False when Redis is away: nothing is lost, the sweep comes round.
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
        """Whether a queue has neither a job that waits nor one that is being worked on."""
        try:
            waiting = Queue(queue, connection=self.redis)
            return not len(waiting) and not len(waiting.started_job_registry)
        except RedisError:
            return False

    def count_recovered(self, **found: int) -> None:
        """Count what only the sweep has found: work whose bell was lost, or whose worker had ended."""
        try:
            for kind, count in found.items():
                if count:
                    self.redis.hincrby(RECOVERED_KEY, kind, count)
        except RedisError:
            log.warning("job_queue.recovered_not_counted")

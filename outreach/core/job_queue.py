"""Job queue: enqueues RQ jobs by dotted name, with ids as arguments.

The database holds the work that is due; a job is only a hint to look there. When Redis is unavailable the job is lost
with a log entry, and the sweep finds the work.

Redis is no way in: jobs are JSON, and of a queue's content only jobs of `allowed_jobs` with whole numbers as
arguments are run. Anything else, such as RQ's own pickled jobs of an earlier version, is removed unread.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from redis import Redis, RedisError
from rq import Queue, Retry
from rq.exceptions import NoSuchJobError, StopRequested
from rq.job import Job
from rq.registry import ScheduledJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import as_text

from outreach.core.logs import request_id

log = logging.getLogger(__name__)
# Imports have their own queue, as they take minutes and must not delay a sweep; webhooks too, for slow receivers.
SEND, INBOUND, DEFAULT, IMPORTS, HOOKS = QUEUES = ("send", "inbound", "default", "imports", "hooks")

# Seconds in which the same job is not enqueued again, unless a worker has started it.
PENDING_TTL_S = 30

REQUEST = "request"  # in a job's meta: the id of the request that enqueued it
# How often each job has failed in a row, by its name, until it succeeds.
FAILURES_KEY = "loa:failing"
_FAILURES_KEPT_S = 86_400
# A worker says at least every ALIVE_EVERY_S seconds that it lives.
ALIVE_EVERY_S, ALIVE_FOR_S = 15, 45

# Sets the pending key and does what RQ does to enqueue a job, both or neither: a request that timed out is carried out
# when a Redis that hung goes on, and a key without its job would hold all of its name back. After the key's seconds come
# the commands, each as its length and its words.
_ENQUEUE = """
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then return end
local at = 2
while at <= #ARGV do
    redis.call(unpack(ARGV, at + 1, at + ARGV[at]))
    at = at + ARGV[at] + 1
end
"""

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


def note_alive(redis: Redis, queues: Sequence[str], worker: str) -> None:
    """Note that a worker at these queues lives. Raises RedisError."""
    for queue in queues:
        redis.set(f"loa:alive:{queue}:{worker}", 1, ex=ALIVE_FOR_S)


def read_alive(redis: Redis) -> Counter[str]:
    """Return how many workers live, by queue; one that was killed counts for ALIVE_FOR_S more. Raises RedisError."""
    keys = map(as_text, redis.scan_iter(match="loa:alive:*", count=1000))
    return Counter(key.split(":")[2] for key in keys)


def note_result(redis: Redis, description: str, *, has_failed: bool) -> None:
    """Count a job that failed, or note that it succeeded again. Raises RedisError."""
    name = description.partition("-")[0]
    if has_failed:
        redis.hincrby(FAILURES_KEY, name, 1)
        redis.expire(FAILURES_KEY, _FAILURES_KEPT_S)
    else:
        redis.hdel(FAILURES_KEY, name)


def read_failures(redis: Redis) -> dict[str, int]:
    """Return how often each job that failed last has failed in a row. Raises RedisError."""
    found: dict[bytes, bytes] = redis.hgetall(FAILURES_KEY)  # type: ignore[assignment]
    return {as_text(name): int(times) for name, times in found.items()}


# Dotted names of the jobs that a worker may run; `outreach/use_cases.py` adds each.
allowed_jobs: set[str] = set()
# RQ imports and calls what these name, or sends requests there.
_CALLBACKS = ("success_callback_name", "failure_callback_name", "stopped_callback_name", "webhooks")


class AllowedJob(Job):
    """RQ job that can be read from Redis only if it is one of our own."""

    def restore(self, raw_data: Any) -> Any:
        """Read a job from Redis. One that is not ours is removed from it: raises NoSuchJobError."""
        fields = {as_text(name): value for name, value in raw_data.items()}
        is_ours = not any(fields.get(name) for name in _CALLBACKS)
        if is_ours:
            try:
                super().restore(raw_data)
                is_ours = (
                    self.func_name in allowed_jobs
                    and self.instance is None
                    and not self.kwargs
                    and all(type(argument) is int for argument in self.args)
                )
            except StopRequested:  # of the worker's signal handler, and no fault of the job
                raise
            except Exception:  # any that RQ raises over fields that are not as it writes them
                is_ours = False
        if not is_ours:
            log.warning("job_queue.discarded id=%s", ascii(self.id))
            description = as_text(fields.get("description", b""))
            self.connection.delete(self.key, pending_key(description))
            raise NoSuchJobError("not one of our own jobs")


def open_queue(name: str, redis: Redis, kind: type[Queue] = Queue) -> Queue:
    """Return the RQ queue; every reader and writer of jobs uses it, so that none unpickles."""
    return kind(name, connection=redis, job_class=AllowedJob, serializer=JSONSerializer)


class JobQueue:
    """Job queue on one Redis."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._enqueue = redis.register_script(_ENQUEUE)

    def enqueue(
        self,
        job: str,
        *ids: int,
        queue: str = DEFAULT,
        timeout_s: int = 120,
        retry_after_s: Sequence[int] = (),
    ) -> bool:
        """Enqueue `job` unless the same one is enqueued and not started; again so many seconds after each failure.

        Returns False when Redis is unavailable: no work is lost, as the sweep finds it.
        """
        description = "-".join([job.rsplit(".", 1)[-1], *map(str, ids)])
        try:
            if self.redis.exists(pending_key(description)):
                return True
            commands = self.redis.pipeline()
            open_queue(queue, self.redis).enqueue(
                job,
                args=ids,
                job_timeout=timeout_s,
                result_ttl=0,
                failure_ttl=3600,
                description=description,
                meta={REQUEST: request_id()},
                retry=Retry(len(retry_after_s), list(retry_after_s)) if retry_after_s else None,
                pipeline=commands,
            )
            words = [word for command, _ in commands.command_stack for word in (len(command), *command)]
            self._enqueue(keys=[pending_key(description)], args=[PENDING_TTL_S, *words])
        except RedisError as error:
            log.warning("job_queue.lost job=%s ids=%s error=%s", job, ids, type(error).__name__)
            return False
        return True

    def enqueue_retries(self, *, now: datetime) -> None:
        """Enqueue the jobs of the default queue that failed and whose next try is due. Raises RedisError."""
        queue = open_queue(DEFAULT, self.redis)
        registry = ScheduledJobRegistry(queue=queue)
        for job_id in registry.get_jobs_to_schedule(int(now.timestamp())):
            commands = self.redis.pipeline()  # both or neither
            if job := queue.fetch_job(job_id):
                queue.enqueue_job(job, pipeline=commands)
            registry.remove(job_id, pipeline=commands)
            commands.execute()

    def is_idle(self, queue: str) -> bool:
        """Check that a queue has neither a waiting nor a running job."""
        try:
            rq_queue = open_queue(queue, self.redis)
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

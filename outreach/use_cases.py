"""Use cases own their transaction, and what they enqueue.

A use case is called in one of two ways. A page, a command or the API calls it with the runtime: it opens a transaction,
commits it and enqueues its jobs. Another use case calls it with its session: it becomes a part of that transaction.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

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
    moment, as another account with its address, it is done anew: now it sees the other's, and says what is wrong in its own words.
    """

    @wraps(function)
    def run(first: Session | Runtime, /, *args: Any, **values: Any) -> R:
        if isinstance(first, Session):
            return function(first, *args, **values)
        try:
            return run_alone(first, *args, **values)
        except IntegrityError:
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
    """Note a job of `enqueue_jobs` for the end of the transaction. Each is enqueued once."""
    session.info.setdefault(_JOBS, {})[(enqueue, *ids)] = None


def take_lost_jobs() -> bool:
    """Return whether Redis could not be reached since this was last asked; the sweep finds the work."""
    lost = _lost_jobs.get()
    _lost_jobs.set(False)
    return lost

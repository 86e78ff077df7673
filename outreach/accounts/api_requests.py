"""Requests of other systems that write: done once for each idempotency key, or in a sandbox that keeps nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts.api_tokens import Bearer
from outreach.core.db import Database
from outreach.core.job_queue import JobQueue
from outreach.models.accounts import ApiRequest
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime
from outreach.use_cases import use_case

R = TypeVar("R")


@use_case
def do_once(
    session: Session, make: Callable[[Session], int], *, bearer: Bearer, key: str, sha256: str, now: datetime
) -> tuple[int, bool]:
    """Make a row, unless a request with this key has. Returns its id, and whether it is new.

    Raises BadInput where the earlier request had another body, and what `make` raises.
    """
    earlier = session.scalar(
        select(ApiRequest).where(ApiRequest.token_id == bearer.token_id, ApiRequest.key == key)
    )
    if earlier:
        require_same(earlier.sha256, sha256)
        return earlier.row_id or 0, False
    request = ApiRequest(token_id=bearer.token_id, key=key, sha256=sha256, at=now)
    session.add(request)
    session.flush()  # waits for a concurrent request with the same key; then this one is done anew
    request.row_id = make(session)
    return request.row_id, True


@use_case
def do_at_will(session: Session, make: Callable[[Session], R]) -> R:
    """Do what has the same result if it is repeated."""
    return make(session)


def require_same(earlier: str, sha256: str) -> None:
    """Raise BadInput where a key was used for another body."""
    if earlier != sha256:
        raise BadInput("idempotency_key_reused")


class _OneTransaction(Database):
    """Database with one session: what is a transaction elsewhere is a savepoint in it."""

    def __init__(self, db: Database, session: Session) -> None:
        self.__dict__.update(db.__dict__)
        self._session = session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self._session.begin_nested():
            yield self._session

    @contextmanager
    def read(self) -> Iterator[Session]:
        yield self._session


class _NoJobs(JobQueue):
    """Queue that takes no job."""

    def enqueue(self, *_job: Any, **_options: Any) -> bool:
        return True


@contextmanager
def open_sandbox(runtime: Runtime) -> Iterator[Runtime]:
    """Open a runtime that forgets: all that happens in it is one transaction, rolled back at the end, and no job is enqueued."""
    with runtime.db.write() as session:
        yield replace(runtime, db=_OneTransaction(runtime.db, session), job_queue=_NoJobs(runtime.redis))
        session.rollback()

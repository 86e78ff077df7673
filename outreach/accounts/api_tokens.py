"""API tokens for other systems: create, list, end, authenticate; requests with them that write.

Administrators create and end them, each for one organisation and with named rights. Only a hash is stored.
A request that writes is done once for each idempotency key, or in a sandbox that keeps nothing.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload

from outreach.accounts import audit
from outreach.accounts.permissions import find_visible, require_role, visible_to
from outreach.core.db import Database, set_columns
from outreach.core.job_queue import JobQueue
from outreach.models.accounts import ApiRequest, ApiToken, Organisation, Right, Role, User
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.runtime import Runtime
from outreach.use_cases import use_case

# Makes a leaked token recognisable, in a log or a repository.
PREFIX = "loa_"
LONGEST_NAME = 80
MOST_DAYS = 730


def digest(token: str) -> str:
    """Return the hash of a token, as stored."""
    return hashlib.sha256(token.encode()).hexdigest()


@use_case
def create_token(
    session: Session,
    *,
    name: str,
    organisation_id: int,
    rights: Collection[str],
    days: int,
    user: User,
    now: datetime,
    is_sandbox: bool = False,
) -> tuple[ApiToken, str]:
    """Create a token for an organisation and those below it.

    Returns it with its text, which is not stored. Raises BadInput, NotFound for the organisation, NotAllowed
    unless the user is an administrator.
    """
    require_role(user)
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BadInput("token_name_missing", most=LONGEST_NAME)
    if not rights or not set(rights) <= set(Right):
        raise BadInput("token_rights_missing")
    if not 1 <= days <= MOST_DAYS:
        raise BadInput("token_days_wrong", most=MOST_DAYS)
    owner = find_visible(session, Organisation, organisation_id, user, NotFound("organisation_not_chosen")).id
    text = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        name=name,
        hash=digest(text),
        organisation_id=owner,
        rights=sorted(set(rights)),
        made_by=user.id,
        made_at=now,
        expires_at=now + timedelta(days=days),
        is_sandbox=is_sandbox,
    )
    session.add(token)
    audit.record(session, "token.create", token, user, now, rights=token.rights, days=days)
    return token, text


@use_case
def end_token(session: Session, token_id: int, *, user: User, now: datetime) -> None:
    """End a token at once. Raises NotFound, NotAllowed, WrongState if it was ended before."""
    require_role(user)
    find_visible(session, ApiToken, token_id, user, NotFound("token_id_unknown", id=token_id))
    if not set_columns(session, ApiToken, ApiToken.id == token_id, ApiToken.ended_at.is_(None), ended_at=now):
        raise WrongState("token_revoked_before")
    audit.record(session, "token.end", f"api_tokens:{token_id}", user, now)


def end_tokens(session: Session, *, actor_id: int | None, now: datetime, made_by: int | None = None) -> int:
    """End all open tokens, or those that one user made. Returns how many; each is recorded."""
    still_open = [ApiToken.ended_at.is_(None), ApiToken.expires_at > now]
    if made_by is not None:
        still_open.append(ApiToken.made_by == made_by)
    tokens = session.scalars(
        select(ApiToken).where(*still_open).order_by(ApiToken.id).with_for_update()
    ).all()
    for token in tokens:
        token.ended_at = now
        audit.record(session, "token.end", token, actor_id, now)
    return len(tokens)


def read_tokens(session: Session, user: User) -> Sequence[ApiToken]:
    """Return the tokens that an administrator or auditor may see, newest first. Raises NotAllowed."""
    require_role(user, Role.AUDITOR)
    query = select(ApiToken).options(joinedload(ApiToken.organisation)).order_by(ApiToken.id.desc())
    return session.scalars(query.where(visible_to(session, user, ApiToken.organisation_id))).all()


# The last use is stored once a minute, to save a write for each request.
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Authenticated token. `owner` is the administrator who made it."""

    token_id: int
    organisation_id: int
    rights: frozenset[str]
    owner: int
    needs_use_recorded: bool
    is_sandbox: bool = False

    def may(self, right: Right) -> bool:
        return right in self.rights

    def as_user(self) -> User:
        """Return a stand-in user for scope checks: an officer of the token's organisation.

        It has no row in the database; its id is negative, so that it is nobody's.
        """
        return self._officer(-self.token_id)

    def as_reader(self) -> User:
        """Return a stand-in user for figures alone, who may not see the people."""
        return self._officer(-self.token_id, Role.LEADER)

    def as_author(self) -> User:
        """Return a stand-in user for what the token writes: its maker, who may not approve it, within the token's scope."""
        return self._officer(self.owner)

    def _officer(self, user_id: int, role: Role = Role.STAFF) -> User:
        return User(id=user_id, role=role, organisation_id=self.organisation_id, is_active=True)


def authenticate_token(session: Session, text: str, *, now: datetime) -> Bearer | None:
    """Return the bearer of a token, or None if it is unknown, ended or expired."""
    if not text.startswith(PREFIX):
        return None
    token = session.scalar(
        select(ApiToken).where(
            ApiToken.hash == digest(text), ApiToken.ended_at.is_(None), ApiToken.expires_at > now
        )
    )
    if token is None:
        return None
    is_stale = token.last_used_at is None or token.last_used_at < now - NOTED_EVERY
    return Bearer(
        token.id, token.organisation_id, frozenset(token.rights), token.made_by, is_stale, token.is_sandbox
    )


@use_case
def record_use(session: Session, token_id: int, *, now: datetime) -> None:
    """Store when the token was last used, to the minute."""
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < now - NOTED_EVERY)
    session.execute(update(ApiToken).where(ApiToken.id == token_id, stale).values(last_used_at=now))


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

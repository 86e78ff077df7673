"""Sessions of signed-in users: begin, find with every request, list and end them.

The user agent of a device is shortened to two words, so that users recognise their devices.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.core.db import set_columns
from outreach.models.accounts import Organisation, User, UserSession
from outreach.rules.errors import NotFound, or_raise
from outreach.use_cases import use_case

ENDS_AFTER = timedelta(hours=12)  # since the last page
ENDS_AT_LATEST = timedelta(hours=16)  # since signing in, whatever was done meanwhile
CONFIRMED_FOR = timedelta(minutes=15)  # since the password was given
NOTED_EVERY = timedelta(minutes=10)
KEPT_FOR = timedelta(days=90)


@use_case
def begin_session(
    session: Session, user_id: int, *, address: str, user_agent: str, now: datetime
) -> UserSession:
    """Sign a user in on a device. Sessions that ended long ago are removed, with their addresses."""
    session.execute(
        delete(UserSession).where(UserSession.user_id == user_id, UserSession.seen_at < now - KEPT_FOR)
    )
    user_session = UserSession(
        key=secrets.token_urlsafe(16),
        user_id=user_id,
        began_at=now,
        seen_at=now,
        address=address[:64],
        device=name_device(user_agent),
    )
    session.add(user_session)
    session.flush()
    audit.record(session, "login", f"users:{user_id}", user_id, now)
    return user_session


def find_session(
    session: Session, user_id: int, key: str, *, now: datetime
) -> tuple[UserSession, User, str] | None:
    """Return the open session of a cookie with its user and the name of their organisation, or None if it has ended."""
    query = select(UserSession, User, func.coalesce(Organisation.name, "")).select_from(UserSession)
    query = query.join(User, User.id == UserSession.user_id).outerjoin(
        Organisation, Organisation.id == User.organisation_id
    )
    found = session.execute(
        query.where(UserSession.key == key, UserSession.user_id == user_id, *_open(now))
    ).one_or_none()
    return (found[0], found[1], found[2]) if found else None


@use_case
def confirm_session(session: Session, session_id: int, *, now: datetime) -> None:
    """Store that the session's user has given the password again."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(confirmed_at=now))


def is_confirmed(user_session: UserSession, *, now: datetime) -> bool:
    """Return whether the password was given lately: to sign in, or again."""
    return (
        max(user_session.began_at, user_session.confirmed_at or user_session.began_at) > now - CONFIRMED_FOR
    )


@use_case
def note_seen(session: Session, session_id: int, *, now: datetime) -> None:
    """Store when the session was last used."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=now))


def read_sessions(session: Session, user_id: int, *, now: datetime) -> Sequence[UserSession]:
    """Return a user's open sessions, latest seen first."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id, *_open(now))
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    ).all()


@use_case
def sign_out_of(session: Session, session_id: int, *, user_id: int, now: datetime) -> None:
    """End a session as its user signs out."""
    session.get_one(UserSession, session_id).ended_at = now
    audit.record(session, "logout", f"sessions:{session_id}", user_id, now)


@use_case
def end_session(session: Session, session_id: int, *, user: User, now: datetime) -> None:
    """End one of the user's own sessions, on any device. Raises NotFound."""
    own = {each.id: each for each in read_sessions(session, user.id, now=now)}
    or_raise(own.get(session_id), NotFound("session_ended")).ended_at = now
    audit.record(session, "session.end", f"sessions:{session_id}", user, now)


def end_sessions(session: Session, user_id: int, *, now: datetime, but: str = "") -> int:
    """End all sessions of a user except `but`, the key of one to keep. Returns how many."""
    ended = [
        user_session for user_session in read_sessions(session, user_id, now=now) if user_session.key != but
    ]
    for user_session in ended:
        user_session.ended_at = now
    return len(ended)


def end_all_sessions(session: Session, *, now: datetime) -> int:
    """End all sessions of all users. Returns how many."""
    return set_columns(session, UserSession, *_open(now), ended_at=now)


@use_case
def end_other_sessions(session: Session, *, key: str, user: User, now: datetime) -> int:
    """End all of the user's own sessions except the current one. Returns how many."""
    ended = end_sessions(session, user.id, now=now, but=key)
    audit.record(session, "session.end_all", user, user, now, sessions=ended)
    return ended


def _open(now: datetime) -> tuple:  # type: ignore[type-arg]
    return (
        UserSession.ended_at.is_(None),
        or_(
            UserSession.kept_until > now,
            and_(
                UserSession.kept_until.is_(None),
                UserSession.seen_at > now - ENDS_AFTER - NOTED_EVERY,
                UserSession.began_at > now - ENDS_AT_LATEST,
            ),
        ),
    )


# A user agent also names the browsers it claims to be compatible with; the first match in this order is right.
_BROWSERS = (
    ("coc_coc", "Cốc Cốc"),
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def name_device(user_agent: str) -> str:
    """Return a short name, as `Chrome, Android`; "" if neither browser nor system is known."""
    known = [
        next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, known))

"""Signed-in sessions and their devices.

Who is signed in where: begun, found again with every page, listed, ended.

A browser's long name of itself in two words, so that people know their devices again. Pure.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.models.accounts import User, UserSession
from outreach.rules.errors import NotFound

ENDS_AFTER = timedelta(hours=12)  # since the last page
NOTED_EVERY = timedelta(minutes=10)
KEPT_FOR = timedelta(days=90)


def begin_session(
    session: Session, user_id: int, *, address: str, user_agent: str, now: datetime
) -> UserSession:
    """Sign a user in on a device. What ended long ago, with the address it came from, is removed."""
    session.execute(
        delete(UserSession).where(UserSession.user_id == user_id, UserSession.seen_at < now - KEPT_FOR)
    )
    begun = UserSession(
        key=secrets.token_urlsafe(16),
        user_id=user_id,
        began_at=now,
        seen_at=now,
        address=address[:64],
        device=name_device(user_agent),
    )
    session.add(begun)
    session.flush()
    return begun


def find_session(session: Session, user_id: int, key: str, *, now: datetime) -> UserSession | None:
    """The open session of a cookie; None where it has ended, by itself or by somebody."""
    found = session.scalar(
        select(UserSession).where(UserSession.key == key, UserSession.user_id == user_id, *_open(now))
    )
    return found


def note_seen(session: Session, session_id: int, *, now: datetime) -> None:
    session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=now))


def read_sessions(session: Session, user_id: int, *, now: datetime) -> Sequence[UserSession]:
    """The open ones, the latest seen first."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id, *_open(now))
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    ).all()


def sign_out_of(session: Session, session_id: int, *, user_id: int, now: datetime) -> None:
    """Its user signs out."""
    session.get_one(UserSession, session_id).ended_at = now
    audit.record(session, actor_id=user_id, action="logout", subject=f"sessions:{session_id}", now=now)


def end_session(session: Session, session_id: int, *, user: User, now: datetime) -> None:
    """End one of one's own, here or on a device that is out of reach. Raises NotFound."""
    own = [each for each in read_sessions(session, user.id, now=now) if each.id == session_id]
    if not own:
        raise NotFound("Phiên đăng nhập này đã kết thúc.")
    own[0].ended_at = now
    audit.record(session, actor_id=user.id, action="session.end", subject=f"sessions:{session_id}", now=now)


def end_sessions(session: Session, user_id: int, *, now: datetime, but: str = "") -> int:
    """End all of a user's, `but` the one with this key; how many."""
    ended = [each for each in read_sessions(session, user_id, now=now) if each.key != but]
    for each in ended:
        each.ended_at = now
    return len(ended)


def end_all_sessions(session: Session, *, now: datetime) -> int:
    """Sign everybody out everywhere; of how many devices."""
    ended = session.execute(update(UserSession).where(*_open(now)).values(ended_at=now))
    return int(ended.rowcount)  # type: ignore[attr-defined]


def end_other_sessions(session: Session, *, key: str, user: User, now: datetime) -> int:
    """Sign oneself out everywhere but here."""
    ended = end_sessions(session, user.id, now=now, but=key)
    audit.record(
        session,
        actor_id=user.id,
        action="session.end_all",
        subject=f"users:{user.id}",
        now=now,
        sessions=ended,
    )
    return ended


def _open(now: datetime) -> tuple:  # type: ignore[type-arg]
    return (UserSession.ended_at.is_(None), UserSession.seen_at > now - ENDS_AFTER - NOTED_EVERY)


# Each names itself after those it claims to be like: the first that is found is meant.
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
    """`Chrome, Android`; "" for what names itself like nothing known."""
    known = [
        next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(filter(None, known))

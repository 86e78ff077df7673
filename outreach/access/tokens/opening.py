"""Whoever comes with a token: for which organisation they ask, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from outreach.access.models import Role, User
from outreach.access.tokens.keeping import PREFIX, digest
from outreach.access.tokens.models import ApiToken, Right

# That a token is in use is worth knowing, not worth a write a request.
NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a token that opens. `answers` is the administrator who made it."""

    token_id: int
    organisation_id: int
    rights: frozenset[str]
    answers: int
    is_to_be_noted: bool

    def may(self, right: Right) -> bool:
        return right in self.rights

    def as_user(self) -> User:
        """Under whom its reads go: an officer of its organisation, of no row and with a number that nobody has."""
        return User(id=-self.token_id, role=Role.STAFF, organisation_id=self.organisation_id, is_active=True)


def open_token(session: Session, text: str, *, now: datetime) -> Bearer | None:
    """The bearer of a token that was neither ended nor has run out; None for any other text."""
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
    return Bearer(token.id, token.organisation_id, frozenset(token.rights), token.made_by, is_stale)


def note_use(session: Session, token_id: int, *, now: datetime) -> None:
    """When it was last used, to the minute."""
    stale = or_(ApiToken.last_used_at.is_(None), ApiToken.last_used_at < now - NOTED_EVERY)
    session.execute(update(ApiToken).where(ApiToken.id == token_id, stale).values(last_used_at=now))

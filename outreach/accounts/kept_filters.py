"""Filters that a user keeps under a name, to open a page with them again."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from outreach.models.accounts import KeptFilters, User
from outreach.rules.errors import BadInput, NotFound
from outreach.rules.identity import words_of
from outreach.use_cases import use_case

LONGEST_NAME = 60
_LONGEST_QUERY = 500
_MOST = 20  # of a page


@use_case
def keep_filters(session: Session, *, page: str, query: str, name: str, user: User, now: datetime) -> None:
    """Keep a page's filters under a name; under a name that is taken they replace the former ones. Raises BadInput."""
    name = " ".join(name.split())[:LONGEST_NAME]
    if not name:
        raise BadInput("filters_name_missing")
    if not query or len(query) > _LONGEST_QUERY:
        raise BadInput("filters_none_chosen")
    session.execute(select(User.id).where(User.id == user.id).with_for_update())  # two presses are one row
    own = (KeptFilters.user_id == user.id, KeptFilters.page == page)
    kept = session.scalar(select(KeptFilters).where(*own, KeptFilters.name == name))
    if kept is not None:
        kept.query, kept.kept_at = query, now
        return
    if (session.scalar(select(func.count()).select_from(KeptFilters).where(*own)) or 0) >= _MOST:
        raise BadInput("filters_too_many", most=_MOST)
    session.add(KeptFilters(user_id=user.id, page=page, name=name, query=query, kept_at=now))


@use_case
def remove_filters(session: Session, filters_id: int, *, user: User, now: datetime) -> None:
    """Remove kept filters of the user's own. Raises NotFound."""
    own = (KeptFilters.id == filters_id, KeptFilters.user_id == user.id)
    if session.execute(delete(KeptFilters).where(*own)).rowcount == 0:  # type: ignore[attr-defined]
        raise NotFound("filters_unknown")


def remove_filters_naming(session: Session, names: Iterable[str], numbers: Collection[str]) -> None:
    """Remove kept filters, anybody's, whose name has one of these people's full names or numbers (E.164): they were erased."""
    keys = [words for name in names if (words := words_of(name))]
    for kept in session.scalars(select(KeptFilters)).all():
        words, digits = words_of(kept.name), "".join(filter(str.isdecimal, kept.name))
        named = any(
            f" {' '.join(key)} " in f" {' '.join(words)} " for key in keys if len(key) > 1 or key == words
        )
        if named or any(number.removeprefix("+84") in digits for number in numbers):
            session.delete(kept)


def read_filters(session: Session, user_id: int, page: str) -> Sequence[KeptFilters]:
    """Return a user's kept filters of a page, by name."""
    own = (KeptFilters.user_id == user_id, KeptFilters.page == page)
    return session.scalars(select(KeptFilters).where(*own).order_by(KeptFilters.name)).all()

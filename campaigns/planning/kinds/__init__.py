"""Kinds of campaign: those that come with Loa, a TOML file for each named after the kind, and those made by staff.

`load_kinds` needs no database and has the files alone; all else that has a session reads both.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from campaigns.models.campaigns import MadeKind
from campaigns.rules.kind_words import KindWords, read_words
from campaigns.rules.reach import outside_base
from campaigns.rules.replies.labels import Label
from outreach.accounts.users import find_office
from outreach.core.db import Database, read_once


def needs_smartphone(session: Session, kind: str) -> bool:
    """Return whether campaigns of a kind are about an app. Assumed for an unknown kind."""
    return bool((find_content(session, kind) or {"app": True}).get("app"))


def find_outside_base(session: Session, kind: str) -> frozenset[Label]:
    """Return the answers of people whom the base of a kind's shares leaves out."""
    return outside_base(needs_smartphone=needs_smartphone(session, kind))


def words_of(session: Session, kind: str) -> KindWords:
    """Return the words of a kind; of an unknown one, words that fit any action."""
    return read_words(find_content(session, kind) or {})


def title_of(session: Session, kind: str) -> str:
    """Return what a kind is called; of an unknown one, its name."""
    return str((find_content(session, kind) or {}).get("title", kind))


def find_content(session: Session, kind: str) -> dict[str, Any] | None:
    """Return a kind's content, or None for an unknown one."""
    shipped = load_kinds().get(kind)
    return shipped or session.scalar(select(MadeKind.content).where(MadeKind.code == kind))


@cache
def load_kinds() -> dict[str, dict[str, Any]]:
    """Return the content of every kind that comes with Loa, by name."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path(__file__).parent.glob("*.toml"))
    }


@read_once
def all_kinds(session: Session) -> dict[str, dict[str, Any]]:
    """Return every kind's content, by name: those that come with Loa, then those made in the office."""
    made = session.execute(select(MadeKind.code, MadeKind.content).order_by(MadeKind.code)).all()
    return load_kinds() | {code: content for code, content in made if code not in load_kinds()}


def known_kinds(db: Database) -> dict[str, dict[str, Any]]:
    """Return every kind's content for a command; where there is no database yet, of those that come with Loa."""
    is_missing = not db.is_postgresql and not Path(db.url.database or "").exists()
    try:
        if not is_missing:
            with db.read() as session:
                return all_kinds(session)
    except DBAPIError:
        pass  # away, or not set up
    return load_kinds()


class KindFacts(NamedTuple):
    """What pages have to know of a kind: its title and words, and whether it is about an app."""

    title: str
    words: KindWords
    has_app: bool


def facts_of(content: Mapping[str, Any]) -> KindFacts:
    """Return the facts of a kind's content."""
    return KindFacts(str(content["title"]), read_words(content), bool(content.get("app")))


def made_kinds(session: Session) -> dict[str, KindFacts]:
    """Return the facts of the kinds made in the office, by name."""
    made = session.execute(select(MadeKind.code, MadeKind.content)).all()
    return {code: facts_of(content) for code, content in made}


def office_kinds(session: Session) -> dict[str, dict[str, Any]]:
    """Return every kind's content, those that come with Loa with this installation's Front committee as who writes."""
    office = find_office(session)
    return {
        name: {**content, "issuer": office.name} if office and name in load_kinds() else content
        for name, content in all_kinds(session).items()
    }

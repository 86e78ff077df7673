"""Kinds of campaign that come with Loa: a TOML file for each, named after the kind."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from campaigns.rules.kind_words import KindWords, read_words
from outreach.accounts.organisations import find_office


def needs_smartphone(kind: str) -> bool:
    """Return whether campaigns of a kind are about an app. Assumed for an unknown kind."""
    return bool(load_kinds().get(kind, {"app": True}).get("app"))


def words_of(kind: str) -> KindWords:
    """Return the words of a kind; of an unknown one, words that fit any action."""
    return read_words(load_kinds().get(kind, {}))


@cache
def load_kinds() -> dict[str, dict[str, Any]]:
    """Return every kind's content, by name."""
    return {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path(__file__).parent.glob("*.toml"))
    }


def office_kinds(session: Session) -> dict[str, dict[str, Any]]:
    """Return every kind's content with this installation's Front committee as who writes."""
    office = find_office(session)
    return {
        name: {**content, "issuer": office.name} if office else content
        for name, content in load_kinds().items()
    }

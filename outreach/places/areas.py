"""The tree of areas: loading it from a file, and what lies within an area."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.places.models import Area

Key = TypeVar("Key", int, str)


def descendants(rows: Iterable[tuple[Key, Key | None]], roots: Iterable[Key]) -> set[Key]:
    """The roots and everything below them, from (id, parent) pairs. A circle in the data ends the walk."""
    below: dict[Key | None, list[Key]] = {}
    for item, parent in rows:
        below.setdefault(parent, []).append(item)
    found: set[Key] = set()
    waiting = list(roots)
    while waiting:
        item = waiting.pop()
        if item not in found:
            found.add(item)
            waiting += below.get(item, [])
    return found


def areas_within(session: Session, codes: Iterable[str]) -> set[str]:
    """The areas named and all below them."""
    return descendants(session.execute(select(Area.code, Area.parent_code)), codes)

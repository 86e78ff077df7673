"""Locks by which people are not removed while a campaign writes its recipients.

A recipient names a person and a number without foreign keys: PostgreSQL would look up and lock each of 600,000 again, a
third of a launch. One lock for all does what they did. Code that removes takes it before looking who refers to a person or a
number, and so sees the recipients of each launch that has committed; a launch that comes meanwhile waits and finds the
person gone.
"""

from sqlalchemy.orm import Session

from outreach.core.db import lock_until_end

_LOCK = 620_823_283


def lock_removal(session: Session) -> None:
    """Let no campaign write recipients until the transaction ends. Before people or numbers are removed.

    After `lock_imports` and before rows are locked: a launch that has the lock may wait for a list's row.
    """
    lock_until_end(session, _LOCK)


def keep_people(session: Session) -> None:
    """Let nobody be removed until the transaction ends. Before recipients are written, after the campaign's lock."""
    lock_until_end(session, _LOCK, shared=True)

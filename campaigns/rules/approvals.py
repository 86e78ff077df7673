"""Rules of approvals: how many a campaign needs, and what of it must be as it was when it was approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outreach.rules.errors import WrongState

# Parts of a description that change without a change of what is sent to whom: the goal is a figure of our own, and the
# lists are kept by their ids, whatever they are called.
_UNBOUND = frozenset({"goal", "lists"})


def count_approvals(recipients: int, vnd: int, *, from_people: int, from_vnd: int) -> int:
    """Return 2 from so many people or so much money on, else 1. A limit of 0 means no limit."""
    is_large = bool(from_people) and recipients >= from_people
    is_expensive = bool(from_vnd) and vnd >= from_vnd
    return 2 if is_large or is_expensive else 1


def is_same_draft(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two descriptions of a campaign send the same to the same."""
    return {key: one[key] for key in one if key not in _UNBOUND} == {
        key: other[key] for key in other if key not in _UNBOUND
    }


def unread_version(
    versions: Sequence[Mapping[str, Any]], current: Mapping[str, Any], *, read: int | None
) -> WrongState | None:
    """Return why an approval is refused, or None.

    `versions` are the submitted ones, the oldest first, the newest of them number `len(versions)`; `current` is the
    campaign as it is now, and `read` the number that the approver names. Who names none approves only what has been
    the same in every submission.
    """
    if not versions:  # submitted by a release that stored none
        return None
    if not is_same_draft(versions[-1], current):
        return WrongState("draft_changed_since_submitted")
    if read is None:
        is_unchanged = all(is_same_draft(each, current) for each in versions)
        return None if is_unchanged else WrongState("version_not_named", newest=len(versions))
    return None if read == len(versions) else WrongState("version_not_newest", newest=len(versions))


def most_covered(approved: int, *, margin_percent: float) -> int:
    """Return how many people an approval for so many covers."""
    return int(approved * (1 + margin_percent / 100))


def has_outgrown(approved: int | None, now: int | None, *, margin_percent: float) -> bool:
    """Return whether an audience is larger than the approved one by more than the margin. None: not known."""
    return (
        approved is not None
        and now is not None
        and now > most_covered(approved, margin_percent=margin_percent)
    )


def has_other_basis(approved: Mapping[str, str] | None, now: Mapping[str, str] | None) -> bool:
    """Return whether a list has another legal basis than at the approval.

    Both are by the list's id, "" for a basis that is not recorded. A list that has come since, by its organisation, may
    have any basis that was among the approved ones.
    """
    if approved is None or now is None:
        return False
    known = set(approved.values())
    return any(
        basis != approved[list_id] if list_id in approved else basis not in known
        for list_id, basis in now.items()
    )

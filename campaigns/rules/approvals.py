"""Rules of approvals: how many a campaign needs, and what of it must be as it was when it was approved."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from outreach.rules.errors import LoaError, WrongState

# Parts of a description that change without a change of what is sent to whom: the goal is a figure of our own, and the
# lists are kept by their ids in the plan, whatever they are called.
_UNBOUND = frozenset({"goal", "lists"})
# A cost is estimated from a sample of names: less than this is no other cost.
_COST_MARGIN_PERCENT = 10.0
# Pause reason of a campaign that has fewer approvals of what leaves than it needs.
WAITING_FOR_SECOND_APPROVAL = LoaError("second_approval_awaited")
AWAITED = frozenset(
    {
        WAITING_FOR_SECOND_APPROVAL.code,
        "approval_of_change_awaited",
        "approval_of_growth_awaited",
        "approval_of_basis_awaited",
        "approval_of_cost_awaited",
    }
)


@dataclass(frozen=True, slots=True)
class LaunchTerms:
    """What leaves: how many approvals it needs, the cost, the audience, its lists' legal bases by id, and the plan.

    The plan is what `plan_of` returns: texts, steps, lists, conditions, drive. What is None was not computed, and is neither
    compared nor kept. An approval keeps what was read of it as `read`.
    """

    approvals: int
    estimate_vnd: int | None
    recipients: int | None = None
    bases: Mapping[str, str] | None = None
    growth_percent: float = 0.0
    plan: Mapping[str, Any] | None = None

    @property
    def read(self) -> dict[str, Any]:
        return {
            "plan": self.plan,
            "recipients": self.recipients,
            "bases": self.bases,
            "vnd": self.estimate_vnd,
        }


class Approval(NamedTuple):
    """Who approved (a user's id), and what they had read, as `LaunchTerms.read`."""

    by: int
    read: Mapping[str, Any]


def missing_approval(approvals: Sequence[Approval], leaving: LaunchTerms) -> LoaError | None:
    """Return why what is about to leave lacks approval, each reader of it counted once; else None."""
    covering = approvers_of(approvals, leaving)
    if len(covering) >= leaving.approvals:
        return None
    others = [each for each in approvals if each.by not in covering]
    if not others:
        return WAITING_FOR_SECOND_APPROVAL if covering else LoaError("approval_of_change_awaited")
    return find_difference(others[-1].read, leaving)


def approvers_of(approvals: Sequence[Approval], leaving: LaunchTerms) -> list[int]:
    """Return those who read what is about to leave, the first of them first."""
    return list(dict.fromkeys(each.by for each in approvals if find_difference(each.read, leaving) is None))


def find_difference(read: Mapping[str, Any], leaving: LaunchTerms) -> LoaError | None:
    """Return what is other in what leaves than in what an approver read, or None."""
    plan, recipients, vnd = read.get("plan"), read.get("recipients"), read.get("vnd")
    margin = leaving.growth_percent
    if plan is not None and leaving.plan is not None and plan != leaving.plan:
        return LoaError("approval_of_change_awaited")
    if has_outgrown(recipients, leaving.recipients, margin_percent=margin):
        return LoaError("approval_of_growth_awaited", approved=recipients, now=leaving.recipients)
    if has_other_basis(read.get("bases"), leaving.bases):
        return LoaError("approval_of_basis_awaited")
    if has_outgrown(vnd, leaving.estimate_vnd, margin_percent=max(margin, _COST_MARGIN_PERCENT)):
        return LoaError("approval_of_cost_awaited", approved=vnd, now=leaving.estimate_vnd)
    return None


def count_approvals(recipients: int, vnd: int, *, from_people: int, from_vnd: int) -> int:
    """Return 2 from so many people or so much money on, else 1. A limit of 0 means no limit."""
    is_large = bool(from_people) and recipients >= from_people
    is_expensive = bool(from_vnd) and vnd >= from_vnd
    return 2 if is_large or is_expensive else 1


def is_same_draft(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two drafts send the same to the same; a version of an earlier release has no plan."""
    unbound = _UNBOUND if one.get("plan") and other.get("plan") else _UNBOUND | {"plan"}
    return {key: one[key] for key in one if key not in unbound} == {
        key: other[key] for key in other if key not in unbound
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


# Words of a reason by the card of the page that they are about; a message may name a day or a list, so its own words come first.
_REASON_WORDS = (
    ("words", ("nội dung", "tin nhắn", "trong tin", "câu", "chữ", "chính tả", "liên kết", "lời")),
    ("whom", ("danh sách", "người nhận", "đối tượng", "địa bàn", "trùng")),
    ("when", ("thời gian", "giờ", "ngày", "lịch", "thời hạn", "hạn", "ngân sách", "tốc độ")),
)


def find_card(reason: str, commented: Mapping[str, int]) -> str:
    """Return which card of a returned campaign's page the approver's reason is about: one with open comments, else by its words."""
    if cards := [card for card, _words in _REASON_WORDS if commented.get(card)]:
        return cards[0]
    said = " ".join(["", *re.findall(r"\w+", reason.lower()), ""])
    return next(
        (card for card, words in _REASON_WORDS if any(f" {word} " in said for word in words)), "words"
    )

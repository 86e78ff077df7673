"""How residents answer by themselves: shares of labels, by link or by SMS, how soon."""

from __future__ import annotations

import dataclasses
from typing import Any

from outreach.sms.simulator.controls.knobs import BadKnob, Kind, knob, turn

# The labels of domain.md 4 that a resident can mean; what is left over stays silent.
LABELS = (
    "installed",
    "not_yet",
    "no_smartphone",
    "need_help",
    "refuse",
    "opt_out",
    "wrong_number",
    "question",
)
# What the answer page offers; the other labels can only be said by SMS.
LINK_ANSWERS = frozenset({"installed", "need_help", "no_smartphone", "opt_out"})
# After one of these a resident is done and says nothing more by itself.
LAST_WORDS = frozenset({"installed", "no_smartphone", "refuse", "opt_out", "wrong_number"})


@dataclasses.dataclass(frozen=True, slots=True)
class Habits:
    """Shares are of the phones a message arrives at; `none` follows from the others."""

    installed: float = knob(0.0, Kind.SHARE, "Đã cài")
    not_yet: float = knob(0.0, Kind.SHARE, "Chưa cài")
    no_smartphone: float = knob(0.0, Kind.SHARE, "Không có điện thoại thông minh")
    need_help: float = knob(0.0, Kind.SHARE, "Cần giúp")
    refuse: float = knob(0.0, Kind.SHARE, "Không muốn cài")
    opt_out: float = knob(0.0, Kind.SHARE, "Từ chối nhận tin")
    wrong_number: float = knob(0.0, Kind.SHARE, "Nhầm số")
    question: float = knob(0.0, Kind.SHARE, "Hỏi lại")
    by_link: float = knob(
        0.0, Kind.SHARE, "Bấm liên kết thay vì nhắn tin", "trong số người trả lời bốn ý mà trang trả lời có"
    )
    delay_min_s: float = knob(1.0, Kind.SECONDS, "Trả lời sớm nhất sau", high=86_400)
    delay_max_s: float = knob(5.0, Kind.SECONDS, "Trả lời muộn nhất sau", high=86_400)
    again_after_s: float = knob(
        60.0,
        Kind.SECONDS,
        "Trả lời lại sau",
        "chỉ người còn bỏ ngỏ: chưa cài, cần giúp, hỏi lại",
        high=864_000,
    )
    seed: int | None = knob(
        None,
        Kind.SEED,
        "Hạt giống",
        "số nguyên, để lần sau trả lời y như vậy; để trống là ngẫu nhiên",
        high=2**53,
    )


def change_habits(habits: Habits, changes: dict[str, Any]) -> Habits:
    """`habits` with `changes` made; `none` may be named and is only checked.

    Raises BadKnob for an unknown or impossible value and for shares that add up to more than one.
    """
    stated_none = changes.get("none", 0)
    changed = turn(habits, {name: value for name, value in changes.items() if name != "none"})
    if isinstance(stated_none, bool) or not isinstance(stated_none, int | float):
        raise BadKnob("none", "must be a number")
    if sum(getattr(changed, label) for label in LABELS) + stated_none > 1 + 1e-9:
        raise BadKnob("shares", "add up to more than 1")
    if changed.delay_max_s < changed.delay_min_s:
        raise BadKnob("delay_max_s", "must not be less than delay_min_s")
    return changed


def as_json(habits: Habits) -> dict[str, Any]:
    silent = 1 - sum(getattr(habits, label) for label in LABELS)
    return {**dataclasses.asdict(habits), "none": round(max(0.0, silent), 6)}


def choose_label(habits: Habits, chance: float) -> str | None:
    """The label that a resident means, or None for silence."""
    for label in LABELS:
        share = getattr(habits, label)
        if chance < share:
            return label
        chance -= share
    return None

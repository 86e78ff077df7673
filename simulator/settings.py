"""Adjustable faults and residents' habits.

How the gateway misbehaves, and what befalls one request under these settings.

Shares within one phase exclude each other and are drawn at once, so 5% cut and 5% 500 are 5% of all
requests each. With a seed, the same number meets the same fate at its n-th request, whatever the order
in which requests of different numbers arrive.

How residents answer by themselves: shares of labels, by link or by SMS, how soon.

Settings that can be turned while the simulator runs: declared once, checked once, drawn on a page.

A group of settings is a frozen dataclass of knobs; a change gives a new one, or BadKnob and no change.

The settings in force now, and the chance that goes with them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar


class SettingKind(StrEnum):
    SHARE = "share"  # 0 to 1; shown as percent
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    WHOLE = "whole"
    FLAG = "flag"
    OPTIONAL = "optional"  # seconds or nothing
    SEED = "seed"  # a whole number or nothing


def setting(
    default: Any, kind: SettingKind, label: str, hint: str = "", *, low: float = 0, high: float = 3600
) -> Any:
    high = 1 if kind is SettingKind.SHARE else high
    return dataclasses.field(
        default=default, metadata={"kind": kind, "label": label, "hint": hint, "low": low, "high": high}
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Faults:
    """The defaults are a gateway in good order."""

    latency_ms: float = setting(0, SettingKind.MILLISECONDS, "Độ trễ", "thêm vào mỗi yêu cầu", high=120_000)
    jitter_ms: float = setting(
        0, SettingKind.MILLISECONDS, "Dao động độ trễ", "cộng thêm ngẫu nhiên tới mức này", high=120_000
    )
    rate_429: float = setting(0.0, SettingKind.SHARE, "Quá tải (429)", "từ chối trước khi nhận tin")
    retry_after_s: float | None = setting(
        None, SettingKind.OPTIONAL, "Retry-After", "kèm theo 429; để trống là không gửi"
    )
    rate_500: float = setting(0.0, SettingKind.SHARE, "Lỗi 500, chưa nhận tin", "tin không vào sổ")
    rate_500_after: float = setting(
        0.0, SettingKind.SHARE, "Lỗi 500, đã nhận tin", "tin vẫn vào sổ và vẫn đi"
    )
    rate_cut: float = setting(
        0.0, SettingKind.SHARE, "Đứt kết nối, đã nhận tin", "tin vẫn vào sổ, không có trả lời"
    )
    rate_cut_before: float = setting(0.0, SettingKind.SHARE, "Đứt kết nối, chưa nhận tin", "tin không vào sổ")
    rate_timeout: float = setting(
        0.0, SettingKind.SHARE, "Im lặng, đã nhận tin", "tin vẫn vào sổ, không trả lời"
    )
    timeout_s: float = setting(30.0, SettingKind.SECONDS, "Im lặng trong", "rồi ngắt kết nối")
    rate_problem_json: float = setting(
        0.0, SettingKind.SHARE, "Từ chối theo RFC 9457", "application/problem+json, trước khi nhận tin"
    )
    reads_too: bool = setting(
        False, SettingKind.FLAG, "Cả khi tra cứu", "429, 500 và đứt kết nối xảy ra cả khi xem danh sách tin"
    )
    callbacks_repeat: int = setting(
        1, SettingKind.WHOLE, "Số lần báo mỗi trạng thái", "bình thường là 1", low=1, high=20
    )
    callbacks_shuffle: bool = setting(
        False, SettingKind.FLAG, "Xáo trộn báo trạng thái", "mỗi lần báo chậm ngẫu nhiên tới 3 giây"
    )
    callbacks_off: bool = setting(
        False, SettingKind.FLAG, "Không báo trạng thái", "tin vẫn đi nhưng hệ thống không được báo"
    )
    rate_undelivered: float = setting(
        0.0, SettingKind.SHARE, "Không tới máy", "máy tắt, ngoài vùng phủ sóng, số không còn dùng"
    )
    rate_failed: float = setting(0.0, SettingKind.SHARE, "Gửi hỏng", "quá tải, nhà mạng chặn hoặc gặp lỗi")
    list_delay_s: float = setting(
        0.0, SettingKind.SECONDS, "Danh sách hiện chậm", "tin chỉ hiện khi tra cứu sau chừng ấy"
    )
    sent_after_s: float = setting(0.3, SettingKind.SECONDS, "Gửi đi sau", "kể từ khi nhận tin")
    delivered_after_s: float = setting(1.0, SettingKind.SECONDS, "Tới máy sau", "kể từ khi nhận tin")
    gateway_stop: bool = setting(
        False,
        SettingKind.FLAG,
        "Tổng đài tự chặn STOP",
        "máy nhắn STOP bị tổng đài từ chối với mã 21610, nhắn START thì mở lại",
    )
    seed: int | None = setting(
        None,
        SettingKind.SEED,
        "Hạt giống",
        "số nguyên, để lần sau xảy ra y như vậy; để trống là ngẫu nhiên",
        high=2**53,
    )


class RequestFault(StrEnum):
    CUT_BEFORE = "cut_before"
    THROTTLED = "throttled"
    SERVER_ERROR = "server_error"
    PROBLEM = "problem"
    SERVER_ERROR_AFTER = "server_error_after"
    CUT = "cut"
    SILENCE = "silence"


def roll(seed: int | None, *key: object) -> float:
    """A number in [0, 1): chance without a seed, a function of seed and key with one."""
    if seed is None:
        return random.random()  # noqa: S311 - a training gateway's chance, not a secret
    digest = hashlib.blake2b(repr((seed, *key)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def fault_before_accept(faults: Faults, chance: float) -> RequestFault | None:
    """What happens to a request before the gateway takes the message, so that it never does."""
    return _pick(
        chance,
        (RequestFault.CUT_BEFORE, faults.rate_cut_before),
        (RequestFault.THROTTLED, faults.rate_429),
        (RequestFault.SERVER_ERROR, faults.rate_500),
        (RequestFault.PROBLEM, faults.rate_problem_json),
    )


def fault_after_accept(faults: Faults, chance: float) -> RequestFault | None:
    """What happens to the answer once the message was taken."""
    return _pick(
        chance,
        (RequestFault.CUT, faults.rate_cut),
        (RequestFault.SERVER_ERROR_AFTER, faults.rate_500_after),
        (RequestFault.SILENCE, faults.rate_timeout),
    )


def fail_in_transit(faults: Faults, chance: float) -> int | None:
    """Twilio's error code for a message that never leaves, or None."""
    return _code(chance, faults.rate_failed, (30001, 30007, 30008))


def fail_at_phone(faults: Faults, chance: float) -> int | None:
    """Twilio's error code for a message that was sent and does not arrive, or None."""
    return _code(chance, faults.rate_undelivered, (30003, 30005, 30006))


def _pick(chance: float, *shares: tuple[RequestFault, float]) -> RequestFault | None:
    for mishap, share in shares:
        if chance < share:
            return mishap
        chance -= share
    return None


def _code(chance: float, share: float, codes: tuple[int, ...]) -> int | None:
    return codes[int(chance / share * len(codes))] if chance < share else None


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
class ResidentHabits:
    """Shares are of the phones a message arrives at; `none` follows from the others."""

    installed: float = setting(0.0, SettingKind.SHARE, "Đã cài")
    not_yet: float = setting(0.0, SettingKind.SHARE, "Chưa cài")
    no_smartphone: float = setting(0.0, SettingKind.SHARE, "Không có điện thoại thông minh")
    need_help: float = setting(0.0, SettingKind.SHARE, "Cần giúp")
    refuse: float = setting(0.0, SettingKind.SHARE, "Không muốn cài")
    opt_out: float = setting(0.0, SettingKind.SHARE, "Từ chối nhận tin")
    wrong_number: float = setting(0.0, SettingKind.SHARE, "Nhầm số")
    question: float = setting(0.0, SettingKind.SHARE, "Hỏi lại")
    by_link: float = setting(
        0.0,
        SettingKind.SHARE,
        "Bấm liên kết thay vì nhắn tin",
        "trong số người trả lời bốn ý mà trang trả lời có",
    )
    delay_min_s: float = setting(1.0, SettingKind.SECONDS, "Trả lời sớm nhất sau", high=86_400)
    delay_max_s: float = setting(5.0, SettingKind.SECONDS, "Trả lời muộn nhất sau", high=86_400)
    again_after_s: float = setting(
        60.0,
        SettingKind.SECONDS,
        "Trả lời lại sau",
        "chỉ người còn bỏ ngỏ: chưa cài, cần giúp, hỏi lại",
        high=864_000,
    )
    seed: int | None = setting(
        None,
        SettingKind.SEED,
        "Hạt giống",
        "số nguyên, để lần sau trả lời y như vậy; để trống là ngẫu nhiên",
        high=2**53,
    )


def change_habits(habits: ResidentHabits, changes: dict[str, Any]) -> ResidentHabits:
    """`habits` with `changes` made; `none` may be named and is only checked.

    Raises BadKnob for an unknown or impossible value and for shares that add up to more than one.
    """
    stated_none = changes.get("none", 0)
    changed = apply_changes(habits, {name: value for name, value in changes.items() if name != "none"})
    if isinstance(stated_none, bool) or not isinstance(stated_none, int | float):
        raise InvalidSetting("none", "must be a number")
    if sum(getattr(changed, label) for label in LABELS) + stated_none > 1 + 1e-9:
        raise InvalidSetting("shares", "add up to more than 1")
    if changed.delay_max_s < changed.delay_min_s:
        raise InvalidSetting("delay_max_s", "must not be less than delay_min_s")
    return changed


def as_json(habits: ResidentHabits) -> dict[str, Any]:
    silent = 1 - sum(getattr(habits, label) for label in LABELS)
    return {**dataclasses.asdict(habits), "none": round(max(0.0, silent), 6)}


def choose_label(habits: ResidentHabits, chance: float) -> str | None:
    """The label that a resident means, or None for silence."""
    for label in LABELS:
        share = getattr(habits, label)
        if chance < share:
            return label
        chance -= share
    return None


Group = TypeVar("Group")


class InvalidSetting(ValueError):
    """A setting that does not exist, or a value it cannot take; `name` is the setting."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """`label` and `hint` are what the control page shows."""

    name: str
    kind: SettingKind
    label: str
    hint: str
    low: float
    high: float


def settings_of(group: Any) -> list[Setting]:
    return [Setting(name=item.name, **item.metadata) for item in dataclasses.fields(group)]


def apply_changes(group: Group, changes: Mapping[str, Any]) -> Group:
    """`group` with `changes` made. Raises BadKnob at the first that cannot be."""
    known = {item.name: item for item in settings_of(group)}
    checked = {}
    for name, value in changes.items():
        if name not in known:
            raise InvalidSetting(name, f"unknown; known are {', '.join(known)}")
        checked[name] = _check(known[name], value)
    return dataclasses.replace(group, **checked)  # type: ignore[type-var]


def parse_changes(group: Any, form: Mapping[str, str]) -> dict[str, Any]:
    """The changes that a form of the control page asks for; percent become shares, absent boxes false."""
    changes: dict[str, Any] = {}
    for item in settings_of(group):
        raw = form.get(item.name, "").strip().replace(",", ".")
        if item.kind is SettingKind.FLAG:
            changes[item.name] = bool(raw)
        elif not raw:
            changes[item.name] = None if item.kind in (SettingKind.OPTIONAL, SettingKind.SEED) else 0
        else:
            try:
                number = float(raw)
            except ValueError:
                raise InvalidSetting(item.name, "not a number") from None
            changes[item.name] = number / 100 if item.kind is SettingKind.SHARE else number
    return changes


def _check(item: Setting, value: Any) -> Any:
    if item.kind is SettingKind.FLAG:
        if not isinstance(value, bool):
            raise InvalidSetting(item.name, "must be true or false")
        return value
    if value is None and item.kind in (SettingKind.OPTIONAL, SettingKind.SEED):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise InvalidSetting(item.name, "must be a number")
    if not item.low <= value <= item.high:
        raise InvalidSetting(item.name, f"must lie between {item.low:g} and {item.high:g}")
    if item.kind in (SettingKind.WHOLE, SettingKind.SEED):
        if value != int(value):
            raise InvalidSetting(item.name, "must be a whole number")
        return int(value)
    return value


@dataclass(slots=True)
class CurrentSettings:
    faults: Faults = field(default_factory=Faults)
    habits: ResidentHabits = field(default_factory=ResidentHabits)
    inbound_url: str = ""  # where residents' SMS are posted to; empty: nowhere
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def set_faults(self, faults: Faults) -> None:
        self.faults = faults
        self._seen.clear()

    def reset(self) -> None:
        """Faults and habits back to their defaults; the inbound address stays."""
        self.habits = ResidentHabits()
        self.set_faults(Faults())

    def chance(self, purpose: str, number: str) -> float:
        """A number in [0, 1) for the n-th question of `purpose` about `number`."""
        if self.faults.seed is None:
            return roll(None)
        self._seen[purpose, number] += 1
        return roll(self.faults.seed, purpose, number, self._seen[purpose, number])

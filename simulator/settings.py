"""Settings that can be changed while the simulator runs: faults of the gateway, habits of residents.

A group of settings is a frozen dataclass; each setting is declared once with its check and its label on the page. A
change returns a new group, or raises InvalidSetting and changes nothing.

Fault rates within one phase exclude each other and are drawn at once, so 5% cut and 5% 500 are 5% of all
requests each. With a seed, the n-th request of a number always has the same result, whatever the order
in which requests of different numbers arrive.

Habits are how residents answer automatically: shares of labels, by link or by SMS, how soon.
"""

import dataclasses
import hashlib
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar


class SettingKind(StrEnum):
    """Kind of a setting: its unit and which values it may have."""

    SHARE = "share"  # 0 to 1; shown as percent
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    WHOLE = "whole"
    FLAG = "flag"
    OPTIONAL = "optional"  # seconds or nothing
    SEED = "seed"  # a whole number or nothing


def setting(
    kind: SettingKind, default: Any, label: str, hint: str = "", *, low: float = 0, high: float = 3600
) -> Any:
    """Declare a setting as a dataclass field, valid from `low` to `high`."""
    high = 1 if kind is SettingKind.SHARE else high
    return dataclasses.field(
        default=default, metadata={"kind": kind, "label": label, "hint": hint, "low": low, "high": high}
    )


share = partial(setting, SettingKind.SHARE, 0.0)
flag = partial(setting, SettingKind.FLAG, False)
seconds = partial(setting, SettingKind.SECONDS)
whole = partial(setting, SettingKind.WHOLE)
seeded = partial(setting, SettingKind.SEED, None, "Hạt giống", high=2**53)


@dataclasses.dataclass(frozen=True, slots=True)
class Faults:
    """Faults of the gateway; by default none."""

    latency_ms: float = setting(SettingKind.MILLISECONDS, 0, "Độ trễ", "thêm vào mỗi yêu cầu", high=120_000)
    jitter_ms: float = setting(
        SettingKind.MILLISECONDS, 0, "Dao động độ trễ", "cộng thêm ngẫu nhiên tới mức này", high=120_000
    )
    rate_429: float = share("Quá tải (429)", "từ chối trước khi nhận tin")
    most_at_once: int = whole(
        0, "Nhận cùng lúc nhiều nhất", "yêu cầu vượt quá bị từ chối như quá tải; 0 là không hạn chế"
    )
    retry_after_s: float | None = setting(
        SettingKind.OPTIONAL, None, "Retry-After", "kèm theo 429; để trống là không gửi"
    )
    rate_500: float = share("Lỗi 500, chưa nhận tin", "tin không vào sổ")
    rate_500_after: float = share("Lỗi 500, đã nhận tin", "tin vẫn vào sổ và vẫn đi")
    rate_cut: float = share("Đứt kết nối, đã nhận tin", "tin vẫn vào sổ, không có trả lời")
    rate_cut_before: float = share("Đứt kết nối, chưa nhận tin", "tin không vào sổ")
    rate_timeout: float = share("Im lặng, đã nhận tin", "tin vẫn vào sổ, không trả lời")
    timeout_s: float = seconds(30.0, "Im lặng trong", "rồi ngắt kết nối")
    rate_problem_json: float = share("Từ chối theo RFC 9457", "application/problem+json, trước khi nhận tin")
    rate_407: float = share("Máy trung gian chặn", "trang web của proxy thay cho trả lời của tổng đài")
    proxy_status: int = whole(407, "Mã của máy trung gian", "400, 405, 407", high=599)
    rate_refused: float = share("Từ chối tin", "lỗi 400 với mã ở ô sau, tin không vào sổ")
    refused_code: int = whole(21211, "Mã từ chối", "mã lỗi của Twilio", high=99_999)
    rate_nonsense: float = share(
        "Trả lời vô nghĩa, đã nhận tin", "tin vẫn vào sổ, câu trả lời không đọc được"
    )
    segments_factor: int = whole(1, "Tính cước gấp", "số lần so với số tin tính cước đúng", low=1, high=20)
    reads_too: bool = flag(
        "Cả khi tra cứu", "429, 500, đứt kết nối và trả lời vô nghĩa xảy ra cả khi xem danh sách tin"
    )
    callbacks_repeat: int = whole(1, "Số lần báo mỗi trạng thái", "bình thường là 1", low=1, high=20)
    callbacks_shuffle: bool = flag("Xáo trộn báo trạng thái", "mỗi lần báo chậm ngẫu nhiên tới 3 giây")
    callbacks_off: bool = flag("Không báo trạng thái", "tin vẫn đi nhưng hệ thống không được báo")
    rate_callbacks_lost: float = share("Mất báo trạng thái", "trong số các lần báo; không báo lại")
    rate_strangers: float = share(
        "Báo cáo của bên khác", "SMPP: kèm mỗi báo cáo, báo về tin của hệ thống khác tới cùng số"
    )
    gives_reference: bool = flag("Trả lại số tham chiếu", "SMPP: báo cáo kèm user_message_reference của tin")
    rate_undelivered: float = share("Không tới máy", "máy tắt, ngoài vùng phủ sóng, số không còn dùng")
    rate_failed: float = share("Gửi hỏng", "quá tải, nhà mạng chặn hoặc gặp lỗi")
    notice_reach: float = setting(
        SettingKind.SHARE, 1.0, "Số máy có Zalo", "thông báo tới máy khác bị trả lại: không có tài khoản"
    )
    notice_declined: float = share("Từ chối thông báo", "trong số máy có Zalo: người dùng không nhận")
    notice_late: float = share("Thông báo tới muộn", "trong số máy có Zalo: tới sau thời gian ở ô sau")
    notice_late_s: float = seconds(3600.0, "Tới muộn sau", high=86_400)
    notice_lost: float = share("Thông báo mất", "trong số máy có Zalo: không tới, cũng không báo")
    list_delay_s: float = seconds(0.0, "Danh sách hiện chậm", "tin chỉ hiện khi tra cứu sau chừng ấy")
    list_alters: bool = flag("Danh sách đổi nội dung", "như tài khoản dùng thử: thêm lời vào đầu mỗi tin")
    clock_s: float = seconds(
        0.0, "Đồng hồ tổng đài chạy nhanh", "số âm là chạy chậm", low=-86_400, high=86_400
    )
    sent_after_s: float = seconds(0.3, "Gửi đi sau", "kể từ khi nhận tin")
    delivered_after_s: float = seconds(1.0, "Tới máy sau", "kể từ khi nhận tin")
    gateway_stop: bool = flag(
        "Tổng đài tự chặn STOP", "máy nhắn STOP bị tổng đài từ chối với mã 21610, nhắn START thì mở lại"
    )
    seed: int | None = seeded("số nguyên, để lần sau xảy ra y như vậy; để trống là ngẫu nhiên")


T = TypeVar("T")


class RequestFault(StrEnum):
    """Fault of one request, by the setting that is its rate."""

    CUT_BEFORE = "rate_cut_before"
    THROTTLED = "rate_429"
    SERVER_ERROR = "rate_500"
    PROBLEM = "rate_problem_json"
    PROXY = "rate_407"
    REFUSED = "rate_refused"
    CUT = "rate_cut"
    SERVER_ERROR_AFTER = "rate_500_after"
    SILENCE = "rate_timeout"
    NONSENSE = "rate_nonsense"


_BEFORE_ACCEPT = tuple(RequestFault)[:6]  # those of a message that is not accepted


def roll(seed: int | None, *key: object) -> float:
    """Return a number in [0, 1): random without a seed, a function of seed and key with one."""
    if seed is None:
        return random.random()  # noqa: S311 - a training gateway's chance, not a secret
    digest = hashlib.blake2b(repr((seed, *key)).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


def fault_before_accept(faults: Faults, chance: float) -> RequestFault | None:
    """Return the fault of a request before the message is accepted, or None."""
    return _pick(chance, {each: getattr(faults, each) for each in _BEFORE_ACCEPT})


def fault_after_accept(faults: Faults, chance: float) -> RequestFault | None:
    """Return the fault of the response once the message was accepted, or None."""
    return _pick(chance, {each: getattr(faults, each) for each in RequestFault if each not in _BEFORE_ACCEPT})


def fail_in_transit(faults: Faults, chance: float) -> int | None:
    """Return Twilio's error code for a message that is never sent, or None."""
    return _pick(chance, dict.fromkeys((30001, 30007, 30008), faults.rate_failed / 3))


def fail_at_phone(faults: Faults, chance: float) -> int | None:
    """Return Twilio's error code for a message that was sent and does not arrive, or None."""
    return _pick(chance, dict.fromkeys((30003, 30005, 30006), faults.rate_undelivered / 3))


class NoticeFate(StrEnum):
    """What becomes of a notice."""

    ARRIVES = "arrives"
    LATE = "late"
    LOST = "lost"
    DECLINED = "-114"  # Zalo's codes
    NO_ACCOUNT = "-118"


def fate_of(faults: Faults, number: str, chance: float) -> NoticeFate:
    """Return what becomes of a notice: whether a number has an account is the same each time."""
    if roll(faults.seed or 0, "zalo", number) >= faults.notice_reach:
        return NoticeFate.NO_ACCOUNT
    shares = {
        NoticeFate.DECLINED: faults.notice_declined,
        NoticeFate.LATE: faults.notice_late,
        NoticeFate.LOST: faults.notice_lost,
    }
    return _pick(chance, shares) or NoticeFate.ARRIVES


def _pick(chance: float, shares: Mapping[T, float]) -> T | None:
    """Return what a chance in [0, 1) falls on, None beyond all shares."""
    for each, share in shares.items():
        if chance < share:
            return each
        chance -= share
    return None


# The labels of domain.md 4 that a resident can mean; the rest do not answer.
LABELS: tuple[str, ...] = ("installed", "not_yet", "no_smartphone", "need_help")
LABELS += ("refuse", "opt_out", "wrong_number", "question")
# The answers on the answer page; the other labels are possible by SMS only.
LINK_ANSWERS = frozenset({"installed", "need_help", "no_smartphone", "opt_out"})
# After one of these a resident sends no more automatic answers.
FINAL_ANSWERS = frozenset({"installed", "no_smartphone", "refuse", "opt_out", "wrong_number"})


@dataclasses.dataclass(frozen=True, slots=True)
class ResidentHabits:
    """Habits of residents. Shares are of the phones that receive a message; the rest do not answer."""

    installed: float = share("Đã cài")
    not_yet: float = share("Chưa cài")
    no_smartphone: float = share("Không có điện thoại thông minh")
    need_help: float = share("Cần giúp")
    refuse: float = share("Không muốn cài")
    opt_out: float = share("Từ chối nhận tin")
    wrong_number: float = share("Nhầm số")
    question: float = share("Hỏi lại")
    by_link: float = share(
        "Bấm liên kết thay vì nhắn tin", "trong số người trả lời bốn ý mà trang trả lời có"
    )
    delay_min_s: float = seconds(1.0, "Trả lời sớm nhất sau", high=86_400)
    delay_max_s: float = seconds(5.0, "Trả lời muộn nhất sau", high=86_400)
    again_after_s: float = seconds(
        60.0, "Trả lời lại sau", "chỉ người còn bỏ ngỏ: chưa cài, cần giúp, hỏi lại", high=864_000
    )
    seed: int | None = seeded("số nguyên, để lần sau trả lời y như vậy; để trống là ngẫu nhiên")


def change_habits(habits: ResidentHabits, changes: Mapping[str, Any]) -> ResidentHabits:
    """Return `habits` with `changes`; the share `none` may be given and is only checked.

    Raises InvalidSetting for an unknown or invalid value and for shares that add up to more than one.
    """
    none_share = changes.get("none", 0)
    changed = apply_changes(habits, {name: value for name, value in changes.items() if name != "none"})
    if isinstance(none_share, bool) or not isinstance(none_share, int | float):
        raise InvalidSetting("none", "must be a number")
    if sum(getattr(changed, label) for label in LABELS) + none_share > 1 + 1e-9:
        raise InvalidSetting("shares", "add up to more than 1")
    if changed.delay_max_s < changed.delay_min_s:
        raise InvalidSetting("delay_max_s", "must not be less than delay_min_s")
    return changed


def as_json(habits: ResidentHabits) -> dict[str, Any]:
    """Return the habits, with the share of residents who do not answer as `none`."""
    silent = 1 - sum(getattr(habits, label) for label in LABELS)
    return {**dataclasses.asdict(habits), "none": round(max(0.0, silent), 6)}


def choose_label(habits: ResidentHabits, chance: float) -> str | None:
    """Return the label that a resident means, or None for no answer."""
    return _pick(chance, {label: getattr(habits, label) for label in LABELS})


class InvalidSetting(ValueError):
    """Unknown setting or invalid value; `name` is the setting."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """Definition of a setting; `label` and `hint` are shown on the control page."""

    name: str
    kind: SettingKind
    label: str
    hint: str
    low: float
    high: float


def settings_of(group: Any) -> list[Setting]:
    """Return the definitions of a group's settings."""
    return [Setting(name=item.name, **item.metadata) for item in dataclasses.fields(group)]


def apply_changes(group: T, changes: Mapping[str, Any]) -> T:
    """Return `group` with `changes`. Raises InvalidSetting at the first that is invalid."""
    known = {item.name: item for item in settings_of(group)}
    checked = {}
    for name, value in changes.items():
        if name not in known:
            raise InvalidSetting(name, f"unknown; known are {', '.join(known)}")
        checked[name] = _check(known[name], value)
    return dataclasses.replace(group, **checked)  # type: ignore[type-var]


def parse_changes(group: Any, form: Mapping[str, str]) -> dict[str, Any]:
    """Read the changes in a form of the control page: percents as shares, absent checkboxes as False."""
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
    """Settings in force, and the random draws under them."""

    faults: Faults = field(default_factory=Faults)
    habits: ResidentHabits = field(default_factory=ResidentHabits)
    inbound_url: str = ""  # residents' SMS are posted to it; empty for none
    _draws: Counter[tuple[str, str]] = field(default_factory=Counter)

    def change(self, group: str, changes: Mapping[str, Any], *, is_reset: bool = False) -> None:
        """Change the settings of a group, "faults" or "habits", from its defaults where it `is_reset`. Raises InvalidSetting.

        Changed faults begin a new sequence of draws.
        """
        now = getattr(self, group)
        base = type(now)() if is_reset else now
        setattr(self, group, (change_habits if group == "habits" else apply_changes)(base, changes))
        if group == "faults":
            self._draws.clear()

    def reset(self) -> None:
        """Reset faults and habits to their defaults; the inbound URL stays."""
        for group in ("faults", "habits"):
            self.change(group, {}, is_reset=True)

    def chance(self, purpose: str, number: str) -> float:
        """Return a number in [0, 1) for the next draw of `purpose` for `number`."""
        if self.faults.seed is None:
            return roll(None)
        self._draws[purpose, number] += 1
        return roll(self.faults.seed, purpose, number, self._draws[purpose, number])

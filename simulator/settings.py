"""How the gateway misbehaves, and what befalls one request under these settings.

Shares within one phase exclude each other and are drawn at once, so 5% cut and 5% 500 are 5% of all
requests each. With a seed, the same number meets the same fate at its n-th request, whatever the order
in which requests of different numbers arrive.
"""

from __future__ import annotations

import dataclasses
import hashlib
import random
from enum import StrEnum

from outreach.sms.simulator.controls.knobs import Kind, knob


@dataclasses.dataclass(frozen=True, slots=True)
class Faults:
    """The defaults are a gateway in good order."""

    latency_ms: float = knob(0, Kind.MILLISECONDS, "Độ trễ", "thêm vào mỗi yêu cầu", high=120_000)
    jitter_ms: float = knob(
        0, Kind.MILLISECONDS, "Dao động độ trễ", "cộng thêm ngẫu nhiên tới mức này", high=120_000
    )
    rate_429: float = knob(0.0, Kind.SHARE, "Quá tải (429)", "từ chối trước khi nhận tin")
    retry_after_s: float | None = knob(
        None, Kind.OPTIONAL, "Retry-After", "kèm theo 429; để trống là không gửi"
    )
    rate_500: float = knob(0.0, Kind.SHARE, "Lỗi 500, chưa nhận tin", "tin không vào sổ")
    rate_500_after: float = knob(0.0, Kind.SHARE, "Lỗi 500, đã nhận tin", "tin vẫn vào sổ và vẫn đi")
    rate_cut: float = knob(0.0, Kind.SHARE, "Đứt kết nối, đã nhận tin", "tin vẫn vào sổ, không có trả lời")
    rate_cut_before: float = knob(0.0, Kind.SHARE, "Đứt kết nối, chưa nhận tin", "tin không vào sổ")
    rate_timeout: float = knob(0.0, Kind.SHARE, "Im lặng, đã nhận tin", "tin vẫn vào sổ, không trả lời")
    timeout_s: float = knob(30.0, Kind.SECONDS, "Im lặng trong", "rồi ngắt kết nối")
    rate_problem_json: float = knob(
        0.0, Kind.SHARE, "Từ chối theo RFC 9457", "application/problem+json, trước khi nhận tin"
    )
    reads_too: bool = knob(
        False, Kind.FLAG, "Cả khi tra cứu", "429, 500 và đứt kết nối xảy ra cả khi xem danh sách tin"
    )
    callbacks_repeat: int = knob(
        1, Kind.WHOLE, "Số lần báo mỗi trạng thái", "bình thường là 1", low=1, high=20
    )
    callbacks_shuffle: bool = knob(
        False, Kind.FLAG, "Xáo trộn báo trạng thái", "mỗi lần báo chậm ngẫu nhiên tới 3 giây"
    )
    callbacks_off: bool = knob(
        False, Kind.FLAG, "Không báo trạng thái", "tin vẫn đi nhưng hệ thống không được báo"
    )
    rate_undelivered: float = knob(
        0.0, Kind.SHARE, "Không tới máy", "máy tắt, ngoài vùng phủ sóng, số không còn dùng"
    )
    rate_failed: float = knob(0.0, Kind.SHARE, "Gửi hỏng", "quá tải, nhà mạng chặn hoặc gặp lỗi")
    list_delay_s: float = knob(
        0.0, Kind.SECONDS, "Danh sách hiện chậm", "tin chỉ hiện khi tra cứu sau chừng ấy"
    )
    sent_after_s: float = knob(0.3, Kind.SECONDS, "Gửi đi sau", "kể từ khi nhận tin")
    delivered_after_s: float = knob(1.0, Kind.SECONDS, "Tới máy sau", "kể từ khi nhận tin")
    gateway_stop: bool = knob(
        False,
        Kind.FLAG,
        "Tổng đài tự chặn STOP",
        "máy nhắn STOP bị tổng đài từ chối với mã 21610, nhắn START thì mở lại",
    )
    seed: int | None = knob(
        None,
        Kind.SEED,
        "Hạt giống",
        "số nguyên, để lần sau xảy ra y như vậy; để trống là ngẫu nhiên",
        high=2**53,
    )


class Mishap(StrEnum):
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


def befalls_before(faults: Faults, chance: float) -> Mishap | None:
    """What happens to a request before the gateway takes the message, so that it never does."""
    return _pick(
        chance,
        (Mishap.CUT_BEFORE, faults.rate_cut_before),
        (Mishap.THROTTLED, faults.rate_429),
        (Mishap.SERVER_ERROR, faults.rate_500),
        (Mishap.PROBLEM, faults.rate_problem_json),
    )


def befalls_after(faults: Faults, chance: float) -> Mishap | None:
    """What happens to the answer once the message was taken."""
    return _pick(
        chance,
        (Mishap.CUT, faults.rate_cut),
        (Mishap.SERVER_ERROR_AFTER, faults.rate_500_after),
        (Mishap.SILENCE, faults.rate_timeout),
    )


def fail_in_transit(faults: Faults, chance: float) -> int | None:
    """Twilio's error code for a message that never leaves, or None."""
    return _code(chance, faults.rate_failed, (30001, 30007, 30008))


def fail_at_phone(faults: Faults, chance: float) -> int | None:
    """Twilio's error code for a message that was sent and does not arrive, or None."""
    return _code(chance, faults.rate_undelivered, (30003, 30005, 30006))


def _pick(chance: float, *shares: tuple[Mishap, float]) -> Mishap | None:
    for mishap, share in shares:
        if chance < share:
            return mishap
        chance -= share
    return None


def _code(chance: float, share: float, codes: tuple[int, ...]) -> int | None:
    return codes[int(chance / share * len(codes))] if chance < share else None

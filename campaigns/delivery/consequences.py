"""What failures mean beyond their own message: a number is left alone, a campaign pauses itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.delivery.lanes import SERVICE_LANE
from campaigns.delivery.rules import FAILURE_WINDOW, fails_too_often, policy_of
from campaigns.delivery.tallying import recent_outcomes
from campaigns.lifecycle import pause_by_itself
from outreach.people.models import SuppressionReason
from outreach.people.suppression import lock_phone, suppress


@dataclass(slots=True)
class Failure:
    """An attempt that has just failed, and how."""

    lane: int
    phone_id: int
    cause: str | None
    code: str | None


def heed(session: Session, failed: Sequence[Failure], *, now: datetime, secret_key: str) -> None:
    """Draw the consequences of failures, in the transaction that writes them."""
    left_alone = {(item.phone_id, reason) for item in failed if (reason := policy_of(item.cause).suppresses)}
    for phone_id, reason in sorted(left_alone):
        suppress(
            session,
            lock_phone(session, phone_id),
            reason=SuppressionReason(reason),
            source="gateway",
            secret_key=secret_key,
            now=now,
        )
    stop_refused(
        session, ((item.lane, item.code) for item in failed if policy_of(item.cause).pauses), now=now
    )
    for lane in sorted({item.lane for item in failed} - {SERVICE_LANE}):
        bad, well = recent_outcomes(session, lane, now=now)
        if fails_too_often(failed=bad, well=well):
            minutes = int(FAILURE_WINDOW.total_seconds() / 60)
            pause_by_itself(
                session,
                lane,
                reason=f"Trong {minutes} phút qua có {bad} trên {bad + well} tin không gửi được. "
                "Hãy xem nguyên nhân ở trang này, kiểm tra danh sách và tên người gửi rồi mới gửi tiếp.",
                now=now,
            )


def stop_refused(session: Session, refused: Iterable[tuple[int, str | None]], *, now: datetime) -> None:
    """Pause the campaigns (lane, code) whose account or sender the gateway refuses: all would fail the same way."""
    for lane, code in sorted({(lane, code or "") for lane, code in refused if lane != SERVICE_LANE}):
        reason = f"Cổng tin nhắn từ chối tài khoản hoặc tên người gửi (mã {code}). Hãy báo người quản trị."
        pause_by_itself(session, lane, reason=reason, now=now)

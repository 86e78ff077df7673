"""Copies of a campaign's texts on the office's own phones: what their holders may say of them. Pure."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

from campaigns.rules.sending_hours import VIETNAM, is_clock
from outreach.rules.errors import BadInput


class ControlLook(StrEnum):
    """How a copy looked on the phone."""

    CLEAR = "clear"
    GARBLED = "garbled"
    CUT = "cut"
    SENDER = "sender"


def read_came_at(clock: str, *, queued_at: datetime, now: datetime) -> datetime:
    """Return when a copy came (UTC): the last such time of day, or now. Raises BadInput."""
    if not clock.strip():
        return now
    if not is_clock(clock.strip()):
        raise BadInput("control_time_wrong")
    local = now.astimezone(VIETNAM)
    hour, minute = map(int, clock.strip().split(":"))
    came = local.replace(hour=hour % 24, minute=minute, second=59)
    if came.replace(second=0) > local:
        came -= timedelta(days=1)
    if came < queued_at:
        raise BadInput("control_time_before_copy", at=f"{queued_at.astimezone(VIETNAM):%H:%M %d/%m}")
    return min(came.astimezone(UTC), now)

"""When a gateway says that something came, in whatever form it says it. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_VIETNAM = timezone(timedelta(hours=7))
_EPOCH = re.compile(r"\d{9,13}(\.\d*)?")
_MILLISECONDS_FROM = 100_000_000_000  # as seconds it would be the year 5138

_EARLIEST = 2000  # the year; before it nobody wrote us, whatever a clock says


def read_moment(text: str) -> datetime | None:
    """ISO 8601, Vietnam's time where it names no zone, or seconds or milliseconds since 1970; in UTC.

    None for anything else and for a time before 2000.
    """
    said = text.strip()
    try:
        if _EPOCH.fullmatch(said):
            seconds = float(said)
            moment = datetime.fromtimestamp(
                seconds / 1000 if seconds >= _MILLISECONDS_FROM else seconds, tz=UTC
            )
        else:
            moment = datetime.fromisoformat(said)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=_VIETNAM)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.year >= _EARLIEST else None

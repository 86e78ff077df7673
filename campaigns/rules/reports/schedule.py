"""Schedule of the daily report: the next action due, from the time and what has happened.

The caller performs the returned action and asks again. After a downtime only what is still useful is due: agencies are
not reminded after the figures are frozen, but the report is sent however late it is.
"""

from dataclasses import dataclass
from enum import StrEnum


class ReportAction(StrEnum):
    """Actions that may be due."""

    CHASE = "chase"  # remind agencies without a report
    ALARM_MISSING = "alarm_missing"  # tell the officers which agencies are still missing
    FREEZE = "freeze"  # take the snapshot of figures and sources
    ISSUE = "issue"  # once it is approved: write documents, create the link, queue mail
    DELIVER = "deliver"  # send waiting mail again
    ALARM_UNDELIVERED = "alarm_undelivered"  # not approved, or not delivered, shortly before the deadline


@dataclass(frozen=True, slots=True)
class ReportHours:
    """Times of the day in Vietnam (HH:MM), ascending.

    `deadline` is when the report must have arrived; from `correct` on, officers are asked to correct it where figures came late.
    """

    chase: str = "11:00"
    alarm: str = "13:00"
    freeze: str = "13:30"
    undelivered: str = "13:45"
    deadline: str = "14:00"
    correct: str = "16:30"


@dataclass(frozen=True, slots=True)
class DayEvents:
    """What has happened on one day.

    `is_wanted`: the day is today and campaigns to report on are under way; a report frozen by hand is continued without
    it. `missing`: agencies without a report. `may_deliver`: mail waits and may be tried now (there is a pause after a
    refusal by the server). `is_delivered`: all addressees have it. `is_approved`: a second person approved what is frozen,
    the report or a correction.
    """

    is_wanted: bool
    missing: int = 0
    is_chased: bool = False
    is_alarmed: bool = False
    is_frozen: bool = False
    is_approved: bool = False
    is_issued: bool = False
    may_deliver: bool = False
    is_delivered: bool = False
    is_undelivered_alarmed: bool = False
    has_just_failed: bool = False


def next_action(clock: str, events: DayEvents, hours: ReportHours) -> ReportAction | None:
    """Return the first action due at `clock` (HH:MM), or None if nothing is due."""
    if not events.is_frozen and (action := _before_freezing(clock, events, hours)):
        return action
    if events.is_approved and not events.is_issued and not events.has_just_failed:
        return ReportAction.ISSUE
    if events.may_deliver:
        return ReportAction.DELIVER
    is_due = clock >= hours.undelivered and (events.is_frozen or events.is_wanted)
    if is_due and not events.is_delivered and not events.is_undelivered_alarmed:
        return ReportAction.ALARM_UNDELIVERED
    return None


def _before_freezing(clock: str, events: DayEvents, hours: ReportHours) -> ReportAction | None:
    if events.is_wanted and clock >= hours.freeze and not events.has_just_failed:
        return ReportAction.FREEZE
    is_open = events.is_wanted and events.missing > 0 and clock < hours.freeze
    if is_open and clock >= hours.alarm and not events.is_alarmed:
        return ReportAction.ALARM_MISSING
    if is_open and clock >= hours.chase and not events.is_chased:
        return ReportAction.CHASE
    return None

"""The day of a report: what is due at which hour in Vietnam, from the hour and from what has happened. Pure.

Whoever asks does what comes back and asks again. A scheduler that was down finds what is still of use: nobody is
chased for figures after they are frozen, but the report goes out however late it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReportAction(StrEnum):
    """What may be due."""

    CHASE = "chase"  # write to those who have not handed in
    ALARM_MISSING = "alarm_missing"  # tell the officers who is still missing
    FREEZE = "freeze"  # figures and sources as of the hour of freezing
    ISSUE = "issue"  # documents, link, mail
    DELIVER = "deliver"  # mail that has not left yet, once more
    ALARM_UNDELIVERED = "alarm_undelivered"
    CORRECT = "correct"  # what came late, marked as such


@dataclass(frozen=True, slots=True)
class ReportHours:
    """HH:MM in Vietnam, one after the other. `deadline` is when the report has to be there."""

    chase: str = "11:00"
    alarm: str = "13:00"
    freeze: str = "13:30"
    undelivered: str = "13:45"
    deadline: str = "14:00"
    correct: str = "16:30"


@dataclass(frozen=True, slots=True)
class DayEvents:
    """Of one day. `is_wanted`: it is today, and something is under way that a report is due on; what somebody has frozen
    by hand goes on without. `missing`: how many agencies have not handed in.

    `may_deliver`: mail waits and its turn has come (a server that refused gets a pause). `is_delivered`: everybody it
    is for has it. `has_changed`: what was frozen is no longer what is known.
    """

    is_wanted: bool
    missing: int = 0
    is_chased: bool = False
    is_alarmed: bool = False
    is_frozen: bool = False
    is_issued: bool = False
    may_deliver: bool = False
    is_delivered: bool = False
    is_undelivered_alarmed: bool = False
    has_changed: bool = False
    has_just_failed: bool = False


def next_action(clock: str, happened: DayEvents, hours: ReportHours) -> ReportAction | None:
    """What is due first at `clock` (HH:MM); None where nothing is, until something happens or the hour comes."""
    if not happened.is_frozen:
        return _before_freezing(clock, happened, hours)
    if not happened.is_issued and not happened.has_just_failed:
        return ReportAction.ISSUE
    if happened.may_deliver:
        return ReportAction.DELIVER
    if clock >= hours.undelivered and not happened.is_delivered and not happened.is_undelivered_alarmed:
        return ReportAction.ALARM_UNDELIVERED
    if clock >= hours.correct and happened.is_issued and happened.has_changed:
        return ReportAction.CORRECT
    return None


def _before_freezing(clock: str, happened: DayEvents, hours: ReportHours) -> ReportAction | None:
    is_wanted = happened.is_wanted
    if is_wanted and clock >= hours.freeze and not happened.has_just_failed:
        return ReportAction.FREEZE
    is_open = is_wanted and happened.missing > 0 and clock < hours.freeze
    if is_open and clock >= hours.alarm and not happened.is_alarmed:
        return ReportAction.ALARM_MISSING
    if is_open and clock >= hours.chase and not happened.is_chased:
        return ReportAction.CHASE
    if happened.may_deliver:
        return ReportAction.DELIVER
    if is_wanted and clock >= hours.undelivered and not happened.is_undelivered_alarmed:
        return ReportAction.ALARM_UNDELIVERED
    return None

"""Status of a day's report, as its page and its command show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.models.reports import Purpose, ReportDay, ReportForm, ReportIssue, ReportLink, ReportMail
from campaigns.reports.issue_report import end_of, is_delivered, read_issues
from campaigns.reports.links import address_of, read_links
from campaigns.reports.run_schedule import find_addressees
from campaigns.reports.settings import (
    ChecklistStep,
    current_template,
    has_form,
    may_approve_report,
    read_checklist,
)
from campaigns.reports.take_snapshot import days_with_report, freezes_at, read_agencies
from campaigns.rules.reports.snapshot import AgencyFigures, FigureChange, describe_change
from campaigns.rules.reports.template import ReportTemplate
from campaigns.rules.sending_hours import VIETNAM
from outreach.core.settings import Settings
from outreach.models.accounts import User

_MISSED_FOR = 30  # days


class DayState(StrEnum):
    """State of a day's report: not due, missed, or what officers have done with it."""

    NOT_WANTED = "not_wanted"
    MISSED = "missed"
    COLLECTING = "collecting"
    FROZEN = "frozen"
    PREPARED = "prepared"
    APPROVED = "approved"
    ISSUED = "issued"  # not delivered to everybody yet
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class DayStatus:
    """A day's report: agencies `missing`, `addressed` by mail, its row `held`, its needs for an issue."""

    day: date
    state: DayState
    form: ReportTemplate
    freezes_at: datetime
    deadline: datetime
    missing: Sequence[AgencyFigures]
    agencies: int
    addressed: frozenset[int]
    held: ReportDay
    issues: Sequence[ReportIssue]
    mails: Sequence[ReportMail]
    links: Sequence[tuple[ReportLink, str]]
    checklist: Sequence[ChecklistStep]
    read_at: datetime

    @property
    def to_approve(self) -> ReportIssue | None:
        """Return the report or the correction that is frozen and not approved yet."""
        newest = self.issues[-1] if self.issues else None
        return (
            newest if newest is not None and newest.approved_at is None and newest.issued_at is None else None
        )

    @property
    def pending(self) -> list[str]:
        """Return the changes that are in no issue yet, as sentences."""
        return [describe_change(FigureChange(**change)) for change in self.held.pending]

    @property
    def is_missing_alarm(self) -> bool:
        """Return whether the alarm about missing figures is shown."""
        return self.state is DayState.COLLECTING and self.held.alarmed_at is not None and bool(self.missing)

    @property
    def is_undelivered_alarm(self) -> bool:
        """Return whether the alarm about an undelivered report is shown."""
        return self.held.undelivered_at is not None and self.state is not DayState.DELIVERED

    def as_data(self) -> dict[str, Any]:
        """Return counts and moments for the command, without addresses."""
        return {
            "day": self.day.isoformat(),
            "state": self.state.value,
            "agencies": self.agencies,
            "missing": len(self.missing),
            "issues": [
                {
                    "n": issue.n,
                    "digest": issue.digest,
                    "frozen_at": issue.frozen_at.isoformat(),
                    "prepared_at": issue.prepared_at.isoformat() if issue.prepared_at else None,
                    "approved_at": issue.approved_at.isoformat() if issue.approved_at else None,
                    "issued_at": issue.issued_at.isoformat() if issue.issued_at else None,
                    "changes": len(issue.changes),
                }
                for issue in self.issues
            ],
            "pending_changes": len(self.held.pending),
            "mails": {
                purpose.value: {
                    "sent": sum(mail.sent_at is not None for mail in mails),
                    "waiting": sum(mail.is_waiting(self.read_at) for mail in mails),
                    "refused": sum(mail.refused_at is not None for mail in mails),
                }
                for purpose in Purpose
                if (mails := [mail for mail in self.mails if mail.purpose is purpose])
            },
            "hurdles": [f"no_{step.name}" for step in self.checklist if not step.is_done],
        }


def read_day_status(
    session: Session, drive: int, day: date, settings: Settings, *, now: datetime
) -> DayStatus:
    """Return the status of a drive's report of a day. Call it inside one `db.read()`."""
    iso, form = day.isoformat(), current_template(session, drive)
    report_day = session.get(ReportDay, (drive, iso)) or ReportDay(day=iso, marks={}, pending=[])
    issues = read_issues(session, drive, iso)
    known_until = freezes_at(day, form) if issues else None
    agencies = read_agencies(session, drive, day=day, known_until=known_until)
    missing = [each for each in agencies if each.is_missing]
    mails = session.scalars(
        select(ReportMail).where(ReportMail.drive_id == drive, ReportMail.day == iso).order_by(ReportMail.id)
    ).all()
    addressees = find_addressees(session, drive, [each.id for each in missing], now=now)
    return DayStatus(
        day=day,
        state=_state(session, drive, day, report_day, issues, now=now),
        form=form,
        freezes_at=freezes_at(day, form),
        deadline=end_of(iso, form.hours.deadline),
        missing=missing,
        agencies=len(agencies),
        addressed=frozenset(each.organisation_id for each in addressees),
        held=report_day,
        issues=issues,
        mails=mails,
        links=[(link, address_of(link, settings)) for link in read_links(session, drive, iso, now=now)],
        checklist=read_checklist(session, drive, settings),
        read_at=now,
    )


class Alarm(StrEnum):
    """An alarm about a day's report."""

    MISSING = "missing"
    UNAPPROVED = "unapproved"
    UNDELIVERED = "undelivered"


def read_alarm(session: Session, drive: int, day: date) -> Alarm | None:
    """Return the alarm that is on for a drive's report of a day, by a few reads of single rows. Returns None if there is none."""
    iso = day.isoformat()
    report_day = session.get(ReportDay, (drive, iso))
    if report_day is None:
        return None
    issues = read_issues(session, drive, iso)
    if report_day.undelivered_at and not is_delivered(session, drive, iso):
        return Alarm.UNAPPROVED if issues and issues[0].approved_at is None else Alarm.UNDELIVERED
    return Alarm.MISSING if report_day.alarmed_at and not issues else None


def read_today(session: Session, drive: int, today: date, *, now: datetime) -> DayState | None:
    """Return the state of today's report of a drive, by a few reads of single rows; None where no form was saved."""
    if not has_form(session, drive):
        return None
    iso = today.isoformat()
    report_day = session.get(ReportDay, (drive, iso)) or ReportDay(day=iso, marks={}, pending=[])
    return _state(session, drive, today, report_day, read_issues(session, drive, iso), now=now)


def read_missed_days(session: Session, drive: int, *, today: date) -> list[date]:
    """Return the last 30 days, newest first, since the first form, without the report that was due."""
    saved_at = session.scalar(select(func.min(ReportForm.saved_at)).where(ReportForm.drive_id == drive))
    if saved_at is None:
        return []
    saved = saved_at.astimezone(VIETNAM)
    is_in_time = f"{saved:%H:%M}" < current_template(session, drive).hours.freeze
    first = max(
        saved.date() if is_in_time else saved.date() + timedelta(days=1), today - timedelta(days=_MISSED_FOR)
    )
    was_issued = (ReportIssue.issued_at.is_not(None), ReportIssue.day >= first.isoformat())
    issued = set(session.scalars(select(ReportIssue.day).where(ReportIssue.drive_id == drive, *was_issued)))
    days = [today - timedelta(days=back) for back in range(1, (today - first).days + 1)]
    missing = [day for day in days if day.isoformat() not in issued]
    return days_with_report(session, drive, missing)


class WaitingReport(NamedTuple):
    """A report or a correction (`n` is not 0) that waits for approval; `by_user`: the reader prepared it."""

    drive: int
    day: str
    n: int
    by_user: bool


def read_waiting_reports(session: Session, user: User) -> list[WaitingReport]:
    """Return what waits for approval, oldest day first, for users who may approve reports."""
    if not may_approve_report(session, user):
        return []
    rows = session.execute(
        select(ReportIssue.drive_id, ReportIssue.day, ReportIssue.n, ReportIssue.prepared_by)
        .where(ReportIssue.prepared_at.is_not(None), ReportIssue.approved_at.is_(None))
        .order_by(ReportIssue.day, ReportIssue.drive_id)
    )
    return [WaitingReport(drive, day, n, by == user.id) for drive, day, n, by in rows]


class PastReport(NamedTuple):
    """A day's report in the list of all: when it was issued, how often it was corrected."""

    day: str
    issued_at: datetime | None
    corrections: int


def read_history(session: Session, drive: int, *, limit: int = 60) -> list[PastReport]:
    """Return the reports of the last days, newest first."""
    rows = session.execute(
        select(ReportIssue.day, func.min(ReportIssue.issued_at), func.max(ReportIssue.n))
        .where(ReportIssue.drive_id == drive)
        .group_by(ReportIssue.day)
        .order_by(ReportIssue.day.desc())
        .limit(limit)
    )
    return [PastReport(*row) for row in rows]


def _state(
    session: Session,
    drive: int,
    day: date,
    report_day: ReportDay,
    issues: Sequence[ReportIssue],
    *,
    now: datetime,
) -> DayState:
    if issues:
        report = issues[0]
        if report.issued_at is None:
            if report.approved_at is not None:
                return DayState.APPROVED
            return DayState.PREPARED if report.prepared_at is not None else DayState.FROZEN
        return DayState.DELIVERED if is_delivered(session, drive, day.isoformat()) else DayState.ISSUED
    if not days_with_report(session, drive, [day]):
        return DayState.NOT_WANTED
    return DayState.COLLECTING if day >= now.astimezone(VIETNAM).date() else DayState.MISSED

"""Schedule of the report: read what has happened, do what is due, until nothing is; and the status of a day as its page shows it.

Includes reminders to agencies that have not reported, and alarms to the officers who manage the report. All
state is read from the database, so it does not matter which process runs it, how often, or how long it did
not run.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.agencies.reports import read_links as read_agency_links
from campaigns.models.reports import Purpose, ReportDay, ReportForm, ReportIssue, ReportLink, ReportMail
from campaigns.reports.documents import address_of, read_links
from campaigns.reports.issue_report import (
    due_mail,
    end_of,
    freeze,
    is_delivered,
    issue,
    lock_day,
    newest_issue,
    note_pending_changes,
    queue_mail,
    read_issues,
    readdress,
    send_due_mail,
)
from campaigns.reports.settings import (
    ChecklistStep,
    current_template,
    drives_with_report,
    has_form,
    may_approve_report,
    read_checklist,
)
from campaigns.reports.take_snapshot import days_with_report, freezes_at, read_agencies
from campaigns.rules.reports.snapshot import AgencyFigures, FigureChange, describe_change
from campaigns.rules.reports.template import ADDRESS, DayEvents, ReportAction, ReportTemplate, next_action
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.permissions import is_province_staff
from outreach.core.job_queue import once_every
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_report_schedule

log = logging.getLogger(__name__)
# Days for which late figures are looked for, and a report that was missed is asked for.
CORRECTED_FOR = 7
# Time before a failed step is tried again; meanwhile the alarm can be sent.
TRY_AGAIN = timedelta(seconds=60)
_CHECK_EVERY_S = 20
NOTED_EVERY = timedelta(minutes=5)  # how often late figures are looked for
_MAX_ACTIONS = 50  # of one call; the next one goes on


def enqueue_due_report(runtime: Runtime, *, now: datetime) -> bool:
    """Enqueue the schedule job, which finds what is due, where a drive has a report. At most once in 20 seconds."""
    if not once_every(runtime.redis, "loa:report", every_s=_CHECK_EVERY_S):
        return False
    return bool(_days(runtime, now)) and enqueue_report_schedule(runtime)


def run_due_actions(runtime: Runtime, *, now: datetime) -> list[ReportAction]:
    """Do all that is due, in order. Returns what was done; one day's failure is raised after the others."""
    done, failures = list[ReportAction](), list[Exception]()
    for drive, day in _days(runtime, now):
        try:
            _run_day(runtime, drive, day, done, now=now)
        except Exception as error:
            log.exception("report.failed drive=%s day=%s", drive, day)
            failures.append(error)
    if failures:
        raise failures[0]
    return done


def _run_day(runtime: Runtime, drive: int, day: date, done: list[ReportAction], *, now: datetime) -> None:
    readdress(runtime, drive, day.isoformat(), now=now)
    while len(done) < _MAX_ACTIONS:
        with runtime.db.read() as session:
            hours = current_template(session, drive).hours
            has_server = bool(runtime.settings.smtp_url)
            events = read_day_events(session, drive, day, has_server=has_server, now=now)
        action = next_action(f"{now.astimezone(VIETNAM):%H:%M}", events, hours)
        if action is None:
            break
        done.append(action)
        try:
            _do(runtime, action, drive, day, now=now)
        except Exception:
            # Whatever failed, the alarm must still be sent, and the step tried again.
            log.exception("report.failed action=%s drive=%s day=%s", action, drive, day)
            with runtime.db.write() as session:
                lock_day(session, drive, day.isoformat()).failed_at = now
            if action not in (ReportAction.FREEZE, ReportAction.ISSUE):
                break
    with runtime.db.read() as session:
        report_day = session.get(ReportDay, (drive, day.isoformat()))
        is_frozen = newest_issue(session, drive, day.isoformat()) is not None
    looked_at = report_day.looked_at if report_day else None
    if is_frozen and (looked_at is None or now >= looked_at + NOTED_EVERY):
        note_pending_changes(runtime, drive, day, now=now)


def read_day_events(session: Session, drive: int, day: date, *, has_server: bool, now: datetime) -> DayEvents:
    """Return what has happened on a day, from the database. Call it inside one `db.read()`."""
    iso = day.isoformat()
    report_day = session.get(ReportDay, (drive, iso)) or ReportDay(day=iso, marks={}, pending=[])
    newest = newest_issue(session, drive, iso)
    is_today = day == now.astimezone(VIETNAM).date()
    is_wanted = is_today and bool(days_with_report(session, drive, [day]))
    missing = 0
    if is_wanted and newest is None:
        missing = sum(each.is_missing for each in read_agencies(session, drive, day=day, known_until=None))
    return DayEvents(
        is_wanted=is_wanted,
        missing=missing,
        is_chased=report_day.chased_at is not None,
        is_alarmed=report_day.alarmed_at is not None,
        is_frozen=newest is not None,
        is_approved=newest is not None and newest.approved_at is not None,
        is_issued=newest is not None and newest.issued_at is not None,
        may_deliver=has_server
        and bool(
            session.execute(select(ReportMail.id).where(*due_mail(drive, iso, now=now)).limit(1)).first()
        ),
        is_delivered=is_delivered(session, drive, iso),
        is_undelivered_alarmed=report_day.undelivered_at is not None,
        has_just_failed=report_day.failed_at is not None and now < report_day.failed_at + TRY_AGAIN,
    )


def _days(runtime: Runtime, now: datetime) -> Sequence[tuple[int, date]]:
    """Return by drive today, and the earlier days whose report may still be corrected, or is to be issued or mailed, however old."""
    today = now.astimezone(VIETNAM).date()
    first = (today - timedelta(days=CORRECTED_FOR)).isoformat()
    is_to_issue = ReportIssue.approved_at.is_not(None) & ReportIssue.issued_at.is_(None)
    has_mail = exists().where(*due_mail(ReportIssue.drive_id, ReportIssue.day, now=now))
    with runtime.db.read() as session:
        drives = drives_with_report(session)
        earlier = session.execute(
            select(ReportIssue.drive_id, ReportIssue.day)
            .where(ReportIssue.day < today.isoformat())
            .where(or_(ReportIssue.day >= first, is_to_issue, has_mail))
            .distinct()
            .order_by(ReportIssue.day.desc(), ReportIssue.drive_id)
        ).all()
    return [
        *((drive, today) for drive in drives),
        *((drive, date.fromisoformat(day)) for drive, day in earlier),
    ]


def _do(runtime: Runtime, action: ReportAction, drive: int, day: date, *, now: datetime) -> None:
    match action:
        case ReportAction.CHASE:
            remind_agencies(runtime, drive, day, now=now)
        case ReportAction.ALARM_MISSING | ReportAction.ALARM_UNDELIVERED:
            send_alarm(runtime, drive, day, action, now=now)
        case ReportAction.FREEZE:
            freeze(runtime, drive, day, now=now)
        case ReportAction.ISSUE:
            issue(runtime, drive, day, now=now)
        case ReportAction.DELIVER:
            send_due_mail(runtime, drive, day.isoformat(), now=now)


class Addressee(NamedTuple):
    """An address at an agency; `link_id` for the holder of a link, who has no account."""

    organisation_id: int
    address: str
    link_id: int | None = None


def remind_agencies(runtime: Runtime, drive: int, day: date, *, now: datetime) -> None:
    """Queue the day's reminders to agencies without a report; the page lists those without an address."""
    with runtime.db.write() as session:
        report_day = lock_day(session, drive, day.isoformat())
        if report_day.chased_at is not None:
            return
        report_day.chased_at = now
        until = end_of(report_day.day, current_template(session, drive).hours.freeze)
        agencies = read_agencies(session, drive, day=day, known_until=None)
        missing = [each.id for each in agencies if each.is_missing]
        for each in find_addressees(session, drive, missing, now=now):
            queue_mail(
                session,
                [each.address],
                Purpose.CHASE,
                drive=drive,
                day=report_day.day,
                organisation_id=each.organisation_id,
                link_id=each.link_id,
                until=until,
                now=now,
            )


def send_alarm(runtime: Runtime, drive: int, day: date, action: ReportAction, *, now: datetime) -> None:
    """Note an alarm, shown from then on, and mail the officers once; leaders too without approval."""
    with runtime.db.write() as session:
        report_day = lock_day(session, drive, day.isoformat())
        is_missing = action is ReportAction.ALARM_MISSING
        noted = "alarmed_at" if is_missing else "undelivered_at"
        if getattr(report_day, noted) is not None:
            return
        setattr(report_day, noted, now)
        freeze_hour = current_template(session, drive).hours.freeze
        newest = newest_issue(session, drive, report_day.day)
        is_unapproved = newest is not None and newest.approved_at is None
        users = [
            user
            for user in session.scalars(select(User).where(User.is_active).order_by(User.id))
            if is_province_staff(session, user) or (is_unapproved and may_approve_report(session, user))
        ]
        own = [user.email for user in users if user.role is not Role.ADMINISTRATOR]
        queue_mail(
            session,
            own or [user.email for user in users],
            Purpose.ALARM_MISSING if is_missing else Purpose.ALARM_UNDELIVERED,
            drive=drive,
            day=report_day.day,
            until=end_of(report_day.day, freeze_hour) if is_missing else None,
            now=now,
        )


def find_addressees(
    session: Session, drive: int, agencies: Iterable[int], *, now: datetime
) -> list[Addressee]:
    """Return the addresses of agencies: their own users, and holders of links for the drive with an address."""
    agency_ids = sorted(agencies)
    addressees = [
        Addressee(user.organisation_id, user.email)
        for user in session.scalars(
            select(User)
            .where(
                User.organisation_id.in_(agency_ids),
                User.is_active,
                User.role.in_((Role.STAFF, Role.APPROVER)),
            )
            .order_by(User.id)
        )
        if user.organisation_id is not None
    ]
    for link in reversed(read_agency_links(session, drive, *agency_ids, now=now)):
        if address := ADDRESS.search(link.holder):
            addressees.append(Addressee(link.organisation_id, address[0], link.id))
    return addressees


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


def read_waiting_reports(session: Session, user: User) -> Sequence[Any]:
    """Return the reports and corrections (`n` is not 0) that wait for approval, oldest day first, for users who may approve them.

    `by_user`: the reader prepared it.
    """
    if not may_approve_report(session, user):
        return []
    by_user = (ReportIssue.prepared_by == user.id).label("by_user")
    return session.execute(
        select(ReportIssue.drive_id.label("drive"), ReportIssue.day, ReportIssue.n, by_user)
        .where(ReportIssue.prepared_at.is_not(None), ReportIssue.approved_at.is_(None))
        .order_by(ReportIssue.day, ReportIssue.drive_id)
    ).all()


def read_history(session: Session, drive: int, *, limit: int = 60) -> Sequence[Any]:
    """Return the reports of the last days, newest first: when each was issued, how often it was corrected."""
    issued_at, corrections = func.min(ReportIssue.issued_at), func.max(ReportIssue.n)
    return session.execute(
        select(ReportIssue.day, issued_at.label("issued_at"), corrections.label("corrections"))
        .where(ReportIssue.drive_id == drive)
        .group_by(ReportIssue.day)
        .order_by(ReportIssue.day.desc())
        .limit(limit)
    ).all()


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

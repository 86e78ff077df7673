"""Steps of issuing a report: freeze a day, issue its documents, correct them, send them again.

Freezing, issuing and each correction happen once, however often they are called: each locks the day's row
first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from campaigns.models.activities import Activity
from campaigns.models.figures import AgencyReport, DenominatorEntry, OfficialInstalls
from campaigns.models.replies import Answer
from campaigns.models.reports import Purpose, ReportDay, ReportFile, ReportIssue, ReportLink
from campaigns.reports.documents import build_files, document_of
from campaigns.reports.links import make_link
from campaigns.reports.report_mail import queue_mail
from campaigns.reports.settings import current_template, has_form, recipients_of, require_province
from campaigns.reports.take_snapshot import freezes_at, take_snapshot
from campaigns.rules.reports.changes import FigureChange, find_changes
from campaigns.rules.reports.snapshot import read_snapshot
from campaigns.rules.reports.template import parse_template
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.core.bulk import insert_missing
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, NotFound, WrongState
from outreach.runtime import Runtime
from outreach.use_cases import transaction, use_case


def lock_day(session: Session, drive: int, day: str) -> ReportDay:
    """Return a day's row, created if missing, and locked.

    So the steps of one day run one after the other.
    """
    insert_missing(session, ReportDay, [{"drive_id": drive, "day": day, "marks": {}, "pending": []}])
    return session.get_one(ReportDay, (drive, day), with_for_update=True, populate_existing=True)


def freeze(runtime: Runtime, drive: int, day: date, *, now: datetime, user: User | None = None) -> bool:
    """Store a drive's snapshot of the day as of its hour of freezing. Returns False if it was stored before.

    Raises BadInput before that hour, as figures would be missing; WrongState where no form was saved.
    """
    with runtime.db.write() as session:
        report_day = lock_day(session, drive, day.isoformat())
        if not has_form(session, drive):
            raise WrongState("report_form_missing")
        form = current_template(session, drive)
        as_of = freezes_at(day, form)
        if now < as_of:
            raise BadInput("report_before_freeze", day=day, freeze=form.hours.freeze)
        if newest_issue(session, drive, report_day.day) is not None:
            return False
        snapshot = take_snapshot(session, form, drive=drive, day=day, known_until=as_of)
        issue = ReportIssue(
            drive_id=drive,
            day=report_day.day,
            n=0,
            snapshot=snapshot.as_data(),
            digest=snapshot.digest,
            form=form.as_data(),
            changes=[],
            written_on=max(day, now.astimezone(VIETNAM).date()).isoformat(),
            frozen_at=now,
            issued_by=user.id if user else None,
        )
        session.add(issue)
        session.flush()
        _record(session, "report.freeze", issue, user=user, now=now)
        return True


def issue(runtime: Runtime, drive: int, day: date, *, now: datetime) -> bool:
    """Issue the day's newest snapshot: store its documents, make its link, queue its mail.

    Returns False if there is nothing to issue.
    """
    with runtime.db.read() as session:
        to_issue = newest_issue(session, drive, day.isoformat())
        if to_issue is None or to_issue.issued_at is not None:
            return False
        document = document_of(to_issue)
    # Outside any lock: it takes a second or two. Another process that builds them meanwhile builds the same.
    files = build_files(document, made_at=to_issue.frozen_at)
    with transaction(runtime) as session:
        lock_day(session, drive, day.isoformat())
        issued = session.get_one(ReportIssue, to_issue.id, populate_existing=True)
        if issued.issued_at is not None:
            return False
        session.add_all(
            ReportFile(
                issue_id=issued.id, kind=kind, content=content, sha256=hashlib.sha256(content).hexdigest()
            )
            for kind, content in files.items()
        )
        issued.issued_at = now
        form = parse_template(issued.form)
        make_link(session, drive, issued.day, days=form.link_days, user=None, now=now)
        queue_mail(
            session,
            recipients_of(session, drive, runtime.settings),
            Purpose.CORRECTION if issued.n else Purpose.REPORT,
            drive=drive,
            day=issued.day,
            issue_id=issued.id,
            now=now,
        )
        _record(session, "report.issue", issued, user=None, now=now)
        return True


def correct(
    runtime: Runtime, drive: int, day: date, *, now: datetime, user: User | None = None
) -> list[FigureChange]:
    """Store a correction with what has changed since the newest issue. Returns the changes, empty if none.

    Raises WrongState while the report itself, or a correction of it, is still being issued; NotFound without
    a report.
    """
    with runtime.db.write() as session:
        report_day = lock_day(session, drive, day.isoformat())
        last_issue = newest_issue(session, drive, report_day.day)
        if last_issue is None:
            raise NotFound("no_report_to_correct")
        if last_issue.issued_at is None:
            raise WrongState("report_being_issued")
        marks = read_marks(session)
        before_snapshot, form = read_snapshot(last_issue.snapshot), parse_template(last_issue.form)
        snapshot = take_snapshot(session, form, drive=drive, day=day, known_until=now)
        changes = find_changes(before_snapshot, snapshot, done=form.done, owners=form.owners)
        report_day.marks, report_day.pending = marks, []
        if not changes:
            return []
        correction = ReportIssue(
            drive_id=drive,
            day=report_day.day,
            n=last_issue.n + 1,
            snapshot=snapshot.as_data(),
            digest=snapshot.digest,
            form=form.as_data(),
            changes=[change.as_data() for change in changes],
            written_on=now.astimezone(VIETNAM).date().isoformat(),
            frozen_at=now,
            issued_by=user.id if user else None,
        )
        session.add(correction)
        session.flush()
        _record(session, "report.correct", correction, user=user, now=now)
        return changes


def note_pending_changes(runtime: Runtime, drive: int, day: date, *, now: datetime) -> int:
    """Note the changes that are in no issue yet. Returns how many figures changed.

    Costs little while nothing was entered.
    """
    with runtime.db.write() as session:
        report_day = lock_day(session, drive, day.isoformat())
        issued = newest_issue(session, drive, report_day.day)
        if issued is None or issued.issued_at is None:
            return 0
        marks = read_marks(session)
        if report_day.marks == marks or not _is_about_day(
            session, day, freezes_at(day, parse_template(issued.form)), report_day.marks
        ):
            report_day.marks = marks
            return len(report_day.pending)
        form = parse_template(issued.form)
        snapshot = take_snapshot(session, form, drive=drive, day=day, known_until=now)
        changes = find_changes(read_snapshot(issued.snapshot), snapshot, done=form.done, owners=form.owners)
        report_day.marks, report_day.pending = marks, [change.as_data() for change in changes]
        return len(changes)


def newest_issue(session: Session, drive: int, day: str) -> ReportIssue | None:
    """Return the day's report as last corrected. Returns None if there is none."""
    return session.scalar(
        select(ReportIssue)
        .where(ReportIssue.drive_id == drive, ReportIssue.day == day)
        .order_by(ReportIssue.n.desc())
        .limit(1)
    )


def read_issues(session: Session, drive: int, day: str) -> Sequence[ReportIssue]:
    """Return the day's report and its corrections, in order."""
    return session.scalars(
        select(ReportIssue)
        .where(ReportIssue.drive_id == drive, ReportIssue.day == day)
        .order_by(ReportIssue.n)
    ).all()


_APPEND_ONLY: dict[str, Any] = {
    "agency_reports": AgencyReport,
    "official_installs": OfficialInstalls,
    "denominators": DenominatorEntry,
    "activities": Activity,
    "answers": Answer,
}


def read_marks(session: Session) -> dict[str, int]:
    """Return the newest row id of each table that rows are only added to."""
    return {name: session.scalar(select(func.max(table.id))) or 0 for name, table in _APPEND_ONLY.items()}


def _is_about_day(session: Session, day: date, as_of: datetime, marks: dict[str, int]) -> bool:
    """Return whether a row added since the marks is about the day: most are about a later hour."""
    iso, earlier_version = day.isoformat(), aliased(Activity)
    conditions = {
        "agency_reports": AgencyReport.day <= iso,
        "official_installs": OfficialInstalls.day <= iso,
        "denominators": DenominatorEntry.as_of <= iso,
        # Includes activities moved to another day: an earlier version of the entry is about this one.
        "activities": Activity.entry_id.in_(
            select(earlier_version.entry_id).where(earlier_version.first <= iso)
        ),
        "answers": Answer.at <= as_of,
    }
    return any(
        session.execute(
            select(table.id).where(table.id > marks.get(name, 0), conditions[name]).limit(1)
        ).first()
        for name, table in _APPEND_ONLY.items()
    )


def _record(
    session: Session, action: str, issue_row: ReportIssue, *, user: User | None, now: datetime
) -> None:
    audit.record(session, action, issue_row, user, now, correction=issue_row.n)


@use_case
def send_again(
    session: Session, drive: int, day: str, settings: Settings, *, user: User, now: datetime
) -> int:
    """Queue the newest issue's mail to all recipients once more. Returns how many.

    Raises WrongState where mail cannot be sent, NotFound, NotAllowed.
    """
    require_province(session, user)
    lock_day(session, drive, day)
    newest = newest_issue(session, drive, day)
    if newest is None or newest.issued_at is None:
        raise NotFound("report_not_issued")
    recipients = recipients_of(session, drive, settings)
    if not settings.smtp_url or not recipients:
        raise WrongState("mail_not_set_up")
    count = queue_mail(
        session,
        recipients,
        Purpose.CORRECTION if newest.n else Purpose.REPORT,
        drive=drive,
        day=day,
        issue_id=newest.id,
        again=now.isoformat(timespec="seconds"),
        now=now,
    )
    audit.record(session, "report.send_again", newest, user, now, mails=count)
    return count


@use_case
def note_by_hand(session: Session, drive: int, day: str, *, user: User, now: datetime) -> None:
    """Note that the report was delivered another way, which ends the alarm.

    Raises NotFound, NotAllowed, WrongState if it was noted before.
    """
    require_province(session, user)
    report_day = lock_day(session, drive, day)
    newest = newest_issue(session, drive, day)
    if newest is None or newest.issued_at is None:
        raise NotFound("report_not_issued")
    if report_day.by_hand_at is not None:
        raise WrongState("recorded_before")
    report_day.by_hand_at, report_day.by_hand_by = now, user.id
    audit.record(session, "report.by_hand", newest, user, now)


@use_case
def share_report(session: Session, drive: int, day: str, *, user: User, now: datetime) -> ReportLink:
    """Return a link to an issued report, valid for as long as the template says. Raises NotFound, NotAllowed."""
    require_province(session, user)
    if not read_issues(session, drive, day):
        raise NotFound("report_not_issued")
    return make_link(session, drive, day, days=current_template(session, drive).link_days, user=user, now=now)

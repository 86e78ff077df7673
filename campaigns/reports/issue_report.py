"""Steps of issuing a report: freeze a day, prepare and approve what is issued, issue it, correct it, send it again.

Freezing, approving, issuing and each correction happen once, however often they are called: each locks the day's row first.
The one who approves is not the one who prepared it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from campaigns.analytics.door_counts import VISITED_AT
from campaigns.models.activities import Activity, VisitResult
from campaigns.models.figures import AgencyReport, DenominatorEntry, OfficialInstalls
from campaigns.models.replies import Answer
from campaigns.models.reports import Purpose, ReportDay, ReportFile, ReportIssue, ReportLink
from campaigns.reports.documents import build_files, draft_of
from campaigns.reports.links import make_link
from campaigns.reports.report_mail import queue_mail
from campaigns.reports.settings import (
    current_template,
    has_form,
    may_approve_report,
    recipients_of,
    require_province,
    require_ready,
)
from campaigns.reports.take_snapshot import freezes_at, take_snapshot
from campaigns.rules.reports.changes import FigureChange, find_changes
from campaigns.rules.reports.document import read_notes
from campaigns.rules.reports.snapshot import Snapshot, read_snapshot
from campaigns.rules.reports.template import parse_template
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.core.db import id_of, insert_missing
from outreach.core.settings import Settings
from outreach.models.accounts import User
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_report_schedule, transaction, use_case


def lock_day(session: Session, drive: int, day: str) -> ReportDay:
    """Return a day's row, created if missing, and locked. So the steps of one day run one after the other."""
    insert_missing(session, ReportDay, [{"drive_id": drive, "day": day, "marks": {}, "pending": []}])
    return session.get_one(ReportDay, (drive, day), with_for_update=True, populate_existing=True)


def freeze(runtime: Runtime, drive: int, day: date, *, now: datetime, user: User | None = None) -> bool:
    """Store the snapshot of the freezing hour; False if stored before. Raises BadInput, WrongState."""
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
            issued_by=id_of(user),
        )
        session.add(issue)
        session.flush()
        audit.record(session, "report.freeze", issue, user, now, correction=issue.n)
        return True


def issue(runtime: Runtime, drive: int, day: date, *, now: datetime) -> bool:
    """Issue the newest approved snapshot: documents, link, mail. Returns False without one."""
    with runtime.db.read() as session:
        to_issue = newest_issue(session, drive, day.isoformat())
        if to_issue is None or to_issue.approved_at is None or to_issue.issued_at is not None:
            return False
        document = draft_of(to_issue)
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
        issued.issued_at, issued.document = now, document.as_data()
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
        audit.record(session, "report.issue", issued, None, now, correction=issued.n)
        return True


@use_case
def prepare_report(
    session: Session,
    drive: int,
    day: str,
    *,
    remark: str = "",
    hindered: str = "",
    asked: str = "",
    user: User,
    now: datetime,
) -> ReportIssue:
    """Submit the frozen report with notes for approval. Raises NotFound, WrongState, NotAllowed, BadInput."""
    require_province(session, user)
    require_ready(session, drive)
    lock_day(session, drive, day)
    prepared = _to_approve(session, drive, day)
    prepared.notes = read_notes({"remark": remark, "hindered": hindered, "asked": asked}).as_data()
    prepared.prepared_at, prepared.prepared_by = now, user.id
    audit.record(session, "report.prepare", prepared, user, now, correction=prepared.n)
    return prepared


@use_case
def approve_report(
    session: Session, drive: int, day: str, *, prepared_at: str, user: User, now: datetime
) -> ReportIssue:
    """Approve what was prepared at a moment (ISO 8601). Raises NotFound, NotAllowed, WrongState if changed."""
    if not may_approve_report(session, user):
        raise NotAllowed("report_not_yours_to_approve")
    require_ready(session, drive)
    lock_day(session, drive, day)
    approved = _to_approve(session, drive, day)
    if approved.prepared_at is None or approved.prepared_at.isoformat() != prepared_at:
        raise WrongState("report_prepared_anew")
    if approved.prepared_by == user.id:
        raise NotAllowed("report_prepared_by_you")
    approved.approved_at, approved.approved_by = now, user.id
    audit.record(session, "report.approve", approved, user, now, correction=approved.n)
    enqueue_after_commit(session, enqueue_report_schedule)
    return approved


def _to_approve(session: Session, drive: int, day: str) -> ReportIssue:
    newest = or_raise(newest_issue(session, drive, day), NotFound("report_not_found"))
    if newest.approved_at is not None or newest.issued_at is not None:
        raise WrongState("report_approved_before")
    return newest


@use_case
def correct(session: Session, drive: int, day: date, *, user: User, now: datetime) -> list[FigureChange]:
    """Prepare a correction with all that has changed since the newest issue. Returns the changes, empty if none.

    Until it is approved the same correction takes up what comes later, when it is prepared again: what arrives in an evening
    becomes one. Raises WrongState while the report itself is not issued, NotFound without a report, NotAllowed.
    """
    require_province(session, user)
    report_day = lock_day(session, drive, day.isoformat())
    issues = read_issues(session, drive, report_day.day)
    if not issues:
        raise NotFound("no_report_to_correct")
    waiting = issues[-1] if issues[-1].n and issues[-1].approved_at is None else None
    last_issue = issues[-2] if waiting else issues[-1]
    if last_issue.issued_at is None:
        raise WrongState("report_being_issued")
    report_day.pending = []
    changes, snapshot = _find_changes(session, last_issue, now=now)
    if not changes:
        if waiting:  # what came late was taken back
            session.delete(waiting)
        return []
    correction = waiting or ReportIssue(
        drive_id=drive, day=report_day.day, n=last_issue.n + 1, form=last_issue.form
    )
    correction.snapshot, correction.digest = snapshot.as_data(), snapshot.digest
    correction.changes = [change.as_data() for change in changes]
    correction.written_on = now.astimezone(VIETNAM).date().isoformat()
    correction.frozen_at = correction.prepared_at = now
    correction.issued_by = correction.prepared_by = user.id
    correction.notes = correction.notes or last_issue.notes
    session.add(correction)
    session.flush()
    audit.record(session, "report.correct", correction, user, now, correction=correction.n)
    return changes


def note_pending_changes(runtime: Runtime, drive: int, day: date, *, now: datetime) -> int:
    """Note the changes since the freeze that are in no issue. Returns how many; cheap without entries."""
    with runtime.db.write() as session:
        newest = newest_issue(session, drive, day.isoformat())
        if newest is None:
            return 0
        report_day = lock_day(session, drive, day.isoformat())
        is_apart = report_day.looked_at is None or now >= report_day.looked_at + _TRANSACTIONS_END
        report_day.looked_at = now
        marks, last = read_marks(session), report_day.marks
        freeze_hour = freezes_at(day, parse_template(newest.form))
        # A row may be committed after a look that saw a higher id: what came since the look before the last one counts again.
        if _is_about_day(session, day, freeze_hour, {name: last.get(_BEFORE + name, 0) for name in marks}):
            changes, _snapshot = _find_changes(session, newest, now=now)
            report_day.pending = [change.as_data() for change in changes]
        if is_apart:
            report_day.marks = marks | {_BEFORE + name: last.get(name, 0) for name in marks}
        return len(report_day.pending)


# Longer than the schedule is at work after the moment that it goes by.
_STORED_SINCE = timedelta(hours=1)


def _find_changes(
    session: Session, issue: ReportIssue, *, now: datetime
) -> tuple[list[FigureChange], Snapshot]:
    """Return what is known now, also since `now`, and was not when an issue was frozen; figures now."""
    form = parse_template(issue.form)
    day = date.fromisoformat(issue.day)
    snapshot = take_snapshot(session, form, drive=issue.drive_id, day=day, known_until=now + _STORED_SINCE)
    before = read_snapshot(issue.snapshot)
    if before.headline is None:  # of an earlier version: what it did not have is no change
        snapshot = replace(snapshot, headline=None)
    return find_changes(before, snapshot, done=form.done, owners=form.owners), snapshot


def newest_issue(session: Session, drive: int, day: str, *, is_issued: bool = False) -> ReportIssue | None:
    """Return the day's report as last corrected, if wanted as last issued. Returns None if there is none."""
    return session.scalar(
        select(ReportIssue)
        .where(
            ReportIssue.drive_id == drive,
            ReportIssue.day == day,
            *([ReportIssue.issued_at.is_not(None)] if is_issued else []),
        )
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
    "visit_results": VisitResult,
}


_BEFORE = "before."  # of the look before the last one
_TRANSACTIONS_END = timedelta(minutes=2)


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
        "visit_results": as_of >= VISITED_AT,
    }
    return any(
        session.execute(
            select(table.id).where(table.id > marks.get(name, 0), conditions[name]).limit(1)
        ).first()
        for name, table in _APPEND_ONLY.items()
    )


@use_case
def send_again(
    session: Session, drive: int, day: str, settings: Settings, *, user: User, now: datetime
) -> int:
    """Mail the newest issue again with a new link. Returns to how many. Raises WrongState, NotFound, NotAllowed."""
    require_province(session, user)
    lock_day(session, drive, day)
    newest = or_raise(newest_issue(session, drive, day, is_issued=True), NotFound("report_not_issued"))
    recipients = recipients_of(session, drive, settings)
    if not settings.smtp_url or not recipients:
        raise WrongState("mail_not_set_up")
    make_link(session, drive, day, days=parse_template(newest.form).link_days, user=user, now=now)
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
    """Record that a report was delivered another way; the alarm ends. Raises NotFound, NotAllowed, WrongState."""
    require_province(session, user)
    report_day = lock_day(session, drive, day)
    newest = or_raise(newest_issue(session, drive, day, is_issued=True), NotFound("report_not_issued"))
    if report_day.by_hand_at is not None:
        raise WrongState("recorded_before")
    report_day.by_hand_at, report_day.by_hand_by = now, user.id
    audit.record(session, "report.by_hand", newest, user, now)


@use_case
def share_report(session: Session, drive: int, day: str, *, user: User, now: datetime) -> ReportLink:
    """Return a link to an issued report, valid for as long as the template says. Raises NotFound, NotAllowed."""
    require_province(session, user)
    if newest_issue(session, drive, day, is_issued=True) is None:
        raise NotFound("report_not_issued")
    return make_link(session, drive, day, days=current_template(session, drive).link_days, user=user, now=now)

"""Freeze, issue, correct, send again.

Freezing a day, issuing its documents, correcting them. Each happens once, whoever asks and how often.

What officers do about a report that is issued: send it once more, or note that it went another way.
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
from campaigns.models.reports import Purpose, ReportDay, ReportFile, ReportIssue
from campaigns.reports.documents import build_files, document_of
from campaigns.reports.links import make_link
from campaigns.reports.report_mail import queue_mail
from campaigns.reports.settings import current_form, require_province
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


def lock_day(session: Session, day: str) -> ReportDay:
    """A day's row, made where there is none, and locked: what happens on a day happens one after the other."""
    insert_missing(session, ReportDay, [{"day": day, "marks": {}, "pending": []}])
    return session.get_one(ReportDay, day, with_for_update=True, populate_existing=True)


def freeze(runtime: Runtime, day: date, *, now: datetime, user: User | None = None) -> bool:
    """Take the day's snapshot as of its hour; False when it was taken before.

    Raises BadInput before that hour, as figures would be missing.
    """
    with runtime.db.write() as session:
        held = lock_day(session, day.isoformat())
        form = current_form(session)
        as_of = freezes_at(day, form)
        if now < as_of:
            raise BadInput(
                f"Số liệu ngày {day:%d/%m/%Y} chốt lúc {form.hours.freeze}. Đến giờ đó mới lập được báo cáo."
            )
        if newest_issue(session, held.day) is not None:
            return False
        snapshot = take_snapshot(session, form, day=day, known_until=as_of)
        issue = ReportIssue(
            day=held.day,
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


def issue(runtime: Runtime, day: date, *, now: datetime) -> bool:
    """Build and keep the documents of the day's newest issue, make its link, write its mail; False when it was done."""
    with runtime.db.read() as session:
        waiting = newest_issue(session, day.isoformat())
        if waiting is None or waiting.issued_at is not None:
            return False
        paper = document_of(waiting)
    # Outside any lock: it takes a second or two. Whoever else builds them meanwhile builds the same.
    files = build_files(paper, made_at=waiting.frozen_at)
    with runtime.db.write() as session:
        lock_day(session, day.isoformat())
        issued = session.get_one(ReportIssue, waiting.id, populate_existing=True)
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
        make_link(session, issued.day, days=form.link_days, user=None, now=now)
        queue_mail(
            session,
            runtime.settings.report_recipients,
            Purpose.CORRECTION if issued.n else Purpose.REPORT,
            day=issued.day,
            issue_id=issued.id,
            now=now,
        )
        _record(session, "report.issue", issued, user=None, now=now)
        return True


def correct(runtime: Runtime, day: date, *, now: datetime, user: User | None = None) -> list[FigureChange]:
    """What is known now in a correction of its own, marked as such; empty where nothing has changed.

    Raises WrongState while the report itself, or a correction of it, is still being issued; NotFound without a report.
    """
    with runtime.db.write() as session:
        held = lock_day(session, day.isoformat())
        before = newest_issue(session, held.day)
        if before is None:
            raise NotFound("Ngày này chưa có báo cáo để đính chính.")
        if before.issued_at is None:
            raise WrongState("Báo cáo đang được phát hành. Hãy thử lại sau ít phút.")
        marks = read_marks(session)
        said, form = read_snapshot(before.snapshot), parse_template(before.form)
        snapshot = take_snapshot(session, form, day=day, known_until=now)
        changes = find_changes(said, snapshot, done=form.done)
        held.marks, held.pending = marks, []
        if not changes:
            return []
        made = ReportIssue(
            day=held.day,
            n=before.n + 1,
            snapshot=snapshot.as_data(),
            digest=snapshot.digest,
            form=form.as_data(),
            changes=[change.as_data() for change in changes],
            written_on=now.astimezone(VIETNAM).date().isoformat(),
            frozen_at=now,
            issued_by=user.id if user else None,
        )
        session.add(made)
        session.flush()
        _record(session, "report.correct", made, user=user, now=now)
        return changes


def look_for_changes(runtime: Runtime, day: date, *, now: datetime) -> int:
    """Note what is known now and is not in an issue; how many figures. Costs little while nothing was entered."""
    with runtime.db.write() as session:
        held = lock_day(session, day.isoformat())
        issued = newest_issue(session, held.day)
        if issued is None or issued.issued_at is None:
            return 0
        marks = read_marks(session)
        if held.marks == marks or not _speaks_of(
            session, day, freezes_at(day, parse_template(issued.form)), held.marks
        ):
            held.marks = marks
            return len(held.pending)
        form = parse_template(issued.form)
        snapshot = take_snapshot(session, form, day=day, known_until=now)
        changes = find_changes(read_snapshot(issued.snapshot), snapshot, done=form.done)
        held.marks, held.pending = marks, [change.as_data() for change in changes]
        return len(changes)


def newest_issue(session: Session, day: str) -> ReportIssue | None:
    """The day's report as it was corrected last."""
    return session.scalar(
        select(ReportIssue).where(ReportIssue.day == day).order_by(ReportIssue.n.desc()).limit(1)
    )


def read_issues(session: Session, day: str) -> Sequence[ReportIssue]:
    """The day's report and its corrections, in order."""
    return session.scalars(select(ReportIssue).where(ReportIssue.day == day).order_by(ReportIssue.n)).all()


_BOOKS: dict[str, Any] = {
    "agency_reports": AgencyReport,
    "official_installs": OfficialInstalls,
    "denominators": DenominatorEntry,
    "activities": Activity,
    "answers": Answer,
}


def read_marks(session: Session) -> dict[str, int]:
    """The newest row of each book that is only ever added to."""
    return {name: session.scalar(select(func.max(book.id))) or 0 for name, book in _BOOKS.items()}


def _speaks_of(session: Session, day: date, as_of: datetime, marks: dict[str, int]) -> bool:
    """Whether one of the rows added since speaks of the day: most speak of a later hour."""
    iso, earlier = day.isoformat(), aliased(Activity)
    of_the_day = {
        "agency_reports": AgencyReport.day <= iso,
        "official_installs": OfficialInstalls.day <= iso,
        "denominators": DenominatorEntry.as_of <= iso,
        # One that was moved to another day, too: an earlier version of it speaks of this one.
        "activities": Activity.entry_id.in_(select(earlier.entry_id).where(earlier.first <= iso)),
        "answers": Answer.at <= as_of,
    }
    return any(
        session.execute(
            select(book.id).where(book.id > marks.get(name, 0), of_the_day[name]).limit(1)
        ).first()
        for name, book in _BOOKS.items()
    )


def _record(session: Session, action: str, made: ReportIssue, *, user: User | None, now: datetime) -> None:
    audit.record(
        session,
        actor_id=user.id if user else None,
        action=action,
        subject=f"report_issues:{made.id}",
        now=now,
        correction=made.n,
    )


def send_again(session: Session, day: str, settings: Settings, *, user: User, now: datetime) -> int:
    """Write the newest issue's mail to everybody once more; to how many. Raises WrongState where mail cannot go,
    NotFound, NotAllowed.
    """
    require_province(session, user)
    lock_day(session, day)
    newest = newest_issue(session, day)
    if newest is None or newest.issued_at is None:
        raise NotFound("Chưa phát hành báo cáo của ngày này.")
    if not settings.smtp_url or not settings.report_recipients:
        raise WrongState(
            "Chưa khai báo máy chủ thư (SMTP_URL) hoặc nơi nhận (REPORT_RECIPIENTS), chưa gửi được."
        )
    count = queue_mail(
        session,
        settings.report_recipients,
        Purpose.CORRECTION if newest.n else Purpose.REPORT,
        day=day,
        issue_id=newest.id,
        again=now.isoformat(timespec="seconds"),
        now=now,
    )
    audit.record(
        session,
        actor_id=user.id,
        action="report.send_again",
        subject=f"report_issues:{newest.id}",
        now=now,
        mails=count,
    )
    return count


def note_by_hand(session: Session, day: str, *, user: User, now: datetime) -> None:
    """The report went another way: no alarm any more. Raises NotFound, NotAllowed, WrongState when it was noted."""
    require_province(session, user)
    held = lock_day(session, day)
    newest = newest_issue(session, day)
    if newest is None or newest.issued_at is None:
        raise NotFound("Chưa phát hành báo cáo của ngày này.")
    if held.by_hand_at is not None:
        raise WrongState("Việc này đã được ghi từ trước.")
    held.by_hand_at, held.by_hand_by = now, user.id
    audit.record(
        session, actor_id=user.id, action="report.by_hand", subject=f"report_issues:{newest.id}", now=now
    )

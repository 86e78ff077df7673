"""What officers do about a report that is issued: send it once more, or note that it went another way."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns.report.forms import require_province
from campaigns.report.issues.issuing import hold, newest_issue
from campaigns.report.mail.mailing import write_to
from campaigns.report.models import Purpose
from outreach.access import audit
from outreach.access.models import User
from outreach.errors import NotFound, WrongState
from outreach.settings import Settings


def send_again(session: Session, day: str, settings: Settings, *, user: User, now: datetime) -> int:
    """Write the newest issue's mail to everybody once more; to how many. Raises WrongState where mail cannot go,
    NotFound, NotAllowed.
    """
    require_province(session, user)
    hold(session, day)
    newest = newest_issue(session, day)
    if newest is None or newest.issued_at is None:
        raise NotFound("Chưa phát hành báo cáo của ngày này.")
    if not settings.smtp_url or not settings.report_recipients:
        raise WrongState(
            "Chưa khai báo máy chủ thư (SMTP_URL) hoặc nơi nhận (REPORT_RECIPIENTS), chưa gửi được."
        )
    count = write_to(
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
    held = hold(session, day)
    newest = newest_issue(session, day)
    if newest is None or newest.issued_at is None:
        raise NotFound("Chưa phát hành báo cáo của ngày này.")
    if held.by_hand_at is not None:
        raise WrongState("Việc này đã được ghi từ trước.")
    held.by_hand_at, held.by_hand_by = now, user.id
    audit.record(
        session, actor_id=user.id, action="report.by_hand", subject=f"report_issues:{newest.id}", now=now
    )

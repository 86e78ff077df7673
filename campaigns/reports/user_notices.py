"""What waits for a user: in the page as a list, and by mail as a bundle, at most one an hour.

A mail tells how much of each kind waits and where to look: no name, number or text. That a campaign was submitted, approved
or returned is mailed at once by campaigns/planning/approvals.py, as a warning may wait for it; it is not in the bundle.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from smtplib import SMTPException
from typing import NamedTuple

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from campaigns.analytics.open_tasks import read_campaigns_in_state, read_returned
from campaigns.models.replies import Case
from campaigns.planning.comments import read_unanswered
from campaigns.planning.drafts import APPROVAL_MAIL
from campaigns.reports.run_schedule import read_waiting_reports
from campaigns.rules.states import CampaignState
from outreach.accounts.notices import Letter, send_letters
from outreach.accounts.permissions import has_role
from outreach.core.job_queue import once_every
from outreach.core.mail import is_about_one_mail
from outreach.models.accounts import MailedNotice, NoticeKind, Role, User
from outreach.models.contacts import ContactList, Upload, UploadState
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_notices, use_case

_AT_MOST_EVERY = timedelta(hours=1)
_CASE_WAITS = timedelta(days=1)  # since it was taken
_LOOK_EVERY_S = 300
_FAILED_SHOWN_FOR = timedelta(days=7)
_KEPT_FOR = timedelta(days=90)
_MAILED_AT_ONCE = {NoticeKind.APPROVAL, NoticeKind.RETURNED}
_WORDS = {
    NoticeKind.COMMENT: "góp ý về chiến dịch chờ trả lời",
    NoticeKind.READY: "danh sách đã đọc xong, chờ xem lại và nhập",
    NoticeKind.FAILED: "tệp danh sách không đọc được",
    NoticeKind.CASES: "việc trong hộp thư đã nhận hơn một ngày mà chưa xong",
    NoticeKind.REPORT: "báo cáo ngày chờ phê duyệt",
}
_SUBJECT = "Loa: việc đang chờ đồng chí"
_BODY = """Kính gửi đồng chí,

Có việc đang chờ trên Loa:
{lines}

Xem tại: {link}

Muốn thôi nhận loại thư nào, bỏ chọn ở trang Tài khoản của tôi.
Loa gửi thư này tự động, xin không trả lời thư.
"""


class UserNotice(NamedTuple):
    """Something that waits for a user. `id` is that of the campaign, upload, case or drive; `key` names this very event."""

    kind: NoticeKind
    id: int
    key: str
    name: str = ""
    day: str = ""


def read_notices(session: Session, user: User, *, now: datetime) -> list[UserNotice]:
    """Return what waits for a user, without the kinds that the user does not want to hear of."""
    waiting: list[UserNotice] = []
    if has_role(user, Role.APPROVER):
        waiting += [
            UserNotice(NoticeKind.APPROVAL, each.id, f"campaign:{each.id}", each.name)
            for each in read_campaigns_in_state(session, user, CampaignState.SUBMITTED)
            if not each.by_user
        ]
    waiting += [
        UserNotice(NoticeKind.RETURNED, each.id, f"returned:{each.id}", each.name)
        for each in read_returned(session, user)
    ]
    waiting += [
        UserNotice(NoticeKind.COMMENT, campaign_id, f"comment:{remark}", name)
        for remark, campaign_id, name in read_unanswered(session, user)
    ]
    waiting += _uploads(session, user, now)
    waiting += [
        UserNotice(NoticeKind.CASES, case_id, f"case:{case_id}:{taken_at.timestamp():.0f}")
        for case_id, taken_at in session.execute(
            select(Case.id, Case.taken_at)
            .where(Case.done_at.is_(None), Case.taken_by == user.id, Case.taken_at < now - _CASE_WAITS)
            .order_by(Case.id)
        )
        if taken_at
    ]
    waiting += [
        UserNotice(NoticeKind.REPORT, each.drive, f"report:{each.drive}:{each.day}:{each.n}", day=each.day)
        for each in read_waiting_reports(session, user)
        if not each.by_user
    ]
    return [each for each in waiting if each.kind not in user.unwanted_notices]


def _uploads(session: Session, user: User, now: datetime) -> list[UserNotice]:
    kinds = {UploadState.READY: NoticeKind.READY, UploadState.FAILED: NoticeKind.FAILED}
    rows = session.execute(
        select(Upload.id, Upload.state, ContactList.name)
        .join(ContactList, ContactList.id == Upload.list_id)
        .where(
            Upload.uploaded_by == user.id,
            or_(
                Upload.state == UploadState.READY,
                (Upload.state == UploadState.FAILED) & (Upload.ended_at > now - _FAILED_SHOWN_FOR),
            ),
        )
        .order_by(Upload.id)
    )
    return [UserNotice(kinds[state], id_, f"upload:{id_}:{state.value}", name) for id_, state, name in rows]


@use_case
def choose_notices(session: Session, *, wanted: Collection[str], user: User, now: datetime) -> None:
    """Let a user hear of these kinds alone, in the page and by mail."""
    user.unwanted_notices = [kind.value for kind in NoticeKind if kind.value not in wanted]


@use_case
def hide_notices(session: Session, *, kind: NoticeKind, user: User, now: datetime) -> None:
    """Let a user hear no more of one kind."""
    user.unwanted_notices = sorted({*user.unwanted_notices, kind.value})


def enqueue_due_notices(runtime: Runtime) -> None:
    """Enqueue the look for what is to be mailed, every few minutes."""
    if runtime.settings.smtp_url and once_every(runtime.redis, "loa:waiting", every_s=_LOOK_EVERY_S):
        enqueue_notices(runtime)


def mail_notices(runtime: Runtime, *, now: datetime) -> int:
    """Mail users what waits for them; the rest is tried later. Returns how many. Raises what the server does."""
    with runtime.db.write() as session:
        session.execute(delete(MailedNotice).where(MailedNotice.mailed_at < now - _KEPT_FOR))
        users = session.scalars(
            select(User.id).where(User.is_active, User.role != Role.VILLAGE).order_by(User.id)
        ).all()
    link, mailed = f"{runtime.settings.public_base_url}/admin/notices/", 0
    for user_id in users:
        read = partial(_bundle, user_id=user_id, link=link, now=now)
        try:
            mailed += send_letters(runtime, f"waiting:{user_id}", read, now=now)
        except (SMTPException, OSError) as error:
            if not is_about_one_mail(error):
                raise
    return mailed


def _bundle(session: Session, *, user_id: int, link: str, now: datetime) -> list[Letter]:
    """Return the letter that tells a user what has come to wait for them; none within an hour of the last."""
    user = session.get_one(User, user_id)
    rows = session.execute(
        select(MailedNotice.key, MailedNotice.mailed_at).where(
            MailedNotice.user_id == user_id, MailedNotice.key.not_like(f"{APPROVAL_MAIL}%")
        )
    )
    told = dict(rows.all())
    if any(at > now - _AT_MOST_EVERY for at in told.values()):
        return []
    fresh = [
        each
        for each in read_notices(session, user, now=now)
        if each.kind not in _MAILED_AT_ONCE and each.key not in told
    ]
    counts = Counter(each.kind for each in fresh)
    lines = "\n".join(f"- {counts[kind]} {words}" for kind, words in _WORDS.items() if counts[kind])
    body = _BODY.format(lines=lines, link=link)
    return [Letter(user_id, user.email, [each.key for each in fresh], _SUBJECT, body)] if fresh else []

"""Mails that tell users of changes to what they sign in with, so that they notice what they did not do."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum

from sqlalchemy.orm import Session

from outreach.core.db import Database
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.enqueue_jobs import enqueue_notice_mail
from outreach.models.accounts import User
from outreach.rules.roads import VIETNAM
from outreach.use_cases import enqueue_after_commit


class Notice(IntEnum):
    """What was changed; a number, as jobs take no other arguments."""

    PASSWORD = 1
    FACTOR_SET_UP = 2
    FACTOR_REMOVED = 3
    CODES_RENEWED = 4
    CODE_USED = 5


_WHAT = {
    Notice.PASSWORD: "mật khẩu đã được đổi",
    Notice.FACTOR_SET_UP: "xác thực hai lớp đã được bật",
    Notice.FACTOR_REMOVED: "xác thực hai lớp đã bị bỏ",
    Notice.CODES_RENEWED: "các mã khôi phục đã được tạo lại",
    Notice.CODE_USED: "một mã khôi phục đã được dùng để đăng nhập",
}
_SUBJECT = "Loa: thay đổi về đăng nhập"
_BODY = """Kính gửi đồng chí,

Lúc {at}, tài khoản Loa này có thay đổi: {what}.

Nếu không phải do đồng chí thực hiện, hãy báo ngay cho người quản trị.
"""


def notify(session: Session, user_id: int, notice: Notice) -> None:
    """Have the user told of a change by mail, once it is committed."""
    enqueue_after_commit(session, enqueue_notice_mail, user_id, notice.value)


def mail_notice(db: Database, settings: Settings, user_id: int, notice: int, *, now: datetime) -> int:
    """Mail a notice. Returns 0 if no mail server is set or the user is gone or disabled."""
    with db.read() as session:
        user = session.get(User, user_id)
        if user is None or not user.is_active or not settings.smtp_url:
            return 0
        to = user.email
    body = _BODY.format(at=f"{now.astimezone(VIETNAM):%H:%M ngày %d/%m/%Y}", what=_WHAT[Notice(notice)])
    return send_mail(settings.smtp_url, to=[to], subject=_SUBJECT, body=body)

"""Mails to users: of changes to what they sign in with, so that they notice what they did not do; and what is told once.

What is told once is kept by its key once a mail server has taken it. One that may have left when its process was killed leaves again
with the same Message-ID.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from smtplib import SMTPException

from sqlalchemy.orm import Session

from outreach.core.db import Database
from outreach.core.job_queue import once_every
from outreach.core.mail import is_about_one_mail, send_mail
from outreach.core.settings import Settings
from outreach.models.accounts import MailedNotice, User
from outreach.rules.gateway import VIETNAM
from outreach.runtime import Runtime
from outreach.use_cases import enqueue_after_commit, enqueue_notice_mail


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


_CLAIMED_S = 120  # a job's time limit: of a worker that was killed the next one takes it over


@dataclass(frozen=True, slots=True)
class Letter:
    """Mail to a user, and the keys of what it tells them."""

    user_id: int
    address: str
    keys: Sequence[str]
    subject: str
    body: str


def send_letters(
    runtime: Runtime, name: str, read: Callable[[Session], Sequence[Letter]], *, now: datetime
) -> int:
    """Send the letters that `read` finds to be due, in one worker at a time for each `name`. Returns how many were accepted.

    A mailbox that is full keeps nobody else's. Raises what the mail server raises.
    """
    smtp_url, claim = runtime.settings.smtp_url, f"loa:mail:{name}"
    if not smtp_url or not once_every(runtime.redis, claim, every_s=_CLAIMED_S):
        return 0
    sent, put_off = 0, None
    try:
        with runtime.db.read() as session:
            letters = read(session)
        for letter in letters:
            mail_id = f"{letter.keys[0].replace(':', '-')}-{letter.user_id}"
            to, body = [letter.address], letter.body
            try:
                sent += send_mail(smtp_url, to=to, subject=letter.subject, body=body, message_id=mail_id)
            except (SMTPException, OSError) as error:
                if not is_about_one_mail(error):
                    raise
                put_off = error
                continue
            with runtime.db.write() as session:
                for key in letter.keys:
                    session.merge(MailedNotice(user_id=letter.user_id, key=key, mailed_at=now))
    finally:
        runtime.redis.delete(claim)
    if put_off is not None:
        raise put_off
    return sent

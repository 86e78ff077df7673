"""Links with which users choose a password: signed, limited in time, and usable once.

A link holds a fingerprint of the password hash, which changes when the link is used. An administrator's link
(an invitation) is valid for 72 hours; one that anybody may request on the sign-in page for two.
"""

import hashlib
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.notices import Notice, notify
from outreach.accounts.users import choose, end_sessions, has_made_account
from outreach.core.db import Database
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenExpired, TokenPurpose, read_token, signed_link
from outreach.models.accounts import Role, User
from outreach.models.office import Backup
from outreach.rules.errors import BadInput
from outreach.use_cases import use_case

_SUBJECT = "Loa: đặt mật khẩu cho tài khoản"
_BODY = """Kính gửi đồng chí,

Tài khoản Loa của đồng chí đã được tạo hoặc cần đặt lại mật khẩu. Đề nghị mở liên kết sau trong vòng 72 giờ và chọn
mật khẩu; liên kết chỉ dùng được một lần:

{link}

Nếu không đề nghị mở hoặc đặt lại tài khoản, hãy bỏ qua thư này và báo cho người quản trị.
"""
_RESET_SUBJECT = "Loa: đặt lại mật khẩu"
_RESET_BODY = """Kính gửi đồng chí,

Hệ thống nhận được yêu cầu đặt lại mật khẩu của tài khoản này. Đề nghị mở liên kết sau trong vòng 2 giờ và chọn
mật khẩu mới; liên kết chỉ dùng được một lần:

{link}

Nếu đồng chí không yêu cầu, hãy bỏ qua thư này: mật khẩu hiện tại giữ nguyên.
"""


def link_for(user: User, settings: Settings, purpose: TokenPurpose = TokenPurpose.INVITATION) -> str:
    """Return a link, to be passed on to this user alone."""
    return signed_link(settings, "/login/invitation/", purpose, [user.id, _fingerprint(user)])


def find_invited(session: Session, token: str, *, secret_key: str, is_locked: bool = False) -> User:
    """Return the user that a link belongs to. Raises BadInput if it was used, expired or forged.

    After a restore nobody knows which of the links of before were used.
    """
    purposes = (TokenPurpose.INVITATION, TokenPurpose.RESET)
    restored_at = session.scalar(select(func.max(Backup.restored_at)))
    try:
        known = [read_token(each, token, secret_key, made_since=restored_at) for each in purposes]
    except TokenExpired as error:
        raise BadInput("link_expired") from error
    if (carried := next(filter(None, known), None)) is None:
        raise BadInput("link_cut")
    user_id, fingerprint = carried
    user = session.get(User, user_id, with_for_update={"of": User} if is_locked else None)
    if user is None or not _may_choose(session, user) or _fingerprint(user) != fingerprint:
        raise BadInput("link_used")
    return user


@use_case
def choose_password(session: Session, token: str, password: str, *, secret_key: str, now: datetime) -> User:
    """Set the password and end the link and all sessions. Raises BadInput."""
    user = find_invited(session, token, secret_key=secret_key, is_locked=True)
    choose(session, user, password)
    end_sessions(session, user.id, now=now)
    notify(session, user.id, Notice.PASSWORD)
    audit.record(session, "user.password", user, user, now)
    return user


def mail_link(db: Database, settings: Settings, user_id: int, purpose: TokenPurpose) -> int:
    """Mail an invitation, or a reset link to who has forgotten the password.

    Returns 0 if no mail server is set or the user is gone or disabled.
    """
    with db.read() as session:
        user = session.get(User, user_id)
        if user is None or not _may_choose(session, user) or not settings.smtp_url:
            return 0
        to, link = user.email, link_for(user, settings, purpose)
    is_reset = purpose is TokenPurpose.RESET
    subject, body = (_RESET_SUBJECT, _RESET_BODY) if is_reset else (_SUBJECT, _BODY)
    mailed = send_mail(settings.smtp_url, to=[to], subject=subject, body=body.format(link=link))
    if mailed and is_reset:
        with db.write() as session:
            audit.record(session, "user.forgot", f"users:{user_id}", None, datetime.now(UTC))
    return mailed


def _may_choose(session: Session, user: User) -> bool:
    """Return whether a user may have a password; a village officer's phone, and whom a provider's groups let in, is signed in otherwise."""
    return user.is_active and user.role is not Role.VILLAGE and not has_made_account(session, user.id)


def _fingerprint(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:24]

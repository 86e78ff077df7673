"""Links by which a user chooses a password: signed, for 72 hours, and once, as the hash in them changes with it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.models import User
from outreach.access.users import hash_password
from outreach.db import Database
from outreach.errors import BadInput
from outreach.mail import send_mail
from outreach.settings import Settings

VALID_FOR = timedelta(hours=72)

_SUBJECT = "Loa: đặt mật khẩu cho tài khoản của bạn"
_BODY = """Kính gửi ông/bà,

Tài khoản Loa của ông/bà đã được tạo hoặc cần đặt lại mật khẩu. Hãy mở liên kết sau trong vòng 72 giờ và chọn một
mật khẩu; liên kết chỉ dùng được một lần:

{link}

Nếu ông/bà không chờ thư này, hãy bỏ qua thư và báo cho người quản trị.
"""


def link_for(user: User, settings: Settings) -> str:
    """The address to pass on to the user, and to nobody else."""
    token = _serializer(settings.secret_key).dumps([user.id, _fingerprint(user)])
    return f"{settings.public_base_url}/login/invitation/{token}"


def find_invited(session: Session, token: str, *, secret_key: str, is_locked: bool = False) -> User:
    """Whom a link belongs to. Raises BadInput when it was used, is too old or was never ours."""
    try:
        user_id, fingerprint = _serializer(secret_key).loads(token, max_age=int(VALID_FOR.total_seconds()))
    except SignatureExpired as error:
        raise BadInput("Liên kết đã quá 72 giờ. Hãy xin người quản trị một liên kết mới.") from error
    except (BadSignature, ValueError, TypeError) as error:
        raise BadInput(
            "Liên kết không đúng hoặc bị cắt mất một phần. Hãy mở lại từ thư hoặc xin liên kết mới."
        ) from error
    user = session.get(User, user_id, with_for_update={"of": User} if is_locked else None)
    if user is None or not user.is_active or _fingerprint(user) != fingerprint:
        raise BadInput("Liên kết đã được dùng hoặc không còn hiệu lực. Hãy đăng nhập, hoặc xin liên kết mới.")
    return user


def choose_password(session: Session, token: str, password: str, *, secret_key: str, now: datetime) -> User:
    """Take the password and end the link. Raises BadInput."""
    user = find_invited(session, token, secret_key=secret_key, is_locked=True)
    user.password_hash = hash_password(password)
    audit.record(session, actor_id=user.id, action="user.password", subject=f"users:{user.id}", now=now)
    return user


def mail_invitation(db: Database, settings: Settings, user_id: int) -> int:
    """Send the link to its user; 0 where no mail server is set or the user is gone."""
    with db.read() as session:
        user = session.get(User, user_id)
        if user is None or not user.is_active or not settings.smtp_url:
            return 0
        to, link = user.email, link_for(user, settings)
    return send_mail(settings.smtp_url, to=[to], subject=_SUBJECT, body=_BODY.format(link=link))


def _serializer(secret_key: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret_key, salt="invitation")


def _fingerprint(user: User) -> str:
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:24]

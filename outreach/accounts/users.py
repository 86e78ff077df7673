"""Users: find, password, invite, change, disable.

Users: who they are, what their role allows, and whose rows they may see.

What administrators do with accounts and organisations, and everybody with their own password. All on record.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.api_tokens import end_tokens
from outreach.accounts.permissions import require_role
from outreach.accounts.second_factor import remove_second_factor
from outreach.accounts.sessions import end_sessions
from outreach.models.accounts import Organisation, Role, User
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotFound, WrongState

_hasher = PasswordHasher()
SHORTEST_PASSWORD = 10
_NO_PASSWORD = "!"  # noqa: S105 - no hash begins so


def find_user(session: Session, email: str) -> User:
    """An active user by e-mail, in any case. Raises NotFound."""
    user = find_by_email(session, email)
    if user is None:
        raise NotFound("Không có người dùng này hoặc tài khoản đã bị khóa. Hãy kiểm tra địa chỉ thư điện tử.")
    return user


def find_by_email(session: Session, email: str) -> User | None:
    """An active user by e-mail, or None."""
    return session.scalar(select(User).where(User.email == email.strip().lower(), User.is_active))


@cache
def _hash_of_nobody() -> str:
    """Verified when there is no such user, so that guessing addresses by the clock leads nowhere.

    Made when first needed: it costs on purpose, and commands and workers never need it.
    """
    return _hasher.hash("nobody")


def check_password(user: User | None, password: str) -> bool:
    """Whether the password is the user's; takes as long where there is no user, or none with a password."""
    opens = user is not None and has_password(user)
    try:
        return _hasher.verify(user.password_hash if user and opens else _hash_of_nobody(), password) and opens
    except (VerificationError, InvalidHashError):
        return False


def create_user(
    session: Session,
    *,
    email: str,
    password: str | None,
    role: Role,
    organisation_id: int | None,
    area_code: str | None,
    now: datetime,
    name: str = "",
) -> User:
    """A new user with an argon2 hash; without a password one who is yet to choose it.

    Raises BadInput for a bad address, a short password or a taken e-mail.
    """
    email = email.strip().lower()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise BadInput("Địa chỉ thư điện tử không đúng. Hãy kiểm tra lại.")
    password_hash = no_password() if password is None else hash_password(password)
    if session.execute(select(User.id).where(User.email == email)).first():
        raise BadInput("Địa chỉ thư điện tử này đã có tài khoản.")
    user = User(
        email=email,
        name=" ".join(name.split())[:120],
        role=role,
        organisation_id=organisation_id,
        area_code=area_code,
        password_hash=password_hash,
        created_at=now,
    )
    session.add(user)
    session.flush()
    return user


def hash_password(password: str) -> str:
    """Raises BadInput for one that is too short."""
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput(f"Mật khẩu phải có ít nhất {SHORTEST_PASSWORD} ký tự.")
    return _hasher.hash(password)


def no_password() -> str:
    """What stands in a hash's place where no password opens the account; never the same twice."""
    return f"{_NO_PASSWORD}{secrets.token_hex(16)}"


def has_password(user: User) -> bool:
    """False for one who was invited and has not chosen a password yet."""
    return not user.password_hash.startswith(_NO_PASSWORD)


def invite_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    organisation_id: int | None,
    area_code: str | None,
    user: User,
    now: datetime,
) -> User:
    """A new account without a password: its owner chooses one by the link. Raises BadInput, NotAllowed."""
    require_role(user)
    _check_scope(session, organisation_id, area_code)
    made = create_user(
        session,
        email=email,
        name=name,
        password=None,
        role=role,
        organisation_id=organisation_id,
        area_code=area_code,
        now=now,
    )
    _record(session, "user.create", made, user=user, now=now, role=role.value)
    return made


def change_user(
    session: Session,
    user_id: int,
    *,
    name: str,
    role: Role,
    organisation_id: int | None,
    area_code: str | None,
    user: User,
    now: datetime,
) -> User:
    """Another role or scope; it counts from the next click on. Raises BadInput, NotFound, WrongState, NotAllowed.

    Who is no administrator any more no longer answers for tokens: theirs end.
    """
    require_role(user)
    changed = _lock(session, user_id)
    if changed.role is Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR:
        _keep_one(session, changed)
        end_tokens(session, actor_id=user.id, made_by=changed.id, now=now)
    _check_scope(session, organisation_id, area_code)
    wanted: dict[str, Any] = {
        "name": " ".join(name.split())[:120],
        "role": role,
        "organisation_id": organisation_id,
        "area_code": area_code,
    }
    changes = audit.differences(changed, wanted)
    for key, value in wanted.items():
        setattr(changed, key, value)
    audit.record_change(
        session,
        actor_id=user.id,
        action="user.change",
        subject=f"users:{changed.id}",
        now=now,
        changes=changes,
        details={"role": role.value},
    )
    return changed


def disable_user(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """A leaver: signed out everywhere at once, no password or link opens the account any more, and the tokens that they
    made for other systems end.
    """
    require_role(user)
    leaver = _lock(session, user_id)
    if leaver.id == user.id:
        raise WrongState("Không thể tự khóa tài khoản của mình. Hãy nhờ một người quản trị khác.")
    if leaver.role is Role.ADMINISTRATOR:
        _keep_one(session, leaver)
    leaver.is_active, leaver.password_hash = False, no_password()
    end_sessions(session, leaver.id, now=now)
    end_tokens(session, actor_id=user.id, made_by=leaver.id, now=now)
    _record(session, "user.disable", leaver, user=user, now=now)
    return leaver


def enable_user(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """Back again: a new link is needed to choose a password."""
    require_role(user)
    returned = _lock(session, user_id)
    returned.is_active = True
    _record(session, "user.enable", returned, user=user, now=now)
    return returned


def renew_invitation(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """That someone made a link for the account is on record; the link itself is made from the row."""
    require_role(user)
    found = _lock(session, user_id)
    if not found.is_active:
        raise NotFound("Tài khoản đã bị khóa nên không tạo liên kết được.")
    _record(session, "user.link", found, user=user, now=now)
    return found


def sign_out_everywhere(session: Session, user_id: int, *, user: User, now: datetime) -> int:
    """Sign a user out on every device, as when one was lost; how many there were."""
    require_role(user)
    found = _lock(session, user_id)
    ended = end_sessions(session, found.id, now=now)
    _record(session, "session.end_all", found, user=user, now=now, sessions=ended)
    return ended


def reset_second_factor(session: Session, user_id: int, *, user: User, now: datetime) -> None:
    """For who lost telephone and recovery codes: whoever asks must be known in person. Raises WrongState."""
    require_role(user)
    remove_second_factor(session, user_id, actor_id=user.id, now=now)


def change_password(session: Session, *, current: str, new: str, user: User, now: datetime) -> None:
    """One's own; ends every session of the account. Raises BadInput for a wrong or a short one."""
    if not check_password(user, current):
        raise BadInput("Mật khẩu hiện tại không đúng. Hãy gõ lại.")
    if new == current:
        raise BadInput("Mật khẩu mới phải khác mật khẩu hiện tại.")
    user.password_hash = hash_password(new)
    end_sessions(session, user.id, now=now)
    _record(session, "user.password", user, user=user, now=now)


def _lock(session: Session, user_id: int) -> User:
    found = session.get(User, user_id, with_for_update={"of": User}, populate_existing=True)
    if found is None:
        raise NotFound("Không có người dùng này.")
    return found


def _keep_one(session: Session, leaving: User) -> None:
    others = select(func.count()).where(
        User.role == Role.ADMINISTRATOR, User.is_active, User.id != leaving.id
    )
    if not session.scalar(others):
        raise WrongState("Đây là người quản trị cuối cùng. Hãy giao quyền quản trị cho người khác trước.")


def _check_scope(session: Session, organisation_id: int | None, area_code: str | None) -> None:
    if organisation_id is not None and session.get(Organisation, organisation_id) is None:
        raise BadInput("Không có tổ chức này. Hãy chọn trong danh sách.")
    if area_code is not None and session.get(Area, area_code) is None:
        raise BadInput("Không có địa bàn này. Hãy chọn trong danh sách.")


def _record(
    session: Session, action: str, subject: User, *, user: User, now: datetime, **details: str | int
) -> None:
    audit.record(session, actor_id=user.id, action=action, subject=f"users:{subject.id}", now=now, **details)

"""What administrators do with accounts and organisations, and everybody with their own password. All on record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from outreach.access import audit
from outreach.access.entry.second_factor import remove_second_factor
from outreach.access.entry.sessions import end_sessions
from outreach.access.models import Organisation, OrganisationKind, Role, User
from outreach.access.organisations import check_identity, create_organisation
from outreach.access.tokens.keeping import end_tokens
from outreach.access.users import check_password, create_user, hash_password, no_password, require_role
from outreach.errors import BadInput, NotFound, WrongState
from outreach.places.areas import descendants
from outreach.places.models import Area


def invite(
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


def disable(session: Session, user_id: int, *, user: User, now: datetime) -> User:
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


def enable(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """Back again: a new link is needed to choose a password."""
    require_role(user)
    returned = _lock(session, user_id)
    returned.is_active = True
    _record(session, "user.enable", returned, user=user, now=now)
    return returned


def renew_link(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """That someone made a link for the account is on record; the link itself is made from the row."""
    require_role(user)
    found = _lock(session, user_id)
    if not found.is_active:
        raise NotFound("Tài khoản đã bị khóa nên không tạo liên kết được.")
    _record(session, "user.link", found, user=user, now=now)
    return found


def end_everywhere(session: Session, user_id: int, *, user: User, now: datetime) -> int:
    """Sign a user out on every device, as when one was lost; how many there were."""
    require_role(user)
    found = _lock(session, user_id)
    ended = end_sessions(session, found.id, now=now)
    _record(session, "session.end_all", found, user=user, now=now, sessions=ended)
    return ended


def drop_second_factor(session: Session, user_id: int, *, user: User, now: datetime) -> None:
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


def found_organisation(
    session: Session,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User,
    now: datetime,
) -> Organisation:
    """A new organisation. Raises BadInput, NotAllowed."""
    require_role(user)
    parent = session.get(Organisation, parent_id) if parent_id else None
    made = create_organisation(
        session,
        code=code.strip()[:40],
        name=" ".join(name.split())[:200],
        kind=kind,
        area_code=area_code,
        parent_code=parent.code if parent else None,
    )
    audit.record(
        session, actor_id=user.id, action="organisation.create", subject=f"organisations:{made.id}", now=now
    )
    return made


def change_organisation(
    session: Session,
    organisation_id: int,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User,
    now: datetime,
) -> Organisation:
    """Raises BadInput for a taken code or a place below itself, NotFound, NotAllowed."""
    require_role(user)
    found = session.get(Organisation, organisation_id)
    if found is None:
        raise NotFound("Không có tổ chức này.")
    code, name = code.strip()[:40], " ".join(name.split())[:200]
    check_identity(session, code=code, name=name, own_id=organisation_id)
    _check_scope(session, parent_id, area_code)
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [organisation_id])
    if parent_id in below:
        raise BadInput("Tổ chức cấp trên không thể là chính tổ chức này hoặc tổ chức trực thuộc nó.")
    wanted: dict[str, Any] = {
        "code": code,
        "name": name,
        "kind": kind,
        "area_code": area_code,
        "parent_id": parent_id,
    }
    changes = audit.differences(found, wanted)
    for key, value in wanted.items():
        setattr(found, key, value)
    audit.record_change(
        session,
        actor_id=user.id,
        action="organisation.change",
        subject=f"organisations:{found.id}",
        now=now,
        changes=changes,
        details={},
    )
    return found


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

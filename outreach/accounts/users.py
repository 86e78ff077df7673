"""Users: who they are, what their role allows, and whose rows they may see."""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session

from outreach.access.models import Organisation, OrganisationKind, Role, User
from outreach.errors import BadInput, NotAllowed, NotFound
from outreach.places.areas import areas_within, descendants

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


def require_role(user: User, *roles: Role) -> None:
    """Raises NotAllowed unless the user has one of the roles; an administrator has every one."""
    if user.role not in (*roles, Role.ADMINISTRATOR):
        raise NotAllowed("Tài khoản của bạn không có quyền làm việc này.")


def organisations_of(session: Session, user: User) -> set[int] | None:
    """The organisations whose rows a user may see; None means every one.

    With an organisation: it and all below it. With an area alone: those that sit in it or below. With both: one's own
    organisation, and of those below it the ones that sit in the area. Administrators, users without either, and the
    people of the committee that stands above all others see everything; those of them with an area, what is in it.
    """
    if user.role is Role.ADMINISTRATOR or (user.organisation_id is None and user.area_code is None):
        return None
    within = _sitting_in(session, user.area_code)
    if user.organisation_id is None:
        return within
    own = session.get_one(Organisation, user.organisation_id)
    if own.parent_id is None and own.kind is OrganisationKind.FRONT:
        return None if within is None else within | {own.id}
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [own.id])
    return below if within is None else (below & within) | {own.id}


def areas_of(session: Session, user: User) -> set[str] | None:
    """The areas whose people a user may see in those organisations; None means wherever they live."""
    if user.role is Role.ADMINISTRATOR or user.area_code is None:
        return None
    return areas_within(session, [user.area_code])


def _sitting_in(session: Session, area_code: str | None) -> set[int] | None:
    """The organisations of an area and of those below it; None for no area."""
    if area_code is None:
        return None
    areas = areas_within(session, [area_code])
    return set(session.scalars(select(Organisation.id).where(Organisation.area_code.in_(areas))))


def visible_to(
    session: Session, user: User, column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None]
) -> ColumnElement[bool]:
    """The condition under every read: `column` is the organisation that owns the row."""
    seen = organisations_of(session, user)
    return true() if seen is None else column.in_(seen)


def within_area(
    session: Session, user: User, column: InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    """The condition that comes with `visible_to` where the row is about a person, whose place is in `column`.

    Somebody whose place is not known is not hidden: whichever organisation brought them sits in the user's area or is
    the user's own, or the user would not see it.
    """
    seen = areas_of(session, user)
    return true() if seen is None else or_(column.in_(seen), column.is_(None))

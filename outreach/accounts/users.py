"""Users: find, create, invite, change, disable; passwords.

Actions of administrators on accounts, and of users on their own password, are recorded in the audit log.
"""

import os
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import cache
from threading import BoundedSemaphore
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.api_tokens import end_tokens
from outreach.accounts.notices import Notice, notify
from outreach.accounts.permissions import require_role
from outreach.accounts.sessions import end_sessions
from outreach.core.db import count_rows
from outreach.models.accounts import Organisation, OrganisationKind, Role, User
from outreach.models.places import Area
from outreach.rules.errors import BadInput, NotFound, WrongState, or_raise
from outreach.rules.password_strength import check_strength
from outreach.use_cases import enqueue_after_commit, enqueue_invitation_mail, use_case

_hasher = PasswordHasher()
# A hash takes 64 MB and all processors for a moment: others wait, so that many logins at once do not stop the pages.
_hashing = BoundedSemaphore(max(1, (os.cpu_count() or 1) // 2))
# One address of a mail's header: nothing in it ends the line or begins another address.
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
NO_PASSWORD = "!"  # noqa: S105 - no hash begins with it


def find_user(session: Session, email: str) -> User:
    """Return an active user by e-mail, in any case. Raises NotFound."""
    return or_raise(find_by_email(session, email), NotFound("user_unknown_or_locked"))


def find_by_email(session: Session, email: str) -> User | None:
    """Return an active user by e-mail, or None."""
    return session.scalar(select(User).where(User.email == email.strip().lower(), User.is_active))


@cache
def _dummy_hash() -> str:
    """Return a hash to verify if there is no such user, so that timing reveals no addresses.

    Created when first needed: it is expensive on purpose, and commands and workers never need it.
    """
    with _hashing:
        return _hasher.hash("nobody")


def check_password(user: User | None, password: str) -> bool:
    """Return whether the password is the user's; it takes as long if there is no user or password."""
    can_sign_in = user is not None and has_password(user)
    expected = user.password_hash if user and can_sign_in else _dummy_hash()
    try:
        with _hashing:
            return _hasher.verify(expected, password) and can_sign_in
    except (VerificationError, InvalidHashError):
        return False


def check_email(text: str) -> str:
    """Return an e-mail address as it is stored. Raises BadInput for what is none."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email):
        raise BadInput("email_wrong")
    return email


def create_user(
    session: Session,
    *,
    email: str,
    password: str | None,
    role: Role,
    organisation_id: int | None = None,
    area_code: str | None = None,
    now: datetime,
    name: str = "",
) -> User:
    """Create a user with an argon2 hash; without a password, one who has yet to choose it.

    Raises BadInput for a bad address, a short password or a taken e-mail.
    """
    email = check_email(email)
    own = (email, name, *_office_names(session, organisation_id))
    password_hash = no_password() if password is None else hash_password(password, own)
    if session.execute(select(User.id).where(User.email == email)).first():
        raise BadInput("email_taken")
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


def hash_password(password: str, own: Iterable[str]) -> str:
    """Return the hash of a password. Raises BadInput if it is too short, too common, or `own`: made of the user's own words."""
    check_strength(password, own)
    return hash_unchecked(password)


def hash_unchecked(password: str) -> str:
    """Return the hash of a password that may be known to all, as that of the demo data."""
    with _hashing:
        return _hasher.hash(password)


def choose(session: Session, user: User, password: str) -> None:
    """Set the password that a user has chosen. Raises BadInput for one that is guessed soon."""
    own = (user.email, user.name, *_office_names(session, user.organisation_id))
    user.password_hash = hash_password(password, own)


def _office_names(session: Session, organisation_id: int | None) -> Sequence[str]:
    """Return the names of a user's organisation and of the front's."""
    of_user = or_(Organisation.id == organisation_id, Organisation.kind == OrganisationKind.FRONT)
    return session.scalars(select(Organisation.name).where(of_user).order_by(Organisation.id).limit(20)).all()


def no_password() -> str:
    """Return a placeholder for the hash that no password matches; a different one each time."""
    return f"{NO_PASSWORD}{secrets.token_hex(16)}"


def has_password(user: User) -> bool:
    """Return whether the user has a password; invited users do not until they choose one."""
    return not user.password_hash.startswith(NO_PASSWORD)


@use_case
def add_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    organisation_id: int | None,
    area_code: str | None,
    user: User | None,
    now: datetime,
    password: str | None = None,
) -> User:
    """Create an account. Without a password its owner chooses one by a link, which is mailed.

    A command has no `user`. Raises BadInput, NotAllowed.
    """
    if user:
        require_role(user)
    check_scope(session, organisation_id, area_code)
    added = create_user(
        session,
        email=email,
        name=name,
        password=password,
        role=role,
        organisation_id=organisation_id,
        area_code=area_code,
        now=now,
    )
    if password is None:
        enqueue_after_commit(session, enqueue_invitation_mail, added.id)
    audit.record(session, "user.create", added, user, now, role=role.value)
    return added


@use_case
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
    """Change name, role or scope, from the user's next request on.

    The tokens of a user who is no longer an administrator end. Raises BadInput, NotFound, WrongState,
    NotAllowed.
    """
    require_role(user)
    changed = lock_with_administrators(session, user_id)
    if changed.role is Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR:
        require_other_administrator(session, changed)
        end_tokens(session, actor_id=user.id, made_by=changed.id, now=now)
    check_scope(session, organisation_id, area_code)
    values: dict[str, Any] = {
        "name": " ".join(name.split())[:120],
        "role": role,
        "organisation_id": organisation_id,
        "area_code": area_code,
    }
    audit.change(session, "user.change", changed, values, user, now, role=role.value)
    return changed


@use_case
def disable_user(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """Disable an account: end its sessions, password and links, and the tokens that its user made.

    Raises NotFound, NotAllowed, WrongState for the user's own account or the last administrator.
    """
    require_role(user)
    disabled = lock_with_administrators(session, user_id)
    if disabled.id == user.id:
        raise WrongState("own_account_lock")
    if disabled.role is Role.ADMINISTRATOR:
        require_other_administrator(session, disabled)
    disabled.is_active, disabled.password_hash = False, no_password()
    end_sessions(session, disabled.id, now=now)
    end_tokens(session, actor_id=user.id, made_by=disabled.id, now=now)
    audit.record(session, "user.disable", disabled, user, now)
    return disabled


@use_case
def enable_user(session: Session, user_id: int, *, user: User, now: datetime) -> User:
    """Enable an account again; a new link is needed to choose a password."""
    require_role(user)
    enabled = lock_user(session, user_id)
    enabled.is_active = True
    audit.record(session, "user.enable", enabled, user, now)
    return enabled


@use_case
def renew_invitation(session: Session, user_id: int, *, user: User | None, now: datetime) -> User:
    """Record that a link was created, and mail it; it is made from the row. A command has no `user`."""
    if user:
        require_role(user)
    invited = lock_user(session, user_id)
    if not invited.is_active:
        raise NotFound("account_locked_no_link")
    enqueue_after_commit(session, enqueue_invitation_mail, invited.id)
    audit.record(session, "user.link", invited, user, now)
    return invited


@use_case
def set_password(session: Session, user_id: int, password: str, *, now: datetime) -> None:
    """Set a user's password by a command, and end all sessions. Raises BadInput if it is too short."""
    account = lock_user(session, user_id)
    choose(session, account, password)
    end_sessions(session, account.id, now=now)
    notify(session, account.id, Notice.PASSWORD)
    audit.record(session, "user.password", account, None, now)


@use_case
def unlock_user(session: Session, user_id: int, *, now: datetime) -> None:
    """Let a user try again, by a command, after too many wrong codes."""
    account = lock_user(session, user_id)
    account.wrong_codes = 0
    audit.record(session, "user.unlock", account, None, now)


@use_case
def sign_out_everywhere(session: Session, user_id: int, *, user: User | None, now: datetime) -> int:
    """End all sessions of a user, as when a device was lost. Returns how many. A command has no `user`."""
    if user:
        require_role(user)
    account = lock_user(session, user_id)
    ended = end_sessions(session, account.id, now=now)
    audit.record(session, "session.end_all", account, user, now, sessions=ended)
    return ended


@use_case
def change_password(session: Session, *, current: str, new: str, user: User, now: datetime) -> None:
    """Change the user's own password and end all sessions. Raises BadInput if wrong or too short."""
    if not check_password(user, current):
        raise BadInput("current_password_wrong")
    if new == current:
        raise BadInput("password_same")
    choose(session, user, new)
    end_sessions(session, user.id, now=now)
    notify(session, user.id, Notice.PASSWORD)
    audit.record(session, "user.password", user, user, now)


def name_of(session: Session, user_id: int | None) -> str:
    """Return the name of a user as pages show it, "" of nobody."""
    user = session.get(User, user_id) if user_id else None
    return user.shown_name if user else ""


def names_of(session: Session, user_ids: Collection[int | None]) -> dict[int | None, str]:
    """Return the names of users as pages show them, by id."""
    return {each.id: each.shown_name for each in session.scalars(select(User).where(User.id.in_(user_ids)))}


def lock_user(session: Session, user_id: int) -> User:
    """Return a user as it is now, locked. Raises NotFound."""
    user = session.get(User, user_id, with_for_update={"of": User}, populate_existing=True)
    return or_raise(user, NotFound("user_not_found"))


def lock_with_administrators(session: Session, user_id: int) -> User:
    """Return a user as `lock_user` does, with all administrators: of two who shut each other out the second finds nobody left."""
    them = or_(User.id == user_id, User.role == Role.ADMINISTRATOR)
    session.execute(select(User.id).where(them).order_by(User.id).with_for_update())
    return lock_user(session, user_id)


def require_other_administrator(session: Session, leaving: User) -> None:
    is_another = (User.role == Role.ADMINISTRATOR) & User.is_active & (User.id != leaving.id)
    if not count_rows(session, User, is_another):
        raise WrongState("last_administrator")


def check_scope(session: Session, organisation_id: int | None, area_code: str | None) -> None:
    if organisation_id is not None and session.get(Organisation, organisation_id) is None:
        raise BadInput("organisation_unknown")
    if area_code is not None and session.get(Area, area_code) is None:
        raise BadInput("area_unknown")

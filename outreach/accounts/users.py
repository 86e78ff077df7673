"""Users and their organisations: find, create, invite, change, disable; passwords, sessions, and identities at a provider.

Actions of administrators on accounts, and of users on their own password, are recorded in the audit log. A session is found
with every request. The user agent of a device is shortened to two words, so that users recognise their devices.
"""

import os
import re
import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from threading import BoundedSemaphore
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.api_tokens import end_tokens
from outreach.accounts.notices import Notice, notify
from outreach.accounts.permissions import require_role
from outreach.core.db import count_rows, delete_rows, set_columns
from outreach.models.accounts import (
    Area,
    AreaLevel,
    Organisation,
    OrganisationKind,
    Role,
    User,
    UserIdentity,
    UserSession,
)
from outreach.places.areas import descendants
from outreach.rules.errors import BadInput, NotAllowed, NotFound, WrongState, or_raise
from outreach.rules.formats import MappedRole, role_of
from outreach.rules.identity import name_key
from outreach.rules.password_strength import check_strength
from outreach.use_cases import enqueue_after_commit, enqueue_invitation_mail, use_case

ENDS_AFTER = timedelta(hours=12)  # since the last page
ENDS_AT_LATEST = timedelta(hours=16)  # since signing in, whatever was done meanwhile
CONFIRMED_FOR = timedelta(minutes=15)  # since the password was given
NOTED_EVERY = timedelta(minutes=10)
KEPT_FOR = timedelta(days=90)


@use_case
def begin_session(
    session: Session, user_id: int, *, address: str, user_agent: str, now: datetime
) -> UserSession:
    """Sign a user in on a device. Sessions that ended long ago are removed, with their addresses."""
    delete_rows(session, UserSession, UserSession.user_id == user_id, UserSession.seen_at < now - KEPT_FOR)
    user_session = UserSession(
        key=secrets.token_urlsafe(16),
        user_id=user_id,
        began_at=now,
        seen_at=now,
        address=address[:64],
        device=name_device(user_agent),
    )
    session.add(user_session)
    session.flush()
    audit.record(session, "login", f"users:{user_id}", user_id, now)
    return user_session


def find_session(
    session: Session, user_id: int, key: str, *, now: datetime
) -> tuple[UserSession, User, str] | None:
    """Return the open session of a cookie with its user and the name of their organisation, or None if it has ended."""
    query = select(UserSession, User, func.coalesce(Organisation.name, "")).select_from(UserSession)
    query = query.join(User, User.id == UserSession.user_id)
    query = query.outerjoin(Organisation, Organisation.id == User.organisation_id)
    this = (UserSession.key == key, UserSession.user_id == user_id, *_open(now))
    found = session.execute(query.where(*this)).one_or_none()
    return (found[0], found[1], found[2]) if found else None


@use_case
def confirm_session(session: Session, session_id: int, *, now: datetime) -> None:
    """Store that the session's user has given the password again."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(confirmed_at=now))


def is_confirmed(user_session: UserSession, *, now: datetime) -> bool:
    """Return whether the password was given lately: to sign in, or again."""
    given = user_session.confirmed_at or user_session.began_at
    return max(user_session.began_at, given) > now - CONFIRMED_FOR


@use_case
def note_seen(session: Session, session_id: int, *, now: datetime) -> None:
    """Store when the session was last used."""
    session.execute(update(UserSession).where(UserSession.id == session_id).values(seen_at=now))


def read_sessions(session: Session, user_id: int, *, now: datetime) -> Sequence[UserSession]:
    """Return a user's open sessions, latest seen first."""
    return session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user_id, *_open(now))
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    ).all()


@use_case
def sign_out_of(session: Session, session_id: int, *, user_id: int, now: datetime) -> None:
    """End a session as its user signs out."""
    session.get_one(UserSession, session_id).ended_at = now
    audit.record(session, "logout", f"sessions:{session_id}", user_id, now)


@use_case
def end_session(session: Session, session_id: int, *, user: User, now: datetime) -> None:
    """End one of the user's own sessions, on any device. Raises NotFound."""
    own = {each.id: each for each in read_sessions(session, user.id, now=now)}
    or_raise(own.get(session_id), NotFound("session_ended")).ended_at = now
    audit.record(session, "session.end", f"sessions:{session_id}", user, now)


def end_sessions(session: Session, user_id: int, *, now: datetime, but: str = "") -> int:
    """End all sessions of a user except `but`, the key of one to keep. Returns how many."""
    ended = [each for each in read_sessions(session, user_id, now=now) if each.key != but]
    for user_session in ended:
        user_session.ended_at = now
    return len(ended)


def end_all_sessions(session: Session, *, now: datetime) -> int:
    """End all sessions of all users, and the links by which those without a password get in. Returns how many sessions."""
    for user in session.scalars(select(User).where(User.password_hash.startswith(NO_PASSWORD))):
        user.password_hash = no_password()
    return set_columns(session, UserSession, *_open(now), ended_at=now)


@use_case
def end_other_sessions(session: Session, *, key: str, user: User, now: datetime) -> int:
    """End all of the user's own sessions except the current one. Returns how many."""
    ended = end_sessions(session, user.id, now=now, but=key)
    audit.record(session, "session.end_all", user, user, now, sessions=ended)
    return ended


def _open(now: datetime) -> tuple:  # type: ignore[type-arg]
    is_new = UserSession.began_at > now - ENDS_AT_LATEST
    is_used = and_(UserSession.seen_at > now - ENDS_AFTER - NOTED_EVERY, is_new)
    is_kept = or_(UserSession.kept_until > now, and_(UserSession.kept_until.is_(None), is_used))
    return UserSession.ended_at.is_(None), is_kept


# A user agent also names the browsers it claims to be compatible with; the first match in this order is right.
_BROWSERS = {"coc_coc": "Cốc Cốc", "Edg": "Edge", "OPR": "Opera", "SamsungBrowser": "Samsung Internet"}
_BROWSERS |= {"Firefox": "Firefox", "Chrome": "Chrome", "CriOS": "Chrome", "Safari": "Safari"}
_SYSTEMS = {name: name for name in ("Android", "iPhone", "iPad", "Windows")}
_SYSTEMS |= {"CrOS": "ChromeOS", "Mac OS": "macOS", "Linux": "Linux"}


def name_device(user_agent: str) -> str:
    """Return a short name, as `Chrome, Android`; "" if neither browser nor system is known."""
    tables = (_BROWSERS, _SYSTEMS)
    known = [next((table[mark] for mark in table if mark in user_agent), "") for table in tables]
    return ", ".join(filter(None, known))


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
    values: dict[str, Any] = {"name": " ".join(name.split())[:120], "role": role}
    values |= {"organisation_id": organisation_id, "area_code": area_code}
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
    user = lock_user(session, user.id)  # an administrator may have ended the password a moment ago
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


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider has proved about who signs in."""

    issuer: str
    subject: str
    email: str
    is_email_verified: bool
    name: str
    groups: frozenset[str]


@use_case
def find_or_link(
    session: Session, identity: Identity, *, roles: Collection[MappedRole], creates: bool, now: datetime
) -> User | None:
    """Return the account of an identity; the first time it is linked, or made if `creates` and its groups have a role.

    Raises NotAllowed with the reason. A made account follows its groups at each sign-in: without a role it is shut, and None is
    returned.
    """
    mapped = role_of(roles, identity.groups)
    same = (UserIdentity.issuer == identity.issuer, UserIdentity.subject == identity.subject)
    known = session.scalar(select(UserIdentity).where(*same))
    if known is None:
        known = _link(session, identity, mapped if creates else None, now=now)
    user = lock_with_administrators(session, known.user_id)
    if not user.is_active or user.role is Role.VILLAGE:
        raise NotAllowed("oidc_account_disabled")
    if known.is_made:
        if mapped is None:
            end_sessions(session, user.id, now=now)
            end_tokens(session, actor_id=None, made_by=user.id, now=now)
            return None
        _follow(session, user, mapped, now=now)
    return user


def read_identities(session: Session, user_ids: Collection[int]) -> dict[int, list[UserIdentity]]:
    """Return the linked identities of users, the oldest first; users without one have no entry."""
    found: dict[int, list[UserIdentity]] = {}
    of_users = select(UserIdentity).where(UserIdentity.user_id.in_(user_ids))
    for each in session.scalars(of_users.order_by(UserIdentity.id)):
        found.setdefault(each.user_id, []).append(each)
    return found


@use_case
def remove_identity(session: Session, user_id: int, *, identity_id: int, user: User, now: datetime) -> None:
    """Remove a linked identity, as when somebody's account at the provider was made anew, and end the user's sessions.

    Who signs in there next with the user's verified address is linked again. Raises NotFound, NotAllowed.
    """
    require_role(user)
    account, known = lock_user(session, user_id), session.get(UserIdentity, identity_id)
    if known is None or known.user_id != user_id:
        raise NotFound("user_not_found")
    session.delete(known)
    ended = end_sessions(session, user_id, now=now)
    audit.record(session, "user.identity_removed", account, user, now, sessions=ended)


def has_made_account(session: Session, user_id: int) -> bool:
    """Return whether a provider's groups made the account: it gets no password of its own."""
    made = select(UserIdentity.id).where(UserIdentity.user_id == user_id, UserIdentity.is_made)
    return session.scalar(made) is not None


def _link(session: Session, identity: Identity, mapped: MappedRole | None, *, now: datetime) -> UserIdentity:
    # Beyond ASCII a letter may become another in small letters, as U+212A becomes k: that would be somebody else's address.
    if not identity.is_email_verified or not identity.email.isascii():
        raise NotAllowed("oidc_email_unverified")
    user = session.scalar(select(User).where(User.email == identity.email.strip().lower()))
    is_made = user is None
    if user is None:
        if mapped is None:
            raise NotAllowed("oidc_no_account")
        role, organisation_id = _meant(session, mapped)
        user = create_user(
            session,
            email=identity.email,
            name=identity.name,
            password=None,
            role=role,
            organisation_id=organisation_id,
            now=now,
        )
        audit.record(session, "user.create", user, None, now, role=role.value)
    elif session.scalar(
        select(UserIdentity.id).where(UserIdentity.user_id == user.id, UserIdentity.issuer == identity.issuer)
    ):
        # The address went to somebody else at the provider.
        raise NotAllowed("oidc_account_taken")
    elif not user.is_active or user.role is Role.VILLAGE:
        raise NotAllowed("oidc_account_disabled")
    known = UserIdentity(
        user_id=user.id, issuer=identity.issuer, subject=identity.subject, is_made=is_made, linked_at=now
    )
    session.add(known)
    session.flush()
    audit.record(session, "user.identity", user, user, now)
    return known


def _meant(session: Session, mapped: MappedRole) -> tuple[Role, int | None]:
    """Return a role and its organisation's id. Raises NotAllowed where there is no such organisation."""
    if not mapped.organisation:
        return Role(mapped.role), None
    owner = session.scalar(select(Organisation.id).where(Organisation.code == mapped.organisation))
    if owner is None:
        raise NotAllowed("oidc_organisation_unknown", code=mapped.organisation)
    return Role(mapped.role), owner


def _follow(session: Session, user: User, mapped: MappedRole, *, now: datetime) -> None:
    """Give a made account the role that its groups have now."""
    role, organisation_id = _meant(session, mapped)
    if (user.role, user.organisation_id) == (role, organisation_id):
        return
    if user.role is Role.ADMINISTRATOR and role is not Role.ADMINISTRATOR:
        require_other_administrator(session, user)
        end_tokens(session, actor_id=None, made_by=user.id, now=now)
    values = {"role": role, "organisation_id": organisation_id}
    audit.change(session, "user.change", user, values, user, now, role=role.value)


def find_organisation(session: Session, code: str) -> Organisation:
    """Return an organisation by its code. Raises NotFound."""
    found = session.scalar(select(Organisation).where(Organisation.code == code))
    return or_raise(found, NotFound("organisation_code_unknown", code=code))


def find_office(session: Session) -> Organisation | None:
    """Return the Front committee above all other organisations, whose installation this is."""
    root = select(Organisation).where(
        Organisation.kind == OrganisationKind.FRONT, Organisation.parent_id.is_(None)
    )
    return session.scalar(root.order_by(Organisation.id).limit(1))


def find_province(session: Session) -> Area | None:
    """Return the office's province; without one, the first that is loaded."""
    office = find_office(session)
    is_own = Area.code == (office.area_code if office else None)
    provinces = select(Area).where(Area.level == AreaLevel.PROVINCE)
    return session.scalar(provinces.order_by(is_own.desc(), Area.code).limit(1))


def check_identity(session: Session, *, code: str, name: str, own_id: int | None = None) -> None:
    """Raise BadInput if code or name is missing, or another organisation has the code, but for its signs.

    Files name organisations by them, written as people write.
    """
    if not code.strip() or not name.strip():
        raise BadInput("organisation_name_missing")
    own = session.scalar(select(Organisation.code).where(Organisation.id == own_id))
    others = session.scalars(select(Organisation.code).where(Organisation.id != (own_id or 0)))
    if code != own and name_key(code) in map(name_key, others):
        raise BadInput("organisation_code_taken", code=code)


def create_organisation(
    session: Session,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None = None,
    parent_code: str | None = None,
) -> Organisation:
    """Create an organisation, without a check of roles or an audit entry.

    Raises BadInput for a taken code or an unknown area, NotFound for the parent.
    """
    check_identity(session, code=code, name=name)
    if area_code and not session.scalar(select(Area.code).where(Area.code == area_code)):
        raise BadInput("area_code_not_loaded", code=area_code)
    parent = find_organisation(session, parent_code) if parent_code else None
    organisation = Organisation(
        code=code, name=name, kind=kind, area_code=area_code, parent_id=parent.id if parent else None
    )
    session.add(organisation)
    session.flush()
    return organisation


@use_case
def save_organisation(
    session: Session,
    organisation_id: int | None = None,
    *,
    code: str,
    name: str,
    kind: OrganisationKind,
    area_code: str | None,
    parent_id: int | None,
    user: User | None,
    now: datetime,
) -> Organisation:
    """Create an organisation, or change one, as an administrator, or by a command, which has no user.

    Raises BadInput for a taken code or a parent below itself, NotFound, NotAllowed.
    """
    if user:
        require_role(user)
    values: dict[str, Any] = {"code": code.strip()[:40], "name": " ".join(name.split())[:200], "kind": kind}
    values["area_code"] = area_code
    if not organisation_id:
        parent = session.get(Organisation, parent_id) if parent_id else None
        organisation = create_organisation(session, **values, parent_code=parent.code if parent else None)
        audit.record(session, "organisation.create", organisation, user, now)
        return organisation
    organisation = or_raise(session.get(Organisation, organisation_id), NotFound("organisation_gone"))
    check_identity(session, code=values["code"], name=values["name"], own_id=organisation_id)
    check_scope(session, parent_id, area_code)
    below = descendants(session.execute(select(Organisation.id, Organisation.parent_id)), [organisation_id])
    if parent_id in below:
        raise BadInput("organisation_parent_circular")
    audit.change(session, "organisation.change", organisation, values | {"parent_id": parent_id}, user, now)
    return organisation

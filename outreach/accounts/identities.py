"""Accounts by their identity at a provider (OpenID Connect): found by subject, linked by verified mail, or made from groups."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from outreach.accounts import audit
from outreach.accounts.api_tokens import end_tokens
from outreach.accounts.permissions import require_role
from outreach.accounts.sessions import end_sessions
from outreach.accounts.users import create_user, lock_with_administrators, require_other_administrator
from outreach.models.accounts import Organisation, Role, User, UserIdentity
from outreach.rules.errors import NotAllowed, NotFound
from outreach.rules.formats import MappedRole, role_of
from outreach.use_cases import use_case


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
    known = session.scalar(
        select(UserIdentity).where(
            UserIdentity.issuer == identity.issuer, UserIdentity.subject == identity.subject
        )
    )
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
    for each in session.scalars(
        select(UserIdentity).where(UserIdentity.user_id.in_(user_ids)).order_by(UserIdentity.id)
    ):
        found.setdefault(each.user_id, []).append(each)
    return found


@use_case
def remove_identity(session: Session, user_id: int, *, identity_id: int, user: User, now: datetime) -> None:
    """Remove a linked identity, as when somebody's account at the provider was made anew, and end the user's sessions.

    Who signs in there next with the user's verified address is linked again. Raises NotFound, NotAllowed.
    """
    require_role(user)
    account = session.get(User, user_id, with_for_update={"of": User}, populate_existing=True)
    known = session.get(UserIdentity, identity_id)
    if account is None or known is None or known.user_id != user_id:
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

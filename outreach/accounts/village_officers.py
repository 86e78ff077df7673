"""Village officers: accounts without a password, whose own phone is signed in by a link and a code.

The link is passed on by hand, the code goes to the officer's number or mail. Using them makes both worthless, and with them
the phone that was signed in before. A phone stays signed in for `KEPT_FOR`, however long it has no network.
"""

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from outreach.accounts import audit, users
from outreach.accounts.permissions import home_of, require_role, visible_to, within_area
from outreach.core.db import Database
from outreach.core.mail import send_mail
from outreach.core.settings import Settings
from outreach.core.signed_tokens import TokenExpired, TokenPurpose, read_token, sign_token, signed_link
from outreach.models.accounts import Role, User, UserSession
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.rules.identity import name_order
from outreach.rules.keys import Purpose, newest_key, six_digits, split_keys
from outreach.rules.phone_numbers import read_phone_cell
from outreach.use_cases import use_case

KEPT_FOR = timedelta(days=90)
WRONG_CODES = 5  # of one invitation
# The address of an account whose officer has no mail: a name that exists nowhere (RFC 2606).
_NO_MAIL = "@khong-co-thu.invalid"
_SUBJECT = "Loa: mã mở phiếu đến nhà"
_BODY = """Kính gửi đồng chí,

Mã để mở phiếu đến nhà trên điện thoại: {code}

Mở liên kết mà cán bộ đã gửi rồi nhập mã này. Mã dùng được một lần, trong vòng 72 giờ. Không đưa mã cho người khác.
"""


@use_case
def add_officer(session: Session, *, name: str, number: str, email: str, user: User, now: datetime) -> User:
    """Create the account of a village officer, in the user's own organisation (`home_of`) and area.

    Raises BadInput without a name, for a number that is no mobile number, and without number and mail; NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    name = " ".join(name.split())
    if not name:
        raise BadInput("officer_name_missing")
    numbers = read_phone_cell(number).numbers if number.strip() else []
    if number.strip() and len(numbers) != 1:
        raise BadInput("officer_number_wrong")
    if not numbers and not email.strip():
        raise BadInput("officer_unreachable")
    office = users.find_office(session)
    officer = users.create_user(
        session,
        email=email.strip() or secrets.token_hex(8) + _NO_MAIL,
        name=name,
        password=None,
        role=Role.VILLAGE,
        organisation_id=home_of(session, user) or (office.id if office else None),
        area_code=user.area_code,
        now=now,
    )
    officer.phone = numbers[0] if numbers else None
    audit.record(session, "officer.create", officer, user, now)
    return officer


def officers_visible_to(session: Session, user: User) -> ColumnElement[bool]:
    """Return the condition for the village officers whom a user may give sheets to."""
    return and_(
        User.role == Role.VILLAGE,
        visible_to(session, user, User.organisation_id),
        within_area(session, user, User.area_code),
    )


def list_officers(session: Session, user: User) -> Sequence[User]:
    """Return the village officers of a user's scope, by name."""
    query = select(User).where(officers_visible_to(session, user), User.is_active)
    return sorted(session.scalars(query), key=lambda officer: (name_order(officer.name), officer.id))


def find_officer(session: Session, officer_id: int, *, user: User, hold: bool = False) -> User:
    """Return an active village officer of a user's scope; `hold` locks the account. Raises NotFound."""
    query = select(User).where(User.id == officer_id, User.is_active, officers_visible_to(session, user))
    officer = session.scalar(query.with_for_update(of=User) if hold else query)
    return or_raise(officer, NotFound("officer_not_found"))


@use_case
def shut_out(
    session: Session, officer_id: int, *, user: User, now: datetime, action: str = "officer.shut_out"
) -> User:
    """Sign out an officer's phone and end link and code, as when the phone is lost or invited anew; `action` says which.

    The next link and code follow from the account (`link_of`, `code_of`). Raises NotFound, NotAllowed.
    """
    require_role(user, Role.STAFF, Role.APPROVER)
    officer = find_officer(session, officer_id, user=user, hold=True)
    _shut(session, officer, now=now)
    audit.record(session, action, officer, user, now)
    return officer


def _shut(session: Session, officer: User, *, now: datetime) -> None:
    officer.password_hash, officer.wrong_codes = users.no_password(), 0
    users.end_sessions(session, officer.id, now=now)


def has_mail(officer: User) -> bool:
    """Return whether the account has an address that mail reaches."""
    return not officer.email.endswith(_NO_MAIL)


def link_of(officer: User, settings: Settings) -> str:
    """Return the link of an officer's invitation. What follows # is sent to no server and stands in no log."""
    return signed_link(settings, "/visits/#", TokenPurpose.OFFICER, [officer.id, _stamp(officer)])


def code_of(officer: User, secret_key: str) -> str:
    """Return the six digits that belong to an officer's link; nothing of them is stored."""
    return six_digits(f"visits {officer.id} {officer.password_hash}", secret_key)


@use_case
def join_phone(
    session: Session,
    token: str,
    code: str,
    *,
    secret_key: str,
    session_key: str,
    address: str,
    user_agent: str,
    now: datetime,
) -> tuple[User, str] | None:
    """Sign in the phone that opened an officer's link. Returns the officer and the phone's token, None for a wrong code.

    `secret_key`, `session_key`: the keys of links and of sessions. Raises BadInput for a link that is cut, expired or used,
    and after `WRONG_CODES` wrong codes.
    """
    try:
        officer_id, stamp = read_token(TokenPurpose.OFFICER, token, secret_key)
    except TokenExpired as error:
        raise BadInput("officer_link_expired") from error
    except (ValueError, TypeError) as error:
        raise BadInput("officer_link_cut") from error
    officer = session.get(User, officer_id, with_for_update={"of": User})
    if officer is None or not _is_officer(officer) or _stamp(officer) != stamp:
        raise BadInput("officer_link_used")
    if officer.wrong_codes >= WRONG_CODES:
        raise BadInput("officer_codes_used_up")
    typed = "".join(code.split())
    if not any(
        hmac.compare_digest(code_of(officer, key).encode(), typed.encode()) for key in split_keys(secret_key)
    ):
        officer.wrong_codes += 1
        return None
    _shut(session, officer, now=now)
    begun = users.begin_session(session, officer.id, address=address, user_agent=user_agent, now=now)
    begun.kept_until = now + KEPT_FOR
    audit.record(session, "officer.join", officer, officer, now)
    carried = [officer.id, _stamp(officer), begun.key]
    return officer, sign_token(TokenPurpose.PHONE, carried, session_key)


def find_phone(
    session: Session, token: str, *, session_key: str, now: datetime
) -> tuple[User, UserSession] | None:
    """Return officer and session of a phone's token; None once signed out, locked or of another role."""
    try:
        officer_id, stamp, key = read_token(TokenPurpose.PHONE, token, session_key)
    except (ValueError, TypeError):
        return None
    found = users.find_session(session, officer_id, str(key), now=now)
    if found is None or not _is_officer(found[1]) or _stamp(found[1]) != stamp:
        return None
    return found[1], found[0]


def mail_code(db: Database, settings: Settings, officer_id: int) -> int:
    """Mail an officer the code. Returns 0 if no mail server is set or the officer is gone or has no mail."""
    with db.read() as session:
        officer = session.get(User, officer_id)
        if officer is None or not _is_officer(officer) or not has_mail(officer) or not settings.smtp_url:
            return 0
        to, code = officer.email, code_of(officer, newest_key(settings.keys_of(Purpose.LINKS)))
    return send_mail(settings.smtp_url, to=[to], subject=_SUBJECT, body=_BODY.format(code=code))


def _is_officer(user: User) -> bool:
    return user.is_active and user.role is Role.VILLAGE


def _stamp(user: User) -> str:
    return user.password_hash[-12:]

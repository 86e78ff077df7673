"""Sheets given to village officers, and the code with which an officer signs in a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from campaigns.delivery.office_phones import has_opted_out, queue_to_own_phone
from campaigns.models.activities import SheetOfficer, VisitSheet
from campaigns.rules.sending_hours import closes_at, common_hours
from campaigns.visits.sheets import create_sheet, find_sheet, has_hidden_lines
from outreach.accounts import audit
from outreach.accounts.permissions import require_role
from outreach.accounts.village_officers import code_of, find_officer, has_mail, shut_out
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User, UserSession
from outreach.rules.errors import BadInput, NotFound, or_raise
from outreach.rules.keys import Purpose, newest_key
from outreach.rules.segments import measure
from outreach.use_cases import enqueue_after_commit, enqueue_code_mail, use_case

_INVITED = "officer.invite"
# Invitations that one user may send in an hour: a commune's villages, and no flood of messages.
MAX_PER_HOUR = 60
MOST_TARGET = 200  # people a day
_CODE_TEXT = (
    "Loa: ma mo phieu den nha la {code}. Mo lien ket can bo da gui roi nhap ma. Khong dua ma cho nguoi khac."
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A sheet's officer, with the day and the target that were set. `has_phone`: a phone of theirs can open it."""

    officer: User
    row: SheetOfficer
    has_phone: bool


@use_case
def invite_officer(
    session: Session, officer_id: int, *, settings: Settings, user: User, now: datetime
) -> User:
    """Make a link and a code for an officer's phone, and send the code to their number, else by mail.

    Raises NotFound, NotAllowed, and BadInput where no code would arrive: at night with a live gateway, to a number that
    takes no messages, without number and mail server; and beyond `MAX_PER_HOUR`.
    """
    officer = shut_out(session, officer_id, user=user, now=now, action=_INVITED)
    if audit.count_lately(session, _INVITED, user, now=now) > MAX_PER_HOUR:
        raise BadInput("officer_invitations_many", most=MAX_PER_HOUR)
    if officer.phone:
        code = code_of(officer, newest_key(settings.keys_of(Purpose.LINKS)))
        _text_code(session, officer.phone, code, settings=settings, now=now)
    elif has_mail(officer) and settings.smtp_url:
        enqueue_after_commit(session, enqueue_code_mail, officer.id)
    else:
        raise BadInput("officer_without_mail_server")
    return officer


def _text_code(session: Session, e164: str, code: str, *, settings: Settings, now: datetime) -> None:
    if closes_at(now, common_hours(None, is_live=settings.is_live)) is None:
        raise BadInput("officer_code_at_night")
    if has_opted_out(session, e164, settings=settings):
        raise BadInput("officer_number_opted_out")
    text = measure(_CODE_TEXT.format(code=code)).text
    queue_to_own_phone(session, e164, text=text, settings=settings, now=now)


@use_case
def assign_sheet(
    session: Session,
    round_id: int,
    *,
    officer_id: int,
    day: date | None,
    target: int | None,
    user: User,
    now: datetime,
) -> SheetOfficer:
    """Assign a sheet to an officer, for a day or with a daily target. Raises BadInput, NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if target is not None and not 0 < target <= MOST_TARGET:
        raise BadInput("visit_target_wrong", most=MOST_TARGET)
    find_sheet(session, round_id, user=user, hold=True)
    if has_hidden_lines(session, round_id, user=user):  # the phone would carry more than its giver sees
        raise BadInput("sheet_beyond_scope")
    officer = find_officer(session, officer_id, user=user)
    given = _find(session, round_id, officer.id)
    if given is None:
        given = SheetOfficer(round_id=round_id, user_id=officer.id, assigned_by=user.id, assigned_at=now)
        session.add(given)
    if given.ended_at is not None:
        given.assigned_by, given.assigned_at, given.ended_at = user.id, now, None
    given.day, given.target = day.isoformat() if day else None, target
    session.flush()
    audit.record(session, "round.assign", f"rounds:{round_id}", user, now, officer=officer.id)
    return given


@use_case
def create_and_give(
    session: Session,
    /,
    campaign_id: int,
    *,
    officer_id: int | None,
    day: date | None,
    officer: str,
    settings: Settings,
    user: User,
    now: datetime,
    **whom: Any,
) -> tuple[VisitSheet, User | None]:
    """Create a sheet as `create_sheet`, give it to a village officer, and invite them where no phone of theirs can open it: all or nothing.

    Returns the sheet, and who was sent a code. Without an officer it is a sheet on paper. Raises as `create_sheet`, `assign_sheet` and `invite_officer`.
    """
    name = find_officer(session, officer_id, user=user).name if officer_id else officer
    sheet = create_sheet(session, campaign_id, officer=name or officer, user=user, now=now, **whom)
    if not officer_id:
        return sheet, None
    assign_sheet(session, sheet.id, officer_id=officer_id, day=day, target=None, user=user, now=now)
    if any(each.has_phone for each in read_assignments(session, [sheet.id])[sheet.id]):
        return sheet, None
    return sheet, invite_officer(session, officer_id, settings=settings, user=user, now=now)


@use_case
def take_back_sheet(session: Session, round_id: int, *, officer_id: int, user: User, now: datetime) -> None:
    """Take a sheet back; results still on the phone are accepted later. Raises NotFound, NotAllowed."""
    require_role(user, Role.STAFF, Role.APPROVER)
    find_sheet(session, round_id, user=user, hold=True)
    given = or_raise(_find(session, round_id, officer_id), NotFound("officer_not_found"))
    given.ended_at = given.ended_at or now
    audit.record(session, "round.take_back", f"rounds:{round_id}", user, now, officer=officer_id)


def read_assignments(session: Session, round_ids: Sequence[int]) -> dict[int, list[Assignment]]:
    """Return by sheet the officers who have it now."""
    has_phone = exists().where(
        *(UserSession.user_id == User.id, UserSession.ended_at.is_(None), UserSession.kept_until.is_not(None))
    )
    rows = session.execute(
        select(SheetOfficer, User, has_phone & User.is_active & (User.role == Role.VILLAGE))
        .join(User, User.id == SheetOfficer.user_id)
        .where(SheetOfficer.round_id.in_(round_ids), SheetOfficer.ended_at.is_(None))
        .order_by(SheetOfficer.id)
    )
    found: dict[int, list[Assignment]] = {}
    for row, officer, can_open in rows:
        found.setdefault(row.round_id, []).append(Assignment(officer, row, can_open))
    return found


def _find(session: Session, round_id: int, officer_id: int) -> SheetOfficer | None:
    return session.scalar(
        select(SheetOfficer).where(SheetOfficer.round_id == round_id, SheetOfficer.user_id == officer_id)
    )

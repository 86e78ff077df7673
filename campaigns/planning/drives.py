"""Drives: found, opened, edited, and the one chosen that pages, reports and mail read.

A campaign goes into the open drive of its kind; the first campaign or figure opens one where there is none.
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Drive
from campaigns.planning.kinds import find_content, title_of
from campaigns.privacy.requests import recorded_scope
from campaigns.rules.audience import AudienceQuery, ContactField
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff, require_role
from outreach.contacts.wishes import scopes_in_use
from outreach.core.db import insert_missing, is_set, read_once
from outreach.models.accounts import Organisation, Role, User
from outreach.places.areas import descendants
from outreach.rules.errors import BadCampaign, BadInput, NotAllowed, NotFound, or_raise
from outreach.rules.wishes import EVERYTHING, scopes_of
from outreach.use_cases import use_case

_NEWEST_CHOICE = (Drive.chosen_at.desc().nulls_last(), Drive.id.desc())


def current_drive(session: Session) -> Drive | None:
    """Return the drive chosen last, which pages, reports and mail read. Returns None before the first one."""
    return next(iter(list_drives(session)), None)


def campaign_scopes(campaign: Campaign) -> tuple[str, ...]:
    """Return the scopes of wishes to be left alone that stop a campaign's own messages and visits."""
    return scopes_of(drive=campaign.drive_id, kind=campaign.kind, organisation=campaign.organisation_id)


def counted_scopes(session: Session, campaign: Campaign | None) -> tuple[str, ...]:
    """Return those of a campaign's scopes that anybody has named; of one that is not stored yet, everything."""
    return scopes_in_use(session, campaign_scopes(campaign)) if campaign else (EVERYTHING,)


def scope_name(session: Session, scope: str) -> str:
    """Return the name of the drive, the kind or the organisation that a wish is about; "" for everything."""
    word, _, value = scope.partition(":")
    return title_of(session, value) if word == "kind" else recorded_scope(session, scope)


def untold_campaigns(session: Session, query: AudienceQuery, organisation: int | None) -> frozenset[int]:
    """Return the campaigns about health whose answers an audience may not ask for: neither its organisation's nor of one below.

    By a list with one person it would tell what that person answered.
    """
    if all(condition.field != ContactField.HISTORY for condition in query.conditions):
        return frozenset()
    parents = session.execute(select(Organisation.id, Organisation.parent_id))
    own = descendants(parents, () if organisation is None else (organisation,))
    is_anothers = or_(Campaign.organisation_id.is_(None), Campaign.organisation_id.not_in(own))
    about_health = select(Campaign.id).where(Campaign.kind == query.kind, is_set(Campaign.is_health))
    return frozenset(session.scalars(about_health.where(is_anothers)))


def asks_of_health(session: Session, campaign: Campaign) -> bool:
    """Return whether a campaign chooses by answers about health: whom it leaves out, of one person or a list of one, tells what they said."""
    of_kind = select(Campaign.id).where(Campaign.kind == campaign.kind, is_set(Campaign.is_health)).limit(1)
    return bool(campaign.conditions.get("answered")) and session.scalar(of_kind) is not None


def current_drive_id(session: Session) -> int:
    """Return the id of the drive chosen last, 0 before the first one: nothing belongs to that."""
    drive = current_drive(session)
    return drive.id if drive else 0


def find_drive(session: Session, drive_id: int | None) -> Drive:
    """Return a drive, the chosen one where the id is None. Raises NotFound."""
    drive = current_drive(session) if drive_id is None else session.get(Drive, drive_id)
    return or_raise(drive, NotFound("drive_not_found", id=drive_id or 0))


def drive_named(session: Session, name: str, *, kind: str) -> Drive:
    """Return the drive of this name for a campaign of a kind. Raises BadCampaign."""
    named = session.scalar(select(Drive).where(Drive.name == " ".join(name.split())))
    drive = or_raise(named, BadCampaign("campaign_drive_unknown", name=name[:120]))
    if drive.kind != kind:
        raise BadCampaign("campaign_drive_other_kind", name=drive.name)
    return drive


@read_once
def list_drives(session: Session) -> Sequence[Drive]:
    """Return all drives, the chosen one first."""
    return session.scalars(select(Drive).order_by(*_NEWEST_CHOICE)).all()


def count_campaigns(session: Session) -> dict[int, int]:
    """Return by drive how many campaigns are in it."""
    query = select(Campaign.drive_id, func.count()).group_by(Campaign.drive_id)
    return dict(session.execute(query).all())


@use_case
def open_drive_of(session: Session, kind: str, *, now: datetime) -> Drive:
    """Return the kind's open drive that was chosen last; where there is none, a new one."""
    today = now.astimezone(VIETNAM).date()
    drive = session.scalar(
        select(Drive)
        .where(Drive.kind == kind, or_(Drive.ends_on.is_(None), Drive.ends_on >= today.isoformat()))
        .order_by(*_NEWEST_CHOICE)
        .limit(1)
    )
    if drive is not None:
        return drive
    title = title_of(session, kind)
    is_first = current_drive(session) is None
    names = [
        each[:120] for each in (title, f"{title} ({today:%d/%m/%Y})", f"{today:%d/%m/%Y}, {kind}, {title}")
    ]
    taken = session.scalars(select(Drive.name).where(Drive.name.in_(names))).all()
    row = {
        "kind": kind,
        "name": next((name for name in names if name not in taken), names[-1]),
        "starts_on": today.isoformat(),
        "chosen_at": now if is_first else None,
        "created_at": now,
    }
    insert_missing(session, Drive, [row])  # of two that open it at once, one does
    return session.scalars(select(Drive).where(Drive.name == row["name"])).one()


@use_case
def drive_for_figures(session: Session, drive_id: int | None = None, *, now: datetime) -> Drive:
    """Return the drive named for figures entered now, else the chosen or a new one. Raises NotFound."""
    chosen = find_drive(session, drive_id) if drive_id else current_drive(session)
    return chosen or open_drive_of(session, DEFAULT_KIND, now=now)


@use_case
def save_drive(
    session: Session,
    drive_id: int | None = None,
    *,
    kind: str,
    name: str,
    starts_on: date,
    ends_on: date | None,
    user: User,
    now: datetime,
) -> Drive:
    """Open a drive, or change its name, period, and, before its first campaign, its kind. Raises BadInput, NotFound, NotAllowed."""
    _require(session, user)
    drive = (
        find_drive(session, drive_id) if drive_id else Drive(kind=kind, created_by=user.id, created_at=now)
    )
    if kind != drive.kind and session.scalar(select(exists().where(Campaign.drive_id == drive.id))):
        raise BadInput("drive_kind_fixed")
    if find_content(session, kind) is None:
        raise BadInput("drive_kind_unknown", kind=kind[:40])
    name = " ".join(name.split())
    if not 0 < len(name) <= 120:
        raise BadInput("drive_name_wrong")
    taken = session.scalar(select(Drive.id).where(Drive.name == name))
    if taken not in (None, drive_id):
        raise BadInput("drive_name_taken", name=name)
    if ends_on is not None and ends_on < starts_on:
        raise BadInput("drive_ends_before_start")
    drive.kind, drive.name = kind, name
    drive.starts_on, drive.ends_on = starts_on.isoformat(), ends_on.isoformat() if ends_on else None
    session.add(drive)
    session.flush()
    audit.record(session, "drive.edit" if drive_id else "drive.create", drive, user, now)
    return drive


@use_case
def choose_drive(session: Session, drive_id: int, *, user: User, now: datetime) -> Drive:
    """Have home page, leaders' page, agencies' forms and mail read this drive. Raises NotFound, NotAllowed."""
    _require(session, user)
    drive = find_drive(session, drive_id)
    drive.chosen_at = now
    audit.record(session, "drive.choose", drive, user, now)
    return drive


def _require(session: Session, user: User) -> None:
    require_role(user, Role.STAFF, Role.APPROVER)
    if not is_province_staff(session, user):
        raise NotAllowed("drives_not_allowed")

"""Drives: found, opened, edited, and the one chosen that pages, reports and mail read.

A campaign goes into the open drive of its kind; the first campaign or figure opens one where there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from sqlalchemy import BigInteger, Select, exists, func, or_, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Campaign, Drive, Recipient
from campaigns.models.replies import Answer
from campaigns.planning.kinds import find_content, title_of
from campaigns.rules.audience import AudienceQuery, ContactField
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff, require_role
from outreach.core.bulk import insert_missing, values_subquery
from outreach.core.db import is_set
from outreach.models.accounts import Organisation, Role, User
from outreach.models.contacts import ContactPhone
from outreach.places.areas import descendants
from outreach.rules.errors import BadCampaign, BadInput, NotAllowed, NotFound
from outreach.use_cases import use_case

_NEWEST_CHOICE = (Drive.chosen_at.desc().nulls_last(), Drive.id.desc())


def current_drive(session: Session) -> Drive | None:
    """Return the drive chosen last, which pages, reports and mail read. Returns None before the first one."""
    return session.scalar(select(Drive).order_by(*_NEWEST_CHOICE).limit(1))


def drive_opt_outs() -> Select[int, int]:
    """Select the drive and the phone of every opt-out from one drive alone that is in force."""
    told = select(Campaign.drive_id, Answer.phone_id).join(Campaign, Campaign.id == Answer.campaign_id)
    return told.where(is_set(Answer.drive_only), Answer.undone_at.is_(None))


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


# Phones opted out of one drive alone, and those of who did so on a number since taken off; no warning passes them.
OF_DRIVE = """
    SELECT a.phone_id FROM answers a JOIN campaigns k ON k.id = a.campaign_id
    WHERE a.drive_only AND a.undone_at IS NULL AND k.drive_id = {drive:d}
    UNION
    SELECT cp.phone_id FROM answers a JOIN campaigns k ON k.id = a.campaign_id
    JOIN recipients r ON r.id = a.recipient_id JOIN contact_phones cp ON cp.contact_id = r.contact_id
    WHERE a.drive_only AND a.undone_at IS NULL AND k.drive_id = {drive:d}
    AND a.phone_id NOT IN (SELECT own.phone_id FROM contact_phones own WHERE own.contact_id = r.contact_id)"""


def opted_out_of_drives(
    session: Session, drives: Collection[int], *, phones: Collection[int], contacts: Collection[int]
) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Return which of these phones, and which of these contacts on any of theirs, are opted out of a drive: (drive, id) each.

    Of a contact a number counts that they no longer have, too.
    """
    said = drive_opt_outs().where(Campaign.drive_id.in_(drives))
    by_phone = said.where(Answer.phone_id.in_(values_subquery(session, phones, BigInteger)))
    theirs = values_subquery(session, contacts, BigInteger)
    by_contact = said.with_only_columns(Campaign.drive_id, ContactPhone.contact_id).join(
        ContactPhone, ContactPhone.phone_id == Answer.phone_id
    )
    of_contacts = session.execute(by_contact.where(ContactPhone.contact_id.in_(theirs)))
    by_recipient = said.with_only_columns(Campaign.drive_id, Recipient.contact_id).join(
        Recipient, Recipient.id == Answer.recipient_id
    )
    of_recipients = session.execute(by_recipient.where(Recipient.contact_id.in_(theirs)))
    of_phones = session.execute(by_phone)
    return (
        {(row[0], row[1]) for row in of_phones},
        {(row[0], row[1]) for rows in (of_contacts, of_recipients) for row in rows if row[1] is not None},
    )


def current_drive_id(session: Session) -> int:
    """Return the id of the drive chosen last, 0 before the first one: nothing belongs to that."""
    drive = current_drive(session)
    return drive.id if drive else 0


def find_drive(session: Session, drive_id: int | None) -> Drive:
    """Return a drive, the chosen one where the id is None. Raises NotFound."""
    drive = current_drive(session) if drive_id is None else session.get(Drive, drive_id)
    if drive is None:
        raise NotFound("drive_not_found", id=drive_id or 0)
    return drive


def drive_named(session: Session, name: str, *, kind: str) -> Drive:
    """Return the drive of this name for a campaign of a kind. Raises BadCampaign."""
    drive = session.scalar(select(Drive).where(Drive.name == " ".join(name.split())))
    if drive is None:
        raise BadCampaign("campaign_drive_unknown", name=name[:120])
    if drive.kind != kind:
        raise BadCampaign("campaign_drive_other_kind", name=drive.name)
    return drive


def list_drives(session: Session) -> Sequence[Drive]:
    """Return all drives, the chosen one first."""
    return session.scalars(select(Drive).order_by(*_NEWEST_CHOICE)).all()


def count_campaigns(session: Session) -> dict[int, int]:
    """Return by drive how many campaigns are in it."""
    query = select(Campaign.drive_id, func.count()).group_by(Campaign.drive_id)
    return dict(session.execute(query).all())


@use_case
def open_drive_of(session: Session, kind: str, *, now: datetime) -> Drive:
    """Return the drive that a campaign or a figure of a kind goes into.

    It is the one of this kind chosen last that has not ended; where there is none, a new one is opened.
    """
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
    name = title
    if session.scalar(select(Drive.id).where(Drive.name == name)) is not None:
        name = f"{title} ({today:%d/%m/%Y})"
    row = {
        "kind": kind,
        "name": name[:120],
        "starts_on": today.isoformat(),
        "chosen_at": now if is_first else None,
        "created_at": now,
    }
    insert_missing(session, Drive, [row])  # of two that open it at once, one does
    return session.scalars(select(Drive).where(Drive.name == row["name"])).one()


@use_case
def drive_for_figures(session: Session, *, now: datetime) -> Drive:
    """Return the chosen drive, for figures that somebody enters now; before the first one, a new one."""
    return current_drive(session) or open_drive_of(session, DEFAULT_KIND, now=now)


@use_case
def create_drive(
    session: Session,
    *,
    kind: str,
    name: str,
    starts_on: date,
    ends_on: date | None,
    user: User,
    now: datetime,
) -> Drive:
    """Open a drive. Raises BadInput, NotAllowed."""
    _require(session, user)
    drive = Drive(kind=kind, created_by=user.id, created_at=now)
    _write(session, drive, kind=kind, name=name, starts_on=starts_on, ends_on=ends_on)
    session.add(drive)
    session.flush()
    audit.record(session, "drive.create", drive, user, now)
    return drive


@use_case
def edit_drive(
    session: Session,
    drive_id: int,
    *,
    kind: str,
    name: str,
    starts_on: date,
    ends_on: date | None,
    user: User,
    now: datetime,
) -> Drive:
    """Change a drive's name, period, and, before its first campaign, its kind. Raises BadInput, NotFound, NotAllowed."""
    _require(session, user)
    drive = find_drive(session, drive_id)
    if kind != drive.kind and session.scalar(select(exists().where(Campaign.drive_id == drive.id))):
        raise BadInput("drive_kind_fixed")
    _write(session, drive, kind=kind, name=name, starts_on=starts_on, ends_on=ends_on)
    session.flush()
    audit.record(session, "drive.edit", drive, user, now)
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


def _write(
    session: Session, drive: Drive, *, kind: str, name: str, starts_on: date, ends_on: date | None
) -> None:
    if find_content(session, kind) is None:
        raise BadInput("drive_kind_unknown", kind=kind[:40])
    name = " ".join(name.split())
    if not 0 < len(name) <= 120:
        raise BadInput("drive_name_wrong")
    taken = session.scalar(select(Drive.id).where(Drive.name == name))
    if taken not in (None, drive.id):
        raise BadInput("drive_name_taken", name=name)
    if ends_on is not None and ends_on < starts_on:
        raise BadInput("drive_ends_before_start")
    drive.kind, drive.name = kind, name
    drive.starts_on, drive.ends_on = starts_on.isoformat(), ends_on.isoformat() if ends_on else None

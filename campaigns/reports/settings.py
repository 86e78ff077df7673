"""The report form of a drive: as last saved, or a neutral one with the province's name."""

import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from campaigns.models.campaigns import Drive
from campaigns.models.reports import ReportForm
from campaigns.planning.drives import find_drive
from campaigns.planning.kinds import title_of, words_of
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.reports.template import ReportTemplate, fill_default, find_blanks, parse_template
from outreach.accounts import audit
from outreach.accounts.permissions import has_role, is_province_staff, organisations_of, require_role
from outreach.accounts.users import find_province
from outreach.core.settings import Settings
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed, WrongState
from outreach.use_cases import use_case


@cache
def _default_data() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "default.toml").read_text(encoding="utf-8"))


def default_data(session: Session, *, kind: str = DEFAULT_KIND) -> dict[str, Any]:
    """Return a form's data for a kind of campaign with the province's name; dots where no province is loaded."""
    title, words = title_of(session, kind), words_of(session, kind)
    province = find_province(session)
    data = fill_default(
        _default_data(),
        kind=kind,
        action=title[:1].lower() + title[1:],
        province=(province.kind, province.name) if province else None,
    )
    return data | {"done": words.done, "owners": words.counted, "residents": words.counted_heading}


def current_template(session: Session, drive: int) -> ReportTemplate:
    """Return the form of a drive."""
    saved = session.scalar(
        select(ReportForm).where(ReportForm.drive_id == drive).order_by(ReportForm.id.desc()).limit(1)
    )
    if saved:
        return parse_template(saved.data)
    found = session.get(Drive, drive)
    return parse_template(default_data(session, kind=found.kind if found else DEFAULT_KIND))


def recipients_of(session: Session, drive: int, settings: Settings) -> Sequence[str]:
    """Return the addresses that a drive's report is mailed to: its form's, or REPORT_RECIPIENTS for the first drive."""
    own = current_template(session, drive).recipients
    return own or (settings.report_recipients if _is_first(session, drive) else ())


def has_form(session: Session, drive: int) -> bool:
    """Return whether a form was saved for a drive: without one nothing is frozen or issued."""
    return session.scalar(select(exists().where(ReportForm.drive_id == drive))) or False


class ChecklistStep(NamedTuple):
    """A step of the checklist before a drive's report can be issued; without those that are `needed` nothing is."""

    name: str  # form, recipients, signer, approver, server
    is_done: bool
    is_needed: bool = False


def read_checklist(session: Session, drive: int, settings: Settings) -> list[ChecklistStep]:
    """Return what a drive's report needs, and what of it is there."""
    form = current_template(session, drive)
    approver = select(User.id).where(User.role.in_((Role.APPROVER, Role.LEADER)), User.is_active)
    return [
        ChecklistStep("form", has_form(session, drive), is_needed=True),
        ChecklistStep(
            "recipients",
            bool(recipients_of(session, drive, settings)),
            is_needed=not _is_first(session, drive),
        ),
        ChecklistStep("signer", bool(form.signer)),
        ChecklistStep("approver", session.execute(approver.limit(1)).first() is not None, is_needed=True),
        ChecklistStep("server", bool(settings.smtp_url)),
    ]


def require_ready(session: Session, drive: int) -> None:
    """Raise WrongState where a drive's form was not saved, or names no recipients and is not the first drive's."""
    if not has_form(session, drive):
        raise WrongState("report_form_missing")
    if not current_template(session, drive).recipients and not _is_first(session, drive):
        raise WrongState("report_recipients_missing")


def _is_first(session: Session, drive: int) -> bool:
    return drive == session.scalar(select(func.min(Drive.id)))


def drives_with_report(session: Session) -> list[int]:
    """Return the drives that have a report: those whose form was saved."""
    return list(session.scalars(select(ReportForm.drive_id).distinct().order_by(ReportForm.drive_id)))


@use_case
def save_form(
    session: Session, drive: int, data: dict[str, Any], *, user: User, now: datetime
) -> ReportTemplate:
    """Store a new form of a drive; frozen reports keep their own. Raises BadInput, NotAllowed."""
    require_province(session, user)
    kind = find_drive(session, drive).kind
    form = parse_template(data | {"kind": kind, "owners": words_of(session, kind).counted})
    if blanks := find_blanks(form):
        raise BadInput("nothing_saved_errors", errors=blanks)
    saved = ReportForm(drive_id=drive, data=asdict(form), saved_by=user.id, saved_at=now)
    session.add(saved)
    audit.record(session, "report.form", saved, user, now)
    return form


def may_approve_report(session: Session, user: User) -> bool:
    """Return whether the user may approve reports: leaders and approvers who see the whole province."""
    return has_role(user, Role.APPROVER, Role.LEADER) and organisations_of(session, user) is None


def may_urge(session: Session, user: User) -> bool:
    """Return whether the user may urge contacts of places and agencies: officers and leaders who see the whole province."""
    return has_role(user, Role.STAFF, Role.APPROVER, Role.LEADER) and organisations_of(session, user) is None


def require_province(session: Session, user: User) -> None:
    """Raise NotAllowed for a user who may not manage the report."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if not is_province_staff(session, user):
        raise NotAllowed("report_not_yours")

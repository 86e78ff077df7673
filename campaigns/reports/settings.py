"""The report form in force: as last saved in the admin site, or the default that comes with Loa."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models.reports import ReportForm
from campaigns.planning.kinds import load_kinds
from campaigns.rules.reports.template import ReportTemplate, parse_template
from outreach.accounts import audit
from outreach.accounts.permissions import is_province_staff, require_role
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed
from outreach.use_cases import use_case


@cache
def default_template() -> ReportTemplate:
    """Return the default form that comes with Loa."""
    return parse_template(tomllib.loads((Path(__file__).parent / "kontum.toml").read_text(encoding="utf-8")))


def current_template(session: Session) -> ReportTemplate:
    """Return the form in force."""
    saved = session.scalar(select(ReportForm).order_by(ReportForm.id.desc()).limit(1))
    return parse_template(saved.data) if saved else default_template()


@use_case
def save_form(session: Session, data: dict[str, Any], *, user: User, now: datetime) -> ReportTemplate:
    """Store a new form; frozen reports keep their own. Raises BadInput, NotAllowed."""
    require_province(session, user)
    form = parse_template(data)
    if form.kind not in load_kinds():
        raise BadInput("report_kind_unknown", kind=form.kind, kinds=list(load_kinds()))
    saved = ReportForm(data=form.as_data(), saved_by=user.id, saved_at=now)
    session.add(saved)
    session.flush()
    audit.record(session, "report.form", saved, user, now)
    return form


def require_province(session: Session, user: User) -> None:
    """Raise NotAllowed for a user who may not manage the report."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if not is_province_staff(session, user):
        raise NotAllowed("report_not_yours")

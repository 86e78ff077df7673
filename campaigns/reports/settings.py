"""The report form in force: as last saved, or a neutral one with the province's name."""

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
from campaigns.rules.draft import DEFAULT_KIND
from campaigns.rules.reports.template import ReportTemplate, fill_default, parse_template
from outreach.accounts import audit
from outreach.accounts.organisations import find_province
from outreach.accounts.permissions import is_province_staff, require_role
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed
from outreach.use_cases import use_case


@cache
def _default_data() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "default.toml").read_text(encoding="utf-8"))


def default_data(session: Session, *, kind: str = DEFAULT_KIND) -> dict[str, Any]:
    """Return a form's data for a kind of campaign with the province's name; dots where no province is loaded."""
    title = str(load_kinds()[kind]["title"])
    province = find_province(session)
    return fill_default(
        _default_data(),
        kind=kind,
        action=title[:1].lower() + title[1:],
        province=(province.kind, province.name) if province else None,
    )


def current_template(session: Session) -> ReportTemplate:
    """Return the form in force."""
    saved = session.scalar(select(ReportForm).order_by(ReportForm.id.desc()).limit(1))
    return parse_template(saved.data if saved else default_data(session))


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

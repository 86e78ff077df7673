"""The form in force: as it was last saved in the office, or as it comes with Loa."""

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
from outreach.accounts.permissions import organisations_of, require_role
from outreach.models.accounts import Role, User
from outreach.rules.errors import BadInput, NotAllowed


@cache
def form_of_ours() -> ReportTemplate:
    """The one that comes with Loa."""
    return parse_template(tomllib.loads((Path(__file__).parent / "kontum.toml").read_text(encoding="utf-8")))


def current_form(session: Session) -> ReportTemplate:
    """The one in force."""
    saved = session.scalar(select(ReportForm).order_by(ReportForm.id.desc()).limit(1))
    return parse_template(saved.data) if saved else form_of_ours()


def save_form(session: Session, data: dict[str, Any], *, user: User, now: datetime) -> ReportTemplate:
    """The form from now on; what is frozen keeps its own. Raises BadInput, NotAllowed."""
    require_province(session, user)
    form = parse_template(data)
    if form.kind not in load_kinds():
        raise BadInput(f"Chưa lưu gì. Không có loại chiến dịch “{form.kind}”: {', '.join(load_kinds())}.")
    saved = ReportForm(data=form.as_data(), saved_by=user.id, saved_at=now)
    session.add(saved)
    session.flush()
    audit.record(session, actor_id=user.id, action="report.form", subject=f"report_forms:{saved.id}", now=now)
    return form


def may_issue(session: Session, user: User) -> bool:
    """Whether the report is theirs to look after: staff of the province."""
    roles = (Role.STAFF, Role.APPROVER, Role.ADMINISTRATOR)
    return user.role in roles and organisations_of(session, user) is None


def require_province(session: Session, user: User) -> None:
    """Raises NotAllowed for whoever may not look after the report."""
    require_role(user, Role.STAFF, Role.APPROVER)
    if not may_issue(session, user):
        raise NotAllowed("Báo cáo ngày của toàn tỉnh do cán bộ cấp tỉnh lập và gửi.")

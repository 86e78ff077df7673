"""What administrators and auditors look after: the audit log, the installation's checks, and what was refused."""

from datetime import UTC, datetime, time

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from redis import RedisError
from sqlalchemy import select

from admin.forms import Form, LongTextField
from admin.permissions import may_open
from admin.views.base import AdminPage, requested_day
from admin.wording.audit import ACTIONS, SUBJECTS, describe, describe_changes
from campaigns.checks.doctor import run_checks
from campaigns.live_permit import allow_live, read_permit
from campaigns.rules.checks import Level, worst
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.audit import read_actors, read_head, read_journal
from outreach.accounts.security_events import SecurityEvent, count_events, read_events
from outreach.accounts.users import name_of, names_of
from outreach.models.office import Backup

# Tables whose rows have a page: its endpoint, and the name of its id argument.
_PAGES = {
    "contacts": ("contacts.show", "contact_id"),
    "contact_lists": ("lists.show", "list_id"),
    "users": ("users.show", "user_id"),
    "organisations": ("organisations.show", "organisation_id"),
    "campaigns": ("campaigns.sheet", "campaign_id"),
}


class AuditView(AdminPage):
    name, endpoint, url = _l("Nhật ký"), "audit", "/admin/audit"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List events.

        `?who=` user, `?action=`, `?subject=` table:id, `?origin=` IP address, `?day=` date; `?before=` last
        id shown.
        """
        args = request.args
        day = requested_day("day")
        with self.reading() as (session, user):
            entries, is_more = read_journal(
                session,
                user,
                who=args.get("who", type=int),
                action=args.get("action", ""),
                subject=args.get("subject", "").strip(),
                origin=args.get("origin", "").strip(),
                day=datetime.combine(day, time(), VIETNAM) if day else None,
                before=args.get("before", type=int),
            )
            actors = read_actors(session, user)
            head = read_head(session)
        return self.render(
            "settings/audit.html",
            entries=entries,
            is_more=is_more,
            actors=actors,
            actions=ACTIONS,
            subjects=SUBJECTS,
            address=_page_url,
            describe=describe,
            describe_changes=describe_changes,
            head=head,
            kept={key: value for key, value in args.items() if value and key != "before"},
            is_first=not args.get("before"),
        )


def _page_url(subject: str) -> str:
    """Return the URL of a row's page, "" if there is none or the user may not open it."""
    table, _sep, number = subject.partition(":")
    endpoint, name = _PAGES.get(table, ("", ""))
    if not number.isdigit() or endpoint not in current_app.view_functions:
        return ""
    if not may_open(current_user.role, endpoint):
        return ""
    return url_for(endpoint, **{name: int(number)})  # type: ignore[arg-type]


class PermitForm(Form):
    reason = LongTextField(
        _l("Lý do, nếu còn mục nào bị lỗi"),
        maxlength=1000,
        hint=_l("Lý do và tên người cho phép được ghi vào nhật ký."),
        codes=("live_reason_missing",),
    )


class ChecksView(AdminPage):
    under = "audit"
    name, endpoint, url = _l("Kiểm tra hệ thống"), "checks", "/admin/checks"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Make all checks and show them, with what to do; before live sending also the form that allows it."""
        findings = run_checks(self.runtime, now=datetime.now(UTC))
        with self.reading() as (session, _user):
            permit = read_permit(session)
            finished = select(Backup).where(Backup.finished_at.is_not(None))
            backup = session.scalar(finished.order_by(Backup.finished_at.desc()).limit(1))
            by = name_of(session, permit.allowed_by) if permit else ""
        return self.render(
            "settings/checks.html",
            findings=findings,
            level=worst(findings),
            levels=Level,
            permit=permit,
            backup=backup,
            by=by,
            form=PermitForm.on_page(),
        )

    @expose("/allow", methods=["POST"])
    def allow(self) -> ResponseReturnValue:
        """Allow sending to real phones, by the checks as they are now."""
        findings = run_checks(self.runtime, now=datetime.now(UTC))
        message = _("Đã cho phép gửi thật. Chiến dịch được gửi từ bây giờ sẽ đến điện thoại của người dân.")
        return self.submit_form(PermitForm(), allow_live, findings, message=message)


class SecurityView(AdminPage):
    under = "audit"
    name, endpoint, url = _l("An ninh"), "security", "/admin/security"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List the latest events. `?event=` is a kind."""
        chosen = request.args.get("event", "")
        event = SecurityEvent(chosen) if chosen in list(SecurityEvent) else None
        try:
            events, counts = read_events(self.runtime.redis, event=event), count_events(self.runtime.redis)
        except RedisError:
            events, counts = None, None
        ids = {int(each.who[6:]) for each in events or () if each.who.startswith("users:")}
        with self.reading() as (session, _user):
            names = names_of(session, ids)
        return self.render(
            "settings/security.html",
            events=events,
            counts=counts,
            kinds=list(SecurityEvent),
            chosen=event,
            names={f"users:{user_id}": (user_id, name) for user_id, name in names.items()},
        )

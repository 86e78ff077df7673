"""The audit log for administrators and auditors: who, what (as a text), when, which row."""

from __future__ import annotations

from datetime import datetime, time

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from admin.permissions import may_open
from admin.views.base import AdminPage, requested_day
from admin.wording.audit import ACTIONS, SUBJECTS, describe, describe_changes
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.audit import read_actors, read_head, read_journal

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

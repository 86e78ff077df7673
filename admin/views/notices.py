"""What waits for the user: the page behind the bell."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_login import current_user

from admin.views.base import AdminPage
from campaigns.reports.user_notices import UserNotice, read_notices
from outreach.core.cache import cached_count
from outreach.models.accounts import NoticeKind, User
from outreach.runtime import Runtime

_COUNTED_FOR_S = 15.0


class NoticesView(AdminPage):
    """Not in the menu: the bell on every page leads here."""

    under = "admin"
    name, endpoint, url = "", "notices", "/admin/notices"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, user):
            waiting = read_notices(session, user, now=datetime.now(UTC))
        return self.render("home/notices.html", waiting=[(each, _page_of(each)) for each in waiting])


def _page_of(each: UserNotice) -> str:
    """Return the address of the page where it is done."""
    match each.kind:
        case NoticeKind.READY | NoticeKind.FAILED:
            return url_for("imports.show", upload_id=each.id)
        case NoticeKind.CASES:
            return url_for("inbox.show", case_id=each.id)
        case NoticeKind.REPORT:
            return url_for("report.index", drive=each.id, day=each.day)
    return url_for("campaigns.sheet", campaign_id=each.id)


def count_notices(runtime: Runtime) -> int:
    """Return how much waits for the current user, some seconds old at most."""

    def count() -> dict[str, int]:
        with runtime.db.read() as session:
            return {
                "n": len(read_notices(session, session.get_one(User, current_user.id), now=datetime.now(UTC)))
            }

    return int(
        cached_count(runtime.redis, f"loa:waiting:{current_user.id}", count, min_ttl_s=_COUNTED_FOR_S)["n"]
    )

"""Security events for administrators: what was refused, when, from which address, about whom."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from redis import RedisError
from sqlalchemy import select

from admin.views.base import AdminPage
from outreach.accounts.security_events import SecurityEvent, count_events, read_events
from outreach.models.accounts import User


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
            users = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
        return self.render(
            "settings/security.html",
            events=events,
            counts=counts,
            kinds=list(SecurityEvent),
            chosen=event,
            names={f"users:{user.id}": (user.id, user.shown_name) for user in users.values()},
        )

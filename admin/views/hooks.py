"""Webhooks: who is told of what, how far that came, and an event sent again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from admin.views.base import OfficeView
from admin.views.organisations import choices_of_organisations
from campaigns.hooks.rules import LONGEST_URL
from campaigns.hooks.signing import secret_of
from campaigns.hooks.subscribing import (
    LONGEST_NAME,
    OFFERED,
    end_subscription,
    find_subscription,
    read_deliveries,
    read_subscriptions,
    send_again,
    subscribe,
    try_out,
)
from campaigns.rings import ring_hooks
from outreach.access.models import Organisation, User
from outreach.errors import LoaError
from outreach.runtime import Runtime


class HooksView(OfficeView):
    under = "tokens"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="hooks", url="/admin/hooks")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._list()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """The answer shows the secret, once."""
        typed: dict[str, Any] = {
            "name": request.form.get("name", ""),
            "url": request.form.get("url", ""),
            "organisation_id": request.form.get("organisation", 0, type=int),
            "kinds": request.form.getlist("kind"),
        }
        settings = self.runtime.settings
        try:
            with self.writing() as (session, user):
                made = subscribe(
                    session,
                    **typed,
                    is_production=settings.app_env == "production",
                    user=user,
                    now=datetime.now(UTC),
                )
        except LoaError as error:
            return self._list(typed=typed, error=str(error)), 422
        return self._show(made.id, secret=secret_of(made.salt, secret_key=settings.secret_key))

    @expose("/<int:hook_id>/")
    def show(self, hook_id: int) -> ResponseReturnValue:
        return self._show(hook_id)

    @expose("/<int:hook_id>/try", methods=["POST"])
    def try_out(self, hook_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            try_out(session, hook_id, user=user, now=now)

        return self._do(hook_id, act, _("Đã gửi tin thử. Tải lại trang sau vài giây để xem kết quả."))

    @expose("/<int:hook_id>/deliveries/<int:delivery_id>/again", methods=["POST"])
    def again(self, hook_id: int, delivery_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            send_again(session, hook_id, delivery_id, user=user, now=now)

        return self._do(hook_id, act, _("Tin báo được gửi lại. Tải lại trang sau vài giây để xem kết quả."))

    @expose("/<int:hook_id>/end", methods=["POST"])
    def end(self, hook_id: int) -> ResponseReturnValue:
        def act(session: Session, user: User, now: datetime) -> None:
            end_subscription(session, hook_id, user=user, now=now)

        return self._do(hook_id, act, _("Đã ngừng. Không gửi tin báo nào đến đây nữa."))

    def _do(
        self, hook_id: int, act: Callable[[Session, User, datetime], None], said: str
    ) -> ResponseReturnValue:
        back = url_for(".show", hook_id=hook_id)
        if refused := self.attempt(act, else_to=back):
            return refused
        ring_hooks(self.runtime.doorbell)
        flash(said, "success")
        return redirect(back, code=303)

    def _list(self, *, typed: dict[str, Any] | None = None, error: str = "") -> str:
        with self.reading() as (session, user):
            lines = read_subscriptions(session, user)
            organisations = choices_of_organisations(session)
        page: str = self.render(
            "office/hooks.html",
            lines=lines,
            organisations=organisations,
            kinds=OFFERED,
            longest_name=LONGEST_NAME,
            longest_url=LONGEST_URL,
            typed=typed or {"kinds": []},
            error=error,
        )
        return page

    def _show(self, hook_id: int, *, secret: str = "") -> str:
        with self.reading() as (session, user):
            found = find_subscription(session, hook_id, user=user)
            deliveries = read_deliveries(session, hook_id)
            organisation = session.get_one(Organisation, found.organisation_id).name
        page: str = self.render(
            "office/hook.html", hook=found, organisation=organisation, deliveries=deliveries, secret=secret
        )
        return page

"""Connections of other systems: API tokens, and webhook subscriptions with their deliveries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import AdminPage
from admin.views.organisations import choices_of_organisations
from campaigns.rules.webhooks import LONGEST_URL, secret_of
from campaigns.webhooks.subscriptions import LONGEST_NAME as LONGEST_WEBHOOK_NAME
from campaigns.webhooks.subscriptions import (
    OFFERED,
    end_subscription,
    find_subscription,
    read_deliveries,
    read_subscriptions,
    send_again,
    send_ping,
    subscribe,
)
from outreach.accounts.api_tokens import LONGEST_NAME, create_token, end_token, read_tokens
from outreach.models.accounts import Organisation, Right
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

DAYS = (30, 90, 365, 730)


class TokensView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Kết nối"), endpoint="tokens", url="/admin/tokens")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """Create a token. This response shows it; it is stored nowhere, not even for the next page."""
        form_values: dict[str, Any] = {
            "name": request.form.get("name", ""),
            "organisation_id": request.form.get("organisation", 0, type=int),
            "rights": request.form.getlist("right"),
            "days": request.form.get("days", 0, type=int),
        }
        try:
            created, text = self.do(create_token, **form_values)
        except LoaError as error:
            return self._show(form_values=form_values, error=str(error)), 422
        return self._show(made=created.name, text=text)

    @expose("/<int:api_token_id>/end", methods=["POST"])
    def end(self, api_token_id: int) -> ResponseReturnValue:
        message = _("Đã thu hồi mã truy cập. Hệ thống dùng mã này không vào được nữa.")
        return self.do_and_tell(url_for(".index"), message, end_token, api_token_id)

    def _show(
        self, *, made: str = "", text: str = "", form_values: dict[str, Any] | None = None, error: str = ""
    ) -> str:
        with self.reading() as (session, user):
            tokens = read_tokens(session, user)
            organisations = choices_of_organisations(session)
        now = datetime.now(UTC)
        page: str = self.render(
            "settings/api_tokens.html",
            tokens=[(token, token.is_open(now)) for token in tokens],
            organisations=organisations,
            rights=list(Right),
            days=DAYS,
            longest_name=LONGEST_NAME,
            made=made,
            text=text,
            typed=form_values or {"days": 365, "rights": []},
            error=error,
        )
        return page


class WebhooksView(AdminPage):
    under = "tokens"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="webhook_subscriptions", url="/admin/hooks")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._list()

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """Subscribe. This response shows the secret once."""
        form_values: dict[str, Any] = {
            "name": request.form.get("name", ""),
            "url": request.form.get("url", ""),
            "organisation_id": request.form.get("organisation", 0, type=int),
            "kinds": request.form.getlist("kind"),
        }
        settings = self.runtime.settings
        try:
            is_production = settings.app_env == "production"
            subscription = self.do(subscribe, **form_values, is_production=is_production)
        except LoaError as error:
            return self._list(form_values=form_values, error=str(error)), 422
        return self._show(
            subscription.id, secret=secret_of(subscription.salt, secret_key=settings.secret_key)
        )

    @expose("/<int:hook_id>/")
    def show(self, hook_id: int) -> ResponseReturnValue:
        return self._show(hook_id)

    @expose("/<int:hook_id>/try", methods=["POST"])
    def ping(self, hook_id: int) -> ResponseReturnValue:
        message = _("Đã gửi tin thử. Tải lại trang sau vài giây để xem kết quả.")
        return self.do_and_tell(url_for(".show", hook_id=hook_id), message, send_ping, hook_id)

    @expose("/<int:hook_id>/deliveries/<int:delivery_id>/again", methods=["POST"])
    def resend(self, hook_id: int, delivery_id: int) -> ResponseReturnValue:
        message = _("Tin báo được gửi lại. Tải lại trang sau vài giây để xem kết quả.")
        return self.do_and_tell(url_for(".show", hook_id=hook_id), message, send_again, hook_id, delivery_id)

    @expose("/<int:hook_id>/end", methods=["POST"])
    def end(self, hook_id: int) -> ResponseReturnValue:
        message = _("Đã ngừng. Không gửi tin báo nào đến đây nữa.")
        return self.do_and_tell(url_for(".show", hook_id=hook_id), message, end_subscription, hook_id)

    def _list(self, *, form_values: dict[str, Any] | None = None, error: str = "") -> str:
        with self.reading() as (session, user):
            lines = read_subscriptions(session, user)
            organisations = choices_of_organisations(session)
        page: str = self.render(
            "settings/webhooks.html",
            lines=lines,
            organisations=organisations,
            kinds=OFFERED,
            longest_name=LONGEST_WEBHOOK_NAME,
            longest_url=LONGEST_URL,
            typed=form_values or {"kinds": []},
            error=error,
        )
        return page

    def _show(self, hook_id: int, *, secret: str = "") -> str:
        with self.reading() as (session, user):
            subscription = find_subscription(session, hook_id, user=user)
            deliveries = read_deliveries(session, hook_id)
            organisation = session.get_one(Organisation, subscription.organisation_id).name
        page: str = self.render(
            "settings/webhook.html",
            hook=subscription,
            organisation=organisation,
            deliveries=deliveries,
            secret=secret,
        )
        return page

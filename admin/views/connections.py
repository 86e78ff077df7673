"""Connections of other systems: API tokens, and webhook subscriptions with their deliveries."""

from typing import Any

from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select
from sqlalchemy.orm import Session, joinedload

from admin.forms import CheckField, ChecksField, ChoiceField, Form, TextField, labelled
from admin.views.base import AdminPage, ChoiceFilter, FormAction, TableRegister
from admin.views.users import organisation_choices
from campaigns.models.webhooks import Subscription
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
from outreach.accounts.api_tokens import LONGEST_NAME, create_token, end_token
from outreach.accounts.permissions import visible_to
from outreach.models.accounts import ApiToken, Organisation, Right, User


def _owner() -> ChoiceField:
    label, empty = _l("Tổ chức (gồm cả cấp dưới)"), _l("Chọn tổ chức")
    return ChoiceField(
        label, organisation_choices, name="organisation", coerce=int, empty=empty, required=True
    )


class TokenForm(Form):
    name = TextField(_l("Tên hệ thống dùng mã"), maxlength=LONGEST_NAME, required=True, autocomplete="off")
    organisation_id = _owner()
    rights = ChecksField(_l("Quyền"), labelled(Right, "right"), name="right", default=())
    days = ChoiceField(
        _l("Hạn dùng"), [(n, _l("%(n)s ngày", n=n)) for n in (30, 90, 365, 730)], coerce=int, default=365
    )
    is_sandbox = CheckField(
        _l("Chỉ để chạy thử: kiểm tra và trả lời như thật, không lưu và không gửi gì"), name="sandbox"
    )


class WebhookForm(Form):
    name = TextField(
        _l("Tên hệ thống nhận"), maxlength=LONGEST_WEBHOOK_NAME, required=True, autocomplete="off"
    )
    url = TextField(
        _l("Địa chỉ nhận (https://…)"), type="url", maxlength=LONGEST_URL, required=True, autocomplete="off"
    )
    organisation_id = _owner()
    kinds = ChecksField(_l("Loại tin báo"), labelled(OFFERED, "event"), name="kind", default=())


class TokensView(TableRegister):
    table, endpoint, url = ApiToken, "tokens", "/admin/tokens"
    name, title = _l("Kết nối"), _l("Kết nối hệ thống khác")
    list_template, new_form = "settings/api_tokens.html", TokenForm
    columns = (
        ("name", _l("Tên")),
        ("rights", _l("Quyền")),
        ("expires_at", _l("Hạn dùng")),
        ("last_used_at", _l("Dùng lần cuối")),
        ("maker", _l("Người tạo")),
        ("state", _l("Tình trạng")),
    )
    sortable = (
        ("name", ApiToken.name),
        ("expires_at", ApiToken.expires_at),
        ("last_used_at", ApiToken.last_used_at),
    )
    order = (ApiToken.ended_at.is_not(None), ApiToken.id.desc())
    column_filters = (
        ChoiceFilter(
            _l("Tình trạng"),
            {
                "open": (_l("Chưa thu hồi"), ApiToken.ended_at.is_(None)),
                "ended": (_l("Đã thu hồi"), ApiToken.ended_at.is_not(None)),
            },
        ),
    )

    def select(self, session: Session, user: User) -> Select[Any]:
        visible = super().select(session, user).where(visible_to(session, user, ApiToken.organisation_id))
        return visible.options(joinedload(ApiToken.organisation), joinedload(ApiToken.maker))

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """Create a token. This response shows it; it is stored nowhere, not even for the next page."""

        def show(created: tuple[ApiToken, str]) -> ResponseReturnValue:
            return self.show_list(made=created[0].name, text=created[1])

        return self.submit_form(TokenForm(), create_token, show=show)

    end = FormAction("/<int:api_token_id>/end", end_token).tells(
        _l("Đã thu hồi mã truy cập. Hệ thống dùng mã này không vào được nữa.")
    )


class WebhooksView(AdminPage):
    under = "tokens"
    name, endpoint, url = "", "webhook_subscriptions", "/admin/hooks"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, user):
            lines = read_subscriptions(session, user)
        return self.render("settings/webhooks.html", lines=lines, form=WebhookForm.on_page())

    @expose("/", methods=["POST"])
    def create(self) -> ResponseReturnValue:
        """Subscribe. This response shows the secret once."""
        settings = self.settings

        def show(made: Subscription) -> ResponseReturnValue:
            return self._show(made.id, secret=secret_of(made.salt, secret_key=settings.secret_key))

        is_production = settings.app_env == "production"
        return self.submit_form(WebhookForm(), subscribe, is_production=is_production, show=show)

    @expose("/<int:hook_id>/")
    def show(self, hook_id: int) -> ResponseReturnValue:
        return self._show(hook_id)

    ping = FormAction("/<int:hook_id>/try", send_ping).tells(
        _l("Đã gửi tin thử. Tải lại trang sau vài giây để xem kết quả.")
    )
    resend = FormAction("/<int:hook_id>/deliveries/<int:delivery_id>/again", send_again).tells(
        _l("Tin báo được gửi lại. Tải lại trang sau vài giây để xem kết quả.")
    )
    end = FormAction("/<int:hook_id>/end", end_subscription).tells(
        _l("Đã ngừng. Không gửi tin báo nào đến đây nữa.")
    )

    def _show(self, hook_id: int, *, secret: str = "") -> str:
        with self.reading() as (session, user):
            subscription = find_subscription(session, hook_id, user=user)
            deliveries = read_deliveries(session, hook_id)
            organisation = session.get_one(Organisation, subscription.organisation_id).name
        return self.render(
            "settings/webhook.html",
            hook=subscription,
            organisation=organisation,
            deliveries=deliveries,
            secret=secret,
        )

"""Registered templates: what the operators have accepted for a sender, and a campaign's texts as their form."""

from __future__ import annotations

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import Form, LongTextField, TextField
from admin.views.base import AdminPage, FormAction, send_workbook
from campaigns.lifecycle import find_campaign
from campaigns.models.templates import TemplateState
from campaigns.planning.registered_templates import (
    form_rows,
    read_templates,
    remove_template,
    save_template,
    set_template_state,
)
from campaigns.rules.registered_templates import MOST_PARAMETERS
from outreach.gateway_accounts import read_accounts


class TemplateForm(Form):
    sender = TextField(_l("Tên người gửi"), maxlength=16, required=True, autocomplete="off")
    text = LongTextField(
        _l("Nội dung mẫu"),
        maxlength=1000,
        required=True,
        hint=_l(
            "Tham số ghi như {A30}: A là chữ và số không có dấu chấm, B có dấu chấm, có thể có các dấu : / , - của giờ, ngày, nơi chốn (hỏi lại nhà mạng), C là liên kết; sau đó là độ dài tối đa. Nhiều nhất ba tham số."
        ),
    )
    note = TextField(_l("Ghi chú"), maxlength=200, hint=_l("Ví dụ: số công văn, mã mẫu của nhà cung cấp."))


class TemplatesView(AdminPage):
    """The register of templates, with their state at each gateway."""

    name, endpoint, url = _l("Mẫu tin đăng ký"), "templates", "/admin/templates"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, _user):
            templates = read_templates(session)
            accounts = read_accounts(session)
        return self.render(
            "settings/templates.html",
            templates=templates,
            accounts=accounts,
            names={account.id: account for account in accounts},
            states=list(TemplateState),
            form=TemplateForm.on_page(),
        )

    save = FormAction("/", save_template, TemplateForm).tells(
        _l("Đã lưu mẫu tin. Khi nhà cung cấp trả lời, hãy ghi kết quả.")
    )

    @expose("/<int:template_id>/state", methods=["POST"])
    def set_state(self, template_id: int) -> ResponseReturnValue:
        return self.do_and_tell(
            url_for(".index"),
            _("Đã ghi kết quả đăng ký."),
            set_template_state,
            template_id,
            account_id=request.form.get("account_id", 0, type=int),
            state=request.form.get("state", ""),
            until=request.form.get("until", ""),
        )

    remove = FormAction("/<int:template_id>/remove", remove_template).tells(_l("Đã bỏ mẫu tin."))

    @expose("/form/<int:campaign_id>.xlsx")
    def form(self, campaign_id: int) -> ResponseReturnValue:
        """A campaign's texts as the operators ask for them."""
        with self.reading() as (session, user):
            rows = form_rows(find_campaign(session, campaign_id, user=user))
        most = max(MOST_PARAMETERS, *((len(row) - 3) // 2 for row in rows))
        header: list[str | int] = [
            _("STT"),
            _("Tên người gửi"),
            _("Nội dung mẫu"),
            *(
                title
                for n in range(1, most + 1)
                for title in (_("Loại tham số %(n)s", n=n), _("Độ dài tối đa %(n)s", n=n))
            ),
        ]
        return send_workbook(_("Mẫu tin"), [header, *rows], name=f"mau-tin-{campaign_id}")

"""Gateways: who carries the messages, on which terms, and which one carries whose messages; and the templates registered there."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import (
    CheckField,
    ChecksField,
    ChoiceField,
    Form,
    LongTextField,
    NumberField,
    RowField,
    SecretField,
    TextField,
    labelled,
)
from admin.views.base import AdminPage, FormAction, send_workbook
from campaigns.delivery.control_phones import add_control_phone, read_control_phones, remove_control_phone
from campaigns.delivery.gateway_accounts import (
    OPERATORS,
    TypedConnection,
    TypedTerms,
    change_gateway_state,
    profiles,
    read_gateways,
    save_gateway,
    try_gateway,
)
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import TemplateState
from campaigns.planning.registered_templates import (
    form_rows,
    read_templates,
    remove_template,
    save_template,
    set_template_state,
)
from campaigns.rules.registered_templates import MOST_PARAMETERS
from outreach.gateway_accounts import read_accounts
from outreach.models.office import GatewayAccount, GatewayKind, GatewayState
from outreach.rules.gateway import Proof


class ConnectionForm(Form):
    """The address of a gateway and the login that connects to it: first in the form, as its fields are made first."""

    name = TextField(_l("Tên"), maxlength=60, required=True, autocomplete="off")
    kind = ChoiceField(
        _l("Kết nối bằng"),
        [("aggregator", _l("HTTP (đơn vị cung cấp brandname)")), ("smpp", _l("SMPP (nhà mạng)"))],
        default="aggregator",
    )
    profile = ChoiceField(
        _l("Giao thức HTTP"), lambda: [(name, name) for name in profiles()], empty=_l("không (SMPP)")
    )
    url = TextField(
        _l("Địa chỉ kết nối"),
        maxlength=300,
        autocomplete="off",
        hint=_l(
            "SMPP: smpp://máy-chủ:cổng, smpps:// nếu có TLS. HTTP: để trống thì dùng địa chỉ của giao thức."
        ),
    )
    login = TextField(
        _l("Tên đăng nhập (system_id hoặc khóa API)"), maxlength=120, required=True, autocomplete="off"
    )
    secret = SecretField(
        _l("Mật khẩu (khóa bí mật)"),
        autocomplete="new-password",
        hint=_l("Được niêm phong trước khi lưu và không hiện lại. Để trống khi sửa thì giữ mật khẩu cũ."),
    )
    notice_account = TextField(
        _l("HTTP: mã tài khoản Zalo OA gửi thông báo"),
        maxlength=40,
        autocomplete="off",
        hint=_l("Để trống nếu chỉ gửi SMS."),
    )
    window = NumberField(_l("SMPP: số tin chờ trả lời cùng lúc"), default=10)


class TermsForm(Form):
    """What is agreed with a gateway: the whole form of the environment's, the end of the others'."""

    account_id = RowField()
    senders = TextField(
        _l("Tên người gửi đã đăng ký tại đây"),
        maxlength=400,
        autocomplete="off",
        hint=_l("Cách nhau bằng dấu phẩy. Để trống nếu nhận mọi tên."),
    )
    operators = ChecksField(
        _l("Chỉ gửi đến nhà mạng (không chọn là mọi nhà mạng)"), labelled(OPERATORS, "operator"), default=()
    )
    price = TextField(
        _l("Giá mỗi tin tính cước (đồng)"),
        inputmode="numeric",
        maxlength=6,
        hint=_l("Theo hợp đồng. Để trống thì dùng giá ước tính chung."),
    )
    prices = TextField(
        _l("Giá khác theo nhà mạng"), maxlength=200, hint=_l("Ví dụ: viettel 400, vinaphone 420.")
    )
    pace = TextField(
        _l("Tốc độ (số tin tính cước mỗi giây)"),
        inputmode="decimal",
        maxlength=8,
        hint=_l("Mức hợp đồng cho phép. Để trống nếu không giới hạn."),
    )
    position = NumberField(
        _l("Thứ tự ưu tiên"), default=1, hint=_l("Khi giá bằng nhau, số nhỏ được chọn trước.")
    )
    proof = ChoiceField(
        _l("“Đã đến máy” dựa trên"), labelled(Proof, "gateway_proof"), default=Proof.OPERATOR.value
    )
    is_unaccented = CheckField(_l("Chỉ nhận tin không dấu"), name="unaccented")

    def values(self) -> dict[str, Any]:
        typed = super().values()
        typed |= {"position": str(typed["position"] or 1), "window": str(typed.get("window") or "")}

        def of(kind: type[Any]) -> Any:
            return kind(**{each.name: typed[each.name] for each in fields(kind) if each.name in typed})

        return {
            "account_id": typed["account_id"] or None,
            "connection": of(TypedConnection),
            "terms": of(TypedTerms),
        }


class GatewayForm(TermsForm, ConnectionForm):
    """A gateway of which everything is entered here."""


class TryForm(Form):
    ids = "try"
    number = TextField(
        _l("Số điện thoại của mình"), type="tel", maxlength=20, required=True, autocomplete="off"
    )


class ControlPhoneForm(Form):
    """A phone of the office that gets a copy of each text."""

    ids = "control"
    number = TextField(_l("Số điện thoại"), type="tel", maxlength=20, required=True, autocomplete="off")
    holder = TextField(
        _l("Người giữ máy"),
        maxlength=120,
        required=True,
        autocomplete="off",
        hint=_l("Tên được dùng trong bản sao tin."),
    )


def _kept(account: GatewayAccount) -> dict[str, Any]:
    options = account.options
    return {
        "account_id": account.id,
        "name": account.name,
        "kind": account.kind.value,
        "profile": options.get("profile", ""),
        "notice_account": options.get("notice_account", ""),
        "window": options.get("window"),
        "url": account.url,
        "login": account.login,
        "senders": ", ".join(account.senders),
        "operators": account.operators,
        "price": account.price_vnd or "",
        "prices": ", ".join(f"{name} {vnd}" for name, vnd in account.prices.items()),
        "pace": f"{account.pace:g}" if account.pace else "",
        "position": account.position,
        "proof": account.proof.value,
        "is_unaccented": not account.has_unicode,
    }


class GatewaysView(AdminPage):
    """The accounts, and the order in which they are chosen. `?edit=` is the one to change."""

    name, endpoint, url = _l("Nhà cung cấp"), "gateways", "/admin/gateways"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        now = datetime.now(UTC)
        with self.reading() as (session, _user):
            page = read_gateways(session, redis=self.runtime.redis, settings=self.settings, now=now)
            phones = read_control_phones(session)
        edited = request.args.get("edit", 0, type=int)
        chosen = next((line.account for line in page.lines if line.account.id == edited), None)
        kept = _kept(chosen) if chosen else {}
        kind = TermsForm if chosen and chosen.kind is GatewayKind.ENVIRONMENT else GatewayForm
        return self.render(
            "settings/gateways.html",
            page=page,
            names={line.account.id: line.account for line in page.lines},
            chosen=chosen,
            form=kind.on_page(**kept),
            try_form=TryForm.on_page,
            phones=phones,
            control_form=ControlPhoneForm.on_page(),
            active=GatewayState.ACTIVE,
        )

    @expose("/save", methods=["POST"])
    def save(self) -> ResponseReturnValue:
        edited = request.form.get("account_id", 0, type=int)
        with self.reading() as (session, _user):
            account = session.get(GatewayAccount, edited)
        form = (
            TermsForm() if account is not None and account.kind is GatewayKind.ENVIRONMENT else GatewayForm()
        )
        return self.submit_form(
            form,
            save_gateway,
            message=_("Đã lưu nhà cung cấp. Nếu là nhà cung cấp mới, hãy gửi thử rồi đưa vào hoạt động."),
            then=url_for(".index"),
            page=url_for(".index", edit=edited or None),
        )

    @expose("/<int:account_id>/state", methods=["POST"])
    def change_state(self, account_id: int) -> ResponseReturnValue:
        message, state = _("Đã đổi tình trạng nhà cung cấp."), request.form.get("state", "")
        return self.submit_form(Form(), change_gateway_state, account_id, state=state, message=message)

    send_test = FormAction("/<int:account_id>/test", try_gateway, TryForm, is_keyed=True).tells(
        _l(
            "Đã đưa tin thử vào hàng gửi. Sau ít giây hãy tải lại trang: khi nhà cung cấp đã nhận tin, có nút để đưa vào hoạt động."
        )
    )
    add_phone = FormAction("/control-phones", add_control_phone, ControlPhoneForm).tells(
        _l("Đã thêm điện thoại kiểm tra. Từ chiến dịch sau, máy này nhận một bản sao của mỗi tin.")
    )
    remove_phone = FormAction("/control-phones/<int:phone_id>/remove", remove_control_phone).tells(
        _l("Đã bỏ điện thoại kiểm tra.")
    )


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
        return self.submit_form(
            Form(),
            set_template_state,
            template_id,
            account_id=request.form.get("account_id", 0, type=int),
            state=request.form.get("state", ""),
            until=request.form.get("until", ""),
            message=_("Đã ghi kết quả đăng ký."),
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

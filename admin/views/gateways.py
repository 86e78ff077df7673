"""What an installation sends by and with: the office's own settings, beneath the variables; gateways, who carries the messages on which
terms; and the templates registered there.
"""

from base64 import b64encode
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from flask import current_app, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms.fields.core import UnboundField

from admin import forms
from admin.views.base import AdminPage, FormAction, send_workbook
from admin.wording.filters import LABELS, number
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
from campaigns.delivery.office_phones import add_control_phone, read_control_phones, remove_control_phone
from campaigns.lifecycle import find_campaign
from campaigns.models.campaigns import TemplateState
from campaigns.planning import registered_templates
from campaigns.privacy.clocks import quiet_days
from campaigns.rules.registered_templates import MOST_PARAMETERS
from outreach.accounts.office_settings import (
    MailServer,
    save_mail_server,
    save_office_settings,
    send_test_mail,
)
from outreach.core.settings import IMAGES, LARGEST_LOGO, OFFICE, Settings
from outreach.gateway_accounts import read_accounts
from outreach.models.office import GatewayAccount, GatewayKind, GatewayState
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.gateway import Proof
from outreach.rules.quiet_days import WEEKDAYS, read_written_periods, write_periods


class ConnectionForm(forms.Form):
    """The address of a gateway and the login that connects to it: first in the form, as its fields are made first."""

    name = forms.TextField(_l("Tên"), maxlength=60, required=True, autocomplete="off")
    kind = forms.ChoiceField(
        _l("Kết nối bằng"),
        [("aggregator", _l("HTTP (đơn vị cung cấp brandname)")), ("smpp", _l("SMPP (nhà mạng)"))],
        default="aggregator",
    )
    profile = forms.ChoiceField(
        _l("Giao thức HTTP"), lambda: [(name, name) for name in profiles()], empty=_l("không (SMPP)")
    )
    url = forms.TextField(
        _l("Địa chỉ kết nối"),
        maxlength=300,
        autocomplete="off",
        hint=_l(
            "SMPP: smpp://máy-chủ:cổng, smpps:// nếu có TLS. HTTP: để trống thì dùng địa chỉ của giao thức."
        ),
    )
    login = forms.TextField(
        _l("Tên đăng nhập (system_id hoặc khóa API)"), maxlength=120, required=True, autocomplete="off"
    )
    secret = forms.SecretField(
        _l("Mật khẩu (khóa bí mật)"),
        autocomplete="new-password",
        hint=_l("Được niêm phong trước khi lưu và không hiện lại. Để trống khi sửa thì giữ mật khẩu cũ."),
    )
    notice_account = forms.TextField(
        _l("HTTP: mã tài khoản Zalo OA gửi thông báo"),
        maxlength=40,
        autocomplete="off",
        hint=_l("Để trống nếu chỉ gửi SMS."),
    )
    window = forms.NumberField(_l("SMPP: số tin chờ trả lời cùng lúc"), default=10)


class TermsForm(forms.Form):
    """What is agreed with a gateway: the whole form of the environment's, the end of the others'."""

    account_id = forms.RowField()
    senders = forms.TextField(
        _l("Tên người gửi đã đăng ký tại đây"),
        maxlength=400,
        autocomplete="off",
        hint=_l("Cách nhau bằng dấu phẩy. Để trống nếu nhận mọi tên."),
    )
    operators = forms.ChecksField(
        _l("Chỉ gửi đến nhà mạng (không chọn là mọi nhà mạng)"),
        forms.labelled(OPERATORS, "operator"),
        default=(),
    )
    price = forms.TextField(
        _l("Giá mỗi tin tính cước (đồng)"),
        inputmode="numeric",
        maxlength=6,
        hint=_l("Theo hợp đồng. Để trống thì dùng giá ước tính chung."),
    )
    prices = forms.TextField(
        _l("Giá khác theo nhà mạng"), maxlength=200, hint=_l("Ví dụ: viettel 400, vinaphone 420.")
    )
    pace = forms.TextField(
        _l("Tốc độ (số tin tính cước mỗi giây)"),
        inputmode="decimal",
        maxlength=8,
        hint=_l("Mức hợp đồng cho phép. Để trống nếu không giới hạn."),
    )
    position = forms.NumberField(
        _l("Thứ tự ưu tiên"), default=1, hint=_l("Khi giá bằng nhau, số nhỏ được chọn trước.")
    )
    proof = forms.ChoiceField(
        _l("“Đã đến máy” dựa trên"), forms.labelled(Proof, "gateway_proof"), default=Proof.OPERATOR.value
    )
    is_unaccented = forms.CheckField(_l("Chỉ nhận tin không dấu"), name="unaccented")

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


class TryForm(forms.Form):
    ids = "try"
    number = forms.TextField(
        _l("Số điện thoại của mình"), type="tel", maxlength=20, required=True, autocomplete="off"
    )


class ControlPhoneForm(forms.Form):
    """A phone of the office that gets a copy of each text."""

    ids = "control"
    number = forms.TextField(_l("Số điện thoại"), type="tel", maxlength=20, required=True, autocomplete="off")
    holder = forms.TextField(
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
        edited = request.args.get("edit", 0, type=int)
        with self.reading() as (session, _user):
            lines, routes = read_gateways(session, redis=self.runtime.redis, settings=self.settings, now=now)
            chosen = next((line.account for line in lines if line.account.id == edited), None)
            kind = TermsForm if chosen and chosen.kind is GatewayKind.ENVIRONMENT else GatewayForm
            return self.render(
                "settings/gateways.html",
                lines=lines,
                routes=routes,
                names={line.account.id: line.account for line in lines},
                chosen=chosen,
                form=kind.on_page(**(_kept(chosen) if chosen else {})),
                try_form=TryForm.on_page,
                phones=read_control_phones(session),
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
        return self.submit_form(forms.Form(), change_gateway_state, account_id, state=state, message=message)

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


class TemplateForm(forms.Form):
    sender = forms.TextField(_l("Tên người gửi"), maxlength=16, required=True, autocomplete="off")
    text = forms.LongTextField(
        _l("Nội dung mẫu"),
        maxlength=1000,
        required=True,
        hint=_l(
            "Tham số ghi như {A30}: A là chữ và số không có dấu chấm, B có dấu chấm, có thể có các dấu : / , - của giờ, ngày, nơi chốn (hỏi lại nhà mạng), C là liên kết; sau đó là độ dài tối đa. Nhiều nhất ba tham số."
        ),
    )
    note = forms.TextField(
        _l("Ghi chú"), maxlength=200, hint=_l("Ví dụ: số công văn, mã mẫu của nhà cung cấp.")
    )


class TemplatesView(AdminPage):
    """The register of templates, with their state at each gateway."""

    name, endpoint, url = _l("Mẫu tin đăng ký"), "templates", "/admin/templates"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        with self.reading() as (session, _user):
            accounts = read_accounts(session)
            return self.render(
                "settings/templates.html",
                templates=registered_templates.read_templates(session),
                accounts=accounts,
                names={account.id: account for account in accounts},
                states=list(TemplateState),
                form=TemplateForm.on_page(),
            )

    save = FormAction("/", registered_templates.save_template, TemplateForm).tells(
        _l("Đã lưu mẫu tin. Khi nhà cung cấp trả lời, hãy ghi kết quả.")
    )

    @expose("/<int:template_id>/state", methods=["POST"])
    def set_state(self, template_id: int) -> ResponseReturnValue:
        return self.submit_form(
            forms.Form(),
            registered_templates.set_template_state,
            template_id,
            account_id=request.form.get("account_id", 0, type=int),
            state=request.form.get("state", ""),
            until=request.form.get("until", ""),
            message=_("Đã ghi kết quả đăng ký."),
        )

    remove = FormAction("/<int:template_id>/remove", registered_templates.remove_template).tells(
        _l("Đã bỏ mẫu tin.")
    )

    @expose("/form/<int:campaign_id>.xlsx")
    def form(self, campaign_id: int) -> ResponseReturnValue:
        """A campaign's texts as the operators ask for them."""
        with self.reading() as (session, user):
            rows = registered_templates.form_rows(find_campaign(session, campaign_id, user=user))
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


_SAVED = _l("Đã lưu. Mọi bộ phận của hệ thống dùng cài đặt mới trong vòng một phút.")
_BUDGET_HINT = _l("Người soạn sửa được trong từng chiến dịch. Để trống thì không ghi sẵn.")


class OfficeForm(forms.Form):
    """A part of the page. `of` are its fields by the setting that they make, where that is not one field of its name.

    Those of a variable that is set are left out.
    """

    part: ClassVar[str]
    title: ClassVar[Any]
    intro: ClassVar[Any] = ""
    button: ClassVar[Any] = _l("Lưu")
    of: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(self, key: object = "", *, is_sent: bool = True) -> None:
        settings = current_app.extensions["runtime"].settings
        super().__init__(key, is_sent=is_sent, **self.kept(settings))
        made = self.made()
        self.lines = [
            (
                self[fields[0]].label.text,
                _shown(settings, name),
                name.upper() if name in settings.given else "",
            )
            for name, fields in made.items()
        ]
        for field in (field for name in settings.given & made.keys() for field in made[name]):
            del self[field]

    @classmethod
    def made(cls) -> dict[str, tuple[str, ...]]:
        """Return the fields of each setting."""
        return cls.of or {
            name: (name,) for name, value in vars(cls).items() if isinstance(value, UnboundField)
        }

    @classmethod
    def kept(cls, settings: Settings) -> dict[str, Any]:
        """Return what the fields begin with: by default the settings of their names, of several contacts one a line."""
        # A file is no value.
        values = {name: getattr(settings, name) for name in OFFICE if name != "office_logo"}
        return {
            name: "\n".join(value) if isinstance(value, tuple) else value or None
            for name, value in values.items()
        }

    def text(self, name: str) -> str:
        """Return a setting as its variable is written. Raises BadInput."""
        typed = self[name].data
        return ",".join(filter(None, str("" if typed is None else typed).splitlines()))

    def values(self) -> dict[str, Any]:
        changed = [
            name
            for name, fields in self.made().items()
            if any(field in self and _differs(self[field]) for field in fields)
        ]
        return {"texts": {name: self.text(name) for name in changed}}

    def refuse(self, error: LoaError) -> None:
        """Put what is wrong with a setting to its first field."""
        if error.code == "office_setting_wrong":
            self.main, error = self.made()[error.parameters["name"]][0], error.parameters["reason"]
        super().refuse(error)


class MailForm(OfficeForm):
    part, title, main = "mail", _l("Máy chủ thư"), "host"
    intro = _l(
        "Thư mời, báo cáo ngày, đôn đốc và báo động gửi qua máy chủ này. Để trống địa chỉ thì không gửi thư."
    )
    of: ClassVar[dict[str, tuple[str, ...]]] = {
        "smtp_url": ("host", "security", "port", "login", "password", "sender")
    }
    host = forms.TextField(
        _l("Địa chỉ máy chủ thư"), maxlength=120, autocomplete="off", hint=_l("Ví dụ: mail.tinh.gov.vn")
    )
    security = forms.ChoiceField(
        _l("Mã hóa"),
        [("smtp", _l("STARTTLS (thường dùng cổng 587)")), ("smtps", _l("TLS ngay từ đầu (cổng 465)"))],
        default="smtp",
    )
    port = forms.NumberField(_l("Cổng"), default=587, codes=("mail_port_wrong",))
    login = forms.TextField(
        _l("Tên đăng nhập"),
        maxlength=120,
        autocomplete="off",
        hint=_l("Để trống nếu máy chủ không đòi đăng nhập."),
    )
    password = forms.SecretField(
        _l("Mật khẩu"),
        maxlength=200,
        autocomplete="new-password",
        codes=("gateway_secret_again", "mail_password_missing"),
        hint=_l("Được niêm phong trước khi lưu và không hiện lại. Để trống khi sửa thì giữ mật khẩu cũ."),
    )
    sender = forms.TextField(
        _l("Gửi từ địa chỉ thư"),
        type="email",
        maxlength=120,
        autocomplete="off",
        codes=("mail_sender_wrong",),
    )

    @classmethod
    def kept(cls, settings: Settings) -> dict[str, Any]:
        server = MailServer.of(settings.smtp_url)
        values = server._asdict() | {"security": "smtps" if server.is_tls else "smtp"}
        return values if server.host else {}

    def values(self) -> dict[str, Any]:
        typed = forms.Form.values(self)
        is_tls = typed.pop("security", "") == "smtps"
        return {"server": MailServer(**typed, is_tls=is_tls)}


class DutyForm(OfficeForm):
    part, title = "duty", _l("Cán bộ trực")
    intro = _l(
        "Khi có tin kêu cứu, hệ thống báo ngay cho cán bộ trực; sau 10 phút chưa có ai nhận việc thì báo cho người trực thay."
    )
    duty_contacts = forms.LongTextField(
        _l("Cán bộ trực"),
        maxlength=1000,
        rows=3,
        hint=_l("Mỗi dòng một địa chỉ thư, số di động hoặc địa chỉ https:// nhận báo động."),
    )
    stand_in_contacts = forms.LongTextField(_l("Người trực thay"), maxlength=1000, rows=3)


class SendingForm(OfficeForm):
    part, title = "sending", _l("Giờ gửi, ngày không gửi")
    of: ClassVar[dict[str, tuple[str, ...]]] = {
        "sending_hours": ("opens", "closes"),
        "quiet_days": ("weekdays", "holidays", "periods"),
    }
    opens = forms.TextField(
        _l("Chiến dịch mới gửi từ"),
        type="time",
        hint=_l("Người soạn sửa được trong từng chiến dịch. Tin gửi thật chỉ đi từ 7 đến 22 giờ."),
    )
    closes = forms.TextField(_l("đến"), type="time")
    weekdays = forms.ChecksField(
        _l("Không gửi vào"),
        lambda: [(day, LABELS[f"quiet.weekday.{n}"]) for n, day in enumerate(WEEKDAYS)],
        default=(),
    )
    holidays = forms.CheckField(_l("Không gửi vào ngày nghỉ lễ, Tết của cả nước"))
    periods = forms.LongTextField(
        _l("Ngày, đợt không gửi khác"),
        maxlength=2000,
        rows=3,
        codes=("quiet_days_written", "quiet_days_period"),
        hint=_l("Mỗi dòng một ngày hoặc một đợt, có thể ghi lý do. Ví dụ: 05/02/2027-11/02/2027 nghỉ Tết"),
    )

    @classmethod
    def kept(cls, settings: Settings) -> dict[str, Any]:
        opens, closes = settings.sending_hours.split("-")
        days = quiet_days(settings)
        weekdays = [day for n, day in enumerate(WEEKDAYS) if n in days.weekdays]
        periods = write_periods(days)
        return {
            "opens": opens,
            "closes": closes,
            "weekdays": weekdays,
            "holidays": days.takes_holidays,
            "periods": periods,
        }

    def text(self, name: str) -> str:
        if name == "sending_hours":
            hours = (self.opens.data or "", self.closes.data or "")
            return "-".join(hours) if any(hours) else ""
        parts = [
            *self.weekdays.data,
            *["holidays"] * self.holidays.data,
            read_written_periods(self.periods.data),
        ]
        return ",".join(filter(None, parts)) or "none"


class BudgetForm(OfficeForm):
    part, title = "budget", _l("Ngân sách, duyệt hai người")
    campaign_budget_vnd = forms.NumberField(
        _l("Ngân sách ghi sẵn cho chiến dịch mới (đồng)"), hint=_BUDGET_HINT
    )
    price_per_segment_vnd = forms.NumberField(
        _l("Giá ước tính mỗi tin tính cước (đồng)"), hint=_l("Dùng cho đến khi nhà cung cấp báo giá thật.")
    )
    two_approvals_people = forms.NumberField(
        _l("Cần hai người duyệt từ (người nhận)"), hint=_l("Để trống thì một người duyệt là đủ.")
    )
    two_approvals_vnd = forms.NumberField(
        _l("Cần hai người duyệt từ (đồng)"), hint=_l("Để trống thì một người duyệt là đủ.")
    )


class LogoForm(OfficeForm):
    part, title = "logo", _l("Biểu trưng")
    intro = _l("Hiện ở đầu mọi trang và trang đăng nhập.")
    button = _l("Dùng biểu trưng này")
    office_logo = forms.FileField(
        _l("Tệp ảnh biểu trưng"),
        missing=_l("Chưa chọn tệp. Hãy chọn tệp ảnh biểu trưng."),
        accept=",".join(IMAGES),
        codes=("office_logo_wrong", "upload_large"),
        hint=_l("PNG, JPEG, WebP hoặc SVG, không quá 50 KB."),
    )

    def text(self, name: str) -> str:
        kind = IMAGES.get(Path(self.office_logo.file_name).suffix.lower())
        content = self.office_logo.data.read()
        if kind is None or not 0 < len(content) <= LARGEST_LOGO:
            raise BadInput("office_logo_wrong", kb=LARGEST_LOGO // 1024)
        return f"data:{kind};base64,{b64encode(content).decode()}"


def _differs(field: Any) -> bool:
    """Return whether a field was changed; lines may end in two ways."""
    before, after = (
        each.split() if isinstance(each, str) else each for each in (field.object_data, field.data)
    )
    return bool((before or after) and before != after)


def _shown(settings: Settings, name: str) -> str:
    """Return what a setting is now, without a password; "" where it is not set."""
    value = getattr(settings, name)
    if name == "smtp_url":
        server = MailServer.of(value)
        return f"{server.host}:{server.port}" if server.port else server.host
    if name == "quiet_days":
        days = quiet_days(settings)
        words = [LABELS[f"quiet.weekday.{n}"] for n in sorted(days.weekdays)]
        words += [LABELS["quiet.holidays"]] * days.takes_holidays + write_periods(days).splitlines()
        return ", ".join(map(str, words)) or _("không có ngày nào")
    if name == "office_logo":
        return _("đã có") if value else ""
    if isinstance(value, tuple):
        return ", ".join(value)
    return (number(value) if value else "") if isinstance(value, int) else str(value)


# As the audit log calls the settings.
SETTING_NAMES: dict[str, Any] = {
    name: getattr(form, fields[0]).args[0]
    for form in OfficeForm.__subclasses__()
    for name, fields in form.made().items()
}


class SettingsView(AdminPage):
    """One page: mail server, who is on duty, hours and days, budget, logo."""

    name, endpoint, url = _l("Cài đặt của đơn vị"), "office", "/admin/settings"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.render(
            "settings/office.html",
            forms=[form.on_page() for form in OfficeForm.__subclasses__()],
            has_mail=bool(self.settings.smtp_url),
            has_logo=bool(self.settings.office_logo) and "office_logo" not in self.settings.given,
        )

    mail = FormAction("/mail", save_mail_server, MailForm).tells(_SAVED)
    duty = FormAction("/duty", save_office_settings, DutyForm).tells(_SAVED)
    sending = FormAction("/sending", save_office_settings, SendingForm).tells(_SAVED)
    budget = FormAction("/budget", save_office_settings, BudgetForm).tells(_SAVED)
    logo = FormAction("/logo", save_office_settings, LogoForm).tells(_SAVED)
    send_test = FormAction("/mail/test", send_test_mail).tells(
        lambda address: _(
            "Đã gửi thư thử đến %(address)s. Chưa thấy thì xem cả hộp thư rác.", address=address
        )
    )
    remove_logo = FormAction("/logo/remove", save_office_settings, texts={"office_logo": ""}).tells(
        _l("Đã bỏ biểu trưng.")
    )

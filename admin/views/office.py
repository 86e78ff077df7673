"""The office's own settings: what an administrator sets without the server, beneath the variables."""

from base64 import b64encode
from pathlib import Path
from typing import Any, ClassVar

from flask import current_app
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import (
    CheckField,
    ChecksField,
    ChoiceField,
    FileField,
    Form,
    LongTextField,
    NumberField,
    SecretField,
    TextField,
)
from admin.views.base import AdminPage, FormAction
from admin.wording.filters import LABELS, number
from campaigns.privacy.clocks import quiet_days
from outreach.accounts.office_settings import (
    MailServer,
    save_mail_server,
    save_office_settings,
    send_test_mail,
)
from outreach.core.settings import IMAGES, LARGEST_LOGO, OFFICE, Settings
from outreach.rules.errors import BadInput, LoaError
from outreach.rules.quiet_days import WEEKDAYS, read_written_periods, write_periods

_SAVED = _l("Đã lưu. Mọi bộ phận của hệ thống dùng cài đặt mới trong vòng một phút.")
_BUDGET_HINT = _l("Người soạn sửa được trong từng chiến dịch. Để trống thì không ghi sẵn.")


class OfficeForm(Form):
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
        self.made = self.of or {field.name: (field.name,) for field in self}
        self.lines = [
            (
                self[fields[0]].label.text,
                _shown(settings, name),
                name.upper() if name in settings.given else "",
            )
            for name, fields in self.made.items()
        ]
        for field in (field for name in settings.given & self.made.keys() for field in self.made[name]):
            del self[field]

    @classmethod
    def kept(cls, settings: Settings) -> dict[str, Any]:
        """Return what the fields begin with: by default the settings of their names, of several contacts one a line."""
        values = {
            name: getattr(settings, name) for name in OFFICE if name != "office_logo"
        }  # a file is no value
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
            for name, fields in self.made.items()
            if any(field in self and _differs(self[field]) for field in fields)
        ]
        return {"texts": {name: self.text(name) for name in changed}}

    def refuse(self, error: LoaError) -> None:
        """Put what is wrong with a setting to its first field."""
        if error.code == "office_setting_wrong":
            self.main, error = self.made[error.parameters["name"]][0], error.parameters["reason"]
        super().refuse(error)


class MailForm(OfficeForm):
    part, title, main = "mail", _l("Máy chủ thư"), "host"
    intro = _l(
        "Thư mời, báo cáo ngày, đôn đốc và báo động gửi qua máy chủ này. Để trống địa chỉ thì không gửi thư."
    )
    of: ClassVar[dict[str, tuple[str, ...]]] = {
        "smtp_url": ("host", "security", "port", "login", "password", "sender")
    }
    host = TextField(
        _l("Địa chỉ máy chủ"), maxlength=120, autocomplete="off", hint=_l("Ví dụ: mail.tinh.gov.vn")
    )
    security = ChoiceField(
        _l("Mã hóa"),
        [("smtp", _l("STARTTLS (thường dùng cổng 587)")), ("smtps", _l("TLS ngay từ đầu (cổng 465)"))],
        default="smtp",
    )
    port = NumberField(_l("Cổng"), default=587, codes=("mail_port_wrong",))
    login = TextField(
        _l("Tên đăng nhập"),
        maxlength=120,
        autocomplete="off",
        hint=_l("Để trống nếu máy chủ không đòi đăng nhập."),
    )
    password = SecretField(
        _l("Mật khẩu"),
        maxlength=200,
        autocomplete="new-password",
        codes=("gateway_secret_again", "mail_password_missing"),
        hint=_l("Được niêm phong trước khi lưu và không hiện lại. Để trống khi sửa thì giữ mật khẩu cũ."),
    )
    sender = TextField(
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
        typed = Form.values(self)
        is_tls = typed.pop("security", "") == "smtps"
        return {"server": MailServer(**typed, is_tls=is_tls)}


class DutyForm(OfficeForm):
    part, title = "duty", _l("Cán bộ trực")
    intro = _l(
        "Khi có tin kêu cứu, hệ thống báo ngay cho cán bộ trực; sau 10 phút chưa có ai nhận việc thì báo cho người trực thay."
    )
    duty_contacts = LongTextField(
        _l("Cán bộ trực"),
        maxlength=1000,
        rows=3,
        hint=_l("Mỗi dòng một địa chỉ thư, số di động hoặc địa chỉ https:// nhận báo động."),
    )
    stand_in_contacts = LongTextField(_l("Người trực thay"), maxlength=1000, rows=3)


class SendingForm(OfficeForm):
    part, title = "sending", _l("Giờ gửi, ngày không gửi")
    of: ClassVar[dict[str, tuple[str, ...]]] = {
        "sending_hours": ("opens", "closes"),
        "quiet_days": ("weekdays", "holidays", "periods"),
    }
    opens = TextField(
        _l("Chiến dịch mới gửi từ"),
        type="time",
        hint=_l("Người soạn sửa được trong từng chiến dịch. Tin gửi thật chỉ đi từ 7 đến 22 giờ."),
    )
    closes = TextField(_l("đến"), type="time")
    weekdays = ChecksField(
        _l("Không gửi vào"),
        lambda: [(day, LABELS[f"quiet.weekday.{n}"]) for n, day in enumerate(WEEKDAYS)],
        default=(),
    )
    holidays = CheckField(_l("Không gửi vào ngày nghỉ lễ, Tết của cả nước"))
    periods = LongTextField(
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
    campaign_budget_vnd = NumberField(_l("Ngân sách ghi sẵn cho chiến dịch mới (đồng)"), hint=_BUDGET_HINT)
    price_per_segment_vnd = NumberField(
        _l("Giá ước tính mỗi tin tính cước (đồng)"), hint=_l("Dùng cho đến khi nhà cung cấp báo giá thật.")
    )
    two_approvals_people = NumberField(
        _l("Cần hai người duyệt từ (người nhận)"), hint=_l("Để trống thì một người duyệt là đủ.")
    )
    two_approvals_vnd = NumberField(
        _l("Cần hai người duyệt từ (đồng)"), hint=_l("Để trống thì một người duyệt là đủ.")
    )


class LogoForm(OfficeForm):
    part, title = "logo", _l("Biểu trưng")
    intro = _l("Hiện ở đầu mọi trang và trang đăng nhập.")
    button = _l("Dùng biểu trưng này")
    office_logo = FileField(
        _l("Tệp ảnh"),
        missing=_l("Chưa chọn tệp. Hãy chọn tệp ảnh biểu trưng."),
        accept=",".join(IMAGES),
        codes=("office_logo_wrong", "upload_large"),
        hint=_l("PNG, JPEG, WebP hoặc SVG, không quá 50 KB."),
    )

    def text(self, name: str) -> str:
        kind, content = (
            IMAGES.get(Path(self.office_logo.file_name).suffix.lower()),
            self.office_logo.data.read(),
        )
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


class SettingsView(AdminPage):
    """One page: mail server, who is on duty, hours and days, budget, logo."""

    name, endpoint, url = _l("Cài đặt của đơn vị"), "office", "/admin/settings"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self.render(
            "settings/office.html",
            forms=[form.on_page() for form in (MailForm, DutyForm, SendingForm, BudgetForm, LogoForm)],
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

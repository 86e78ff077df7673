"""Data protection: the log of breaches, and the assessment of the processing's impact."""

from __future__ import annotations

from datetime import UTC, datetime

from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import lazy_gettext as _l

from admin.forms import DayField, Form, LongTextField, NumberField, TextField, today
from admin.permissions import may_open
from admin.views.base import AdminPage, FormAction
from campaigns.planning.kinds import all_kinds
from campaigns.privacy.breaches import read_breaches, record_breach, report_breach
from campaigns.privacy.clocks import load_calendar, load_clocks
from campaigns.privacy.impact import read_impact
from campaigns.rules.privacy import clocks_on
from campaigns.rules.sending_hours import VIETNAM


class BreachForm(Form):
    ids = "breach"

    what = LongTextField(
        _l("Sự việc, loại dữ liệu, người bị ảnh hưởng"),
        required=True,
        maxlength=2000,
        hint=_l("Không ghi họ tên hay số điện thoại của người dân."),
        codes=("breach_what_missing",),
    )
    found_on = DayField(_l("Phát hiện ngày"), max=today, hint=_l("Để trống là bây giờ."))
    found_time = TextField(
        _l("Lúc"), maxlength=5, placeholder=_l("Ví dụ: 08:30"), codes=("breach_time_wrong",)
    )
    people = NumberField(_l("Số người bị ảnh hưởng, nếu đã biết"), default=None)
    measures = LongTextField(_l("Đã làm gì để ngăn chặn, khắc phục"), maxlength=2000)


class NoticeForm(Form):
    notice = TextField(
        _l("Đã thông báo cho cơ quan nào, số và ngày văn bản"),
        required=True,
        maxlength=300,
        codes=("breach_notice_missing",),
    )


class DataProtectionView(AdminPage):
    under = "audit"
    name, endpoint, url = "", "data_protection", "/admin/data-protection"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List breaches, those not reported first, with the hours that are left."""
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            day = now.astimezone(VIETNAM).date()
            return self.render(
                "settings/breaches.html",
                lines=read_breaches(session, user, now=now),
                clocks=clocks_on(load_clocks(), day),
                may_record=may_open(user.role, "data_protection.record"),
                form=BreachForm.on_page(),
                notice_form=NoticeForm.on_page,
            )

    record = FormAction("/record", record_breach, BreachForm).tells(
        _l("Đã ghi vi phạm. Thời hạn thông báo tính từ lúc phát hiện.")
    )
    report = FormAction("/<int:breach_id>/report", report_breach, NoticeForm, is_keyed=True).tells(
        _l("Đã ghi việc thông báo.")
    )

    @expose("/impact")
    def impact(self) -> ResponseReturnValue:
        """Show the assessment, written from the settings and the database as they are now."""
        now = datetime.now(UTC)
        with self.reading() as (session, user):
            day = now.astimezone(VIETNAM).date()
            return self.render(
                "settings/impact.html",
                facts=read_impact(session, self.settings, user=user, now=now),
                kinds=all_kinds(session),
                holidays=load_calendar().source_on(day),
                holidays_until=load_calendar().known_until,
                now=now,
            )

"""The checks of the installation, and the permission to send to real phones."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import Form, LongTextField
from admin.views.base import AdminPage
from campaigns.checks.doctor import run_checks
from campaigns.live_permit import allow_live, read_permit
from campaigns.rules.checks import Level, worst
from outreach.accounts.users import name_of


class PermitForm(Form):
    reason = LongTextField(
        _l("Lý do, nếu còn mục nào bị lỗi"),
        maxlength=1000,
        hint=_l("Lý do và tên người cho phép được ghi vào nhật ký."),
        codes=("live_reason_missing",),
    )


class ChecksView(AdminPage):
    under = "audit"
    name, endpoint, url = _l("Kiểm tra hệ thống"), "checks", "/admin/checks"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Make all checks and show them, with what to do; before live sending also the form that allows it."""
        findings = run_checks(self.runtime, now=datetime.now(UTC))
        with self.reading() as (session, _user):
            permit = read_permit(session)
            by = name_of(session, permit.allowed_by) if permit else ""
        return self.render(
            "settings/checks.html",
            findings=findings,
            level=worst(findings),
            levels=Level,
            permit=permit,
            by=by,
            form=PermitForm.on_page(),
        )

    @expose("/allow", methods=["POST"])
    def allow(self) -> ResponseReturnValue:
        """Allow sending to real phones, by the checks as they are now."""
        findings = run_checks(self.runtime, now=datetime.now(UTC))
        message = _("Đã cho phép gửi thật. Chiến dịch được gửi từ bây giờ sẽ đến điện thoại của người dân.")
        return self.submit_form(PermitForm(), url_for(".index"), allow_live, findings, message=message)

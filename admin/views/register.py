"""The national register of numbers that want no advertising: its newest file handed in, and what came of the earlier ones."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.views.base import OfficeView
from campaigns.rings import ring_register
from outreach.errors import BadInput
from outreach.people.importing.uploads.receiving import LARGEST
from outreach.people.models import RegisterState
from outreach.people.register.handing_in import hand_in, read_registers
from outreach.runtime import Runtime


class RegisterView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Không làm phiền"), endpoint="register", url="/admin/do-not-call")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show()

    @expose("/", methods=["POST"])
    def receive(self) -> ResponseReturnValue:
        file = request.files.get("file")
        try:
            if file is None or not file.filename:
                raise BadInput(_("Chưa chọn tệp. Hãy chọn tệp tải về từ hệ thống DoNotCall."))
            with self.writing() as (session, user):
                taken = hand_in(
                    session,
                    file.stream,
                    file_name=file.filename,
                    folder=Path(self.runtime.settings.uploads_dir),
                    user=user,
                    now=datetime.now(UTC),
                    may_shrink="shrink" in request.form,
                )
        except BadInput as error:
            return self._show(str(error)), 400
        ring_register(self.runtime.doorbell, taken.id)
        flash(_("Đã nhận tệp. Danh sách cũ vẫn có hiệu lực cho đến khi tệp mới được xử lý xong."), "success")
        return redirect(url_for(".index"), code=303)

    def _show(self, error: str = "") -> str:
        with self.reading() as (session, _user):
            registers = read_registers(session)
        page: str = self.render(
            "office/register.html",
            registers=registers,
            is_waiting=any(register.state is RegisterState.WAITING for register, _name in registers),
            error=error,
            megabytes=LARGEST // 2**20,
        )
        return page

"""Registers for administrators: sender names, and files of the national do-not-call register.

The register lists numbers that want no advertising; its newest file is uploaded here, with the results of earlier ones.
"""

from __future__ import annotations

from pathlib import Path

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.views.base import AdminPage
from campaigns.models.campaigns import Sender
from campaigns.planning.senders import register_sender, remove_sender
from outreach.imports.do_not_call import read_registers, receive_file
from outreach.imports.uploads import LARGEST
from outreach.models.contacts import RegisterState
from outreach.rules.errors import BadInput
from outreach.runtime import Runtime


class SendersView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tên người gửi"), endpoint="senders", url="/admin/senders")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show({}, "")

    def _show(self, form_values: dict[str, str], error: str) -> str:
        with self.reading() as (session, _user):
            senders = [
                {
                    "name": sender.name,
                    "registered_on": sender.registered_on,
                    "pace": f"{sender.pace:g}" if sender.pace else "",
                    "note": sender.note,
                }
                for sender in session.scalars(select(Sender).order_by(Sender.name))
            ]
        name = request.args.get("name")
        chosen = next((sender for sender in senders if sender["name"] == name), {})
        page: str = self.render(
            "settings/senders.html", senders=senders, typed=form_values or chosen, error=error
        )
        return page

    @expose("/save", methods=["POST"])
    def save(self) -> ResponseReturnValue:
        form_values = {key: request.form.get(key, "") for key in ("name", "registered_on", "pace", "note")}
        try:
            self.do(register_sender, **form_values)
        except BadInput as error:
            return self._show(form_values, str(error)), 422
        flash(_("Đã ghi tên người gửi."), "success")
        return redirect(url_for("senders.index"), code=303)

    @expose("/remove", methods=["POST"])
    def remove(self) -> ResponseReturnValue:
        self.do(remove_sender, request.form.get("name", ""))
        flash(_("Đã bỏ tên người gửi khỏi sổ."), "success")
        return redirect(url_for("senders.index"), code=303)


class DoNotCallView(AdminPage):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(
            runtime, name=_l("Không làm phiền"), endpoint="do_not_call", url="/admin/do-not-call"
        )

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show()

    @expose("/", methods=["POST"])
    def receive(self) -> ResponseReturnValue:
        file = request.files.get("file")
        try:
            if file is None or not file.filename:
                raise BadInput(_("Chưa chọn tệp. Hãy chọn tệp tải về từ hệ thống DoNotCall."))
            self.do(
                receive_file,
                file.stream,
                file_name=file.filename,
                folder=Path(self.runtime.settings.uploads_dir),
                may_shrink="shrink" in request.form,
            )
        except BadInput as error:
            return self._show(str(error)), 400
        flash(_("Đã nhận tệp. Danh sách cũ vẫn có hiệu lực cho đến khi tệp mới được xử lý xong."), "success")
        return redirect(url_for(".index"), code=303)

    def _show(self, error: str = "") -> str:
        with self.reading() as (session, _user):
            registers = read_registers(session)
        page: str = self.render(
            "contacts/do_not_call.html",
            registers=registers,
            is_waiting=any(register.state is RegisterState.WAITING for register, _name in registers),
            error=error,
            megabytes=LARGEST // 2**20,
        )
        return page

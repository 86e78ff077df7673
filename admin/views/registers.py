"""The register of senders, for administrators."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin.views.base import OfficeView
from campaigns.models import Sender
from campaigns.planning.senders import register_sender, remove_sender
from outreach.errors import BadInput
from outreach.runtime import Runtime


class SendersView(OfficeView):
    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name=_l("Tên người gửi"), endpoint="senders", url="/admin/senders")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        return self._show({}, "")

    def _show(self, typed: dict[str, str], error: str) -> str:
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
        wanted = request.args.get("name")
        chosen = next((sender for sender in senders if sender["name"] == wanted), {})
        page: str = self.render("office/senders.html", senders=senders, typed=typed or chosen, error=error)
        return page

    @expose("/save", methods=["POST"])
    def save(self) -> ResponseReturnValue:
        typed = {key: request.form.get(key, "") for key in ("name", "registered_on", "pace", "note")}
        try:
            with self.writing() as (session, user):
                register_sender(session, **typed, user=user, now=datetime.now(UTC))
        except BadInput as error:
            return self._show(typed, str(error)), 422
        flash(_("Đã ghi tên người gửi."), "success")
        return redirect(url_for("senders.index"), code=303)

    @expose("/remove", methods=["POST"])
    def remove(self) -> ResponseReturnValue:
        with self.writing() as (session, user):
            remove_sender(session, request.form.get("name", ""), user=user, now=datetime.now(UTC))
        flash(_("Đã bỏ tên người gửi khỏi sổ."), "success")
        return redirect(url_for("senders.index"), code=303)

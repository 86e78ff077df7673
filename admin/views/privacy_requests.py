"""Privacy requests: the list, and recording, finishing, erasing and exporting."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import abort, flash, redirect, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import force_locale
from flask_babel import gettext as _

from admin.views.base import AdminPage, refuse
from admin.wording.audit import ACTIONS
from admin.wording.filters import LABELS
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import AnswerSource
from campaigns.privacy.erase_contact import erase_contact
from campaigns.privacy.export_data import AuditAction, export_personal_data, write_export
from campaigns.privacy.requests import finish_request, load_calendar, read_requests, record_request
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import Exclusion, MessageState
from outreach.models.contacts import LegalBasis, SuppressionReason
from outreach.rules.errors import LoaError
from outreach.runtime import Runtime

_LABEL_GROUPS: dict[type[StrEnum], str] = {
    CaseKind: "case",
    Exclusion: "excluded",
    LegalBasis: "basis",
    Label: "answer",
    MessageState: "message",
    CaseOutcome: "outcome",
    RequestKind: "request",
    AnswerSource: "source",
    SuppressionReason: "suppression",
}
FORMATS = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


class PrivacyRequestsView(AdminPage):
    under = "contacts"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime, name="", endpoint="privacy_requests", url="/admin/requests")

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List requests. `?state=done` shows the answered ones."""
        is_done = request.args.get("state") == "done"
        with self.reading() as (session, user):
            requests = read_requests(session, user, now=datetime.now(UTC), is_done=is_done)
            calendar = load_calendar()
            return self.render(
                "contacts/requests.html",
                lines=requests,
                is_done=is_done,
                known_until=calendar.known_until,
                is_running_out=calendar.is_running_out(datetime.now(VIETNAM).date()),
            )

    @expose("/of/<int:contact_id>", methods=["POST"])
    def record(self, contact_id: int) -> ResponseReturnValue:
        url = url_for("contacts.show", contact_id=contact_id, _anchor="requests")
        form = request.form
        kind, asked_on = form.get("kind", ""), form.get("asked_on", "")
        try:
            day = date.fromisoformat(asked_on) if asked_on else None
        except ValueError:
            abort(400)
        if kind not in list(RequestKind):
            abort(400)

        return self.do_and_tell(
            url,
            _("Đã ghi yêu cầu. Hãy trả lời trước hạn."),
            record_request,
            contact_id,
            RequestKind(kind),
            asked_by=form.get("asked_by", ""),
            asked_on=day,
        )

    @expose("/<int:request_id>/finish", methods=["POST"])
    def finish(self, request_id: int) -> ResponseReturnValue:
        message, answer = _("Đã ghi câu trả lời cho yêu cầu."), request.form.get("answer", "")
        return self.do_and_tell(self._form_url(), message, finish_request, request_id, answer=answer)

    @expose("/<int:request_id>/erase", methods=["POST"])
    def erase(self, request_id: int) -> ResponseReturnValue:
        """Erase a contact for good. The form has a box to tick, besides the confirmation by script."""
        if not request.form.get("understood"):
            flash(_("Hãy đánh dấu vào ô xác nhận rồi mới xóa."), "error")
            return redirect(self._form_url(), code=303)
        try:
            self.do(erase_contact, request_id, secret_key=self.runtime.settings.secret_key)
        except LoaError as error:
            return refuse(error, self._form_url())
        flash(
            _("Đã xóa dữ liệu cá nhân của người này. Số liệu của các chiến dịch được giữ nguyên."), "success"
        )
        return redirect(url_for(".index"), code=303)

    @expose("/<int:request_id>/export", methods=["POST"])
    def export(self, request_id: int) -> ResponseReturnValue:
        """Send the person's data as a file, in Vietnamese; recorded in the audit log."""
        kind = request.form.get("format", "xlsx")
        if kind not in FORMATS:
            abort(400)
        try:
            parts = self.do(export_personal_data, request_id)
        except LoaError as error:
            return refuse(error, self._form_url())
        with tempfile.TemporaryDirectory() as folder, force_locale("vi"):
            file = Path(folder, f"dossier.{kind}")
            write_export(parts, file, _label)
            content = BytesIO(file.read_bytes())
        name = f"du lieu ca nhan {request_id}.{kind}"
        return send_file(content, mimetype=FORMATS[kind], as_attachment=True, download_name=name)

    def _form_url(self) -> str:
        """Return the URL of the page the form was on: the contact's page, or the list of requests."""
        contact_id = request.form.get("contact", 0, type=int)
        if contact_id:
            return url_for("contacts.show", contact_id=contact_id, _anchor="requests")
        return url_for(".index")


def _label(value: StrEnum | AuditAction) -> str:
    if isinstance(value, AuditAction):
        return str(ACTIONS.get(value.action, value.action))
    labels: dict[str, Any] = LABELS
    return str(labels.get(f"{_LABEL_GROUPS.get(type(value))}.{value.value}", value.value))

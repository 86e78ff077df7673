"""What administrators and auditors look after: the audit log, the installation's checks, what was refused; and data protection: requests
about personal data, breaches, and the impact assessment.
"""

import tempfile
from datetime import UTC, datetime, time
from enum import StrEnum
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import current_app, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from redis import RedisError
from sqlalchemy import select

from admin import forms
from admin.permissions import may_open
from admin.refusals import within_quota
from admin.views.base import AdminPage, FormAction, requested_day
from admin.views.gateways import SETTING_NAMES
from admin.wording.audit import ACTIONS, SUBJECTS, describe, describe_changes
from admin.wording.filters import LABELS, kind_titles
from campaigns.checks.doctor import run_checks
from campaigns.lifecycle import allow_live, read_permit
from campaigns.models.privacy import STOPPING, RequestKind
from campaigns.models.replies import AnswerSource
from campaigns.planning.kinds import all_kinds
from campaigns.privacy import requests
from campaigns.privacy.clocks import load_calendar, load_clocks
from campaigns.privacy.export_data import AuditAction, ExportPart, export_personal_data, write_export
from campaigns.privacy.impact import read_impact
from campaigns.privacy.retention import erase_contact
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.checks import Level, worst
from campaigns.rules.privacy import Urgency, clocks_on
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import Exclusion, MessageState
from outreach.accounts.audit import read_actors, read_head, read_journal
from outreach.accounts.security_events import SecurityEvent, count_events, read_events
from outreach.accounts.users import name_of, names_of
from outreach.contacts.contact import Closing
from outreach.core.spreadsheets import MEDIA_TYPE
from outreach.models.contacts import LegalBasis
from outreach.models.office import Backup
from outreach.rules.wishes import WishSource

# Tables whose rows have a page: its endpoint, and the name of its id argument.
_PAGES = {
    "contacts": ("contacts.show", "contact_id"),
    "contact_lists": ("lists.show", "list_id"),
    "users": ("users.show", "user_id"),
    "organisations": ("organisations.show", "organisation_id"),
    "campaigns": ("campaigns.sheet", "campaign_id"),
}


class AuditView(AdminPage):
    name, endpoint, url = _l("Nhật ký"), "audit", "/admin/audit"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List events.

        `?who=` user, `?action=`, `?subject=` table:id, `?origin=` IP address, `?day=` date; `?before=` last
        id shown.
        """
        args = request.args
        day = requested_day("day")
        with self.reading() as (session, user):
            entries, is_more = read_journal(
                session,
                user,
                who=args.get("who", type=int),
                action=args.get("action", ""),
                subject=args.get("subject", "").strip(),
                origin=args.get("origin", "").strip(),
                day=datetime.combine(day, time(), VIETNAM) if day else None,
                before=args.get("before", type=int),
            )
            return self.render(
                "settings/audit.html",
                entries=entries,
                is_more=is_more,
                actors=read_actors(session, user),
                actions=ACTIONS,
                subjects=SUBJECTS,
                address=_page_url,
                describe=describe,
                describe_changes=partial(describe_changes, names=SETTING_NAMES),
                head=read_head(session),
                kept={key: value for key, value in args.items() if value and key != "before"},
                is_first=not args.get("before"),
            )


def _page_url(subject: str) -> str:
    """Return the URL of a row's page, "" if there is none or the user may not open it."""
    table, _sep, number = subject.partition(":")
    endpoint, name = _PAGES.get(table, ("", ""))
    if not number.isdigit() or endpoint not in current_app.view_functions:
        return ""
    if not may_open(current_user.role, endpoint):
        return ""
    return url_for(endpoint, **{name: int(number)})  # type: ignore[arg-type]


class PermitForm(forms.Form):
    reason = forms.LongTextField(
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
            finished = select(Backup).where(Backup.finished_at.is_not(None))
            return self.render(
                "settings/checks.html",
                findings=findings,
                level=worst(findings),
                levels=Level,
                permit=permit,
                backup=session.scalar(finished.order_by(Backup.finished_at.desc()).limit(1)),
                by=name_of(session, permit.allowed_by) if permit else "",
                form=PermitForm.on_page(),
            )

    @expose("/allow", methods=["POST"])
    def allow(self) -> ResponseReturnValue:
        """Allow sending to real phones, by the checks as they are now."""
        findings = run_checks(self.runtime, now=datetime.now(UTC))
        message = _("Đã cho phép gửi thật. Chiến dịch được gửi từ bây giờ sẽ đến điện thoại của người dân.")
        return self.submit_form(PermitForm(), allow_live, findings, message=message)


class SecurityView(AdminPage):
    under = "audit"
    name, endpoint, url = _l("An ninh"), "security", "/admin/security"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List the latest events. `?event=` is a kind."""
        chosen = request.args.get("event", "")
        event = SecurityEvent(chosen) if chosen in list(SecurityEvent) else None
        try:
            events, counts = read_events(self.runtime.redis, event=event), count_events(self.runtime.redis)
        except RedisError:
            events, counts = None, None
        ids = {int(each.who[6:]) for each in events or () if each.who.startswith("users:")}
        with self.reading() as (session, _user):
            names = names_of(session, ids)
        return self.render(
            "settings/security.html",
            events=events,
            counts=counts,
            kinds=list(SecurityEvent),
            chosen=event,
            names={f"users:{user_id}": (user_id, name) for user_id, name in names.items()},
        )


_LABEL_GROUPS: dict[type[StrEnum], str] = {
    CaseKind: "case",
    Exclusion: "excluded",
    LegalBasis: "basis",
    Label: "answer",
    MessageState: "message",
    CaseOutcome: "outcome",
    RequestKind: "request",
    AnswerSource: "source",
    Closing: "suppression",
    WishSource: "source",
}
FORMATS = {"xlsx": MEDIA_TYPE, "json": "application/json"}


class RequestForm(forms.Form):
    """A request to record, on the contact's page."""

    ids = "request"

    kind = forms.ChoiceField(
        _l("Người dân yêu cầu"),
        forms.labelled(RequestKind, "request"),
        coerce=RequestKind,
        empty=_l("Hãy chọn"),
        required=True,
    )
    asked_by = forms.TextField(
        _l("Người yêu cầu, cách yêu cầu"),
        maxlength=120,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: chính bà, tại nhà"),
        codes=("requester_missing",),
    )
    asked_on = forms.DayField(
        _l("Ngày yêu cầu, nếu không phải hôm nay"), max=forms.today, codes=("request_day_wrong",)
    )
    has_processor = forms.CheckField(_l("Phải có bên xử lý dữ liệu hoặc bên thứ ba cùng làm"))


class ConsentForm(forms.Form):
    """A consent to record, on the contact's page."""

    ids = "consent"

    purpose = forms.ChoiceField(
        _l("Đồng ý nhận tin về"),
        lambda: list(kind_titles().items()),
        empty=_l("mọi nội dung"),
        codes=("consent_purpose_unknown",),
    )
    is_given = forms.RadioField(
        _l("Người này"),
        [("yes", _l("đồng ý")), ("no", _l("rút lại sự đồng ý"))],
        coerce={"yes": True, "no": False}.get,
        name="given",
        default=True,
        required=True,
    )
    on = forms.DayField(_l("Ngày, nếu không phải hôm nay"), max=forms.today, codes=("consent_day_wrong",))
    evidence = forms.TextField(
        _l("Hình thức, nơi lưu chứng cứ"),
        maxlength=300,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: phiếu ký ngày 05/11/2026, lưu tại Hội Phụ nữ xã"),
        codes=("consent_evidence_missing",),
    )
    guardian = forms.TextField(
        _l("Người đại diện, nếu là trẻ em"),
        maxlength=120,
        autocomplete="off",
        codes=("consent_guardian_missing",),
    )


class ExtendForm(forms.Form):
    reason = forms.TextField(
        _l("Lý do gia hạn"), maxlength=300, required=True, codes=("extension_reason_missing",)
    )


class _OpenRequestForm(forms.Form):
    """A form about a request; `contact` is sent from the contact's page."""

    not_passed: tuple[str, ...] = ("contact_id",)
    contact_id = forms.RowField(name="contact")

    @property
    def page(self) -> str:
        if self.contact_id.data:
            return url_for("contacts.show", contact_id=self.contact_id.data, _anchor="requests")
        return url_for("privacy_requests.index")


class FinishForm(_OpenRequestForm):
    answer = forms.TextField(
        _l("Đã làm gì, trả lời thế nào"),
        maxlength=300,
        required=True,
        autocomplete="off",
        placeholder=_l("Ví dụ: đã giao tệp tận tay sáng 5/9"),
        codes=("request_answer_missing",),
    )


class EraseForm(_OpenRequestForm):
    not_passed = ("contact_id", "understood")
    understood = forms.CheckField(
        _l("Tôi đã kiểm tra đúng là người này yêu cầu, và hiểu là không lấy lại được."),
        missing=_l("Hãy đánh dấu vào ô xác nhận rồi mới xóa."),
    )


class ExportForm(_OpenRequestForm):
    not_passed = ("contact_id", "format")
    format = forms.ChoiceField(_l("Tệp"), [(each, each) for each in FORMATS], default="xlsx")


REQUEST_FORMS = {
    "erase_form": EraseForm.on_page,
    "finish_form": FinishForm.on_page,
    "extend_form": ExtendForm.on_page,
}


def _page_with(form: _OpenRequestForm, **_address: int) -> str:
    return form.page


class PrivacyRequestsView(AdminPage):
    under = "contacts"
    name, endpoint, url = "", "privacy_requests", "/admin/requests"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List requests. `?state=done` shows the answered ones."""
        is_done = request.args.get("state") == "done"
        with self.reading() as (session, user):
            lines = requests.read_requests(session, user, now=datetime.now(UTC), is_done=is_done)
            calendar = load_calendar()
            return self.render(
                "contacts/requests.html",
                lines=lines,
                is_done=is_done,
                late=sum(line.urgency is Urgency.OVERDUE for line in lines),
                known_until=calendar.known_until,
                clocks=clocks_on(load_clocks(), forms.this_day()),
                **REQUEST_FORMS,
                is_running_out=calendar.is_running_out(forms.this_day()),
            )

    @expose("/of/<int:contact_id>", methods=["POST"])
    def record(self, contact_id: int) -> ResponseReturnValue:
        url = url_for("contacts.show", contact_id=contact_id, _anchor="requests")
        form = RequestForm()
        message = _("Đã ghi yêu cầu. Hãy trả lời trước hạn.")
        if form.kind.data in STOPPING:
            message += " " + _("Từ bây giờ người này không nhận tin nữa.")
        return self.submit_form(form, requests.record_request, contact_id, message=message, page=url)

    @expose("/of/<int:contact_id>/consent", methods=["POST"])
    def consent(self, contact_id: int) -> ResponseReturnValue:
        url = url_for("contacts.show", contact_id=contact_id, _anchor="consents")
        with self.reading() as (session, _user):
            purposes = all_kinds(session)
        message = _("Đã ghi.")
        return self.submit_form(
            ConsentForm(), requests.record_consent, contact_id, purposes=purposes, message=message, page=url
        )

    respond = FormAction("/<int:request_id>/respond", requests.respond_to_request).tells(
        _l("Đã ghi là đã phản hồi. Hãy thực hiện trước hạn.")
    )
    extend = FormAction("/<int:request_id>/extend", requests.extend_request, ExtendForm, is_keyed=True).tells(
        _l("Đã gia hạn. Hãy báo cho người yêu cầu biết vì sao.")
    )
    finish = FormAction(
        "/<int:request_id>/finish", requests.finish_request, FinishForm, is_keyed=True, page=_page_with
    ).tells(_l("Đã ghi câu trả lời cho yêu cầu."))
    # For good: the form has a box to tick, besides the confirmation by script
    erase = FormAction(
        "/<int:request_id>/erase", erase_contact, EraseForm, is_keyed=True, page=_page_with, then=".index"
    ).tells(_l("Đã xóa dữ liệu cá nhân của người này. Số liệu của các chiến dịch được giữ nguyên."))

    @expose("/<int:request_id>/export", methods=["POST"])
    def export(self, request_id: int) -> ResponseReturnValue:
        """Send the person's data as a file, in Vietnamese; recorded in the audit log, and counted in the quota of full numbers."""
        form = ExportForm(request_id)

        def send(parts: list[ExportPart]) -> ResponseReturnValue:
            kind = str(form.format.data)
            with tempfile.TemporaryDirectory() as folder, force_locale("vi"):
                file = Path(folder, f"dossier.{kind}")
                write_export(parts, file, _label)
                content = BytesIO(file.read_bytes())
            name = f"du lieu ca nhan {request_id}.{kind}"
            return send_file(content, mimetype=FORMATS[kind], as_attachment=True, download_name=name)

        return self.submit_form(
            form, within_quota(export_personal_data), request_id, show=send, page=form.page
        )


def _label(value: StrEnum | AuditAction) -> str:
    if isinstance(value, AuditAction):
        return str(ACTIONS.get(value.action, value.action))
    labels: dict[str, Any] = LABELS
    return str(labels.get(f"{_LABEL_GROUPS.get(type(value))}.{value.value}", value.value))


class BreachForm(forms.Form):
    ids = "breach"

    what = forms.LongTextField(
        _l("Sự việc, loại dữ liệu, người bị ảnh hưởng"),
        required=True,
        maxlength=2000,
        hint=_l("Không ghi họ tên hay số điện thoại của người dân."),
        codes=("breach_what_missing",),
    )
    found_on = forms.DayField(_l("Phát hiện ngày"), max=forms.today, hint=_l("Để trống là bây giờ."))
    found_time = forms.TextField(
        _l("Lúc"), maxlength=5, placeholder=_l("Ví dụ: 08:30"), codes=("breach_time_wrong",)
    )
    people = forms.NumberField(_l("Số người bị ảnh hưởng, nếu đã biết"), default=None)
    measures = forms.LongTextField(_l("Đã làm gì để ngăn chặn, khắc phục"), maxlength=2000)


class NoticeForm(forms.Form):
    notice = forms.TextField(
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
                lines=requests.read_breaches(session, user, now=now),
                clocks=clocks_on(load_clocks(), day),
                may_record=may_open(user.role, "data_protection.record"),
                form=BreachForm.on_page(),
                notice_form=NoticeForm.on_page,
            )

    record = FormAction("/record", requests.record_breach, BreachForm).tells(
        _l("Đã ghi vi phạm. Thời hạn thông báo tính từ lúc phát hiện.")
    )
    report = FormAction("/<int:breach_id>/report", requests.report_breach, NoticeForm, is_keyed=True).tells(
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

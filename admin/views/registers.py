"""Registers that are small: sender names, files of the do-not-call register, incidents, saved texts for answers.

The national do-not-call register lists numbers that want no advertising; its newest file is uploaded here.
"""

from pathlib import Path
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from admin.forms import CheckField, ChoiceField, FileField, Form, LongTextField, RowField, TextField
from admin.views.base import ChoiceFilter, ExportedRegister, FormAction, TableRegister
from campaigns.analytics.open_tasks import mark_seen, visible_incidents
from campaigns.cases import conversation
from campaigns.models.campaigns import Sender
from campaigns.models.messages import Incident
from campaigns.models.replies import SavedText
from campaigns.planning.kinds import all_kinds
from campaigns.planning.registered_templates import register_sender, remove_sender
from outreach.accounts.permissions import organisations_of
from outreach.imports.do_not_call import receive_file
from outreach.imports.uploads import LARGEST
from outreach.models.accounts import User
from outreach.models.contacts import DoNotCallFile, RegisterState


class SenderForm(Form):
    name = TextField(_l("Tên"), maxlength=16, required=True)
    registered_on = TextField(_l("Đăng ký ngày"), type="date", hint=_l("Để trống nếu nhà mạng chưa trả lời."))
    pace = TextField(
        _l("Tốc độ (số tin tính cước mỗi giây)"),
        inputmode="decimal",
        maxlength=8,
        hint=_l("Mức nhà mạng cho phép với tên này, chung cho mọi chiến dịch. Để trống nếu không giới hạn."),
    )
    note = TextField(
        _l("Ghi chú"), maxlength=300, hint=_l("Ví dụ: số hợp đồng, nhà mạng, mẫu tin đã đăng ký.")
    )


class SendersView(TableRegister):
    """Sender names as the operators have registered them. `?name=` is the one to change."""

    table, endpoint, url = Sender, "senders", "/admin/senders"
    name = title = _l("Tên người gửi")
    list_template = "settings/senders.html"
    columns = (
        ("name", _l("Tên")),
        ("registered_on", _l("Đăng ký ngày")),
        ("pace", _l("Tốc độ")),
        ("note", _l("Ghi chú")),
    )
    order = (Sender.name,)

    def show_list(self, **context: Any) -> str:
        with self.reading() as (session, _user):
            chosen = session.get(Sender, request.args.get("name", ""))
        kept = {name: getattr(chosen, name) or "" for name, _title in self.columns} if chosen else {}
        return super().show_list(form=SenderForm.on_page(**kept), **context)

    save = FormAction("/save", register_sender, SenderForm).tells(_l("Đã ghi tên người gửi."))

    @expose("/remove", methods=["POST"])
    def remove(self) -> ResponseReturnValue:
        name, message = request.form.get("name", ""), _("Đã bỏ tên người gửi khỏi sổ.")
        return self.submit_form(Form(), remove_sender, name, message=message)


class DoNotCallForm(Form):
    file = FileField(
        _l("Tệp tải về từ hệ thống DoNotCall"),
        missing=_l("Chưa chọn tệp. Hãy chọn tệp tải về từ hệ thống DoNotCall."),
        hint=_l(
            "Excel, LibreOffice hoặc CSV, tối đa %(n)s MB. Hệ thống chỉ giữ mã băm của các số, không giữ tệp.",
            n=LARGEST // 2**20,
        ),
    )
    may_shrink = CheckField(
        _l("Tệp này là toàn bộ danh sách: gỡ các số không có trong tệp"),
        name="shrink",
        hint=_l("Chỉ cần khi tệp thiếu hơn một phần năm số đang có. Số do cán bộ tự ghi luôn được giữ."),
    )


class DoNotCallView(ExportedRegister):
    """Files of the do-not-call register."""

    table, endpoint, url = DoNotCallFile, "do_not_call", "/admin/do-not-call"
    name, title = _l("Danh sách không quảng cáo"), _l("Danh sách không quảng cáo (DoNotCall)")
    list_template, new_form = "contacts/do_not_call.html", DoNotCallForm
    numbers = ("numbers", "added", "removed", "people")
    _counts = (
        ("numbers", _l("Số điện thoại")),
        ("added", _l("Thêm")),
        ("removed", _l("Bỏ")),
        ("people", _l("Người có số này")),
    )
    columns = (
        ("file_name", _l("Tệp")),
        ("state", _l("Tình trạng")),
        *_counts,
        ("uploader", _l("Người nhập")),
    )
    export_columns = (
        ("file_name", _l("Tệp")),
        *_counts,
        ("handed_in_at", _l("Lúc")),
        ("uploader.email", _l("Người nhập")),
        ("error", _l("Lỗi")),
    )
    order = (DoNotCallFile.id.desc(),)

    def show_list(self, **context: Any) -> str:
        with self.reading() as (session, _user):
            files = select(DoNotCallFile).order_by(DoNotCallFile.id.desc()).limit(1)
            newest = session.scalar(files)
            in_force = session.scalar(files.where(DoNotCallFile.state == RegisterState.DONE))
        return super().show_list(newest=newest, in_force=in_force, **context)

    @expose("/", methods=["POST"])
    def receive(self) -> ResponseReturnValue:
        form = DoNotCallForm()
        return self.submit_form(
            form,
            receive_file,
            form.file.data,
            file_name=form.file.file_name,
            folder=Path(self.settings.uploads_dir),
            message=_("Đã nhận tệp. Danh sách cũ vẫn có hiệu lực cho đến khi tệp mới được xử lý xong."),
        )

    def select(self, session: Session, user: User) -> Select[Any]:
        return super().select(session, user).options(joinedload(DoNotCallFile.uploader))

    def _get_field_value(self, model: DoNotCallFile, name: str) -> Any:
        if name in self.numbers:
            return None if model.error else model.counts.get(name)
        return super()._get_field_value(model, name)


class IncidentsView(TableRegister):
    """Incidents: what must never happen and did, unseen ones first."""

    table, endpoint, url = Incident, "incidents", "/admin/incidents"
    name, title, under = "", _l("Sự cố"), "admin"
    list_template = "home/incidents.html"
    columns = (
        ("kind", _l("Sự cố")),
        ("subject", _l("Bản ghi")),
        ("at", _l("Lúc")),
        ("times", _l("Số lần")),
        ("seen_at", _l("Đã xem")),
    )
    numbers = ("times",)
    order = (Incident.seen_at.is_not(None), Incident.at.desc(), Incident.id.desc())
    column_filters = (
        ChoiceFilter(
            _l("Đã xem"),
            {
                "no": (_l("chưa"), Incident.seen_at.is_(None)),
                "yes": (_l("rồi"), Incident.seen_at.is_not(None)),
            },
        ),
    )

    def select(self, session: Session, user: User) -> Select[Any]:
        return super().select(session, user).where(visible_incidents(session, user))

    see = FormAction("/<int:incident_id>/seen", mark_seen)


class SavedTextForm(Form):
    title = TextField(_l("Tên mẫu"), maxlength=conversation.LONGEST_TITLE, required=True, autocomplete="off")
    text = LongTextField(
        _l("Nội dung tin"),
        maxlength=conversation.LONGEST_TEXT,
        required=True,
        hint=_l(
            "{name} là tên người dân, {link} là liên kết riêng của họ; phần trong ngoặc vuông [ ] được bỏ khi thiếu tên."
        ),
    )
    kind = ChoiceField(_l("Dùng cho loại chiến dịch"), empty=_l("Mọi loại"))
    text_id = RowField()

    def values(self) -> dict[str, Any]:
        return {**super().values(), "text_id": self.text_id.data or None}


class SavedTextsView(TableRegister):
    """Saved texts for answers by SMS. `?edit=` is the one to change."""

    table, endpoint, url = SavedText, "saved_texts", "/admin/inbox/texts"
    name, title, under = "", _l("Mẫu tin trả lời"), "inbox"
    list_template = "inbox/saved_texts.html"
    columns = (
        ("title", _l("Tên mẫu")),
        ("text", _l("Nội dung tin")),
        ("kind", _l("Dùng cho loại chiến dịch")),
    )
    searched = (SavedText.title, SavedText.text)
    order = (SavedText.title, SavedText.id)

    def select(self, session: Session, user: User) -> Select[Any]:
        return super().select(session, user).where(conversation.visible_texts(session, user))

    def show_list(self, **context: Any) -> str:
        with self.reading() as (session, user):
            edited = session.get(SavedText, request.args.get("edit", 0, type=int))
            kept: dict[str, Any] = {"kind": request.args.get("kind", "")}
            if edited and conversation.may_change(session, edited, user):
                kept = {name: getattr(edited, name) or "" for name in ("title", "text", "kind")}
                kept["text_id"] = edited.id
            owners = organisations_of(session, user)
            kinds = {code: content["title"] for code, content in all_kinds(session).items()}
        form = SavedTextForm.on_page(**kept)
        form.kind.choices = list(kinds.items())
        return super().show_list(form=form, owners=owners, kinds=kinds, **context)

    save = FormAction("/", conversation.save_text, SavedTextForm).tells(_l("Đã lưu mẫu tin."))
    remove = FormAction("/<int:text_id>/remove", conversation.remove_text).tells(_l("Đã xóa mẫu tin."))

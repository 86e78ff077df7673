"""Imports of list files: upload, preview, confirm, store, undo, and the rows with errors as a file."""

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from flask import Flask, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import select
from werkzeug.exceptions import RequestEntityTooLarge
from wtforms.validators import ValidationError

from admin.api.problems import is_api, problem_from_http
from admin.forms import ChoiceField, FileField, Form, TextField, labelled, lists_by_organisation, row_id
from admin.permissions import may_open
from admin.views.base import AdminPage, refused
from admin.wording.errors import show_error
from admin.wording.filters import MEANINGS, label_of, number
from campaigns.planning.drafts import campaigns_of_list
from campaigns.rules.sending_hours import VIETNAM
from outreach.accounts.users import name_of
from outreach.contacts.lists import read_organisations, read_uploads, usual_organisation
from outreach.core.spreadsheets import MEDIA_TYPE
from outreach.imports import correct_rows, uploads
from outreach.imports.issues import count_at_the_door, count_reasons
from outreach.imports.kept_values import read_values_of_rows
from outreach.imports.list_reader import PLACE_OF_FILE, SKIPPED, TAKEN
from outreach.models.accounts import Area, Organisation
from outreach.models.contacts import ContactList, LegalBasis, ListImport, Upload, UploadState
from outreach.rules.errors import LoaError
from outreach.rules.kept_values import PREFIX, name_of_label
from outreach.rules.list_columns import PHONE, PLAIN_LABELS, Column
from outreach.rules.phone_numbers import local_number
from outreach.runtime import Runtime

_UPLOAD_LIMITS = {
    "imports.receive": uploads.LARGEST,
    "do_not_call.receive": uploads.LARGEST,
    "agencies.file": 2 * 2**20,
    "office.logo": 2**20,
    "reply_log.receive": 2 * 2**20,
}  # bytes
_FORM_BYTES = 64 * 1024  # bytes for the form's other fields
DOUBTS_SHOWN = 20  # rows of a page
_MOST_SHEET_DIGITS = 4  # digits: a workbook has no ten thousand sheets
_IN_PROGRESS = (UploadState.CHECKING, UploadState.STORING, UploadState.UNDOING)


def upload_limit() -> int:
    """Return the size limit of this request if it is an upload by a user who may make it, else 0."""
    endpoint = request.endpoint
    is_allowed = (
        endpoint in _UPLOAD_LIMITS and current_user.is_authenticated and may_open(current_user.role, endpoint)
    )
    return _UPLOAD_LIMITS[endpoint or ""] + _FORM_BYTES if is_allowed else 0


def allow_large_uploads(app: Flask) -> None:
    """Raise the size limit of uploads for users who may make them. Call before CSRFProtect reads forms."""

    @app.before_request
    def allow() -> None:
        if limit := upload_limit():
            request.max_content_length = limit

    @app.errorhandler(RequestEntityTooLarge)
    def too_large(error: RequestEntityTooLarge) -> ResponseReturnValue:
        if is_api():
            return problem_from_http(error)
        if not upload_limit():
            return error.get_response(), 413
        endpoint = request.endpoint or ""
        form = Form(is_sent=False)
        form.form_errors.append(
            _(
                "Tệp lớn hơn %(n)s MB nên không nhận được. Hãy chia thành nhiều tệp nhỏ hơn.",
                n=_UPLOAD_LIMITS[endpoint] // 2**20,
            )
        )
        return refused(form, url_for(f"{endpoint.partition('.')[0]}.index"))


class ImportForm(Form):
    """A file for a list, or for a new one, which then has a name."""

    file = FileField(
        _l("Tệp danh sách"),
        missing=_l("Chưa chọn tệp. Hãy chọn hoặc kéo thả tệp Excel, LibreOffice hoặc CSV vào ô bên dưới."),
        codes=("upload_large", "upload_empty"),
    )
    list_id = ChoiceField(
        _l("Nhập vào danh sách"), name="list", coerce=row_id, empty=_l("Danh sách mới, đặt tên ở dưới")
    )
    name = TextField(
        _l("Tên danh sách"),
        name="new_name",
        filters=[str.strip],
        maxlength=120,
        placeholder=_l("Ví dụ: Hội viên phụ nữ xã Đăk Hà"),
        codes=("list_name_missing", "list_name_long", "list_name_taken"),
    )
    organisation_id = ChoiceField(_l("Của tổ chức"), name="organisation", coerce=row_id)
    basis = ChoiceField(
        _l("Căn cứ nhắn tin"), labelled(LegalBasis, "basis"), empty=_l("Chưa ghi"), codes=("basis_missing",)
    )
    basis_note = TextField(
        _l("Văn bản, phiếu đồng ý"), maxlength=200, codes=("basis_note_long", "basis_document_missing")
    )

    def validate_name(self, field: TextField) -> None:
        if not field.data and not self.list_id.data:
            raise ValidationError(
                _("Chưa rõ nhập vào đâu. Hãy chọn một danh sách, hoặc gõ tên danh sách mới.")
            )

    def values(self) -> dict[str, Any]:
        values = super().values()
        list_id = values.pop("list_id")
        return values if values["name"] else {"list_id": list_id}


class PersonForm(Form):
    """One person, for a list that there is."""

    COLUMNS: ClassVar = {
        "full_name": Column.NAME,
        "phone": PHONE,
        "village": Column.VILLAGE,
        "commune": Column.COMMUNE,
    }
    not_passed = tuple(COLUMNS)
    ids = "person"
    full_name = TextField(_l("Họ và tên"), maxlength=120, required=True)
    phone = TextField(_l("Số điện thoại"), maxlength=120, required=True, inputmode="tel", autocomplete="off")
    village = TextField(_l("Thôn, tổ"), maxlength=120)
    commune = TextField(_l("Xã, phường"), maxlength=120)
    list_id = ChoiceField(_l("Nhập vào danh sách"), name="list", coerce=row_id, required=True)


def show_ready(ready: int, later: int) -> str:
    """Return what the button below a preview does."""
    if later:
        return str(_("Nhập %(n)s người, %(later)s để sau", n=number(ready), later=number(later)))
    return str(_("Nhập %(n)s người", n=number(ready)))


def _said_of_rows() -> dict[str, dict[str, str]]:
    """Return what the form says of rows: numbers typed and choices, by the rows' keys."""
    said: dict[str, dict[str, str]] = {"phone": {}, "do": {}}
    for name, value in request.form.items():
        part, _dot, key = name.partition(".")
        if part in said:
            said[part][key] = value
    return {"typed": said["phone"], "chosen": said["do"]}


class ImportsView(AdminPage):
    under = "lists"
    name, endpoint, url = "", "imports", "/admin/imports"

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._folder = Path(runtime.settings.uploads_dir)

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """Show the upload form. `?list=` is the list to choose first."""
        with self.reading() as (session, user):
            form = ImportForm.on_page(
                list_id=request.args.get("list", ""), organisation_id=usual_organisation(session, user)
            )
            form.list_id.choices = lists_by_organisation(session, user)
            form.organisation_id.choices = read_organisations(session, user)
            person = PersonForm.on_page(list_id=request.args.get("list", ""))
            person.list_id.choices = form.list_id.choices
            return self.render(
                "contacts/imports.html",
                form=form,
                person=person,
                uploads=read_uploads(session, user, limit=20),
                megabytes=uploads.LARGEST // 2**20,
            )

    @expose("/", methods=["POST"])
    def receive(self) -> ResponseReturnValue:
        form = ImportForm()
        return self.submit_form(
            form,
            uploads.receive_upload_for_new_list if form.name.data else uploads.receive_upload,
            content=form.file.data and form.file.data.stream,
            file_name=form.file.file_name,
            folder=self._folder,
            then=lambda upload: url_for(".show", upload_id=upload.id),
        )

    @expose("/<int:upload_id>/")
    def show(self, upload_id: int) -> ResponseReturnValue:
        """Show an upload; its rows that need an eye from `?from=` on."""
        return self.render("contacts/import.html", **self._read(upload_id))

    @expose("/<int:upload_id>/live")
    def live(self, upload_id: int) -> ResponseReturnValue:
        """Render the part of the page that changes while a worker processes the upload."""
        read = self._read(upload_id)
        page = self.render("contacts/import_state.html", **read)
        return page, {} if read["is_moving"] else {"X-Live": "end"}

    @expose("/<int:upload_id>/columns", methods=["POST"])
    def columns(self, upload_id: int) -> ResponseReturnValue:
        """Correct the columns' meanings.

        Fields: `<signature>.<position>` is a column's meaning, "" if it is not read, PREFIX for one that is kept for texts by
        the name in `field:<signature>.<position>`; `line.<sheet's place>` is the line
        of its header, or that the sheet is left out; `place.commune` and `place.village` are those of rows that name none; `without` says that the list has no numbers. `use` is the column that
        is kept for texts, whatever its meaning says.
        """
        if "without" in request.form:
            return self._act(upload_id, correct_rows.keep_without_numbers)
        meanings: dict[str, dict[str, str]] = {}
        lines: dict[int, str] = {}
        typed = {
            name.removeprefix(PREFIX): text for name, text in request.form.items() if name.startswith(PREFIX)
        }
        for name, meaning in request.form.items():
            signature, dot, position = name.partition(".")
            if signature == "line" and position.isdecimal() and len(position) <= _MOST_SHEET_DIGITS:
                lines[int(position)] = meaning
            elif dot and not name.startswith((PREFIX, "place.")):
                is_field = meaning == PREFIX or name == request.form.get("use")
                meanings.setdefault(signature, {})[position] = (
                    PREFIX + typed.get(name, "") if is_field else meaning
                )
        place = {
            part: request.form[key]
            for part in ("commune", "village")
            if (key := f"place.{part}") in request.form
        }
        return self._act(
            upload_id, uploads.correct_columns, columns=meanings, lines=lines, place=place or None
        )

    @expose("/<int:upload_id>/rows", methods=["POST"])
    def rows(self, upload_id: int) -> ResponseReturnValue:
        """Put rows right and check the file again. Fields: `phone.<key>` is a row's cell, `do.<key>` what to do with it."""
        if "reset" in request.form:
            return self._act(upload_id, correct_rows.forget_corrections)
        return self._act(upload_id, correct_rows.correct_rows, **_said_of_rows())

    @expose("/<int:upload_id>/row", methods=["POST"])
    def row(self, upload_id: int) -> ResponseReturnValue:
        """Keep one row as one leaves its cell. Returns what was read, and what the bar below says now."""
        key, text, choice = (request.form.get(name, "") for name in ("key", "text", "choice"))
        try:
            kept = self.do(correct_rows.keep_row, upload_id, key, text=text, choice=choice)
        except LoaError as error:
            return {"said": show_error(error), "is_right": False}, 422
        read = ", ".join(map(local_number, kept.numbers))
        return {
            "said": label_of(kept.reason, "row_reason")
            if kept.reason
            else _("Đọc được: %(n)s", n=read)
            if read
            else "",
            "is_right": not kept.reason,
            "bar": show_ready(kept.ready, kept.later),
        }

    @expose("/<int:upload_id>/confirm", methods=["POST"])
    def confirm(self, upload_id: int) -> ResponseReturnValue:
        """Store the file, with what the page says of its rows. Fields: those of `rows`."""
        return self._act(upload_id, correct_rows.store_as_said, **_said_of_rows())

    @expose("/one", methods=["POST"])
    def add(self) -> ResponseReturnValue:
        """Add one person by hand: a file of one row, which is checked and confirmed like any other."""
        form = PersonForm()
        rows = [
            [PLAIN_LABELS[column] for column in PersonForm.COLUMNS.values()],
            [str(form[name].data or "") for name in PersonForm.COLUMNS],
        ]
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        return self.submit_form(
            form,
            uploads.receive_upload,
            content=io.BytesIO(text.getvalue().encode()),
            file_name=_("Nhập tay %(at)s", at=f"{datetime.now(VIETNAM):%d-%m-%Y %H.%M.%S}") + ".csv",
            folder=self._folder,
            then=lambda upload: url_for(".show", upload_id=upload.id),
        )

    @expose("/<int:upload_id>/cancel", methods=["POST"])
    def cancel(self, upload_id: int) -> ResponseReturnValue:
        return self._act(upload_id, uploads.cancel_upload)

    @expose("/<int:upload_id>/undo", methods=["POST"])
    def undo(self, upload_id: int) -> ResponseReturnValue:
        return self._act(upload_id, uploads.undo_upload)

    def _act(self, upload_id: int, act: Callable[..., Upload], **values: Any) -> ResponseReturnValue:
        """Perform an action on an upload. A cancelled upload's file is deleted."""

        def told(upload: Upload) -> str:
            if upload.state is UploadState.CANCELLED:
                uploads.forget_file(upload, self._folder)
            return ""

        return self.submit_form(Form(), act, upload_id, message=told, **values)

    @expose("/errors/<int:import_id>.xlsx")
    def errors(self, import_id: int) -> ResponseReturnValue:
        """Send the rows that were not stored, with full numbers, as a file to correct.

        Recorded in the audit log.
        """
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "errors.xlsx")
            list_import = self.do(uploads.export_errors, import_id, file)
            content = file.open("rb")
        stem = Path(list_import.file_name).stem
        name = " - ".join([stem, _("cần sửa")])
        return send_file(content, mimetype=MEDIA_TYPE, as_attachment=True, download_name=f"{name}.xlsx")

    def _read(self, upload_id: int) -> dict[str, Any]:
        with self.reading() as (session, user):
            upload = uploads.find_upload(session, upload_id, user=user)
            contact_list = session.get_one(ContactList, upload.list_id)
            list_import = session.get(ListImport, upload.import_id) if upload.import_id else None
            preview = uploads.preview_for(session, upload, user=user)
            rows = preview.get("rows", [])
            codes = {row["area_code"] for row in rows if row["area_code"]}
            codes.update(*(candidates for _place, _n, *of in preview.get("places", []) for candidates in of))
            areas = session.execute(select(Area.code, Area.kind, Area.name).where(Area.code.in_(codes)))
            read = {
                "upload": upload,
                "preview": preview,
                "list_name": contact_list.name,
                "organisation": session.get_one(Organisation, contact_list.organisation_id).name,
                "may_undo": uploads.may_be_undone(session, upload),
                "reasons": count_reasons(session, list_import.id) if list_import else [],
                "at_the_door": count_at_the_door(session, list_import.id) if list_import else 0,
                "meanings": MEANINGS,
                "name_of_label": name_of_label,
                "typed": request.form,
                "left_out": SKIPPED,
                "taken": TAKEN,
                "place": {"commune": "", "village": "", **upload.corrected.get(PLACE_OF_FILE, {})},
                "uploaded_by": name_of(session, upload.uploaded_by),
                "campaigns": campaigns_of_list(session, user, contact_list.id),
                "brought": list_import,
                "differing": read_values_of_rows(
                    session, list_import, [each["row"] for each in preview.get("differing", [])], user=user
                )
                if list_import and preview.get("differing")
                else preview.get("differing", []),
                "areas": {code: f"{kind} {name}" for code, kind, name in areas},
                "is_moving": upload.state in _IN_PROGRESS,
                "bar": show_ready(*correct_rows.count_ready(upload)),
                "said": {row["key"]: correct_rows.said_of(upload, row) for row in preview.get("doubts", [])},
            }

        return read | self._doubts(upload_id, read)

    def _doubts(self, upload_id: int, read: dict[str, Any]) -> dict[str, Any]:
        """Return the rows that need an eye which a page shows, and how many come before and after."""
        doubts: list[dict[str, Any]] = []
        if read["preview"].get("doubts") and may_open(current_user.role, "imports.rows"):
            # Those that one choice settles come first; a file may have hundreds without any number.
            doubts = sorted(
                self.do(correct_rows.see_doubts, upload_id), key=lambda row: bool(row["status"] == "reject")
            )
        first = min(max(request.args.get("from", 0, type=int), 0), max(len(doubts) - 1, 0))
        return {
            "doubts": doubts[first : first + DOUBTS_SHOWN],
            "doubts_from": first,
            "doubts_in_all": len(doubts),
            "doubts_a_page": DOUBTS_SHOWN,
            "doubts_why": Counter(row["reason"] for row in doubts).most_common(),
        }

"""Drives: opened, edited, and the one chosen that the other pages, the reports and mail read."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.forms import ChoiceField, DayField, Form, TextField, this_day
from admin.views.base import AdminPage, FormAction
from admin.wording.filters import kind_titles
from campaigns.planning.drives import (
    choose_drive,
    count_campaigns,
    create_drive,
    current_drive_id,
    edit_drive,
    find_drive,
    list_drives,
)
from outreach.accounts.permissions import is_province_staff


class DriveForm(Form):
    main = "name"
    ids = "drive"
    name = TextField(
        _l("Tên đợt"),
        required=True,
        maxlength=120,
        autocomplete="off",
        placeholder=_l("Ví dụ: Tiêm vắc xin cúm, quý IV năm 2026"),
        codes=("drive_name_wrong", "drive_name_taken"),
    )
    kind = ChoiceField(_l("Loại chiến dịch"), required=True, codes=("drive_kind_unknown", "drive_kind_fixed"))
    starts_on = DayField(_l("Từ ngày"), required=True)
    ends_on = DayField(
        _l("Đến hết ngày"),
        hint=_l("Chưa biết thì để trống."),
        codes=("drive_ends_before_start",),
    )


class DrivesView(AdminPage):
    """Not in the menu: the progress page links here."""

    under = "progress"
    name, endpoint, url = "", "drives", "/admin/drives"

    @expose("/")
    def index(self) -> ResponseReturnValue:
        """List drives. `?edit=` opens the form of one; without it the form opens a new one."""
        with self.reading() as (session, user):
            drives = list_drives(session)
            edited = next((drive for drive in drives if drive.id == request.args.get("edit", type=int)), None)
            form = DriveForm.on_page(**_values(edited)) if edited else DriveForm.on_page(starts_on=this_day())
            form.kind.choices = list(kind_titles().items())
            return self.render(
                "progress/drives.html",
                drives=drives,
                chosen=current_drive_id(session),
                campaigns=count_campaigns(session),
                titles=kind_titles(),
                edited=edited,
                form=form,
                may_edit=is_province_staff(session, user),
            )

    create = FormAction("/new", create_drive, DriveForm).tells(_l("Đã mở đợt vận động."))

    @expose("/<int:drive_id>/edit", methods=["POST"])
    def edit(self, drive_id: int) -> ResponseReturnValue:
        with self.reading() as (session, _user):
            find_drive(session, drive_id)
        page = url_for(".index", edit=drive_id)
        then = url_for(".index")
        return self.submit_form(DriveForm(), page, edit_drive, drive_id, message=_("Đã lưu."), then=then)

    choose = FormAction("/<int:drive_id>/choose", choose_drive).tells(
        _l("Từ nay trang chủ, trang tiến độ, biểu của cơ quan và thư lấy số liệu của đợt này.")
    )


def _values(drive: Any) -> dict[str, Any]:
    return {
        "name": drive.name,
        "kind": drive.kind,
        "starts_on": date.fromisoformat(drive.starts_on),
        "ends_on": date.fromisoformat(drive.ends_on) if drive.ends_on else None,
    }
